/**
 * Layer: engine. Linear memories, recycled within one kernel: making one costs little but drives the collector hard. It
 * must not know programs.
 *
 * What a program left in a memory stays there until the memory is handed out again: a new program gets it zero over its
 * whole size; a copy gets it as it is, because every byte of it is written before a guest runs. Memories cannot shrink, so
 * one is handed out again only where its size will do: exactly what was asked for, unless more was allowed.
 *
 * To make a memory zero takes longer than anything else about a small program's start, so whoever has time may have it done before
 * (`tidy`): nothing runs on an idle memory, and no view of it is left, so that zero is what it stays.
 */
import { clear } from "./page-scan.ts";
import { type WasmInstance, type WasmMemory, wasm } from "./webassembly.ts";

export const PAGE_BYTES = 65_536;

/** A memory of more bytes is made zero when it is wanted: it may never be. */
const TIDY_BYTES = 4 * 1024 * 1024;

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
  /** Its size, by which one is chosen: to ask a memory is a call into the engine. */
  readonly bytes: number;
  readonly maximum: number;
  readonly tenancy: Tenancy | undefined;
  /** Whether it is zero over its whole size. */
  clean: boolean;
}

export class MemoryPool {
  readonly #idle: Idle[] = [];
  readonly #mostBytes: number;
  #idleBytes = 0;
  /** Bytes of memories thrown away since the engine was made to collect at once. */
  #thrownBytes = 0;

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
    if (taken.used > 0) clear(taken.memory, 0, taken.used);
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
    const used = idle.clean ? 0 : idle.memory.buffer.byteLength;
    const memory = grown(idle.memory, initial);
    const instance = idle.tenancy?.image === image ? idle.tenancy.instance : undefined;
    return memory === undefined ? undefined : { memory, used, instance };
  }

  /** Take a memory back that nothing runs on any more. Every view of it is detached. */
  give(memory: WasmMemory, maximum: number, tenancy?: Tenancy): void {
    const size = memory.buffer.byteLength;
    detach(memory);
    if (this.#idleBytes + size > this.#mostBytes) {
      this.#thrownBytes += size;
      const full = this.#thrownBytes > THROWN_BYTES;
      if (full) this.#thrownBytes = 0;
      confess(full ? AT_ONCE_BYTES : size);
      return;
    }
    this.#idleBytes += size;
    this.#idle.push({ memory, bytes: size, maximum, tenancy, clean: false });
  }

  /** Make the idle memory zero that came last of those that are not, up to TIDY_BYTES each. False when all are. */
  tidy(): boolean {
    const next = this.#idle.findLast(({ memory, clean }) => !clean && memory.buffer.byteLength <= TIDY_BYTES);
    if (next === undefined) return false;
    const { memory } = next;
    clear(memory, 0, memory.buffer.byteLength);
    detach(memory);
    next.clean = true;
    return true;
  }

  /** The biggest idle memory of at most so many pages, out of the pool; before all others one of the image. */
  #fitting(pages: number, maximum: number, image: object): Idle | undefined {
    let best = -1;
    let bestBytes = -1;
    let bestServed = false;
    this.#idle.forEach((idle, i) => {
      const { bytes } = idle;
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

/** Detach every view of a memory. */
function detach(memory: WasmMemory): void {
  // Either detaches the buffer before; grow(0) would too, but visits every instance the memory ever served.
  memory.toResizableBuffer();
  memory.toFixedLengthBuffer();
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
/** With more thrown away than that the engine is made to collect at once, and not in its own time. */
const THROWN_BYTES = 128 * 1024 * 1024;
/** It does so where buffers have grown by half of what its heap may have (Heap::external_memory_hard_limit), 4 GiB at most. */
const AT_ONCE_BYTES = 9 * BALLAST_BYTES;

/**
 * Make the engine collect. It looks for garbage by what its heap and its buffers hold, and counts no WebAssembly memory: those
 * thrown away would fill the host's memory before it looks. A buffer as big as the one thrown away is counted, or one that is too
 * much. Nobody touches it, so it has no pages, and it is garbage at once.
 */
function confess(size: number): void {
  try {
    for (let left = size; left > 0; left -= BALLAST_BYTES) void new ArrayBuffer(Math.min(left, BALLAST_BYTES));
  } catch (error) {
    // No room even for that: the engine has collected before it said so.
    if (!(error instanceof RangeError)) throw error;
  }
}
