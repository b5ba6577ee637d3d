/**
 * Layer: kernel. Bytes in the order they came, up to a capacity. Storage grows with what is held, so that an idle pipe
 * costs next to nothing. It must not know who waits.
 */

const FIRST_BYTES = 4096;
/** Up to this many bytes a loop is faster than a typed array's set with its subarray. */
const LOOP_BYTES = 32;

export class RingBuffer {
  #capacity: number;
  #bytes = new Uint8Array(0);
  #start = 0;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Hold so much from now on, which is no less than it holds. */
  resize(capacity: number): void {
    const held = this.contents();
    this.#capacity = capacity;
    this.#bytes = new Uint8Array(held);
    this.#start = 0;
  }

  get size(): number {
    return this.#size;
  }

  get free(): number {
    return this.#capacity - this.#size;
  }

  /** Take in as much of from[at, at + length) as there is room for. How much it was. */
  write(from: Uint8Array, at: number, length: number): number {
    const taken = Math.min(length, this.free);
    if (taken <= 0) return 0;
    if (this.#size + taken > this.#bytes.length) this.#grow(this.#size + taken);
    const room = this.#bytes.length;
    let end = this.#start + this.#size;
    if (end >= room) end -= room;
    const first = Math.min(taken, room - end);
    copy(from, at, this.#bytes, end, first);
    if (first < taken) copy(from, at + first, this.#bytes, 0, taken - first);
    this.#size += taken;
    return taken;
  }

  /** Give out up to `length` bytes into into[at…]. How many they were. */
  read(into: Uint8Array, at: number, length: number): number {
    const given = Math.min(length, this.#size);
    if (given <= 0) return 0;
    const first = Math.min(given, this.#bytes.length - this.#start);
    copy(this.#bytes, this.#start, into, at, first);
    if (first < given) copy(this.#bytes, 0, into, at + first, given - first);
    this.#size -= given;
    this.#start = this.#size === 0 ? 0 : (this.#start + given) % this.#bytes.length;
    return given;
  }

  /** A copy of what it holds. */
  contents(): Uint8Array {
    return this.peek(this.#size);
  }

  /** A copy of up to `most` bytes, which stay. */
  peek(most: number): Uint8Array {
    const out = new Uint8Array(Math.min(most, this.#size));
    const first = Math.min(out.length, this.#bytes.length - this.#start);
    copy(this.#bytes, this.#start, out, 0, first);
    copy(this.#bytes, 0, out, first, out.length - first);
    return out;
  }

  /** Take out as many bytes, which it holds. */
  drop(length: number): void {
    this.#size -= length;
    this.#start = this.#size === 0 ? 0 : (this.#start + length) % this.#bytes.length;
  }

  #grow(needed: number): void {
    let room = Math.max(FIRST_BYTES, this.#bytes.length);
    while (room < needed) room *= 2;
    const old = this.contents();
    this.#bytes = new Uint8Array(Math.min(room, this.#capacity));
    this.#bytes.set(old);
    this.#start = 0;
  }
}

function copy(from: Uint8Array, at: number, into: Uint8Array, to: number, length: number): void {
  if (length <= LOOP_BYTES) for (let i = 0; i < length; i++) into[to + i] = from[at + i] ?? 0;
  else into.set(from.subarray(at, at + length), to);
}
