/**
 * Layer: syscalls. Timers that send signals: alarm, setitimer, timer_create and their kin.
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { SIGALRM } from "../abi/signal.ts";
import type { Outcome } from "../kernel/contracts.ts";
import {
  createTimer,
  deleteTimer,
  intervalTimer,
  setIntervalTimer,
  setTimer,
  type TimerSetting,
  timerOverrun,
  timerSetting,
} from "../kernel/operations/timers.ts";
import type { Process, Thread } from "../kernel/process.ts";
import type { WallTime } from "../wait/clock.ts";
import { putTimespec, timespecAt, timevalAt } from "./call.ts";

/** Good until the end of one call. */
const time: WallTime = { seconds: 0, nanoseconds: 0 };
const setting: TimerSetting = { valueNs: 0, intervalNs: 0 };
const before: TimerSetting = { valueNs: 0, intervalNs: 0 };

/** Both settings: an interval, then a value, each of two longs. */
const SETTING_BYTES = 32;
const ITIMER_REAL = 0;

/** The whole seconds left, at least one where anything is; as on Linux what an unsigned int holds of them. */
export function sys_alarm(thread: Thread, seconds: number): Outcome {
  setting.valueNs = (seconds >>> 0) * 1e9;
  setting.intervalNs = 0;
  const outcome = setIntervalTimer(thread, ITIMER_REAL, setting, before);
  if (outcome < 0) return outcome;
  return before.valueNs === 0 ? 0 : Math.max(1, Math.round(before.valueNs / 1e9) >>> 0);
}

function settingAt(process: Process, address: number, read: typeof timespecAt): number {
  const bad = read(process, address, time);
  if (bad < 0) return bad;
  setting.intervalNs = time.seconds * 1e9 + time.nanoseconds;
  const wrong = read(process, address + 16, time);
  if (wrong < 0) return wrong;
  setting.valueNs = time.seconds * 1e9 + time.nanoseconds;
  return 0;
}

/** The longs after the seconds count `unit` nanoseconds. */
function putSetting(process: Process, address: number, { valueNs, intervalNs }: TimerSetting, unit: number): void {
  [intervalNs, valueNs].forEach((ns, i) => {
    const seconds = Math.floor(ns / 1e9);
    putTimespec(process, address + i * 16, seconds, Math.ceil((ns - seconds * 1e9) / unit));
  });
}

export function sys_getitimer(thread: Thread, which: number, address: number): Outcome {
  const { process } = thread;
  const outcome = intervalTimer(thread, which, before);
  if (outcome < 0) return outcome;
  if (!process.memory.contains(address >>> 0, SETTING_BYTES)) return -EFAULT;
  putSetting(process, address >>> 0, before, 1000);
  return 0;
}

export function sys_setitimer(thread: Thread, which: number, newAt: number, oldAt: number): Outcome {
  const { process } = thread;
  const [from, to] = [newAt >>> 0, oldAt >>> 0];
  if (to !== 0 && !process.memory.contains(to, SETTING_BYTES)) return -EFAULT;
  setting.valueNs = 0;
  setting.intervalNs = 0;
  const error = from === 0 ? 0 : settingAt(process, from, timevalAt);
  if (error < 0) return error;
  const outcome = setIntervalTimer(thread, which, setting, before);
  if (outcome === 0 && to !== 0) putSetting(process, to, before, 1000);
  return outcome;
}

/** struct sigevent: value @0 (8 bytes), signal @8, kind @12, thread @16. */
const SIGEVENT_BYTES = 64;
const SIGEV_SIGNAL = 0;
const SIGEV_NONE = 1;
const SIGEV_THREAD_ID = 4;

/** timer_create(2). Deviation: a thread started for each expiration is libc's matter (SIGEV_THREAD is EINVAL here). */
export function sys_timer_create(thread: Thread, clock: number, eventAt: number, idAt: number): Outcome {
  const { memory } = thread.process;
  const [from, to] = [eventAt >>> 0, idAt >>> 0];
  if (!memory.contains(to, 4) || (from !== 0 && !memory.contains(from, SIGEVENT_BYTES))) return -EFAULT;
  let signal = SIGALRM;
  let value: number | undefined;
  let tid: number | undefined;
  if (from !== 0) {
    const { view } = memory;
    const kind = view.getInt32(from + 12, true);
    value = view.getInt32(from, true);
    signal = kind === SIGEV_NONE ? 0 : view.getInt32(from + 8, true);
    if (kind === SIGEV_THREAD_ID) tid = view.getInt32(from + 16, true);
    else if (kind !== SIGEV_SIGNAL && kind !== SIGEV_NONE) return -EINVAL;
    if (kind !== SIGEV_NONE && signal === 0) return -EINVAL;
  }
  const id = createTimer(thread, clock, signal, value, tid);
  if (id < 0) return id;
  memory.view.setInt32(to, id, true);
  return 0;
}

const TIMER_ABSTIME = 1;

/** timer_settime(2). An absolute time is one of the monotonic clock to the kernel; whose clock it is, is not kept. */
export function sys_timer_settime(thread: Thread, id: number, flags: number, newAt: number, oldAt: number): Outcome {
  const { process } = thread;
  const to = oldAt >>> 0;
  if (to !== 0 && !process.memory.contains(to, SETTING_BYTES)) return -EFAULT;
  const error = settingAt(process, newAt >>> 0, timespecAt);
  if (error < 0) return error;
  const absolute = (flags & TIMER_ABSTIME) !== 0;
  const { clock } = process.kernel.host;
  if (absolute && setting.valueNs > 0) {
    // A time far beyond the machine's uptime can only be one of the calendar.
    clock.wallTime(time);
    if (setting.valueNs > clock.monotonicNs() + CALENDAR_NS) {
      setting.valueNs = Math.max(1, clock.monotonicNs() + setting.valueNs - (time.seconds * 1e9 + time.nanoseconds));
    }
  }
  const outcome = setTimer(thread, id, setting, absolute, before);
  if (outcome === 0 && to !== 0) putSetting(process, to, before, 1);
  return outcome;
}

/** Ten years. */
const CALENDAR_NS = 10 * 365 * 86_400 * 1e9;

export function sys_timer_gettime(thread: Thread, id: number, address: number): Outcome {
  const { process } = thread;
  const outcome = timerSetting(thread, id, before);
  if (outcome < 0) return outcome;
  if (!process.memory.contains(address >>> 0, SETTING_BYTES)) return -EFAULT;
  putSetting(process, address >>> 0, before, 1);
  return 0;
}

export function sys_timer_getoverrun(thread: Thread, id: number): Outcome {
  return timerOverrun(thread, id);
}

export function sys_timer_delete(thread: Thread, id: number): Outcome {
  return deleteTimer(thread, id);
}
