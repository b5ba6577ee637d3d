/**
 * Layer: lockdown, jail. Main of the stage: runs inside the namespaces that unshare(1) made, builds the tree, gives up
 * everything the plan says and becomes the program. A step that fails ends it before the program starts. It must not
 * know the command line.
 */
import { readFileSync, readlinkSync, writeSync } from "node:fs";
import { delimiter, join } from "node:path";
import { hostArchitecture } from "../../host/call-numbers.ts";
import {
  executeProgram,
  exitWithPass,
  joinSessionKeyring,
  mayExecute,
  newSession,
  readyProgram,
  resetSignals,
  writeWithPass,
} from "../../host/credentials.unsafe.ts";
import { closeOnExecFrom } from "../../host/descriptors.unsafe.ts";
import { setInherited } from "../../host/inheritance.unsafe.ts";
import * as landlock from "../../host/landlock.unsafe.ts";
import { raiseLoopback, setHostName } from "../../host/mounts.unsafe.ts";
import { exitNow, setNoNewPrivileges } from "../../host/process.unsafe.ts";
import { installFilter } from "../../host/seccomp.unsafe.ts";
import { LandlockPlan } from "../context/landlock-plan.ts";
import { LandlockPortRule, LandlockRule } from "../context/landlock-rule.ts";
import { demand, errnoName, LockFailed } from "../failure.ts";
import { buildTree } from "./mounts.ts";
import { newPass, withPass } from "./pass.ts";
import { type JailPlan, STATUS, type StageNews } from "./plan.ts";
import { dropPrivileges, setLimits } from "./privileges.ts";

const ENOENT = -2;
const ENOTDIR = -20;
const [plans = NaN, news = NaN] = process.argv.slice(2).map(Number);

function tell(message: StageNews): void {
  writeSync(news, `${JSON.stringify(message)}\n`);
}

class NoProgram extends LockFailed {
  readonly status: number;
  constructor(program: string, result: number) {
    const missing = result === ENOENT || result === ENOTDIR;
    super("program", `${program}: ${missing ? "not found" : `it cannot be executed: ${errnoName(result)}`}`);
    this.status = missing ? STATUS.NOT_FOUND : STATUS.NOT_EXECUTABLE;
  }
}

/** The program's path: as it is with a slash in it, otherwise the first in the program's own PATH. */
function findProgram({ program, env }: JailPlan): string {
  if (program.includes("/")) {
    const result = mayExecute(program);
    if (result !== 0) throw new NoProgram(program, result);
    return program;
  }
  const path = env.findLast((entry) => entry.startsWith("PATH="))?.slice(5) ?? "/usr/bin:/bin";
  let worst = ENOENT;
  for (const directory of path.split(delimiter).filter((each) => each !== "")) {
    const result = mayExecute(join(directory, program));
    if (result === 0) return join(directory, program);
    if (result !== ENOENT && result !== ENOTDIR) worst = result;
  }
  throw new NoProgram(program, worst);
}

function prepareLandlock({ landlock: wanted }: JailPlan): LandlockPlan | undefined {
  if (wanted === undefined) return undefined;
  const { abi, files, ports } = wanted;
  const origin = "the jail";
  const calls = { ...landlock, landlockVersion: () => capped(landlock.landlockVersion(), abi) };
  return LandlockPlan.prepare(
    {
      files: files.map(({ path, rights, optional }) => ({
        origin,
        rule: new LandlockRule(path, rights, { optional }),
      })),
      ports: ports.map(({ port, rights }) => ({ origin, rule: new LandlockPortRule(port, rights) })),
      scopes: new Set(),
      everyFile: files.length > 0,
      oldest: abi,
    },
    calls,
  );
}

const capped = (found: number, most: number | undefined): number =>
  most === undefined ? found : Math.min(found, most);

function carryOut(plan: JailPlan): never {
  if (plan.newSession) newSession();
  if (plan.hostName !== undefined) demand("host name", setHostName(plan.hostName));
  if (plan.namespaces.includes("net")) demand("loopback interface", raiseLoopback());
  if (plan.newKeyring) {
    const keyring = joinSessionKeyring();
    if (keyring < 0) demand("session keyring", keyring);
  }
  buildTree(plan);
  const files = prepareLandlock(plan);
  const pass = newPass();
  const filter =
    plan.filter === undefined ? undefined : withPass(Buffer.from(plan.filter.program, "hex"), pass, hostArchitecture());
  demand("descriptors", closeOnExecFrom(3));
  // Node marks what it inherited, the standard streams among it.
  for (const descriptor of [0, 1, 2]) setInherited(descriptor, true);
  for (const descriptor of plan.descriptors) demand(`descriptor ${descriptor}`, setInherited(descriptor, true));
  setLimits(plan);
  dropPrivileges(plan);
  const program = readyProgram(findProgram(plan), plan.argv, plan.env);
  const failure = failureText(plan.program);
  // The first execve of a thread makes the engine compile: it does so on a path that is not there, before the filter.
  executeProgram(readyProgram("", plan.argv, plan.env), pass);
  writeWithPass(news, failure.subarray(0, 0), pass);
  tell({ kind: "ready" });
  resetSignals();
  if (plan.noNewPrivileges) demand("no_new_privs", setNoNewPrivileges());
  if (files !== undefined) demand("Landlock", files.restrict(false));
  if (filter !== undefined) demand("seccomp filter", installFilter(filter, false, plan.filter?.flags ?? 0));
  executeProgram(program, pass);
  writeWithPass(news, failure, pass);
  exitWithPass(STATUS.NOT_EXECUTABLE, pass);
}

/** Made ahead: behind the filter nothing may be allocated with certainty. */
function failureText(program: string): Uint8Array<ArrayBuffer> {
  const reason = `${program}: it cannot be executed: the file, or the interpreter it names, is none the kernel takes here`;
  const message: StageNews = { kind: "failed", step: "program", reason, status: STATUS.NOT_EXECUTABLE };
  const text = Buffer.from(`${JSON.stringify(message)}\n`);
  const bytes = new Uint8Array(new ArrayBuffer(text.length));
  bytes.set(text);
  return bytes;
}

/** This process's number as the caller counts: /proc is still the caller's. */
function ownNumber(): number {
  try {
    return Number(readlinkSync("/proc/self"));
  } catch {
    return process.pid;
  }
}

try {
  tell({ kind: "here", pid: ownNumber() });
  // The plan comes once the caller has written this namespace's maps.
  carryOut(JSON.parse(readFileSync(plans, "utf8")) as JailPlan);
} catch (error) {
  const failed = error instanceof LockFailed ? error : undefined;
  tell({
    kind: "failed",
    step: failed?.step ?? "preparation",
    reason: failed?.reason ?? (error instanceof Error ? error.message : String(error)),
    status: failed instanceof NoProgram ? failed.status : STATUS.FAILED,
  });
  exitNow(STATUS.FAILED);
}
