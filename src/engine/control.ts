/**
 * Layer: engine. The control memory: how handlers tell a gate what to do without touching a call's result, and which
 * function of the guest's it calls next. It must not know calls or processes.
 */
import type { Countdown } from "../kernel/contracts.ts";
import { type WasmFunction, type WasmMemory, type WasmTable, wasm } from "./webassembly.ts";

/** What a gate does when a call was no ordinary one: go on, suspend the stack, trap, or look after signals. */
export const PROCEED = 0;
export const BLOCK = 1;
export const KILL = 2;
export const SIGNAL = 3;

/** Bytes of one slot, and where in it things stand. */
export const SLOT_SHIFT = 6;
export const SLOT_BYTES = 1 << SLOT_SHIFT;
/** With SIGNAL: whether the call is made again after the handlers: no, yes, or yes because it was no call but a safepoint. */
export const RESTART_OFFSET = 44;
export const NO_RESTART = 0;
export const CALL_AGAIN = 1;
export const AT_SAFEPOINT = 2;
/** A 64-bit result as two words. */
export const RESULT_OFFSET = 8;
/** Of the guest function to call: its table index, three arguments, and what is told when it returns. */
export const STEP_OFFSET = 16;
export const STEP_WORDS = 7;
/** What is to be asked about before a call, or before its answer is given: bits of the two below. Behind the verdict: one look finds both. */
export const NOTICE_OFFSET = 4;
/** No call passes. */
export const BARRED = 1;
/** Signals are to be looked after. */
export const ATTENTION = 2;
/** Calls made through the slot and not told to their process yet. */
export const CALLS_OFFSET = 48;
/** 1 while a handler runs for the slot. */
export const INSIDE_OFFSET = 52;
/** What RESTART_OFFSET takes, and 1, while a call is answered and the stack has not run since; else 0. Gates make it 0. */
export const ANSWERED_OFFSET = 56;
export const SLOTS = 4096;
/** Where the slot of the stack that runs stands: whoever enters or resumes one writes it. */
export const CURRENT_OFFSET = SLOTS * SLOT_BYTES;
/** How many calls may be made before the kernel looks at the clock. */
export const COUNTDOWN_OFFSET = CURRENT_OFFSET + 4;
/** The words of the call that is asked about, as many as any call has at most. */
export const ARGUMENTS_OFFSET = CURRENT_OFFSET + 64;
export const MOST_WORDS = 32;
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
export class ControlMemory implements Countdown {
  readonly memory: WasmMemory = new wasm.Memory({ initial: PAGES, maximum: PAGES });
  /** One place, for the function a gate is about to call. */
  readonly table: WasmTable = new wasm.Table({ element: "anyfunc", initial: 1, maximum: 1 });
  /** The kernel's thread of each slot: what handlers are given first. */
  readonly threads: WasmTable = new wasm.Table({ element: "externref", initial: SLOTS, maximum: SLOTS });
  readonly #words = new Int32Array(this.memory.buffer);
  /** Given back; those from `#unused` on were never taken. */
  readonly #free: number[] = [];
  #unused = 0;

  constructor() {
    // Where nobody's stack runs yet. The others are barred when they are taken: to write 4,096 takes half a millisecond of a cell's start.
    this.setNotice(0, BARRED);
  }

  /** A slot's address, its verdict PROCEED, no call passing before it has a thread; undefined when all are taken. */
  take(): number | undefined {
    const slot = this.#free.pop() ?? (this.#unused < SLOTS ? this.#unused++ * SLOT_BYTES : undefined);
    if (slot === undefined) return undefined;
    this.setVerdict(slot, PROCEED);
    this.setNotice(slot, BARRED);
    return slot;
  }

  give(slot: number): void {
    this.bar(slot);
    this.#free.push(slot);
  }

  /** Calls through a slot are this thread's from now on, once its notice lets them pass. */
  seat(slot: number, thread: object): void {
    this.threads.set(slot >>> SLOT_SHIFT, thread);
    this.#words[(slot + CALLS_OFFSET) >> 2] = 0;
    this.#words[(slot + INSIDE_OFFSET) >> 2] = 0;
    this.#words[(slot + ANSWERED_OFFSET) >> 2] = 0;
  }

  /** Whose calls come through a slot; nobody's before its thread runs, and after it is given back. */
  seated(slot: number): unknown {
    return this.threads.get(slot >>> SLOT_SHIFT);
  }

  /** Let no call pass, and forget whose they were. */
  bar(slot: number): void {
    this.threads.set(slot >>> SLOT_SHIFT, null);
    this.setNotice(slot, BARRED);
  }

  setNotice(slot: number, notice: number): void {
    this.#words[(slot + NOTICE_OFFSET) >> 2] = notice;
  }

  /** Calls made through a slot since this was asked last. */
  takeCalls(slot: number): number {
    const at = (slot + CALLS_OFFSET) >> 2;
    const calls = this.#words[at] ?? 0;
    this.#words[at] = 0;
    return calls >>> 0;
  }

  /** Whether a handler was left without returning to its gate. */
  isInside(slot: number): boolean {
    return this.#words[(slot + INSIDE_OFFSET) >> 2] !== 0;
  }

  get left(): number {
    return this.#words[COUNTDOWN_OFFSET >> 2] ?? 0;
  }

  set left(calls: number) {
    this.#words[COUNTDOWN_OFFSET >> 2] = calls;
  }

  /** A copy of the words of the call that is asked about. */
  arguments(count: number): number[] {
    return Array.from(this.#words.subarray(ARGUMENTS_OFFSET >> 2, (ARGUMENTS_OFFSET >> 2) + count));
  }

  /** The slot of the stack that runs, or ran last. */
  get current(): number {
    return this.#words[CURRENT_OFFSET >> 2] ?? 0;
  }

  /** A stack is about to be entered. One that is resumed is told by its gate. */
  set current(slot: number) {
    if (slot > 0 && slot >= this.#unused * SLOT_BYTES) throw new RangeError(`slot ${slot} was never taken`);
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

  /** A suspended call has its answer; `restart`: what becomes of it should the gate look after signals yet. */
  setAnswered(slot: number, restart: number): void {
    this.#words[(slot + ANSWERED_OFFSET) >> 2] = restart + 1;
  }

  /** The same as long as the stack has not run since, or undefined. */
  answered(slot: number): number | undefined {
    const word = this.#words[(slot + ANSWERED_OFFSET) >> 2] ?? 0;
    return word === 0 ? undefined : word - 1;
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
