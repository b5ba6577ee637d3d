/**
 * Layer: syscalls. Descriptors of events: eventfd, timerfd, signalfd, epoll. struct epoll_event is packed, as on x86-64.
 */
import { CLOCK_REALTIME } from "../abi/clock.ts";
import { EFD_SEMAPHORE, EPOLL_CTL_DEL, TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET } from "../abi/epoll.ts";
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { SIGKILL, SIGSTOP } from "../abi/signal.ts";
import { GONE, type Outcome } from "../kernel/contracts.ts";
import type { TimerFile } from "../kernel/events/timer-file.ts";
import * as events from "../kernel/operations/events.ts";
import { changeMaskForCall } from "../kernel/operations/signals.ts";
import type { Process, Thread } from "../kernel/process.ts";
import type { WallTime } from "../wait/clock.ts";
import { deadlineAfter, SIGSET_BYTES, signalSetAt, timespecAt } from "./call.ts";

const EVENT_BYTES = 12;
/** INT_MAX / sizeof(struct epoll_event) */
const MOST_EVENTS = 178_956_970;
/** struct itimerspec: interval, then value. */
const SETTING_BYTES = 32;

const time: WallTime = { seconds: 0, nanoseconds: 0 };
const interval: WallTime = { seconds: 0, nanoseconds: 0 };
const now: WallTime = { seconds: 0, nanoseconds: 0 };

export function sys_eventfd(thread: Thread, value: number): Outcome {
  return sys_eventfd2(thread, value, 0);
}

export function sys_eventfd2(thread: Thread, value: number, flags: number): Outcome {
  return events.openCounter(thread, value >>> 0, flags & ~EFD_SEMAPHORE, (flags & EFD_SEMAPHORE) !== 0);
}

export function sys_timerfd_create(thread: Thread, clock: number, flags: number): Outcome {
  return events.openTimer(thread, clock, flags);
}

/** timerfd_settime(2). TFD_TIMER_CANCEL_ON_SET changes nothing: nobody sets the clock. */
export function sys_timerfd_settime(thread: Thread, fd: number, flags: number, newAt: number, oldAt: number): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  const [from, to] = [newAt >>> 0, oldAt >>> 0];
  if ((flags & ~(TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET)) !== 0) return -EINVAL;
  const wrong = timespecAt(process, from, interval) || timespecAt(process, from + 16, time);
  if (wrong < 0) return wrong;
  if (time.seconds < 0 || interval.seconds < 0) return -EINVAL;
  const timer = events.timerAt(thread, fd);
  if (typeof timer === "number") return timer;
  if (to !== 0 && !memory.contains(to, SETTING_BYTES)) return -EFAULT;
  if (to !== 0) putSetting(process, to, timer);
  const { clock } = kernel.host;
  let deadline = Infinity;
  if (time.seconds !== 0 || time.nanoseconds !== 0) {
    if ((flags & TFD_TIMER_ABSTIME) === 0) deadline = deadlineAfter(thread, time);
    else if (timer.clock !== CLOCK_REALTIME) deadline = time.seconds * 1e9 + time.nanoseconds;
    else {
      clock.wallTime(now);
      deadline = clock.monotonicNs() + (time.seconds - now.seconds) * 1e9 + time.nanoseconds - now.nanoseconds;
    }
    if (!(deadline <= Number.MAX_SAFE_INTEGER)) deadline = Number.MAX_SAFE_INTEGER;
  }
  timer.arm(deadline, Math.min(interval.seconds * 1e9 + interval.nanoseconds, Number.MAX_SAFE_INTEGER));
  return 0;
}

export function sys_timerfd_gettime(thread: Thread, fd: number, address: number): Outcome {
  const timer = events.timerAt(thread, fd);
  if (typeof timer === "number") return timer;
  if (!thread.process.memory.contains(address >>> 0, SETTING_BYTES)) return -EFAULT;
  putSetting(thread.process, address >>> 0, timer);
  return 0;
}

function putSetting({ memory }: Process, at: number, timer: TimerFile): void {
  [timer.intervalNs, timer.remainingNs()].forEach((ns, i) => {
    memory.putU64(at + i * 16, Math.floor(ns / 1e9));
    memory.putU64(at + i * 16 + 8, Math.floor(ns % 1e9));
  });
}

export function sys_signalfd(thread: Thread, fd: number, mask: number, maskBytes: number): Outcome {
  return sys_signalfd4(thread, fd, mask, maskBytes, 0);
}

export function sys_signalfd4(thread: Thread, fd: number, mask: number, maskBytes: number, flags: number): Outcome {
  const { process } = thread;
  if (maskBytes !== SIGSET_BYTES) return -EINVAL;
  if (!process.memory.contains(mask >>> 0, SIGSET_BYTES)) return -EFAULT;
  const set = signalSetAt(process, mask >>> 0);
  set.delete(SIGKILL);
  set.delete(SIGSTOP);
  return events.openSignals(thread, fd, set, flags);
}

export function sys_epoll_create(thread: Thread, size: number): Outcome {
  return size <= 0 ? -EINVAL : events.openEpoll(thread, 0);
}

export function sys_epoll_create1(thread: Thread, flags: number): Outcome {
  return events.openEpoll(thread, flags);
}

export function sys_epoll_ctl(
  thread: Thread,
  epollFd: number,
  operation: number,
  fd: number,
  address: number,
): Outcome {
  const { memory } = thread.process;
  const at = address >>> 0;
  if (operation === EPOLL_CTL_DEL) {
    return events.controlEpoll(thread, epollFd, operation, fd, { events: 0, low: 0, high: 0 });
  }
  if (!memory.contains(at, EVENT_BYTES)) return -EFAULT;
  const { view } = memory;
  const event = {
    events: view.getUint32(at, true),
    low: view.getUint32(at + 4, true),
    high: view.getUint32(at + 8, true),
  };
  return events.controlEpoll(thread, epollFd, operation, fd, event);
}

export function sys_epoll_wait(thread: Thread, fd: number, address: number, most: number, timeout: number): Outcome {
  return sys_epoll_pwait(thread, fd, address, most, timeout, 0, 0);
}

export function sys_epoll_pwait(
  thread: Thread,
  fd: number,
  address: number,
  most: number,
  timeout: number,
  mask: number,
  maskBytes: number,
): Outcome {
  const deadline = timeout < 0 ? Infinity : thread.process.kernel.host.clock.monotonicNs() + timeout * 1e6;
  return wait(thread, fd, address >>> 0, most, deadline, mask >>> 0, maskBytes);
}

export function sys_epoll_pwait2(
  thread: Thread,
  fd: number,
  address: number,
  most: number,
  timeout: number,
  mask: number,
  maskBytes: number,
): Outcome {
  let deadline = Infinity;
  if (timeout !== 0) {
    const wrong = timespecAt(thread.process, timeout >>> 0, time);
    if (wrong < 0) return wrong;
    if (time.seconds < 0) return -EINVAL;
    deadline = deadlineAfter(thread, time);
  }
  return wait(thread, fd, address >>> 0, most, deadline, mask >>> 0, maskBytes);
}

function wait(
  thread: Thread,
  fd: number,
  address: number,
  most: number,
  deadline: number,
  mask: number,
  maskBytes: number,
): Outcome {
  const { process } = thread;
  const { memory } = process;
  if (most <= 0 || most > MOST_EVENTS) return -EINVAL;
  if (!memory.contains(address, most * EVENT_BYTES)) return -EFAULT;
  if (mask !== 0) {
    if (maskBytes !== SIGSET_BYTES) return -EINVAL;
    if (!memory.contains(mask, SIGSET_BYTES)) return -EFAULT;
    changeMaskForCall(thread, signalSetAt(process, mask));
    if (thread.killed) return GONE;
  }
  const outcome = events.waitEpoll(thread, fd, most, deadline);
  return outcome > 0 ? told(thread, address, outcome) : outcome;
}

/** Of the three waits. */
export function finishEpoll(thread: Thread, words: readonly number[], outcome: Outcome): Outcome {
  return outcome > 0 ? told(thread, (words[1] ?? 0) >>> 0, outcome) : outcome;
}

function told(thread: Thread, address: number, outcome: Outcome): Outcome {
  const { view } = thread.process.memory;
  thread.events.splice(0).forEach((event, i) => {
    const at = address + i * EVENT_BYTES;
    view.setUint32(at, event.events, true);
    view.setUint32(at + 4, event.low, true);
    view.setUint32(at + 8, event.high, true);
  });
  return outcome;
}
