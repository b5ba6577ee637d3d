/**
 * Layer: syscalls. Memory: brk, mmap, munmap, mprotect, mremap, madvise, msync, mincore, mlock.
 */
import { EFAULT, EINVAL, ENOMEM } from "../abi/errno.ts";
import { MCL_CURRENT, MCL_FUTURE, MCL_ONFAULT, MLOCK_ONFAULT } from "../abi/mman.ts";
import { MAP_PAGE, pageUp } from "../kernel/address-space.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { advise, map, moveBreak, protect, remap, syncMemory, unmap } from "../kernel/operations/memory.ts";
import type { Thread } from "../kernel/process.ts";
import { long } from "./call.ts";

export function sys_brk(thread: Thread, address: number): Outcome {
  return moveBreak(thread, address >>> 0);
}

export function sys_mmap(
  thread: Thread,
  address: number,
  length: number,
  protection: number,
  flags: number,
  fd: number,
  low: number,
  high: number,
): Outcome {
  const offset = long(low, high);
  return map(thread, { address: address >>> 0, length: length >>> 0, protection, flags, fd, offset });
}

export function sys_munmap(thread: Thread, address: number, length: number): Outcome {
  return unmap(thread, address >>> 0, length >>> 0);
}

export function sys_mprotect(thread: Thread, address: number, length: number, protection: number): Outcome {
  return protect(thread, address >>> 0, length >>> 0, protection);
}

export function sys_mremap(
  thread: Thread,
  address: number,
  oldLength: number,
  newLength: number,
  flags: number,
  target: number,
): Outcome {
  return remap(thread, address >>> 0, oldLength >>> 0, newLength >>> 0, flags, target >>> 0);
}

export function sys_madvise(thread: Thread, address: number, length: number, advice: number): Outcome {
  return advise(thread, address >>> 0, length >>> 0, advice);
}

export function sys_msync(thread: Thread, address: number, length: number, flags: number): Outcome {
  return syncMemory(thread, address >>> 0, length >>> 0, flags);
}

/** mincore(2): everything mapped is in memory. */
export function sys_mincore(thread: Thread, address: number, length: number, vector: number): Outcome {
  const { memory, space } = thread.process;
  const start = address >>> 0;
  const bytes = pageUp(length >>> 0);
  if (start % MAP_PAGE !== 0) return -EINVAL;
  if (start + bytes > memory.byteLength || !space.covers(start, bytes)) return -ENOMEM;
  const at = vector >>> 0;
  const pages = bytes / MAP_PAGE;
  if (!memory.contains(at, pages)) return -EFAULT;
  memory.bytes.fill(1, at, at + pages);
  return 0;
}

/** mlock(2), munlock(2): nothing is ever paged out by us. -ENOMEM outside of memory. */
export function sys_mlock(thread: Thread, address: number, length: number): Outcome {
  return thread.process.memory.contains(address >>> 0, length >>> 0) ? 0 : -ENOMEM;
}

/** mlock2(2): MLOCK_ONFAULT, or nothing. */
export function sys_mlock2(thread: Thread, address: number, length: number, flags: number): Outcome {
  return (flags & ~MLOCK_ONFAULT) !== 0 ? -EINVAL : sys_mlock(thread, address, length);
}

/** mlockall(2): MCL_ONFAULT says how, and another flag what. */
export function sys_mlockall(_thread: Thread, flags: number): Outcome {
  return flags <= 0 || flags > (MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) || flags === MCL_ONFAULT ? -EINVAL : 0;
}

export function sys_munlockall(): Outcome {
  return 0;
}
