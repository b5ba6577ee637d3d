/**
 * Layer: engine. Where a stack is that is being taken down or put up again by asyncify, and the copying of a program.
 * Nothing the module says about its state is asked for: this record, begun by the kernel's one-shot record of a fork, is
 * all that counts. It must not know processes.
 */
import type { GuestCall } from "../kernel/contracts.ts";
import type { Step } from "./control.ts";
import { globalsOf } from "./globals.ts";
import { clear, eachPart, SCAN_BYTES } from "./page-scan.ts";
import type { ModuleReport } from "./rewriter/report.ts";
import { plainValue, type WasmInstance, type WasmMemory } from "./webassembly.ts";

export const START_UNWIND = "asyncify_start_unwind";
export const STOP_UNWIND = "asyncify_stop_unwind";
export const START_REWIND = "asyncify_start_rewind";
export const STOP_REWIND = "asyncify_stop_rewind";

/**
 * An export (of any function) that says: every call was made ready to be unwound, not only fork. Without it a fork in a
 * signal's handler is ENOSYS, for the function that the signal interrupted could not be taken down.
 */
export const THROUGH_HANDLERS = "linden_fork_in_handlers";

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

/** A stack that is down, in the middle of the forking call. */
export interface Down {
  readonly phase: "down";
  readonly call: GuestCall;
  readonly passed: readonly PassedStep[];
  readonly place: Place;
}

/** Where a stack stands between being up and being up again. */
export type Fork =
  | { readonly phase: "unwinding"; readonly call: GuestCall; readonly passed: PassedStep[] }
  | Down
  | ({ readonly phase: "rewinding" } & Rewinding);

/**
 * What the gate calls at the bottom of a stack: next the place the guest is entered by, or what came back last. A stack
 * that was taken down is "down" until its process is copied.
 */
export type Stage = "next" | "in" | "stopping" | "down" | "rewinding";

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

export function forksInHandlers(report: ModuleReport): boolean {
  return report.exports.some(({ name }) => name === THROUGH_HANDLERS);
}

/**
 * Copy every mutable global between two instances of one module. False when one cannot be: a vector, or a reference that is not
 * null.
 */
export function copyGlobals(from: WasmInstance, to: WasmInstance): boolean {
  const sources = globalsOf(from);
  const targets = globalsOf(to);
  for (let i = 0; i < targets.length; i += 1) {
    const [source, target] = [sources[i], targets[i]];
    const value = source === undefined ? undefined : plainValue(source);
    if (value === undefined || target === undefined) return false;
    target.value = value;
  }
  return true;
}

/**
 * Make a memory of the same size what another is. Outside of [usedFrom, used) the target is known to be zero: what is zero in
 * both is left untouched there, and only looked at inside.
 */
export function copyMemory(from: WasmMemory, to: WasmMemory, usedFrom: number, used: number): void {
  const source = new Uint8Array(from.buffer);
  const target = new Uint8Array(to.buffer);
  const size = source.length;
  if (target.length !== size) throw new RangeError("a copy of another size");
  const first = Math.min(size, Math.floor(usedFrom / SCAN_BYTES) * SCAN_BYTES);
  const filled = Math.min(size, Math.ceil(used / SCAN_BYTES) * SCAN_BYTES);
  eachPart(
    from,
    0,
    size,
    (start, end) => target.set(source.subarray(start, end), start),
    (start, end) => clear(to, Math.max(start, first), Math.min(end, filled)),
  );
}
