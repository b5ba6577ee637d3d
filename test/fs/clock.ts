/** Clocks for tests: one that stands until it is told to go on, and the host's. */
import type { Clock, WallTime } from "../../src/wait/clock.ts";

export class ManualClock implements Clock {
  seconds = 1_700_000_000;
  nanoseconds = 0;

  monotonicNs(): number {
    return 0;
  }

  cpuNs(): number {
    return 0;
  }

  wallTime(out: WallTime): void {
    out.seconds = this.seconds;
    out.nanoseconds = this.nanoseconds;
  }

  lastWallTime(out: WallTime): void {
    this.wallTime(out);
  }
}
