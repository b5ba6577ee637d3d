/**
 * Layer: cell. The kernel's view of the host: clocks, randomness, and when its dispatcher runs. After the lock all of it
 * must do with vdso clocks, getrandom and the event loop's own timers. It must not know guests.
 */
import { RandomSource } from "../host/random.unsafe.ts";
import type { Host } from "../kernel/contracts.ts";
import type { Clock, WallTime } from "../wait/clock.ts";

/** The global is a getter that takes as long as the clock itself. */
const { performance } = globalThis;

/** setTimeout's longest delay, milliseconds. */
const LONGEST_TIMER_MS = 0x7fff_ffff;

class CellClock implements Clock {
  readonly #originSeconds = Math.floor(performance.timeOrigin / 1000);
  readonly #originNanoseconds = Math.round((performance.timeOrigin - this.#originSeconds * 1000) * 1_000_000);

  #lastNs = 0;

  monotonicNs(): number {
    this.#lastNs = Math.floor(performance.now() * 1_000_000);
    return this.#lastNs;
  }

  wallTime(out: WallTime): void {
    this.monotonicNs();
    this.lastWallTime(out);
  }

  lastWallTime(out: WallTime): void {
    const since = this.#lastNs + this.#originNanoseconds;
    const seconds = Math.floor(since / 1_000_000_000);
    out.seconds = this.#originSeconds + seconds;
    out.nanoseconds = since - seconds * 1_000_000_000;
  }

  /** The event loop's busy time: getrusage(2) is not on the locked process's list. */
  cpuNs(): number {
    return Math.floor(performance.eventLoopUtilization().active * 1_000_000);
  }
}

/** What the kernel calls back. Set once the kernel exists. */
export interface Wakeups {
  dispatch(): void;
  expire(): void;
}

export class KernelHost implements Host {
  readonly clock = new CellClock();
  readonly #random = new RandomSource();
  #kernel: Wakeups | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #dispatch = () => this.#kernel?.dispatch();
  readonly #expire = () => this.#kernel?.expire();

  attach(kernel: Wakeups): void {
    this.#kernel = kernel;
  }

  readonly random = (into: Uint8Array, at: number, length: number): void => this.#random.fill(into, at, length);

  defer(): void {
    queueMicrotask(this.#dispatch);
  }

  deferPastEvents(): void {
    setImmediate(this.#dispatch);
  }

  alarm(atNs: number | undefined): void {
    clearTimeout(this.#timer);
    if (atNs === undefined) return;
    const delay = Math.ceil((atNs - this.clock.monotonicNs()) / 1_000_000);
    this.#timer = setTimeout(this.#expire, Math.min(Math.max(delay, 0), LONGEST_TIMER_MS));
  }
}
