/**
 * Layer: lockdown. The inner half of the lock: what a cell or a file server does to itself when everything it needs is
 * open and before any guest byte reaches it. It must not know what the process does afterwards.
 */

import { hostArchitecture } from "../host/call-numbers.ts";
import {
  parentPid,
  RLIMIT,
  resourceLimit,
  setNoNewPrivileges,
  setParentDeathSignal,
  setResourceLimit,
} from "../host/process.unsafe.ts";
import { installFilter } from "../host/seccomp.unsafe.ts";
import { compile } from "./compiler.ts";
import { demand, LockFailed } from "./failure.ts";
import { hostPolicy, type Role } from "./policies.ts";

/** The host calls of the lock, handed in so that each can be made to fail. Results as in src/host. */
export type HostCalls = {
  setParentDeathSignal(signal: number): number;
  parentPid(): number;
  setResourceLimit(resource: number, soft: bigint, hard: bigint): number;
  setNoNewPrivileges(): number;
  installFilter(program: Uint8Array<ArrayBuffer>, everyThread: boolean): number;
};

const hostCalls: HostCalls = {
  setParentDeathSignal,
  parentPid,
  setResourceLimit,
  setNoNewPrivileges,
  installFilter,
};

export type LockOptions = {
  readonly role: Role;
  /** The process that launched this one. If another one is the parent now, the launcher is gone. */
  readonly parent: number;
  /** Seconds of processor time after which the kernel kills the process. None when absent. */
  readonly cpuSeconds?: number | undefined;
};

const SIGKILL = 9;
/** Open descriptors: a cell has a dozen, a file server one for each file a guest holds open. */
export const DESCRIPTOR_LIMIT: Readonly<Record<Role, number>> = { cell: 64, fileServer: 4096 };

/**
 * The resource limits of a locked process, soft and hard alike: never above the hard limits of the process that asks,
 * which are also those of what it launches. Read by the lock and by whoever verifies it.
 */
export function resourceLimits(options: Pick<LockOptions, "role" | "cpuSeconds">): ReadonlyMap<number, bigint> {
  const limits = new Map<number, bigint>([
    [RLIMIT.CORE, 0n],
    [RLIMIT.NOFILE, BigInt(DESCRIPTOR_LIMIT[options.role])],
    [RLIMIT.NPROC, 0n],
  ]);
  // A file server writes files; the kernel's size limit would end it with a signal.
  if (options.role === "cell") limits.set(RLIMIT.FSIZE, 0n);
  if (options.cpuSeconds !== undefined) limits.set(RLIMIT.CPU, BigInt(Math.ceil(options.cpuSeconds)));
  for (const [resource, wanted] of limits) {
    const now = resourceLimit(resource);
    if (typeof now !== "number" && now.hard < wanted) limits.set(resource, now.hard);
  }
  return limits;
}

/** Ends this process when its launcher does: the part of the lock that also holds where the lock is off. */
export function bindToParent(parent: number, calls: HostCalls = hostCalls): void {
  demand("death with the parent", calls.setParentDeathSignal(SIGKILL));
  const actual = calls.parentPid();
  if (actual !== parent) {
    throw new LockFailed("death with the parent", `the launcher (process ${parent}) is gone; the parent is ${actual}`);
  }
}

/**
 * Locks this process for ever, on all of its threads. Throws LockFailed naming the step; the caller must then exit
 * without touching guest bytes.
 *
 * Precondition: descriptors and thread pools this process will need are open and started, and the text of all code read.
 */
export function lockProcess(options: LockOptions, calls: HostCalls = hostCalls): void {
  bindToParent(options.parent, calls);
  for (const [resource, limit] of resourceLimits(options)) {
    demand(`resource limit ${resourceName(resource)}`, calls.setResourceLimit(resource, limit, limit));
  }
  const program = compile(hostPolicy(options.role), hostArchitecture());
  demand("no_new_privs", calls.setNoNewPrivileges());
  demand("seccomp filter", calls.installFilter(program, true));
}

export function resourceName(resource: number): string {
  return Object.entries(RLIMIT).find(([, value]) => value === resource)?.[0] ?? String(resource);
}
