/**
 * Layer: syscalls. Turns: whose is next, and what programs are told of a scheduler that knows one policy and one processor.
 */
import { EFAULT, EINVAL, EPERM, ESRCH } from "../abi/errno.ts";
import * as sched from "../abi/sched.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { yieldNow } from "../kernel/operations/lifecycle.ts";
import { priority, setPriority } from "../kernel/operations/priority.ts";
import type { Thread } from "../kernel/process.ts";
import { YIELD_NS } from "../limits.ts";
import { putTimespec, TIMESPEC_BYTES } from "./call.ts";

export function sys_sched_yield(thread: Thread): Outcome {
  return yieldNow(thread);
}

export function sys_getpriority(thread: Thread, which: number, who: number): Outcome {
  return priority(thread, which, who);
}

export function sys_setpriority(thread: Thread, which: number, who: number, nice: number): Outcome {
  return setPriority(thread, which, who, nice);
}

/** The calling thread, or any there is: 0, -EINVAL (less than nobody) or -ESRCH. */
function known(thread: Thread, pid: number): number {
  if (pid < 0) return -EINVAL;
  return pid === 0 || thread.process.kernel.threadOwner(pid) !== undefined ? 0 : -ESRCH;
}

/** The priority in a struct sched_param. -EINVAL (no address), -EFAULT. */
function priorityAt(thread: Thread, address: number): number {
  const { memory } = thread.process;
  if (address === 0) return -EINVAL;
  // A negative one is as wrong as one too large.
  return memory.contains(address >>> 0, 4) ? memory.view.getUint32(address >>> 0, true) : -EFAULT;
}

const TAKEN: ReadonlySet<number> = new Set([sched.SCHED_OTHER, sched.SCHED_BATCH, sched.SCHED_IDLE]);
const REAL_TIME: ReadonlySet<number> = new Set([sched.SCHED_FIFO, sched.SCHED_RR]);

/** sched_getscheduler(2): SCHED_OTHER. */
export function sys_sched_getscheduler(thread: Thread, pid: number): Outcome {
  return known(thread, pid);
}

/** sched_setscheduler(2): only processes that take turns as all do. -EINVAL, -EFAULT, -ESRCH, -EPERM (real time). */
export function sys_sched_setscheduler(thread: Thread, pid: number, policy: number, address: number): Outcome {
  return policy < 0 ? -EINVAL : setPolicy(thread, pid, policy, address);
}

/** sched_setparam(2). */
export function sys_sched_setparam(thread: Thread, pid: number, address: number): Outcome {
  return setPolicy(thread, pid, sched.SCHED_OTHER, address);
}

function setPolicy(thread: Thread, pid: number, policy: number, address: number): Outcome {
  if (pid < 0) return -EINVAL;
  const wanted = priorityAt(thread, address);
  if (wanted < 0) return wanted;
  const error = known(thread, pid);
  if (error < 0) return error;
  if (TAKEN.has(policy)) return wanted === 0 ? 0 : -EINVAL;
  return REAL_TIME.has(policy) && wanted > 0 && wanted <= sched.MOST_PRIORITY ? -EPERM : -EINVAL;
}

/** sched_getparam(2): priority 0. */
export function sys_sched_getparam(thread: Thread, pid: number, address: number): Outcome {
  if (address === 0) return -EINVAL;
  const error = known(thread, pid);
  if (error < 0) return error;
  const { memory } = thread.process;
  if (!memory.contains(address >>> 0, 4)) return -EFAULT;
  memory.view.setUint32(address >>> 0, 0, true);
  return 0;
}

/** sched_rr_get_interval(2): how long a process runs before others have their turn. */
export function sys_sched_rr_get_interval(thread: Thread, pid: number, address: number): Outcome {
  const error = known(thread, pid);
  if (error < 0) return error;
  if (!thread.process.memory.contains(address >>> 0, TIMESPEC_BYTES)) return -EFAULT;
  putTimespec(thread.process, address >>> 0, 0, YIELD_NS);
  return 0;
}

/** sched_get_priority_max(2) and _min: real-time policies count from 1 to 99. */
export function sys_sched_get_priority_max(_thread: Thread, policy: number): Outcome {
  if (REAL_TIME.has(policy)) return sched.MOST_PRIORITY;
  return policy >= 0 && policy <= sched.SCHED_DEADLINE ? 0 : -EINVAL;
}

export function sys_sched_get_priority_min(_thread: Thread, policy: number): Outcome {
  if (REAL_TIME.has(policy)) return 1;
  return policy >= 0 && policy <= sched.SCHED_DEADLINE ? 0 : -EINVAL;
}

/** sched_getaffinity(2): processor 0, in one long. */
export function sys_sched_getaffinity(thread: Thread, pid: number, bytes: number, address: number): Outcome {
  const error = known(thread, pid);
  if (error < 0) return error;
  if (bytes >>> 0 < 8 || (bytes & 7) !== 0) return -EINVAL;
  const { memory } = thread.process;
  if (!memory.contains(address >>> 0, 8)) return -EFAULT;
  memory.putU64(address >>> 0, 1);
  return 8;
}

/** sched_setaffinity(2): any set with processor 0 in it. -EFAULT, -ESRCH, -EINVAL. */
export function sys_sched_setaffinity(thread: Thread, pid: number, bytes: number, address: number): Outcome {
  const { memory } = thread.process;
  if (!memory.contains(address >>> 0, Math.min(bytes >>> 0, sched.CPU_SET_BYTES))) return -EFAULT;
  const error = known(thread, pid);
  if (error < 0) return error;
  return bytes !== 0 && ((memory.bytes[address >>> 0] ?? 0) & 1) === 1 ? 0 : -EINVAL;
}

/** getcpu(2): processor 0 of node 0. */
export function sys_getcpu(thread: Thread, cpu: number, node: number): Outcome {
  const { memory } = thread.process;
  const addresses = [cpu >>> 0, node >>> 0].filter((at) => at !== 0);
  if (addresses.some((at) => !memory.contains(at, 4))) return -EFAULT;
  for (const at of addresses) memory.view.setUint32(at, 0, true);
  return 0;
}

/** membarrier(2): there is one processor; the query says that nothing is needed. */
export function sys_membarrier(_thread: Thread, command: number, flags: number): Outcome {
  return command === 0 && flags === 0 ? 0 : -EINVAL;
}
