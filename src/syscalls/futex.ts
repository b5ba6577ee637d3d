/**
 * Layer: syscalls. futex(2) for a process with one thread: nobody is ever there to be woken, and a wait ends only with its
 * timeout.
 */
import { EAGAIN, EFAULT, EINVAL, ENOSYS, ETIMEDOUT } from "../abi/errno.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { sleepUntil } from "../kernel/operations/time.ts";
import type { Thread } from "../kernel/process.ts";
import type { WallTime } from "../wait/clock.ts";
import { deadlineAfter, timespecAt } from "./call.ts";

/** include/uapi/linux/futex.h */
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX_REQUEUE = 3;
const FUTEX_CMP_REQUEUE = 4;
const FUTEX_WAIT_BITSET = 9;
const FUTEX_WAKE_BITSET = 10;
const FUTEX_PRIVATE_FLAG = 128;
const FUTEX_CLOCK_REALTIME = 256;

const time: WallTime = { seconds: 0, nanoseconds: 0 };
const now: WallTime = { seconds: 0, nanoseconds: 0 };

export function sys_futex(thread: Thread, address: number, operation: number, value: number, timeout: number): Outcome {
  const { memory } = thread.process;
  const at = address >>> 0;
  if ((at & 3) !== 0) return -EINVAL;
  if (!memory.contains(at, 4)) return -EFAULT;
  const command = operation & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
  switch (command) {
    case FUTEX_WAKE:
    case FUTEX_WAKE_BITSET:
    case FUTEX_REQUEUE:
      return 0;
    case FUTEX_CMP_REQUEUE:
      return 0;
    case FUTEX_WAIT:
    case FUTEX_WAIT_BITSET:
      break;
    default:
      return -ENOSYS;
  }
  if (memory.view.getInt32(at, true) !== (value | 0)) return -EAGAIN;
  if (timeout === 0) return sleepUntil(thread, Infinity);
  const error = timespecAt(thread.process, timeout >>> 0, time);
  if (error < 0) return error;
  if (time.seconds < 0) return -EINVAL;
  if (command === FUTEX_WAIT_BITSET) {
    const { clock } = thread.process.kernel.host;
    if ((operation & FUTEX_CLOCK_REALTIME) !== 0) clock.wallTime(now);
    else {
      const ns = clock.monotonicNs();
      now.seconds = Math.floor(ns / 1e9);
      now.nanoseconds = ns - now.seconds * 1e9;
    }
    time.seconds -= now.seconds;
    time.nanoseconds -= now.nanoseconds;
  }
  const outcome = sleepUntil(thread, deadlineAfter(thread, time));
  return outcome === 0 ? -ETIMEDOUT : outcome;
}

export function finishFutex(_thread: Thread, _words: readonly number[], outcome: Outcome): Outcome {
  return outcome === 0 ? -ETIMEDOUT : outcome;
}
