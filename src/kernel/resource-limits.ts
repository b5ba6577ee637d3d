/**
 * Layer: kernel. Resource limits: getrlimit(2), prlimit(2). A process has the sandbox's own until it sets others, and its children
 * have what it has. It must not know encodings.
 *
 * What comes of them: NOFILE, FSIZE, NPROC (not for user 0), AS and DATA (what execve(2) begins with, and what mmap(2) and brk(2) may add),
 * MSGQUEUE and CPU.
 * STACK, CORE and the rest are kept and told: stacks are the engine's, and no core is ever dumped.
 */
import { EAGAIN, EFBIG, EINVAL, EPERM } from "../abi/errno.ts";
import {
  RLIM_NLIMITS,
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_DATA,
  RLIMIT_FSIZE,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  RLIMIT_NPROC,
  RLIMIT_RTPRIO,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
} from "../abi/resource.ts";
import { SIGXFSZ } from "../abi/signal.ts";
import { S_IFREG } from "../abi/stat.ts";
import { SIGNALS_QUEUED, USER_QUEUE_BYTES } from "../limits.ts";
import type { OpenFile } from "../vfs/contracts.ts";
import { MAP_PAGE, type MemoryRoom } from "./address-space.ts";
import type { ProgramImage } from "./contracts.ts";
import type { Process, Thread } from "./process.ts";

/** Infinity for none. */
export interface ResourceLimit {
  readonly soft: number;
  readonly hard: number;
}

const STACK_BYTES = 8 * 1024 * 1024;
/** What counts in the sandbox's favour as well: nobody gets more than it. */
const CAPPED: ReadonlySet<number> = new Set([RLIMIT_NOFILE, RLIMIT_NPROC, RLIMIT_SIGPENDING]);

export function isResource(resource: number): boolean {
  return resource >= 0 && resource < RLIM_NLIMITS;
}

export function resourceLimit(process: Process, resource: number): ResourceLimit {
  const set = process.limits[resource];
  if (set !== undefined) return set;
  const own = sandboxLimit(process, resource);
  return { soft: own, hard: resource === RLIMIT_CORE ? Infinity : own };
}

function sandboxLimit({ kernel }: Process, resource: number): number {
  switch (resource) {
    case RLIMIT_STACK:
      return STACK_BYTES;
    case RLIMIT_CORE:
    case RLIMIT_NICE:
    case RLIMIT_RTPRIO:
      return 0;
    case RLIMIT_NPROC:
      return kernel.limits.processes;
    case RLIMIT_NOFILE:
      return kernel.limits.descriptors;
    case RLIMIT_SIGPENDING:
      return SIGNALS_QUEUED;
    case RLIMIT_MSGQUEUE:
      return USER_QUEUE_BYTES;
    default:
      return Infinity;
  }
}

/** prlimit(2): 0; -EINVAL where soft exceeds hard, -EPERM for more than is the caller's to give. */
export function setResourceLimit(caller: Process, process: Process, resource: number, limit: ResourceLimit): number {
  if (limit.soft > limit.hard) return -EINVAL;
  const raises = limit.hard > resourceLimit(process, resource).hard;
  if (raises && caller.credentials.uid !== 0) return -EPERM;
  if (raises && CAPPED.has(resource) && limit.hard > sandboxLimit(process, resource)) return -EPERM;
  process.limits[resource] = limit;
  if (resource === RLIMIT_NOFILE) process.descriptors.limit = limit.soft;
  if (resource === RLIMIT_CPU) process.cpuSignalNs = 0;
  return 0;
}

/** 0, or -EAGAIN where a process's user has as many processes as it may. */
export function mayFork({ kernel, credentials, limits }: Process): number {
  if (kernel.crowded) return -EAGAIN;
  const limit = limits[RLIMIT_NPROC];
  if (limit === undefined || credentials.uid === 0) return 0;
  let own = 0;
  for (const one of kernel.processes) if (one.credentials.uid === credentials.uid) own += 1;
  return own >= limit.soft ? -EAGAIN : 0;
}

/** How many of `length` bytes may be written to a file at `position`: -EFBIG, with SIGXFSZ, where not one may. */
export function fileRoom({ process }: Thread, { inode }: OpenFile, position: number, length: number): number {
  const limit = process.limits[RLIMIT_FSIZE];
  if (limit === undefined || length === 0 || inode.type !== S_IFREG || position + length <= limit.soft) return length;
  if (position < limit.soft) return limit.soft - position;
  process.kernel.signal(process, SIGXFSZ);
  return -EFBIG;
}

/** Bytes a process may have mapped: RLIMIT_AS of everything, RLIMIT_DATA of data. As Linux has it, a soft RLIMIT_DATA of 0 is the hard one. */
export function memoryRoom({ limits }: Process): MemoryRoom {
  const data = limits[RLIMIT_DATA];
  return { all: limits[RLIMIT_AS]?.soft ?? Infinity, data: data === undefined ? Infinity : data.soft || data.hard };
}

/** Whether a process may begin as a program: memory that does not fit ends it (execve(2)). */
export function mayBegin(process: Process, { extent }: ProgramImage): boolean {
  const { all, data } = memoryRoom(process);
  return extent === undefined || (extent.bytes <= all && extent.data <= data);
}

/** Bytes of arguments and environment an execve(2) may have: RLIMIT_AS holds for the new program's stack too, whose first page is free. */
export function argumentRoom(process: Process): number {
  return Math.max(MAP_PAGE, memoryRoom(process).all);
}
