/**
 * Layer: engine. The control memory: how handlers tell a gate what to do without touching a call's result. It must not
 * know calls or processes.
 */
import { type WasmMemory, wasm } from "./webassembly.ts";

/** What a gate does when its handler has returned: go on, suspend the stack, or trap. */
export const PROCEED = 0;
export const BLOCK = 1;
export const KILL = 2;

/** Bytes of one slot: verdict, unused, and a 64-bit result as two words. */
export const SLOT_BYTES = 16;
export const RESULT_OFFSET = 8;
const SLOTS = 4096;

/** One memory for all programs of a kernel; a slot each. No guest ever imports it. */
export class ControlMemory {
  readonly memory: WasmMemory = new wasm.Memory({
    initial: (SLOTS * SLOT_BYTES) / 65_536,
    maximum: (SLOTS * SLOT_BYTES) / 65_536,
  });
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

  setVerdict(slot: number, verdict: number): void {
    this.#words[slot >> 2] = verdict;
  }

  verdict(slot: number): number {
    return this.#words[slot >> 2] ?? KILL;
  }

  /** A 64-bit result: any integer a double carries exactly. */
  setResult(slot: number, value: number): void {
    this.#words[(slot + RESULT_OFFSET) >> 2] = value;
    this.#words[(slot + RESULT_OFFSET + 4) >> 2] = Math.floor(value / 0x1_0000_0000);
  }
}
