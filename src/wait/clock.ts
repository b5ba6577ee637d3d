/**
 * Layer: wait. The clock the kernel reads. Whoever builds a kernel hands one in; it must not know of processes.
 */

/** A point in wall time. `seconds` since the epoch, `nanoseconds` 0 to 999,999,999. */
export interface WallTime {
  seconds: number;
  nanoseconds: number;
}

export interface Clock {
  /** Nanoseconds since an arbitrary start, never going back; exact as a double for 104 days. */
  monotonicNs(): number;
  /** Write the wall time into `out`. */
  wallTime(out: WallTime): void;
  /**
   * Write into `out` what the wall time was when anybody last read this clock: as Linux stamps files with the time of its
   * last tick (ktime_get_coarse_real_ts64()). See docs/decisions/0028-files-stamped-by-the-last-look.md.
   */
  lastWallTime(out: WallTime): void;
  /** CPU nanoseconds this host process has used; the best that can be said of one guest. */
  cpuNs(): number;
}
