/**
 * Layer: engine. Linear memories, recycled within one kernel: making one costs little but drives the collector hard. It
 * must not know programs.
 *
 * What a program left in a memory stays there until the memory is handed out again: a new program gets it zero over its
 * whole size; a copy gets it as it is, because every byte of it is written before a guest runs. Memories cannot shrink, so
 * one is handed out again only where its size will do: exactly what was asked for, unless more was allowed.
 */
import { clear } from "./page-scan.ts";
import { type WasmInstance, type WasmMemory, wasm } from "./webassembly.ts";

export const PAGE_BYTES = 65_536;

/** What a memory was made part of: the image and its instance, which can be another program's of the same image. */
export interface Tenancy {
  readonly image: object;
  readonly instance: WasmInstance;
}

/** A memory for a copy. */
export interface Recycled {
  readonly memory: WasmMemory;
  /** Above this it is zero: 0 for a new one. */
  readonly used: number;
  /** Of the image asked for, over this memory, if there was one. */
  readonly instance: WasmInstance | undefined;
}

interface Idle {
  readonly memory: WasmMemory;
  readonly maximum: number;
  readonly tenancy: Tenancy | undefined;
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

  /**
   * A zeroed memory of `initial` pages, or one of up to `most` that there is already; rather one with an instance of the
   * image, whose globals are as its last program left them. undefined when the host has no memory left.
   */
  take(initial: number, most: number, maximum: number, image: object): Recycled | undefined {
    const taken = this.#take(initial, most, maximum, image);
    if (taken === undefined) return undefined;
    clear(taken.memory, 0, taken.used);
    return { ...taken, used: 0 };
  }

  /** A memory of `initial` pages of which every byte will be written; rather one with an instance of the image. */
  takeForCopy(initial: number, maximum: number, image: object): Recycled | undefined {
    return this.#take(initial, initial, maximum, image);
  }

  #take(initial: number, most: number, maximum: number, image: object): Recycled | undefined {
    const idle = this.#fitting(most, maximum, image);
    if (idle === undefined) {
      const memory = fresh(initial, maximum);
      return memory === undefined ? undefined : { memory, used: 0, instance: undefined };
    }
    const used = idle.memory.buffer.byteLength;
    const memory = grown(idle.memory, initial);
    const instance = idle.tenancy?.image === image ? idle.tenancy.instance : undefined;
    return memory === undefined ? undefined : { memory, used, instance };
  }

  /** Take a memory back that nothing runs on any more. Every view of it is detached. */
  give(memory: WasmMemory, maximum: number, tenancy?: Tenancy): void {
    const size = memory.buffer.byteLength;
    // Either detaches the buffer before; grow(0) would too, but visits every instance the memory ever served.
    memory.toResizableBuffer();
    memory.toFixedLengthBuffer();
    if (this.#idleBytes + size > this.#mostBytes) {
      confess(size);
      return;
    }
    this.#idleBytes += size;
    this.#idle.push({ memory, maximum, tenancy });
  }

  /** The biggest idle memory of at most so many pages, out of the pool; before all others one of the image. */
  #fitting(pages: number, maximum: number, image: object): Idle | undefined {
    let best = -1;
    let bestBytes = -1;
    let bestServed = false;
    this.#idle.forEach((idle, i) => {
      const bytes = idle.memory.buffer.byteLength;
      const served = idle.tenancy?.image === image;
      if (idle.maximum !== maximum || bytes > pages * PAGE_BYTES) return;
      // Of two alike the one that came last, which the processor may still have at hand.
      if (served === bestServed ? bytes < bestBytes : bestServed) return;
      best = i;
      bestBytes = bytes;
      bestServed = served;
    });
    const [found] = best < 0 ? [] : this.#idle.splice(best, 1);
    if (found !== undefined) this.#idleBytes -= bestBytes;
    return found;
  }
}

function fresh(initial: number, maximum: number): WasmMemory | undefined {
  try {
    return new wasm.Memory({ initial, maximum });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function grown(memory: WasmMemory, pages: number): WasmMemory | undefined {
  const missing = pages - memory.buffer.byteLength / PAGE_BYTES;
  try {
    if (missing > 0) memory.grow(missing);
    return memory;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Bytes of one piece of ballast: what any host can lend. */
const BALLAST_BYTES = 256 * 1024 * 1024;

/**
 * Make the engine collect. It looks for garbage by what its heap and its buffers hold, and counts no WebAssembly memory: those
 * thrown away would fill the host's memory before it looks. A buffer as big as the one thrown away is counted. Nobody touches it,
 * so it has no pages, and it is garbage at once.
 */
function confess(size: number): void {
  try {
    for (let left = size; left > 0; left -= BALLAST_BYTES) void new ArrayBuffer(Math.min(left, BALLAST_BYTES));
  } catch (error) {
    // No room even for that: the engine has collected before it said so.
    if (!(error instanceof RangeError)) throw error;
  }
}
