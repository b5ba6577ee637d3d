/**
 * Layer: lockdown. Puts a context in force. Everything that can be checked is checked first; then no_new_privs, Landlock,
 * filter. It must not gather rules.
 */
import { createHash } from "node:crypto";
import { closeSync, constants, openSync } from "node:fs";
import { EINVAL, ENOSYS, EOPNOTSUPP } from "../../abi/errno.ts";
import { AUDIT_ARCH, callNumbers, hostArchitecture } from "../../host/call-numbers.ts";
import { rawCall } from "../../host/calls.unsafe.ts";
import { noNewPrivileges, setNoNewPrivileges, setResourceLimit } from "../../host/process.unsafe.ts";
import { installFilter, probeKillProcess } from "../../host/seccomp.unsafe.ts";
import { SECCOMP_RET_ALLOW, SECCOMP_RET_ERRNO, simulate } from "../bpf.ts";
import { capabilityNames, dropCapabilities, heldByAnyThread, heldByThisThread } from "../capabilities.ts";
import { compile } from "../compiler.ts";
import { demand as demandZero, errnoName } from "../failure.ts";
import { actionText, type Policy } from "../policy.ts";
import { type CheckedLimit, demandNarrower, limitText, RESOURCES } from "../resource-limits.ts";
import { engineRules } from "./engine-rules.ts";
import {
  CapabilitiesNoThreadSync,
  InvalidLimit,
  LandlockNoThreadSync,
  LockdownError,
  LockIncomplete,
  ThreadsDiverged,
  UnsupportedPlatform,
} from "./errors.ts";
import { LandlockPlan, type LandlockWishes, THREAD_SYNC_VERSION } from "./landlock-plan.ts";
import { layPrefilter } from "./prefilter.ts";
import { type RefusalLog, Watcher } from "./refusal-log.ts";
import type { CapabilityReport, LandlockReport, LimitReport, LockReport, SeccompReport } from "./report.ts";
import { restartBehind, takeMark } from "./restart.ts";
import { countRings } from "./rings.ts";
import { warmUp } from "./warm-up.ts";

export type ApplyPlan = {
  readonly scope: LockReport["scope"];
  readonly restart: boolean;
  readonly ruleSets: readonly string[];
  readonly nodeRuntime: boolean;
  readonly warmUp: boolean;
  /** Undefined: no filter. */
  readonly policy: Policy | undefined;
  readonly landlock: LandlockWishes | undefined;
  readonly limits: readonly CheckedLimit[];
  /** The capabilities to keep, as a set; undefined: leave them as they are. */
  readonly capabilities: bigint | undefined;
  /** Where refused calls are told; absent: nowhere. */
  readonly log?: RefusalLog | undefined;
  /** Throws when a ring would walk around the filter. */
  readonly demandNoRings: () => void;
};

/** The irreversible host calls, handed in so that each can be made to fail. */
export type ApplyCalls = {
  /** 0 where the kernel has filters; it changes nothing. */
  probeFilter(): number;
  setNoNewPrivileges(): number;
  noNewPrivileges(): number;
  setResourceLimit(resource: number, soft: bigint, hard: bigint): number;
  /** Gives up the calling thread's capabilities but for these; a refusal goes to `demand`, naming the step. */
  dropCapabilities(keep: bigint, demand: (step: string, result: number) => void): void;
  restrict(plan: LandlockPlan, everyThread: boolean): number;
  installFilter(program: Uint8Array<ArrayBuffer>, everyThread: boolean): number;
  tryCall(number: number): number;
};

const applyCalls: ApplyCalls = {
  probeFilter: probeKillProcess,
  setNoNewPrivileges,
  noNewPrivileges,
  setResourceLimit,
  dropCapabilities,
  restrict: (plan, everyThread) => plan.restrict(everyThread),
  installFilter,
  tryCall: (number) => rawCall(number),
};

/** Calls that look at no argument, change nothing and never fail: one of them, refused, shows that the filter bites. */
const HARMLESS = ["getpgrp", "getegid", "getgid", "geteuid", "getuid", "getppid", "sched_yield", "getpid"];

/**
 * Throws before anything irreversible was done, or LockIncomplete saying what was; otherwise answers what is in force.
 */
export function applyPlan(plan: ApplyPlan, calls: ApplyCalls = applyCalls): LockReport {
  const architecture = demandArchitecture();
  const program = plan.policy === undefined ? undefined : compile(plan.policy, architecture);
  const everyThread = plan.scope === "all threads";
  if (program !== undefined) demandFilters(calls.probeFilter());
  demandNarrower(plan.limits, (text) => new InvalidLimit(text));
  const staged = plan.landlock !== undefined && everyThread ? landlockForAll(plan, plan.landlock) : undefined;
  if (everyThread && plan.restart && plan.landlock === undefined) restartWithout(plan.capabilities);
  plan.demandNoRings();
  if (everyThread && plan.capabilities !== undefined) demandNoneHeld(plan.capabilities, plan.restart, heldBy(staged));
  const landlock =
    plan.landlock === undefined || staged !== undefined ? undefined : LandlockPlan.prepare(plan.landlock);
  const number = (name: string) => callNumbers(architecture).get(name);
  const verdict = (name: string): number => {
    const known = number(name);
    if (program === undefined || known === undefined) return SECCOMP_RET_ALLOW;
    return simulate(program, { number: known, audit: AUDIT_ARCH[architecture], args: [0n, 0n, 0n, 0n, 0n, 0n] });
  };
  if (plan.warmUp) warmUp(verdict("read") === SECCOMP_RET_ALLOW);
  const watcher = startWatcher(plan);
  const refused = HARMLESS.find((name) => (verdict(name) & 0xffff0000) >>> 0 === SECCOMP_RET_ERRNO);

  const steps: string[] = staged === undefined ? [] : ["Landlock (before the restart)"];
  const limits: LimitReport[] = [];
  let landlockReport: LandlockReport | undefined = staged;
  let capabilities: CapabilityReport | undefined;
  let unprivileged = false;
  const report = (seccomp?: SeccompReport): LockReport => ({
    scope: plan.scope,
    noNewPrivileges: unprivileged,
    limits: [...limits],
    capabilities,
    steps: [...steps],
    ruleSets: plan.ruleSets,
    nodeRuntime: plan.nodeRuntime,
    seccomp,
    landlock: landlockReport,
    holes: holes(plan, landlockReport),
  });
  const fail = (step: string, reason: string): never => {
    watcher?.dismiss();
    if (steps.length === 0) throw new LockdownError(`${step}: ${reason}; nothing was changed`);
    throw new LockIncomplete(step, reason, report());
  };
  const demand = (step: string, result: number): void => {
    if (result !== 0) fail(step, result < 0 ? errnoName(result) : `answered ${result}`);
    steps.push(step);
  };

  try {
    demand("no_new_privs", calls.setNoNewPrivileges());
    unprivileged = calls.noNewPrivileges() === 1;
    if (!unprivileged) fail("no_new_privs", "the kernel took it and does not show it");
    for (const { name, soft, hard } of plan.limits) {
      demand(`resource limit ${name}`, calls.setResourceLimit(RESOURCES[name], soft, hard));
      limits.push({ name, soft: limitText(soft), hard: limitText(hard) });
    }
    if (plan.capabilities !== undefined) {
      const refused = (step: string, result: number) => result === 0 || fail(step, errnoName(result));
      if (!everyThread) calls.dropCapabilities(plan.capabilities, refused);
      steps.push("capabilities");
      capabilities = {
        kept: capabilityNames(everyThread ? heldBy(staged)() : heldByThisThread().permitted),
        threads: plan.scope,
      };
    }
    if (landlock !== undefined) {
      const bindsAll = everyThread && landlock.abi >= THREAD_SYNC_VERSION;
      demand("Landlock", calls.restrict(landlock, bindsAll));
      landlockReport = landlock.report(bindsAll ? "all threads" : "this thread");
    }
  } finally {
    landlock?.close();
  }
  if (program === undefined || plan.policy === undefined) return report();
  if (watcher !== undefined) {
    const listened = compile(watcher.admitted(plan.policy), architecture, { listened: true });
    const { installed, handed } = watcher.install(listened, everyThread);
    demand("seccomp filter", installed);
    if (handed !== 0) fail("log of refusals", `the watcher does not answer: ${errnoName(handed)}`);
    return report(seccompReport(plan.policy, listened, `the watcher, process ${watcher.pid}, answered`));
  }
  const installed = calls.installFilter(program, everyThread);
  if (installed > 0 && landlockReport === undefined) throw new ThreadsDiverged(installed);
  demand(
    "seccomp filter",
    installed > 0 ? fail("seccomp filter", `thread ${installed} has a filter of its own`) : installed,
  );
  const tried =
    refused === undefined ? undefined : tryRefused(refused, number(refused) ?? -1, verdict(refused), calls, fail);
  return report(seccompReport(plan.policy, program, tried));
}

/** Throws where there is nothing to tell of. */
function startWatcher({ log, policy, ruleSets }: ApplyPlan): Watcher | undefined {
  if (log === undefined) return undefined;
  if (policy === undefined) throw new LockdownError("log: there is no filter whose refusals could be told");
  return Watcher.start(log, policy, ruleSets);
}

/**
 * What the boot hook does, for a program that was started without it, and giving up capabilities before any other thread
 * is there. In the second life it does nothing.
 */
function restartWithout(keep: bigint | undefined): void {
  const mark = `rings:${keep ?? ""}`;
  if (takeMark(mark) !== undefined) return;
  if (countRings() === 0 && (keep === undefined || (heldByAll() & ~keep) === 0n)) return;
  restartAfter((took) => giveUp(keep, took), { mark });
}

/** What the thread that is about to execute the engine anew gives up. Throws LockFailed naming the step. */
function giveUp(keep: bigint | undefined, took: (step: string) => void): void {
  layPrefilter(took);
  if (keep === undefined) return;
  dropCapabilities(keep, demandZero);
  took("capabilities");
}

/** Restarts behind `restrict`. What fails after a step was taken is a LockIncomplete: only this thread is bound then. */
function restartAfter(
  restrict: (took: (step: string) => void) => void,
  options: { readonly mark: string; readonly message?: string },
): never {
  const steps: string[] = [];
  try {
    return restartBehind(() => restrict((step) => steps.push(step)), options);
  } catch (error) {
    if (steps.length === 0) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new LockIncomplete("the restart", reason, {
      scope: "this thread",
      noNewPrivileges: true,
      limits: [],
      capabilities: undefined,
      steps,
      ruleSets: [],
      nodeRuntime: false,
      seccomp: undefined,
      landlock: undefined,
      holes: [
        "everything but these steps: the program did not start anew, and its rules were not put in force. It must end: its " +
          "event loop may not use its rings any more",
      ],
    });
  }
}

/** Throws CapabilitiesNoThreadSync when any thread holds a capability that is not to be kept. */
function demandNoneHeld(keep: bigint, restart: boolean, heldByAll: () => bigint): void {
  const held = heldByAll() & ~keep;
  if (held === 0n) return;
  const names = capabilityNames(held);
  if (!restart) throw new CapabilitiesNoThreadSync(names);
  throw new LockdownError(`the process was started anew, and its threads hold ${names.join(", ")} all the same`);
}

/** Behind a restart's Landlock rules /proc is shut; there every thread comes from this one and holds what it holds at most. */
function heldBy(restarted: LandlockReport | undefined): () => bigint {
  return restarted === undefined ? heldByAll : () => heldByThisThread().held;
}

function heldByAll(): bigint {
  try {
    return heldByAnyThread();
  } catch (error) {
    throw new UnsupportedPlatform(`nobody can tell which capabilities the threads hold: ${String(error)}`);
  }
}

/** A kernel without filters says so before anything is done. What else is refused, an earlier lock refuses: it shows later. */
function demandFilters(answer: number): void {
  if (![ENOSYS, EINVAL, EOPNOTSUPP].includes(-answer)) return;
  throw new UnsupportedPlatform(
    `the kernel, or a filter that is in force already, answers a question about seccomp with ${errnoName(answer)}; filters ` +
      "need Linux 4.14 or newer with CONFIG_SECCOMP_FILTER. Nothing was changed",
  );
}

function demandArchitecture() {
  try {
    return hostArchitecture();
  } catch (error) {
    throw new UnsupportedPlatform(error instanceof Error ? error.message : String(error));
  }
}

function tryRefused(
  name: string,
  number: number,
  verdict: number,
  calls: ApplyCalls,
  fail: (step: string, reason: string) => never,
): string {
  const answer = calls.tryCall(number);
  if (answer !== -(verdict & 0xffff)) return fail("seccomp filter", `${name} was not refused, it answered ${answer}`);
  return `${name} answered ${errnoName(answer)}`;
}

function seccompReport(policy: Policy, program: Uint8Array, tried: string | undefined): SeccompReport {
  const known = callNumbers(hostArchitecture());
  const names = [...new Set(policy.rules.map(({ syscall }) => syscall))];
  return {
    otherwise: actionText(policy.fallback),
    calls: names.filter((name) => known.has(name)).length,
    instructions: program.length / 8,
    notOnThisArchitecture: names.filter((name) => !known.has(name)),
    tried,
  };
}

/** The report of a Landlock domain that binds every thread since the restart; starts the restart; or says why neither. */
function landlockForAll(plan: ApplyPlan, wishes: LandlockWishes): LandlockReport | undefined {
  const asked = LandlockPlan.prepare(wishes);
  try {
    if (!plan.restart) {
      if (asked.abi >= THREAD_SYNC_VERSION) return undefined;
      throw new LandlockNoThreadSync(asked.abi);
    }
    const mark = markOf(plan, wishes, asked.abi);
    const added = takeMark(mark);
    if (added !== undefined) {
      demandDenied(wishes);
      return asked.report("all threads", added.split("\n"));
    }
  } finally {
    asked.close();
  }
  return restartWith(wishes, markOf(plan, wishes, asked.abi), plan.capabilities);
}

function restartWith(wishes: LandlockWishes, mark: string, keep: bigint | undefined): never {
  // Rules for TCP or scopes alone leave files as they are: then the engine needs none either.
  const files = wishes.files.length > 0 || wishes.everyFile;
  const engine = files ? engineRules(wishes) : [];
  const prepared = LandlockPlan.prepare({ ...wishes, files: [...wishes.files, ...engine] });
  try {
    const message = engine.map(({ rule }) => `${rule.path}: ${rule.accessRules.join(", ")}`).join("\n");
    return restartAfter(
      (took) => {
        giveUp(keep, took);
        const result = prepared.restrict(false);
        if (result !== 0) throw new LockdownError(`Landlock: ${errnoName(result)}`);
        took("Landlock");
      },
      { mark, message },
    );
  } finally {
    prepared.close();
  }
}

/** The mark of a second life behind exactly these rules. */
function markOf(plan: ApplyPlan, wishes: LandlockWishes, abi: number): string {
  const text = JSON.stringify([
    abi,
    plan.capabilities === undefined ? null : String(plan.capabilities),
    wishes.files.map(({ rule }) => [rule.path, [...rule.accessRules].sort()]).sort(),
    wishes.ports.map(({ rule }) => [rule.port, [...rule.accessRules].sort()]).sort(),
    [...wishes.scopes].sort(),
    wishes.everyFile,
  ]);
  return `landlock:${createHash("sha256").update(text).digest("hex")}`;
}

/** After a restart the root directory must be shut, unless a rule opens it: a mark in the environment proves nothing. */
function demandDenied(wishes: LandlockWishes): void {
  const files = wishes.files.length > 0 || wishes.everyFile;
  if (!files || wishes.files.some(({ rule }) => rule.path === "/" && rule.accessRules.includes("readDir"))) return;
  let opened: number;
  try {
    opened = openSync("/", constants.O_RDONLY | constants.O_DIRECTORY);
  } catch {
    return;
  }
  closeSync(opened);
  throw new LockdownError(
    "the process was started anew, but Landlock is not in force: the root directory can be listed",
  );
}

function holes(plan: ApplyPlan, landlock: LandlockReport | undefined): string[] {
  const found: string[] = [];
  if (plan.scope === "this thread") {
    found.push(
      "the other threads of this process: they share its memory and descriptors, and libuv's pool, which does every " +
        "Worker's asynchronous file, DNS and crypto work, is one of them",
    );
  }
  if (plan.policy === undefined) found.push("system calls: only Landlock is in force");
  if (landlock !== undefined) {
    found.push(
      "what Landlock does not see: descriptors that are open already, stat, chmod, chown, utime, extended attributes, UDP, " +
        "and Unix sockets with a path",
    );
  }
  return found;
}
