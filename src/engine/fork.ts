/**
 * Layer: engine. Where a stack is that is being taken down or put up again by asyncify, and the copying of a program.
 * Nothing the module says about its state is asked for: this record, begun by the kernel's one-shot record of a fork, is
 * all that counts. It must not know processes.
 */
import type { GuestCall } from "../kernel/contracts.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import type { Step } from "./control.ts";
import { GLOBAL_EXPORT, type ModuleReport } from "./rewriter/report.ts";
import type { WasmGlobal, WasmInstance } from "./webassembly.ts";

export const START_UNWIND = "asyncify_start_unwind";
export const STOP_UNWIND = "asyncify_stop_unwind";
export const START_REWIND = "asyncify_start_rewind";
export const STOP_REWIND = "asyncify_stop_rewind";

/** Bytes of the record at the start of the unwind buffer: where it is filled to, where it ends. */
export const UNWIND_HEADER = 8;

/** A handler of a signal that the stack runs through: the gate has to be told everything again. */
export interface PassedStep {
  readonly parameters: number;
  readonly step: Step;
  /** The call it interrupted: its answer, its 64-bit result, whether it is made again. */
  readonly answer: number;
  readonly resultLow: number;
  readonly resultHigh: number;
  readonly restart: number;
}

/** The export the guest was entered by. */
export interface Place {
  readonly name: string;
  readonly args: readonly number[];
}

export interface Rewinding {
  readonly place: Place;
  /** The forking call. */
  readonly call: GuestCall;
  /** What fork answers here. */
  readonly outcome: number;
  /** Innermost first; the last is met first. */
  readonly passed: PassedStep[];
}

/** Whether a module was built to be taken down and put up: what `linden cc` adds, and tables that stay as they began. */
export function isForkable(report: ModuleReport): boolean {
  const has = (name: string, parameters: string): boolean =>
    report.exports.some((one) => one.name === name && one.parameters === parameters && one.results === "");
  return (
    !report.mutatesTables &&
    has(START_UNWIND, "i") &&
    has(STOP_UNWIND, "") &&
    has(START_REWIND, "i") &&
    has(STOP_REWIND, "")
  );
}

/** Copy every mutable global. False when one cannot be: a vector, or a reference that is not null. */
export function copyGlobals(from: WasmInstance, to: WasmInstance): boolean {
  for (const [name, exported] of Object.entries(from.exports)) {
    if (!name.startsWith(GLOBAL_EXPORT)) continue;
    try {
      const { value } = exported as WasmGlobal;
      if (value !== null && typeof value !== "number" && typeof value !== "bigint") return false;
      (to.exports[name] as WasmGlobal).value = value;
    } catch (error) {
      if (error instanceof TypeError) return false;
      throw error;
    }
  }
  return true;
}

const PAGE = 4096;

/** Copy a memory into one at least as long; pages that are zero on both sides are left untouched, as nobody pays for them. */
export function copyMemory(from: GuestMemory, to: GuestMemory): void {
  const source = from.bytes;
  const target = to.bytes;
  const sourceWords = new Int32Array(source.buffer);
  const targetWords = new Int32Array(target.buffer);
  let start = -1;
  for (let at = 0; at < source.length; at += PAGE) {
    const same = isZero(sourceWords, at) && isZero(targetWords, at);
    if (!same) {
      if (start < 0) start = at;
    } else if (start >= 0) {
      target.set(source.subarray(start, at), start);
      start = -1;
    }
  }
  if (start >= 0) target.set(source.subarray(start), start);
}

function isZero(words: Int32Array, at: number): boolean {
  const end = (at + PAGE) >> 2;
  for (let i = at >> 2; i < end; i++) if (words[i] !== 0) return false;
  return true;
}
