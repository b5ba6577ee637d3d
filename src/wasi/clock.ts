/**
 * Layer: wasi. clock_res_get, clock_time_get. WASI numbers its four clocks as Linux does.
 */
import { ERRNO_FAULT, ERRNO_SUCCESS } from "../abi/wasi-errno.ts";
import type { GuestCall } from "../kernel/contracts.ts";
import { clockRead, clockResolution } from "../kernel/operations/time.ts";
import type { Thread } from "../kernel/process.ts";
import type { WallTime } from "../wait/clock.ts";
import { wasiCall } from "./call.ts";
import { wasiErrno } from "./errno.ts";

/** Good until the end of one call. */
const time: WallTime = { seconds: 0, nanoseconds: 0 };

function clock_res_get(thread: Thread, id: number, address: number): number {
  return put(thread, address >>> 0, clockResolution, id >>> 0);
}

/** The precision a guest asks for is a hint; every clock is as exact as it is. */
function clock_time_get(
  thread: Thread,
  id: number,
  _precisionLow: number,
  _precisionHigh: number,
  address: number,
): number {
  return put(thread, address >>> 0, clockRead, id >>> 0);
}

function put(thread: Thread, address: number, operation: typeof clockRead, id: number): number {
  const { memory } = thread.process;
  if (!memory.contains(address, 8)) return ERRNO_FAULT;
  const outcome = operation(thread, id, time);
  if (outcome < 0) return wasiErrno(outcome);
  memory.putNanoseconds(address, time.seconds, time.nanoseconds);
  return ERRNO_SUCCESS;
}

export const CLOCK_CALLS: readonly GuestCall[] = [
  wasiCall("clock_res_get", clock_res_get),
  wasiCall("clock_time_get", clock_time_get),
];
