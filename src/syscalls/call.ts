/**
 * Layer: syscalls. What every codec function shares: paths, structures, 64-bit arguments. It must not know any one call.
 *
 * A codec function gets the calling thread, then the arguments: an i32 as it came (signed: `>>> 0` for an address, length
 * or flag word), an i64 as two words, low then high. It answers what Linux's call answers, -errno below zero. A call that
 * was parked answers its outcome, unless the codec has a `finish`.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EFAULT, EINVAL } from "../abi/errno.ts";
import { PATH_MAX } from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { KTIME_MAX } from "../kernel/operations/time.ts";
import type { Process, Thread } from "../kernel/process.ts";
import { SignalSet } from "../kernel/signal-set.ts";
import { IoVector } from "../mem/guest-memory.ts";
import type { WallTime } from "../wait/clock.ts";

export type Begin = (thread: Thread, ...words: number[]) => Outcome;
export type Finish = (thread: Thread, words: readonly number[], outcome: Outcome) => Outcome;

/** A signed 64-bit argument. Beyond 2^53 it is rounded: what takes it refuses what is no safe integer. */
export function long(low: number, high: number): number {
  // Nearly all are below 2^32, and stay integers for the engine this way.
  return high === 0 ? low >>> 0 : (high | 0) * 0x1_0000_0000 + (low >>> 0);
}

/** A path the guest names: -EFAULT, -ENAMETOOLONG. What is wrong inside it the walk finds. */
export function pathAt(process: Process, address: number): ByteString | number {
  return process.memory.cString(address >>> 0, PATH_MAX);
}

/** Good until the operation returns: what parks takes a copy. */
export const vector = new IoVector();

/** The vector of one range. The operation checks the range. */
export function single(address: number, length: number): IoVector {
  vector.count = 1;
  vector.total = length >>> 0;
  vector.addresses[0] = address >>> 0;
  vector.lengths[0] = length >>> 0;
  return vector;
}

export const SIGSET_BYTES = 8;
export const TIMESPEC_BYTES = 16;

/** Copy a timespec in: 0, -EFAULT; -EINVAL unless the nanoseconds are fewer than a second's. */
export function timespecAt(process: Process, address: number, out: WallTime): number {
  const { memory } = process;
  if (!memory.contains(address, TIMESPEC_BYTES)) return -EFAULT;
  out.seconds = memory.i64(address);
  out.nanoseconds = memory.i64(address + 8);
  return out.nanoseconds >= 0 && out.nanoseconds < 1e9 ? 0 : -EINVAL;
}

/** Copy a timeval in, as seconds and nanoseconds: 0, -EFAULT, -EINVAL. */
export function timevalAt(process: Process, address: number, out: WallTime): number {
  const { memory } = process;
  if (!memory.contains(address, TIMESPEC_BYTES)) return -EFAULT;
  out.seconds = memory.i64(address);
  const microseconds = memory.i64(address + 8);
  out.nanoseconds = microseconds * 1000;
  return microseconds >= 0 && microseconds < 1e6 ? 0 : -EINVAL;
}

/** Write a timespec; the range must have been checked. */
export function putTimespec(process: Process, address: number, seconds: number, nanoseconds: number): void {
  process.memory.putU64(address, seconds);
  process.memory.putU64(address + 8, nanoseconds);
}

/** A set of signals in guest memory; the range must have been checked. */
export function signalSetAt({ memory }: Process, address: number): SignalSet {
  return new SignalSet(memory.view.getInt32(address, true), memory.view.getInt32(address + 4, true));
}

export function putSignalSet(
  { memory }: Process,
  address: number,
  { low, high }: { readonly low: number; readonly high: number },
): void {
  memory.view.setInt32(address, low, true);
  memory.view.setInt32(address + 4, high, true);
}

const now: WallTime = { seconds: 0, nanoseconds: 0 };

/** Monotonic time in nanoseconds at a time of the calendar; Infinity beyond what can be counted. */
export function deadlineAt(thread: Thread, at: WallTime): number {
  thread.process.kernel.host.clock.wallTime(now);
  return deadlineAfter(thread, { seconds: at.seconds - now.seconds, nanoseconds: at.nanoseconds - now.nanoseconds });
}

/** Monotonic time in nanoseconds after a span of time; Infinity beyond what can be counted. */
export function deadlineAfter(thread: Thread, span: WallTime): number {
  const deadline = thread.process.kernel.host.clock.monotonicNs() + span.seconds * 1e9 + span.nanoseconds;
  return deadline < KTIME_MAX ? deadline : Infinity;
}
