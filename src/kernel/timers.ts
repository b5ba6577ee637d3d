/**
 * Layer: kernel. Timers that send signals: setitimer(2), timer_create(2). Each is plain data in the scheduler's heap of
 * deadlines. It must not know encodings.
 */
import { SI_TIMER } from "../abi/signal.ts";
import type { Timed } from "../wait/deadlines.ts";
import { generate } from "./delivery.ts";
import type { Process, Thread } from "./process.ts";
import { kernelSignal } from "./signals.ts";

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
}

/** setitimer(2): real, virtual, profiling. The last two run on the wall as well: one guest's CPU time cannot be told. */
export const INTERVAL_TIMERS = 3;

export class ProcessTimers {
  readonly #process: Process;
  readonly intervals: (Timer | undefined)[] = [];
  /** timer_create's, by number; holes where one was deleted. */
  readonly created: (Timer | undefined)[] = [];

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
      heapIndex: -1,
    };
  }

  /** Disarm all of timer_create's, as execve(2) does. */
  forgetCreated(): void {
    for (const timer of this.created) if (timer !== undefined) this.#process.kernel.scheduler.disarm(timer);
    this.created.length = 0;
  }

  /** Disarm everything: the process ended. */
  forgetAll(): void {
    this.forgetCreated();
    for (const timer of this.intervals) if (timer !== undefined) this.#process.kernel.scheduler.disarm(timer);
    this.intervals.length = 0;
  }
}

/** A timer's time has come: send its signal and arm it again where it repeats. */
export function fire(timer: Timer, nowNs: number): void {
  const { process, intervalNs } = timer;
  let deadlineNs = Infinity;
  timer.overrun = 0;
  if (intervalNs > 0) {
    const missed = Math.max(0, Math.floor((nowNs - timer.deadlineNs) / intervalNs));
    timer.overrun = missed;
    deadlineNs = timer.deadlineNs + (missed + 1) * intervalNs;
  }
  process.kernel.scheduler.arm(timer, deadlineNs);
  if (timer.signal === 0) return;
  const info = kernelSignal(timer.signal);
  const thread = timer.thread?.killed === true ? undefined : timer.thread;
  generate(process, timer.interval > 0 ? info : { ...info, code: SI_TIMER, value: timer.value }, thread);
}
