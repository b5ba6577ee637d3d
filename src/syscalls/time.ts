/**
 * Layer: syscalls. Clocks and sleep: clock_gettime, clock_nanosleep and their kin, gettimeofday, time, times.
 */
import * as clocks from "../abi/clock.ts";
import { EFAULT, EINTR, EINVAL, EOPNOTSUPP, EPERM } from "../abi/errno.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { clockRead, clockResolution, sleepUntil, timeUntil } from "../kernel/operations/time.ts";
import type { Thread } from "../kernel/process.ts";
import type { WallTime } from "../wait/clock.ts";
import { deadlineAfter, putTimespec, TIMESPEC_BYTES, timespecAt } from "./call.ts";

/** Good until the end of one call. */
const time: WallTime = { seconds: 0, nanoseconds: 0 };

/** Linux has more names than clocks: which of the kernel's four answers. */
const CLOCKS: readonly (number | undefined)[] = [
  clocks.CLOCK_REALTIME,
  clocks.CLOCK_MONOTONIC,
  clocks.CLOCK_PROCESS_CPUTIME_ID,
  clocks.CLOCK_THREAD_CPUTIME_ID,
  clocks.CLOCK_MONOTONIC, // CLOCK_MONOTONIC_RAW
  clocks.CLOCK_REALTIME, // CLOCK_REALTIME_COARSE
  clocks.CLOCK_MONOTONIC, // CLOCK_MONOTONIC_COARSE
  clocks.CLOCK_MONOTONIC, // CLOCK_BOOTTIME
  clocks.CLOCK_REALTIME, // CLOCK_REALTIME_ALARM
  clocks.CLOCK_MONOTONIC, // CLOCK_BOOTTIME_ALARM
  undefined,
  clocks.CLOCK_REALTIME, // CLOCK_TAI
];

/** Below zero are clocks of a process or thread: the kernel's own, or none. */
function clockOf(id: number): number {
  return id < 0 ? id : (CLOCKS[id] ?? -1);
}

export function sys_clock_gettime(thread: Thread, id: number, address: number): Outcome {
  const outcome = clockRead(thread, clockOf(id), time);
  return outcome < 0 ? outcome : putTime(thread, address >>> 0);
}

export function sys_clock_getres(thread: Thread, id: number, address: number): Outcome {
  const outcome = clockResolution(thread, clockOf(id), time);
  if (outcome < 0 || address === 0) return outcome;
  return putTime(thread, address >>> 0);
}

function putTime(thread: Thread, address: number): Outcome {
  if (!thread.process.memory.contains(address, TIMESPEC_BYTES)) return -EFAULT;
  putTimespec(thread.process, address, time.seconds, time.nanoseconds);
  return 0;
}

/** Nobody sets the host's clock: EPERM for clocks there are. */
export function sys_clock_settime(thread: Thread, id: number): Outcome {
  return clockResolution(thread, clockOf(id), time) || -EPERM;
}

/** gettimeofday(2); the time zone is always UTC's zeros. */
export function sys_gettimeofday(thread: Thread, timeAt: number, zoneAt: number): Outcome {
  const { memory, kernel } = thread.process;
  const at = timeAt >>> 0;
  const zone = zoneAt >>> 0;
  if ((at !== 0 && !memory.contains(at, 16)) || (zone !== 0 && !memory.contains(zone, 8))) return -EFAULT;
  if (at !== 0) {
    kernel.host.clock.wallTime(time);
    putTimespec(thread.process, at, time.seconds, Math.floor(time.nanoseconds / 1000));
  }
  if (zone !== 0) memory.putU64(zone, 0);
  return 0;
}

export function sys_time(thread: Thread, address: number): Outcome {
  const { memory, kernel } = thread.process;
  kernel.host.clock.wallTime(time);
  const at = address >>> 0;
  if (at === 0) return time.seconds;
  if (!memory.contains(at, 8)) return -EFAULT;
  memory.putU64(at, time.seconds);
  return time.seconds;
}

const TIMER_ABSTIME = 1;

export function sys_nanosleep(thread: Thread, request: number): Outcome {
  const error = timespecAt(thread.process, request >>> 0, time);
  if (error < 0) return error;
  return time.seconds < 0 ? -EINVAL : sleepUntil(thread, deadlineAfter(thread, time));
}

/** What a handler cut short is told where the guest wants it: -EFAULT where it cannot be written. */
function tellRest(thread: Thread, address: number): Outcome {
  timeUntil(thread, thread.ended?.deadlineNs ?? 0, time);
  return address === 0 ? -EINTR : putTime(thread, address) || -EINTR;
}

export function finishNanosleep(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  return outcome === -EINTR ? tellRest(thread, (words[1] ?? 0) >>> 0) : outcome;
}

/** clock_nanosleep(2). Deviation: CPU clocks are EOPNOTSUPP. */
export function sys_clock_nanosleep(thread: Thread, id: number, flags: number, request: number): Outcome {
  const clock = CLOCKS[id];
  if (clock === undefined || id === clocks.CLOCK_THREAD_CPUTIME_ID) return -EINVAL;
  if (clock === clocks.CLOCK_PROCESS_CPUTIME_ID) return -EOPNOTSUPP;
  if ((flags & ~TIMER_ABSTIME) !== 0) return -EINVAL;
  const error = timespecAt(thread.process, request >>> 0, time);
  if (error < 0) return error;
  if (time.seconds < 0) return -EINVAL;
  if (flags === 0) return sleepUntil(thread, deadlineAfter(thread, time));
  const { seconds, nanoseconds } = time;
  clockRead(thread, clock, time);
  // Seconds and nanoseconds apart: a time of today in nanoseconds is no exact double.
  time.seconds = seconds - time.seconds;
  time.nanoseconds = nanoseconds - time.nanoseconds;
  return sleepUntil(thread, deadlineAfter(thread, time));
}

/** Nothing is told of a sleep until a time: that has not changed. */
export function finishClockNanosleep(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  const [, flags = 0, , rest = 0] = words;
  return outcome === -EINTR && (flags & TIMER_ABSTIME) === 0 ? tellRest(thread, rest >>> 0) : outcome;
}

/** Clock ticks of times(2) in a second (USER_HZ). */
const NS_PER_TICK = 10_000_000;

/** times(2): CPU time counts as user time. */
export function sys_times(thread: Thread, address: number): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  const { clock } = kernel.host;
  const at = address >>> 0;
  if (at !== 0) {
    if (!memory.contains(at, 32)) return -EFAULT;
    kernel.scheduler.charge(process, thread);
    const times = [process.cpuNs, 0, process.childrenCpuNs, 0];
    times.forEach((ns, i) => {
      memory.putU64(at + i * 8, Math.floor(ns / NS_PER_TICK));
    });
  }
  return Math.floor(clock.monotonicNs() / NS_PER_TICK);
}
