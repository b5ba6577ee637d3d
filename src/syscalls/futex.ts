/**
 * Layer: syscalls. futex(2) and what threads tell the kernel about themselves.
 */

import { EFAULT, EINVAL, ENOSYS, EPERM, ESRCH } from "../abi/errno.ts";
import * as abi from "../abi/futex.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { futexRequeue, futexWait, futexWake, setClearAddress } from "../kernel/operations/threads.ts";
import type { Thread } from "../kernel/process.ts";
import type { WallTime } from "../wait/clock.ts";
import { deadlineAfter, timespecAt } from "./call.ts";

const time: WallTime = { seconds: 0, nanoseconds: 0 };
const now: WallTime = { seconds: 0, nanoseconds: 0 };

export function sys_futex(
  thread: Thread,
  address: number,
  operation: number,
  value: number,
  timeout: number,
  otherAddress: number,
  value3: number,
): Outcome {
  const at = address >>> 0;
  const own = (operation & abi.FUTEX_PRIVATE_FLAG) !== 0;
  switch (operation & ~(abi.FUTEX_PRIVATE_FLAG | abi.FUTEX_CLOCK_REALTIME)) {
    case abi.FUTEX_WAKE:
      return futexWake(thread, at, value, -1, own);
    case abi.FUTEX_WAKE_BITSET:
      return futexWake(thread, at, value, value3, own);
    case abi.FUTEX_REQUEUE:
      return futexRequeue(thread, at, value, otherAddress >>> 0, timeout, undefined, own);
    case abi.FUTEX_CMP_REQUEUE:
      return futexRequeue(thread, at, value, otherAddress >>> 0, timeout, value3, own);
    case abi.FUTEX_WAIT:
      return wait(thread, at, operation, value, timeout >>> 0, -1, false);
    case abi.FUTEX_WAIT_BITSET:
      return wait(thread, at, operation, value, timeout >>> 0, value3, true);
    default:
      return -ENOSYS;
  }
}

function wait(
  thread: Thread,
  at: number,
  operation: number,
  value: number,
  timeout: number,
  bits: number,
  absolute: boolean,
): Outcome {
  const own = (operation & abi.FUTEX_PRIVATE_FLAG) !== 0;
  if (timeout === 0) return futexWait(thread, at, value, bits, Infinity, own);
  const error = timespecAt(thread.process, timeout, time);
  if (error < 0) return error;
  if (time.seconds < 0) return -EINVAL;
  if (absolute) {
    const { clock } = thread.process.kernel.host;
    if ((operation & abi.FUTEX_CLOCK_REALTIME) !== 0) clock.wallTime(now);
    else {
      const ns = clock.monotonicNs();
      now.seconds = Math.floor(ns / 1e9);
      now.nanoseconds = ns - now.seconds * 1e9;
    }
    time.seconds -= now.seconds;
    time.nanoseconds -= now.nanoseconds;
  }
  return futexWait(thread, at, value, bits, deadlineAfter(thread, time), own);
}

export function sys_set_tid_address(thread: Thread, address: number): Outcome {
  return setClearAddress(thread, address >>> 0);
}

/** set_robust_list(2): the head is 24 bytes here, whatever a program says of its own. */
export function sys_set_robust_list(thread: Thread, head: number, length: number): Outcome {
  if (length !== 24 && length !== 12) return -EINVAL;
  thread.robustList = head >>> 0;
  return 0;
}

/** get_robust_list(2): the head of a thread's list and its length, both of 32 bits. -ESRCH, -EFAULT, -EPERM (another's thread). */
export function sys_get_robust_list(thread: Thread, tid: number, headAt: number, lengthAt: number): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  const found = tid === 0 ? thread : process.threads.find((one) => one.tid === tid);
  if (found === undefined) return kernel.threadOwner(tid) === undefined ? -ESRCH : -EPERM;
  const [head, length] = [headAt >>> 0, lengthAt >>> 0];
  if (!memory.contains(head, 4) || !memory.contains(length, 4)) return -EFAULT;
  memory.view.setUint32(length, 24, true);
  memory.view.setUint32(head, found.robustList, true);
  return 0;
}
