/**
 * Layer: syscalls. futex(2), futex_waitv(2) and what threads tell the kernel about themselves.
 */

import { CLOCK_MONOTONIC, CLOCK_REALTIME } from "../abi/clock.ts";
import { EFAULT, EINVAL, ENOSYS, EPERM, ESRCH } from "../abi/errno.ts";
import * as abi from "../abi/futex.ts";
import type { Outcome } from "../kernel/contracts.ts";
import {
  type AwaitedWord,
  futexLock,
  futexRequeue,
  futexUnlock,
  futexWait,
  futexWaitAny,
  futexWake,
  futexWakeOperation,
} from "../kernel/operations/futexes.ts";
import { futexRequeueOwned, futexWaitRequeue } from "../kernel/operations/requeueing.ts";
import { setClearAddress } from "../kernel/operations/threads.ts";
import type { Thread } from "../kernel/process.ts";
import type { WallTime } from "../wait/clock.ts";
import { deadlineAfter, timespecAt } from "./call.ts";

const time: WallTime = { seconds: 0, nanoseconds: 0 };
const now: WallTime = { seconds: 0, nanoseconds: 0 };

/** Those that may count by the real clock. */
const REALTIME_TOO: readonly number[] = [abi.FUTEX_WAIT_BITSET, abi.FUTEX_WAIT_REQUEUE_PI, abi.FUTEX_LOCK_PI2];

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
  const other = otherAddress >>> 0;
  const own = (operation & abi.FUTEX_PRIVATE_FLAG) !== 0;
  const realtime = (operation & abi.FUTEX_CLOCK_REALTIME) !== 0;
  const command = operation & ~(abi.FUTEX_PRIVATE_FLAG | abi.FUTEX_CLOCK_REALTIME);
  if (realtime && !REALTIME_TOO.includes(command)) return -ENOSYS;
  // As on Linux, who asks to wake nobody wakes one.
  const most = Math.max(value, 1);
  switch (command) {
    case abi.FUTEX_WAKE:
      return futexWake(thread, at, most, -1, own);
    case abi.FUTEX_WAKE_BITSET:
      return futexWake(thread, at, most, value3, own);
    case abi.FUTEX_WAKE_OP:
      return futexWakeOperation(thread, at, most, other, Math.max(timeout, 1), value3, own);
    case abi.FUTEX_REQUEUE:
      return futexRequeue(thread, at, value, other, timeout, undefined, own);
    case abi.FUTEX_CMP_REQUEUE:
      return futexRequeue(thread, at, value, other, timeout, value3, own);
    case abi.FUTEX_WAIT:
      return until(thread, timeout, undefined, (deadline) => futexWait(thread, at, value, -1, deadline, own));
    case abi.FUTEX_WAIT_BITSET:
      return until(thread, timeout, realtime, (deadline) => futexWait(thread, at, value, value3, deadline, own));
    case abi.FUTEX_WAIT_REQUEUE_PI:
      return until(thread, timeout, realtime, (deadline) => futexWaitRequeue(thread, at, value, other, deadline, own));
    case abi.FUTEX_CMP_REQUEUE_PI:
      return value === 1 ? futexRequeueOwned(thread, at, other, timeout, value3, own) : -EINVAL;
    case abi.FUTEX_LOCK_PI:
      return until(thread, timeout, true, (deadline) => futexLock(thread, at, deadline, true, own));
    case abi.FUTEX_LOCK_PI2:
      return until(thread, timeout, realtime, (deadline) => futexLock(thread, at, deadline, true, own));
    case abi.FUTEX_TRYLOCK_PI:
      return futexLock(thread, at, Infinity, false, own);
    case abi.FUTEX_UNLOCK_PI:
      return futexUnlock(thread, at, own);
    default:
      return -ENOSYS;
  }
}

/** `realtime`: a time by the real clock, by the monotonic one, or (undefined) a span. -EFAULT, -EINVAL. */
function until(
  thread: Thread,
  timeout: number,
  realtime: boolean | undefined,
  wait: (deadlineNs: number) => Outcome,
): Outcome {
  if (timeout === 0) return wait(Infinity);
  const error = timespecAt(thread.process, timeout >>> 0, time);
  if (error < 0) return error;
  if (time.seconds < 0) return -EINVAL;
  if (realtime !== undefined) {
    const { clock } = thread.process.kernel.host;
    if (realtime) clock.wallTime(now);
    else {
      const ns = clock.monotonicNs();
      now.seconds = Math.floor(ns / 1e9);
      now.nanoseconds = ns - now.seconds * 1e9;
    }
    time.seconds -= now.seconds;
    time.nanoseconds -= now.nanoseconds;
  }
  return wait(deadlineAfter(thread, time));
}

/** futex_waitv(2): words of 32 bits alone, as on Linux. */
export function sys_futex_waitv(
  thread: Thread,
  waitersAt: number,
  count: number,
  flags: number,
  timeout: number,
  clock: number,
): Outcome {
  const [at, most] = [waitersAt >>> 0, count >>> 0];
  if (flags !== 0 || most === 0 || most > abi.FUTEX_WAITV_MAX || at === 0) return -EINVAL;
  if (timeout !== 0 && clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return -EINVAL;
  return until(thread, timeout, clock === CLOCK_REALTIME, (deadline) => {
    const words = awaitedWords(thread, at, most);
    return typeof words === "number" ? words : futexWaitAny(thread, words, deadline);
  });
}

/** Copy an array of struct futex_waitv in. -EFAULT, -EINVAL. */
function awaitedWords({ process: { memory } }: Thread, at: number, count: number): AwaitedWord[] | number {
  const words: AwaitedWord[] = [];
  for (let i = 0; i < count; i++) {
    const one = at + i * abi.FUTEX_WAITV_BYTES;
    if (!memory.contains(one, abi.FUTEX_WAITV_BYTES)) return -EFAULT;
    const { view } = memory;
    const [expected, beyond] = [view.getUint32(one, true), view.getUint32(one + 4, true)];
    const [address, far] = [view.getUint32(one + 8, true), view.getUint32(one + 12, true)];
    const [flags, reserved] = [view.getUint32(one + 16, true), view.getUint32(one + 20, true)];
    if ((flags & ~abi.FUTEX_PRIVATE_FLAG) !== abi.FUTEX2_SIZE_U32 || reserved !== 0 || beyond !== 0) return -EINVAL;
    if (far !== 0) return -EFAULT;
    words.push({ address, expected, own: (flags & abi.FUTEX_PRIVATE_FLAG) !== 0 });
  }
  return words;
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
