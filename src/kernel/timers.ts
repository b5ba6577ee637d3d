/**
 * Layer: kernel. Timers that send signals: setitimer(2), timer_create(2). Each is plain data in the scheduler's heap of
 * deadlines. It must not know encodings.
 */
import { SI_TIMER } from "../abi/signal.ts";
import type { Timed } from "../wait/deadlines.ts";
import { generate } from "./delivery.ts";
import type { Process, Thread } from "./process.ts";
import { kernelSignal, type SignalInfo } from "./signals.ts";

export interface Timer extends Timed {
  readonly kind: "timer";
  readonly process: Process;
  /** The signal it sends; 0 for none. */
  readonly signal: number;
  /** sigval, where timer_create made it; its number in `value` when the guest gave none. */
  readonly value: number;
  /** SIGEV_THREAD_ID: whom it is for. */
  readonly thread: Thread | undefined;
  /** 0 for timer_create's number, 1 to 3 for ITIMER_REAL, _VIRTUAL, _PROF plus one. */
  readonly interval: number;
  /** Monotonic time; Infinity when it is not armed. */
  deadlineNs: number;
  /** 0: once. */
  intervalNs: number;
  /** Expirations since the signal was last generated, less one. */
  overrun: number;
  /** The signal timer_create's last sent. While it waits no other is. */
  sent: SignalInfo | undefined;
}

/** setitimer(2): real, virtual, profiling. The last two run on the wall as well: one guest's CPU time cannot be told. */
export const INTERVAL_TIMERS = 3;

export class ProcessTimers {
  readonly #process: Process;
  intervals: (Timer | undefined)[] = [];
  /** timer_create's, by number; holes where one was deleted. */
  created: (Timer | undefined)[] = [];

  constructor(process: Process) {
    this.#process = process;
  }

  make(signal: number, value: number, thread: Thread | undefined, interval: number): Timer {
    return {
      kind: "timer",
      process: this.#process,
      signal,
      value,
      thread,
      interval,
      deadlineNs: Infinity,
      intervalNs: 0,
      overrun: 0,
      sent: undefined,
      heapIndex: -1,
    };
  }

  /** Disarm all of timer_create's, as execve(2) does. */
  forgetCreated(): void {
    for (const timer of this.created) if (timer !== undefined) this.#process.kernel.scheduler.disarm(timer);
    if (this.created.length > 0) this.created = [];
  }

  /** Disarm everything: the process ended. */
  forgetAll(): void {
    this.forgetCreated();
    for (const timer of this.intervals) if (timer !== undefined) this.#process.kernel.scheduler.disarm(timer);
    if (this.intervals.length > 0) this.intervals = [];
  }
}

/** The thread a timer's signal is for, as long as there is one. */
function receiver({ thread }: Timer): Thread | undefined {
  return thread?.killed === true ? undefined : thread;
}

/** Whether what a timer sent last has not been taken yet. */
export function signalWaits(timer: Timer): boolean {
  return timer.sent !== undefined && (receiver(timer) ?? timer.process).signals.holds(timer.sent);
}

/** A signal that waits and looks like this timer's. */
export function waitingSignal(timer: Timer): SignalInfo | undefined {
  const { infos } = (receiver(timer) ?? timer.process).signals;
  return infos.find(({ signal, code, value }) => signal === timer.signal && code === SI_TIMER && value === timer.value);
}

/** A timer's time has come: send its signal and arm it again where it repeats. */
export function fire(timer: Timer, nowNs: number): void {
  const { process, intervalNs } = timer;
  const waits = signalWaits(timer);
  let deadlineNs = Infinity;
  timer.overrun = waits ? timer.overrun + 1 : 0;
  if (intervalNs > 0) {
    const missed = Math.max(0, Math.floor((nowNs - timer.deadlineNs) / intervalNs));
    timer.overrun += missed;
    deadlineNs = timer.deadlineNs + (missed + 1) * intervalNs;
  }
  process.kernel.scheduler.arm(timer, deadlineNs);
  if (timer.signal === 0 || waits) return;
  const info = kernelSignal(timer.signal);
  const thread = receiver(timer);
  if (timer.interval > 0) generate(process, info, thread);
  else {
    timer.sent = { ...info, code: SI_TIMER, value: timer.value };
    generate(process, timer.sent, thread, true);
  }
}
