/**
 * Layer: engine. Linear memories, recycled within one kernel: making one costs little but drives the collector hard. It
 * must not know programs.
 *
 * A recycled memory is indistinguishable from a new one: zero over its whole size, and exactly as big as asked. Memories
 * cannot shrink, so one is handed out again only to a program that asks for at least what it has.
 */
import { type WasmMemory, wasm } from "./webassembly.ts";

export const PAGE_BYTES = 65_536;

interface Idle {
  readonly memory: WasmMemory;
  readonly maximum: number;
}

export class MemoryPool {
  readonly #idle: Idle[] = [];
  readonly #mostBytes: number;
  #idleBytes = 0;

  /** `mostBytes`: what idle memories may hold together. */
  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Bytes idle memories hold. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** A zeroed memory of `initial` pages. undefined when the host has none left. */
  take(initial: number, maximum: number): WasmMemory | undefined {
    try {
      const memory = this.#fitting(initial, maximum);
      if (memory === undefined) return new wasm.Memory({ initial, maximum });
      const missing = initial - memory.buffer.byteLength / PAGE_BYTES;
      if (missing > 0) memory.grow(missing);
      return memory;
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /** Take a memory back that nothing runs on any more. Every view of it is detached. */
  give(memory: WasmMemory, maximum: number): void {
    const size = memory.buffer.byteLength;
    const keep = this.#idleBytes + size <= this.#mostBytes;
    if (keep) new Uint8Array(memory.buffer).fill(0);
    // Either detaches the buffer before; grow(0) would too, but visits every instance the memory ever served.
    memory.toResizableBuffer();
    memory.toFixedLengthBuffer();
    if (!keep) return;
    this.#idleBytes += size;
    this.#idle.push({ memory, maximum });
  }

  /** The biggest idle memory not above `initial`, out of the pool. */
  #fitting(initial: number, maximum: number): WasmMemory | undefined {
    let best = -1;
    let bestBytes = -1;
    this.#idle.forEach((idle, i) => {
      const bytes = idle.memory.buffer.byteLength;
      if (idle.maximum !== maximum || bytes > initial * PAGE_BYTES || bytes <= bestBytes) return;
      best = i;
      bestBytes = bytes;
    });
    const [found] = best < 0 ? [] : this.#idle.splice(best, 1);
    if (found !== undefined) this.#idleBytes -= bestBytes;
    return found?.memory;
  }
}
