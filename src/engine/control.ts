/**
 * Layer: engine. The control memory: how handlers tell a gate what to do without touching a call's result, and which
 * function of the guest's it calls next. It must not know calls or processes.
 */
import { type WasmFunction, type WasmMemory, type WasmTable, wasm } from "./webassembly.ts";

/** What a gate does when its handler has returned: go on, suspend the stack, trap, or look after signals. */
export const PROCEED = 0;
export const BLOCK = 1;
export const KILL = 2;
export const SIGNAL = 3;

/** Bytes of one slot, and where in it things stand. */
export const SLOT_BYTES = 64;
/** With SIGNAL: whether the call is made again after the handlers: no, yes, or yes because it was no call but a safepoint. */
export const RESTART_OFFSET = 4;
export const NO_RESTART = 0;
export const CALL_AGAIN = 1;
export const AT_SAFEPOINT = 2;
/** A 64-bit result as two words. */
export const RESULT_OFFSET = 8;
/** Of the guest function to call: its table index, three arguments, and what is told when it returns. */
export const STEP_OFFSET = 16;
export const STEP_WORDS = 7;
const SLOTS = 4096;
/** Where the slot of the stack that runs stands: whoever enters or resumes one writes it. */
export const CURRENT_OFFSET = SLOTS * SLOT_BYTES;
const PAGES = CURRENT_OFFSET / 65_536 + 1;

/** A function of the guest's that the gate calls, between a call of its and the return from it. */
export interface Step {
  /** Table index of a signal's handler; -1 for what is none. */
  readonly handler: number;
  readonly arguments: readonly [number, number, number];
  readonly maskLow: number;
  readonly maskHigh: number;
  /** The guest's stack pointer to go back to; -1 when it was not moved. */
  readonly stackPointer: number;
}

/** One memory for all programs of a kernel; a slot for each stack. No guest ever imports it. */
export class ControlMemory {
  readonly memory: WasmMemory = new wasm.Memory({ initial: PAGES, maximum: PAGES });
  /** One place, for the function a gate is about to call. */
  readonly table: WasmTable = new wasm.Table({ element: "anyfunc", initial: 1, maximum: 1 });
  readonly #words = new Int32Array(this.memory.buffer);
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, i) => (SLOTS - 1 - i) * SLOT_BYTES);

  /** A slot's address, its verdict PROCEED; undefined when all are taken. */
  take(): number | undefined {
    const slot = this.#free.pop();
    if (slot !== undefined) this.setVerdict(slot, PROCEED);
    return slot;
  }

  give(slot: number): void {
    this.#free.push(slot);
  }

  /** The slot of the stack that runs, or ran last. */
  get current(): number {
    return this.#words[CURRENT_OFFSET >> 2] ?? 0;
  }

  /** A stack is about to be entered. One that is resumed is told by its gate. */
  set current(slot: number) {
    this.#words[CURRENT_OFFSET >> 2] = slot;
  }

  setVerdict(slot: number, verdict: number): void {
    this.#words[slot >> 2] = verdict;
  }

  verdict(slot: number): number {
    return this.#words[slot >> 2] ?? KILL;
  }

  setRestart(slot: number, restart: number): void {
    this.#words[(slot + RESTART_OFFSET) >> 2] = restart;
  }

  /** A 64-bit result: any integer a double carries exactly. */
  setResult(slot: number, value: number): void {
    this.setResultWords(slot, value, Math.floor(value / 0x1_0000_0000));
  }

  setResultWords(slot: number, low: number, high: number): void {
    this.#words[(slot + RESULT_OFFSET) >> 2] = low;
    this.#words[(slot + RESULT_OFFSET + 4) >> 2] = high;
  }

  /** Put down what the gate calls next. */
  setStep(slot: number, target: WasmFunction, step: Step): void {
    this.table.set(0, target);
    const at = (slot + STEP_OFFSET) >> 2;
    const { handler, arguments: words, maskLow, maskHigh, stackPointer } = step;
    this.#words[at] = handler;
    for (let i = 0; i < 3; i++) this.#words[at + 1 + i] = words[i] ?? 0;
    this.#words[at + 4] = maskLow;
    this.#words[at + 5] = maskHigh;
    this.#words[at + 6] = stackPointer;
  }

  /** Forget the function of the last step: its program may be long gone. */
  clearStep(): void {
    this.table.set(0, null);
  }
}
