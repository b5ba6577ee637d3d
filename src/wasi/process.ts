/**
 * Layer: wasi. proc_exit, proc_raise, sched_yield.
 */
import { SIGNAL_SYS } from "../abi/wasi.ts";
import { ERRNO_INVAL } from "../abi/wasi-errno.ts";
import type { GuestCall, Outcome } from "../kernel/contracts.ts";
import { exit, raise, yieldNow } from "../kernel/operations/lifecycle.ts";
import type { Thread } from "../kernel/process.ts";
import { plainResult, wasiCall } from "./call.ts";

/** Any u32; the status a parent sees is its low eight bits, as with exit(3). */
function proc_exit(thread: Thread, code: number): number {
  return exit(thread, code >>> 0);
}

/** WASI counts signals as Linux does but leaves SIGSTKFLT (16) out. */
function proc_raise(thread: Thread, signal: number): number {
  const number = signal >>> 0;
  if (number > SIGNAL_SYS) return ERRNO_INVAL;
  return plainResult(raise(thread, number < 16 ? number : number + 1));
}

function sched_yield(thread: Thread): number {
  return plainResult(yieldNow(thread));
}

function finish(_thread: Thread, _args: readonly number[], outcome: Outcome): number {
  return plainResult(outcome);
}

export const PROCESS_CALLS: readonly GuestCall[] = [
  wasiCall("proc_exit", proc_exit),
  wasiCall("proc_raise", proc_raise),
  wasiCall("sched_yield", sched_yield, finish),
];
