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
      out.seconds = Math.floor(Date.now() / 1000);
      out.nanoseconds = 0;
    },
    lastWallTime: (out: WallTime) => this.clock.wallTime(out),
    cpuNs: () => process.cpuUsage().user * 1000,
  };

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
    const delay = Math.max(0, atNs - this.clock.monotonicNs()) / 1e6;
    this.#timer = setTimeout(() => this.kernel?.expire(), Math.ceil(delay));
  }
}
