/**
 * Layer: lockdown, launch. How a launcher thread locks itself, so that what it spawns starts locked: no_new_privs, no
 * capabilities, Landlock, prefilter. All of it binds the calling thread alone. It must not know what is spawned.
 */
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { hostArchitecture } from "../../host/call-numbers.ts";
import * as landlock from "../../host/landlock.unsafe.ts";
import * as host from "../../host/process.unsafe.ts";
import { installFilter } from "../../host/seccomp.unsafe.ts";
import { type CapabilityCalls, dropBoundingSet } from "../capabilities.ts";
import { compile } from "../compiler.ts";
import { demand, errnoName, LockFailed } from "../failure.ts";
import { everything, rightsOf } from "../landlock.ts";
import { hostPolicy } from "../policies.ts";
import { taskStatus } from "../status.ts";
import type { ThreadPlan, ThreadReport } from "./plan.ts";

/** The host calls of this half of the lock, handed in so that each can be made to fail. */
export type ThreadCalls = CapabilityCalls & {
  setNoNewPrivileges(): number;
  landlockVersion(): number;
  createRuleset(version: number, handled: ReturnType<typeof everything>): number;
  allowBeneath(ruleset: number, accesses: number, descriptor: number): number;
  restrictSelf(ruleset: number): number;
  installFilter(program: Uint8Array<ArrayBuffer>, everyThread: boolean): number;
  /** Whether a directory can be opened for reading. */
  canOpen(directory: string): boolean;
};

const threadCalls: ThreadCalls = { ...host, ...landlock, installFilter, canOpen };

function canOpen(directory: string): boolean {
  try {
    closeSync(openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY));
    return true;
  } catch {
    return false;
  }
}

/** Locks the calling thread. Throws LockFailed naming the step; the thread must then spawn nothing. */
export function lockThread(plan: ThreadPlan, calls: ThreadCalls = threadCalls): ThreadReport {
  const before = taskStatus("/proc/thread-self/status");
  demand("no_new_privs", calls.setNoNewPrivileges());
  const boundingDropped = dropBoundingSet(before.effective, 0n, calls, demand);
  demand("ambient capabilities", calls.clearAmbientCapabilities());
  const version = restrictFiles(plan, calls);
  const kept = plan.keep.filter((capability) => (before.permitted & (1n << BigInt(capability))) !== 0n);
  demand("capabilities", calls.setCapabilities(kept));
  demand("seccomp prefilter", calls.installFilter(compile(hostPolicy("prefilter"), hostArchitecture()), false));
  return { landlock: version, filters: before.filters + 1, boundingDropped, canary: plan.canary !== null };
}

function restrictFiles(plan: ThreadPlan, calls: ThreadCalls): number {
  const step = "Landlock";
  if (plan.canary !== null && !calls.canOpen(plan.canary)) {
    throw new LockFailed(
      step,
      `the canary ${plan.canary} cannot be opened even without Landlock, so it proves nothing`,
    );
  }
  const version = calls.landlockVersion();
  if (version < 1) {
    throw new LockFailed(
      step,
      `the kernel has no Landlock (${errnoName(version)}); it needs Linux 5.13 with "landlock" in lsm=`,
    );
  }
  const ruleset = calls.createRuleset(version, everything(version));
  if (ruleset < 0) demand(step, ruleset);
  try {
    for (const { descriptor, grant } of plan.rules) {
      const rights = rightsOf(grant, version, fstatSync(descriptor).isDirectory());
      demand(step, calls.allowBeneath(ruleset, rights, descriptor));
    }
    demand(step, calls.restrictSelf(ruleset));
  } finally {
    closeSync(ruleset);
  }
  if (plan.canary !== null && calls.canOpen(plan.canary)) {
    throw new LockFailed(step, `the canary ${plan.canary} can still be opened`);
  }
  return version;
}
