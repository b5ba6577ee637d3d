/**
 * Layer: syscalls. Processes: who they are, how they end, their names, groups and priorities.
 */
import { EFAULT, EINVAL, EPERM, ESRCH } from "../abi/errno.ts";
import * as prctl from "../abi/prctl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { exit, yieldNow } from "../kernel/operations/lifecycle.ts";
import { priority, setPriority } from "../kernel/operations/priority.ts";
import { groupOf, sessionOf, setGroup, startSession } from "../kernel/operations/processes.ts";
import { exitThread } from "../kernel/operations/threads.ts";
import { SIGNALS, type Thread } from "../kernel/process.ts";
import { YIELD_NS } from "../limits.ts";
import { putTimespec, TIMESPEC_BYTES } from "./call.ts";

export function sys_getpid(thread: Thread): Outcome {
  return thread.process.pid;
}

export function sys_gettid(thread: Thread): Outcome {
  return thread.tid;
}

export function sys_getppid(thread: Thread): Outcome {
  return thread.process.parentPid;
}

export function sys_getpgrp(thread: Thread): Outcome {
  return groupOf(thread, 0);
}

export function sys_getpgid(thread: Thread, pid: number): Outcome {
  return groupOf(thread, pid);
}

export function sys_getsid(thread: Thread, pid: number): Outcome {
  return sessionOf(thread, pid);
}

export function sys_setpgid(thread: Thread, pid: number, group: number): Outcome {
  return setGroup(thread, pid, group);
}

export function sys_setsid(thread: Thread): Outcome {
  return startSession(thread);
}

/** exit_group(2). */
export function sys_exit_group(thread: Thread, status: number): Outcome {
  return exit(thread, status);
}

/** exit(2): one thread. */
export function sys_exit(thread: Thread, status: number): Outcome {
  return exitThread(thread, status);
}

export function sys_sched_yield(thread: Thread): Outcome {
  return yieldNow(thread);
}

const NAME_BYTES = 16;
/** What Linux begins with; no timer here is ever put off. */
const TIMER_SLACK_NS = 50_000;

/** Write an int where a 64-bit address points. -EFAULT. */
function putInt({ process: { memory } }: Thread, at: number, high: number, value: number): number {
  if (high !== 0 || !memory.contains(at, 4)) return -EFAULT;
  memory.view.setInt32(at, value, true);
  return 0;
}

/** prctl(2): the name, what becomes of children and parents, and what every process here is anyway. */
export function sys_prctl(thread: Thread, option: number, low: number, high: number): Outcome {
  const { process } = thread;
  const { memory } = process;
  const at = low >>> 0;
  switch (option) {
    case prctl.PR_SET_NAME: {
      if (high !== 0) return -EFAULT;
      const name = memory.cString(at, NAME_BYTES);
      if (typeof name !== "number") thread.name = name;
      else if (memory.contains(at, NAME_BYTES)) thread.name = memory.byteString(at, NAME_BYTES - 1);
      else return -EFAULT;
      return 0;
    }
    case prctl.PR_GET_NAME:
      if (high !== 0 || !memory.contains(at, NAME_BYTES)) return -EFAULT;
      memory.bytes.fill(0, at, at + NAME_BYTES);
      memory.putByteString(at, thread.name);
      return 0;
    case prctl.PR_GET_DUMPABLE:
      return process.dumpable ? 1 : 0;
    case prctl.PR_GET_NO_NEW_PRIVS:
      return 1;
    case prctl.PR_SET_NO_NEW_PRIVS:
      return low === 1 && high === 0 ? 0 : -EINVAL;
    case prctl.PR_SET_DUMPABLE:
      if (high !== 0 || (low !== 0 && low !== 1)) return -EINVAL;
      process.dumpable = low === 1;
      return 0;
    case prctl.PR_SET_PDEATHSIG:
      if (high !== 0 || low < 0 || low > SIGNALS) return -EINVAL;
      process.parentDeathSignal = low;
      return 0;
    case prctl.PR_GET_PDEATHSIG:
      return putInt(thread, at, high, process.parentDeathSignal);
    case prctl.PR_SET_CHILD_SUBREAPER:
      process.subreaper = low !== 0 || high !== 0;
      return 0;
    case prctl.PR_GET_CHILD_SUBREAPER:
      return putInt(thread, at, high, process.subreaper ? 1 : 0);
    case prctl.PR_GET_SECCOMP:
    case prctl.PR_GET_SECUREBITS:
      return 0;
    case prctl.PR_SET_TIMERSLACK:
      return 0;
    case prctl.PR_GET_TIMERSLACK:
      return TIMER_SLACK_NS;
    case prctl.PR_SET_KEEPCAPS:
      return high === 0 && (low === 0 || low === 1) ? 0 : -EINVAL;
    case prctl.PR_GET_KEEPCAPS:
      return 0;
    default:
      return -EINVAL;
  }
}

export function sys_getpriority(thread: Thread, which: number, who: number): Outcome {
  return priority(thread, which, who);
}

export function sys_setpriority(thread: Thread, which: number, who: number, nice: number): Outcome {
  return setPriority(thread, which, who, nice);
}

/** The calling process, or one there is: 0 or -ESRCH. */
function known(thread: Thread, pid: number): number {
  if (pid < 0) return -EINVAL;
  return pid === 0 || thread.process.kernel.process(pid) !== undefined ? 0 : -ESRCH;
}

/** sched_getscheduler(2): SCHED_OTHER. */
export function sys_sched_getscheduler(thread: Thread, pid: number): Outcome {
  return known(thread, pid);
}

export function sys_sched_setscheduler(thread: Thread, pid: number, policy: number): Outcome {
  const error = known(thread, pid);
  if (error < 0) return error;
  if (policy < 0 || policy > 7) return -EINVAL;
  return policy === 0 || policy === 3 || policy === 5 ? 0 : -EPERM;
}

export function sys_sched_getparam(thread: Thread, pid: number, address: number): Outcome {
  const error = known(thread, pid);
  if (error < 0) return error;
  const { memory } = thread.process;
  if (!memory.contains(address >>> 0, 4)) return -EFAULT;
  memory.view.setUint32(address >>> 0, 0, true);
  return 0;
}

export function sys_sched_setparam(thread: Thread, pid: number, address: number): Outcome {
  const error = known(thread, pid);
  if (error < 0) return error;
  const { memory } = thread.process;
  if (!memory.contains(address >>> 0, 4)) return -EFAULT;
  return memory.view.getUint32(address >>> 0, true) === 0 ? 0 : -EINVAL;
}

/** sched_rr_get_interval(2): how long a process runs before others have their turn. */
export function sys_sched_rr_get_interval(thread: Thread, pid: number, address: number): Outcome {
  const error = known(thread, pid);
  if (error < 0) return error;
  if (!thread.process.memory.contains(address >>> 0, TIMESPEC_BYTES)) return -EFAULT;
  putTimespec(thread.process, address >>> 0, 0, YIELD_NS);
  return 0;
}

const FIFO = 1;
const ROUND_ROBIN = 2;

/** sched_get_priority_max(2) and _min: real-time policies count from 1 to 99. */
export function sys_sched_get_priority_max(_thread: Thread, policy: number): Outcome {
  if (policy === FIFO || policy === ROUND_ROBIN) return 99;
  return policy >= 0 && policy <= 6 ? 0 : -EINVAL;
}

export function sys_sched_get_priority_min(_thread: Thread, policy: number): Outcome {
  if (policy === FIFO || policy === ROUND_ROBIN) return 1;
  return policy >= 0 && policy <= 6 ? 0 : -EINVAL;
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

/** sched_setaffinity(2): any set with processor 0 in it. */
export function sys_sched_setaffinity(thread: Thread, pid: number, bytes: number, address: number): Outcome {
  const error = known(thread, pid);
  if (error < 0) return error;
  const { memory } = thread.process;
  if (!memory.contains(address >>> 0, bytes >>> 0)) return -EFAULT;
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
