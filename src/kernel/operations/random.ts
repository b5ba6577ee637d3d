/**
 * Layer: kernel, operations. getrandom(2). It must not know where randomness comes from.
 */
import { EFAULT } from "../../abi/errno.ts";
import { TRANSFER_BYTES } from "../../limits.ts";
import type { Outcome } from "../contracts.ts";
import { parked } from "../pending.ts";
import type { Thread } from "../process.ts";
import { LONG_CALL_BYTES } from "../scheduler.ts";

/** Fill [address, address + length) of guest memory. `length`; BLOCKED first when it is above TRANSFER_BYTES; -EFAULT. */
export function random(thread: Thread, address: number, length: number): Outcome {
  const { kernel, memory } = thread.process;
  if (!(address >= 0 && length >= 0) || !memory.contains(address, length)) return -EFAULT;
  const filled = Math.min(length, TRANSFER_BYTES);
  kernel.host.random(memory.bytes, address, filled);
  if (filled >= LONG_CALL_BYTES) kernel.scheduler.laboured();
  if (filled === length) return length;
  return kernel.scheduler.park({ ...parked(thread), kind: "random", address, length, filled });
}
