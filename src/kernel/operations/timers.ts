/**
 * Layer: kernel, operations. Timers that send signals: alarm(2), setitimer(2), timer_create(2). Times are nanoseconds. It
 * must not know encodings.
 */
import { CLOCK_MONOTONIC, CLOCK_REALTIME } from "../../abi/clock.ts";
import { EAGAIN, EINVAL } from "../../abi/errno.ts";
import { SIGALRM, SIGPROF, SIGVTALRM } from "../../abi/signal.ts";
import { TIMERS } from "../../limits.ts";
import type { Outcome } from "../contracts.ts";
import type { Process, Thread } from "../process.ts";
import { SIGNALS } from "../signals.ts";
import { INTERVAL_TIMERS, type Timer } from "../timers.ts";
import { KTIME_MAX } from "./time.ts";

/** How long until a timer fires (0: it does not), and how often then. */
export interface TimerSetting {
  valueNs: number;
  intervalNs: number;
}

const SIGNAL_OF_INTERVAL = [SIGALRM, SIGVTALRM, SIGPROF];

/** getitimer(2). 0, -EINVAL. */
export function intervalTimer(thread: Thread, which: number, out: TimerSetting): Outcome {
  if (!isInterval(which)) return -EINVAL;
  tell(thread.process, thread.process.timers.intervals[which], out);
  return 0;
}

/** setitimer(2); the old setting in `out`. Deviation: ITIMER_VIRTUAL and ITIMER_PROF count wall time. 0, -EINVAL. */
export function setIntervalTimer(thread: Thread, which: number, setting: TimerSetting, out: TimerSetting): Outcome {
  const { process } = thread;
  if (!isInterval(which) || !isSane(setting)) return -EINVAL;
  const timers = process.timers.intervals;
  tell(process, timers[which], out);
  const timer = timers[which] ?? process.timers.make(SIGNAL_OF_INTERVAL[which] ?? SIGALRM, 0, undefined, which + 1);
  while (timers.length < which) timers.push(undefined);
  timers[which] = timer;
  start(process, timer, setting, now(process) + setting.valueNs);
  return 0;
}

/** timer_create(2): its number. `signal` 0 is SIGEV_NONE; without a value the number itself. -EINVAL, -EAGAIN. */
export function createTimer(
  thread: Thread,
  clock: number,
  signal: number,
  value: number | undefined,
  tid: number | undefined,
): Outcome {
  const { process } = thread;
  if (clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return -EINVAL;
  if (!(signal >= 0 && signal <= SIGNALS)) return -EINVAL;
  const target = tid === undefined ? undefined : process.threads.find((one) => one.tid === tid);
  if (tid !== undefined && target === undefined) return -EINVAL;
  const { created } = process.timers;
  let id = created.indexOf(undefined);
  if (id < 0) id = created.length;
  if (id >= TIMERS) return -EAGAIN;
  created[id] = process.timers.make(signal, value ?? id, target, 0);
  return id;
}

/** timer_settime(2); with `absolute`, `valueNs` is a time of the monotonic clock. 0, -EINVAL. */
export function setTimer(
  thread: Thread,
  id: number,
  setting: TimerSetting,
  absolute: boolean,
  out: TimerSetting,
): Outcome {
  const { process } = thread;
  const timer = process.timers.created[id];
  if (timer === undefined || !isSane(setting)) return -EINVAL;
  tell(process, timer, out);
  start(process, timer, setting, absolute ? setting.valueNs : now(process) + setting.valueNs);
  return 0;
}

/** timer_gettime(2). 0, -EINVAL. */
export function timerSetting(thread: Thread, id: number, out: TimerSetting): Outcome {
  const timer = thread.process.timers.created[id];
  if (timer === undefined) return -EINVAL;
  tell(thread.process, timer, out);
  return 0;
}

/** timer_getoverrun(2). */
export function timerOverrun(thread: Thread, id: number): Outcome {
  return thread.process.timers.created[id]?.overrun ?? -EINVAL;
}

/** timer_delete(2). 0, -EINVAL. */
export function deleteTimer(thread: Thread, id: number): Outcome {
  const { kernel, timers } = thread.process;
  const timer = timers.created[id];
  if (timer === undefined) return -EINVAL;
  kernel.scheduler.disarm(timer);
  timers.created[id] = undefined;
  return 0;
}

function isInterval(which: number): boolean {
  return Number.isInteger(which) && which >= 0 && which < INTERVAL_TIMERS;
}

function isSane({ valueNs, intervalNs }: TimerSetting): boolean {
  return valueNs >= 0 && intervalNs >= 0;
}

function now(process: Process): number {
  return process.kernel.host.clock.monotonicNs();
}

function start(process: Process, timer: Timer, { valueNs, intervalNs }: TimerSetting, deadlineNs: number): void {
  timer.intervalNs = Math.min(intervalNs, KTIME_MAX);
  timer.overrun = 0;
  process.kernel.scheduler.arm(timer, valueNs === 0 ? Infinity : Math.min(deadlineNs, KTIME_MAX));
}

function tell(process: Process, timer: Timer | undefined, out: TimerSetting): void {
  out.intervalNs = timer?.intervalNs ?? 0;
  const armed = timer !== undefined && timer.deadlineNs !== Infinity;
  // A timer whose time has come but that has not fired yet is still armed: 0 would say otherwise.
  out.valueNs = armed ? Math.max(1, timer.deadlineNs - now(process)) : 0;
}
