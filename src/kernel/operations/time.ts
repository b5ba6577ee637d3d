/**
 * Layer: kernel, operations. Clocks and sleep: clock_gettime(2), clock_getres(2), clock_nanosleep(2). It must not know
 * encodings.
 */
import { CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME, CLOCK_THREAD_CPUTIME_ID } from "../../abi/clock.ts";
import { EINVAL } from "../../abi/errno.ts";
import type { WallTime } from "../../wait/clock.ts";
import type { Outcome } from "../contracts.ts";
import { parked } from "../pending.ts";
import type { Process, Thread } from "../process.ts";

const NS_PER_S = 1_000_000_000;
/** Times beyond end there (include/linux/ktime.h): 292 years. */
export const KTIME_MAX = 2 ** 63;

/** The step of a clock: 1 ns for all, as Linux says with high-resolution timers. 0 or -EINVAL. */
export function clockResolution(thread: Thread, id: number, out: WallTime): Outcome {
  if (!Number.isInteger(id) || id > CLOCK_THREAD_CPUTIME_ID) return -EINVAL;
  if (id < CLOCK_REALTIME && ownerOfClock(thread, id) === undefined) return -EINVAL;
  out.seconds = 0;
  out.nanoseconds = 1;
  return 0;
}

/** What clock_getcpuclockid(3) makes clocks of (kernel/time/posix-cpu-timers.c): a number, inverted, above three bits. */
const CPUCLOCK_PERTHREAD = 4;
const CPUCLOCK_SCHED = 2;

/** Whose CPU time such a clock tells; a thread is one's own. */
function ownerOfClock(thread: Thread, id: number): Process | Thread | undefined {
  const { process } = thread;
  const number = ~(id >> 3);
  if ((id & 3) !== CPUCLOCK_SCHED) return undefined;
  if ((id & CPUCLOCK_PERTHREAD) === 0) return number === 0 ? process : process.kernel.process(number);
  return number === 0 ? thread : process.threads.find(({ tid, exited }) => tid === number && !exited);
}

/** The time of a clock. 0 or -EINVAL. */
export function clockRead(thread: Thread, id: number, out: WallTime): Outcome {
  const { clock } = thread.process.kernel.host;
  switch (id) {
    case CLOCK_REALTIME:
      clock.wallTime(out);
      return 0;
    case CLOCK_MONOTONIC:
      split(clock.monotonicNs(), out);
      return 0;
    case CLOCK_PROCESS_CPUTIME_ID:
      return cpuTime(thread, thread.process, out);
    case CLOCK_THREAD_CPUTIME_ID:
      return cpuTime(thread, thread, out);
    default:
      return cpuTime(thread, id < CLOCK_REALTIME ? ownerOfClock(thread, id) : undefined, out);
  }
}

function cpuTime(thread: Thread, owner: Process | Thread | undefined, out: WallTime): Outcome {
  if (owner === undefined) return -EINVAL;
  // The caller runs: what it used until now is counted first.
  thread.process.kernel.scheduler.charge(thread.process, thread);
  split(owner.cpuNs, out);
  return 0;
}

/** Sleep until a monotonic time in nanoseconds; Infinity is for ever. 0 afterwards, at once if it has passed. */
export function sleepUntil(thread: Thread, deadlineNs: number): Outcome {
  const { kernel } = thread.process;
  if (!(deadlineNs > kernel.host.clock.monotonicNs())) return 0;
  return kernel.scheduler.park({ ...parked(thread, deadlineNs), kind: "sleep" });
}

/** How long it is until a monotonic time in nanoseconds, in `out`: nothing once it has passed, 292 years if it never comes. */
export function timeUntil(thread: Thread, deadlineNs: number, out: WallTime): void {
  const nowNs = thread.process.kernel.host.clock.monotonicNs();
  split(Math.max(0, Math.min(deadlineNs, KTIME_MAX) - nowNs), out);
}

function split(ns: number, out: WallTime): void {
  const seconds = Math.floor(ns / NS_PER_S);
  out.seconds = seconds;
  // Of centuries in nanoseconds a double is no exact number.
  out.nanoseconds = Math.min(Math.max(Math.floor(ns - seconds * NS_PER_S), 0), NS_PER_S - 1);
}
