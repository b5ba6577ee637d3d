/**
 * Layer: lockdown. Tells which layers this machine can give, by trying them, and how to get the others. It answers data;
 * it must not print.
 */
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { landlockVersion } from "../host/landlock.unsafe.ts";
import { noNewPrivileges } from "../host/process.unsafe.ts";
import { probeKillProcess } from "../host/seccomp.unsafe.ts";
import { errnoName } from "./failure.ts";
import { findProgram, namespaceRemedy } from "./namespaces.ts";

export type Layer = {
  readonly name: "seccomp" | "landlock" | "no_new_privs" | "user namespaces" | "bubblewrap" | "cgroups";
  /** "missing": sandboxes do not start without it. "weak": they do, with one layer less or an older one. */
  readonly state: "good" | "weak" | "missing";
  readonly detail: string;
  /** How to get it; empty when it is there. */
  readonly remedy: string;
};

/** The Landlock version that covers everything Linden asks for; older ones deny less of what seccomp denies as well. */
const FULL_LANDLOCK = 6;
const PROBE_MS = 5000;

/** Every layer in the order of its importance. Blocks for some milliseconds: two of the probes start a program. */
export function probeLayers(): readonly Layer[] {
  return [seccomp(), landlock(), newPrivileges(), ...namespaces(), cgroups()];
}

function layer(name: Layer["name"], state: Layer["state"], detail: string, remedy: string): Layer {
  return { name, state, detail, remedy: state === "good" ? "" : remedy };
}

function seccomp(): Layer {
  const answer = probeKillProcess();
  const remedy =
    "a kernel with CONFIG_SECCOMP_FILTER, 4.14 or newer; in a container, a seccomp profile that allows seccomp(2)";
  if (answer === 0) return layer("seccomp", "good", "filters that kill the process", remedy);
  return layer("seccomp", "missing", `the kernel answers ${errnoName(answer)}`, remedy);
}

function landlock(): Layer {
  const version = landlockVersion();
  if (version < 1) {
    const remedy =
      'a kernel 5.13 or newer with Landlock: put "landlock" into the boot parameter lsm= (see /sys/kernel/security/lsm); ' +
      "in a container, a seccomp profile that allows landlock_restrict_self(2)";
    return layer("landlock", "missing", `the kernel answers ${errnoName(version)}`, remedy);
  }
  const state = version >= FULL_LANDLOCK ? "good" : "weak";
  const remedy = "a kernel 6.12 or newer also keeps TCP, devices, signals and abstract sockets inside";
  return layer("landlock", state, `ABI ${version}`, remedy);
}

function newPrivileges(): Layer {
  const answer = noNewPrivileges();
  const state = answer >= 0 ? "good" : "missing";
  return layer("no_new_privs", state, answer >= 0 ? "known to the kernel" : errnoName(answer), "a kernel 3.5 or newer");
}

/** Whether a program succeeds, with nothing of this process's environment. */
function succeeds(program: string, argv: readonly string[]): boolean {
  return spawnSync(program, argv, { env: {}, stdio: "ignore", timeout: PROBE_MS }).status === 0;
}

function namespaces(): Layer[] {
  const unshare = findProgram("unshare");
  const bwrap = findProgram("bwrap");
  const works =
    bwrap !== undefined
      ? succeeds(bwrap, ["--unshare-user", "--ro-bind", "/", "/", "/proc/self/exe", "--version"])
      : unshare !== undefined && succeeds(unshare, ["--user", unshare, "--version"]);
  const tried = bwrap ?? unshare;
  const unknown = "neither bwrap nor unshare is there to try with";
  const detail = works ? `${tried} makes one` : tried === undefined ? unknown : `${tried} cannot make one`;
  return [
    layer("user namespaces", works ? "good" : "weak", detail, namespaceRemedy()),
    layer(
      "bubblewrap",
      bwrap !== undefined && works ? "good" : "weak",
      bwrap ?? "not in PATH",
      bwrap === undefined ? "install bubblewrap (apt install bubblewrap)" : namespaceRemedy(),
    ),
  ];
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}

function cgroups(): Layer {
  const own = /^0::(.*)$/m.exec(read("/proc/self/cgroup") ?? "")?.[1];
  const remedy = "systemd-run --user --scope -p Delegate=yes, or a container runtime that delegates its cgroup (v2)";
  if (own === undefined || !existsSync("/sys/fs/cgroup/cgroup.controllers")) {
    return layer("cgroups", "weak", "no cgroup v2 hierarchy", remedy);
  }
  const controllers = read(join("/sys/fs/cgroup", own, "cgroup.controllers")) ?? "";
  const delegated = isWritable(join("/sys/fs/cgroup", own, "cgroup.procs"));
  const detail = `${own}: ${controllers === "" ? "no controllers" : controllers}${delegated ? "" : ", not writable"}`;
  const good = delegated && /\bmemory\b/.test(controllers);
  return layer("cgroups", good ? "good" : "weak", detail, remedy);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
