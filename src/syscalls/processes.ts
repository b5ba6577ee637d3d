/**
 * Layer: syscalls. Processes: who they are, how they end, their names, groups and priorities.
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import * as prctl from "../abi/prctl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { exit } from "../kernel/operations/lifecycle.ts";
import { groupOf, sessionOf, setGroup, startSession } from "../kernel/operations/processes.ts";
import { exitThread } from "../kernel/operations/threads.ts";
import { SIGNALS, type Thread } from "../kernel/process.ts";

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
