/**
 * Layer: wasi. random_get.
 */
import type { GuestCall, Outcome } from "../kernel/contracts.ts";
import { random } from "../kernel/operations/random.ts";
import type { Thread } from "../kernel/process.ts";
import { plainResult, wasiCall } from "./call.ts";

/** A large request is filled part by part and blocks between them. */
function random_get(thread: Thread, address: number, length: number): number {
  return plainResult(random(thread, address >>> 0, length >>> 0));
}

function finish(_thread: Thread, _args: readonly number[], outcome: Outcome): number {
  return plainResult(outcome);
}

export const RANDOM_CALLS: readonly GuestCall[] = [wasiCall("random_get", random_get, finish)];
