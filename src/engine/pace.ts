/**
 * Layer: engine. How much fuel a program gets at a safepoint: as much as lasts for about LOOK_NS, from how long the last
 * filling lasted. It must not know programs.
 */

/** Nanoseconds between two safepoints of a busy program, about. */
const LOOK_NS = 500_000;
const LEAST = 16;
const MOST = 8192;

export class Pace {
  #fuel = 1024;
  #lastNs = 0;

  /** The next filling, at this monotonic time. */
  next(nowNs: number): number {
    const lasted = nowNs - this.#lastNs;
    this.#lastNs = nowNs;
    // What the program waited counts as well, which makes the next filling too small, and that is soon made good.
    const wanted = lasted < LOOK_NS ? this.#fuel * 2 : Math.floor((this.#fuel * LOOK_NS) / lasted);
    this.#fuel = Math.min(MOST, Math.max(LEAST, wanted));
    return this.#fuel;
  }
}
