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
  /** Write the wall time into `out`; no allocation, because every change of a file asks for it. */
  wallTime(out: WallTime): void;
  /** CPU nanoseconds this host process has used; the best that can be said of one guest. */
  cpuNs(): number;
}
