/** A kernel's host on the real clock and the event loop of this process. */
import type { Host } from "../../src/kernel/contracts.ts";
import type { Kernel } from "../../src/kernel/kernel.ts";
import type { WallTime } from "../../src/wait/clock.ts";

export class LoopHost implements Host {
  kernel: Kernel | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly clock = {
    monotonicNs: () => performance.now() * 1e6,
    wallTime: (out: WallTime) => {
      const ns = (performance.timeOrigin % 1000) * 1e6 + performance.now() * 1e6;
      out.seconds = Math.floor(performance.timeOrigin / 1000) + Math.floor(ns / 1e9);
      out.nanoseconds = Math.floor(ns % 1e9);
    },
    lastWallTime: (out: WallTime) => this.clock.wallTime(out),
    cpuNs: () => process.cpuUsage().user * 1000,
  };

  /** The same on each run. */
  random(into: Uint8Array, at: number, length: number): void {
    into.fill(4, at, at + length);
  }

  defer(): void {
    queueMicrotask(() => this.kernel?.dispatch());
  }

  deferPastEvents(): void {
    setImmediate(() => this.kernel?.dispatch());
  }

  alarm(atNs: number | undefined): void {
    clearTimeout(this.#timer);
    if (atNs === undefined || atNs === Infinity) return;
    const wait = Math.ceil((atNs - this.clock.monotonicNs()) / 1e6);
    this.#timer = setTimeout(() => this.kernel?.expire(), Math.min(Math.max(wait, 0), 0x7fff_ffff));
  }
}
