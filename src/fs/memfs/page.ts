/**
 * Layer: fs/memfs. One page of a file: some bytes that are there, and what is read beyond them, which is zero. It must not
 * know where in the file it stands.
 */

/** What databases, buffered streams and copying programs read at a time, at multiples of it. */
const BLOCK_SHIFT = 12;
const BLOCK_BYTES = 1 << BLOCK_SHIFT;
/** Up to here a loop is faster than making a view for set(). */
const LOOP_BYTES = 48;

export class Page {
  readonly bytes: Uint8Array;
  /** Views of whole blocks, made when first read: making one takes as long as copying it. A fortieth of the page's bytes. */
  #blocks: (Uint8Array | undefined)[] | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Bytes that are there. */
  get length(): number {
    return this.bytes.length;
  }

  /** Copy `count` bytes from `offset` on, zeros beyond what is there. */
  read(offset: number, into: Uint8Array, at: number, count: number): void {
    const { bytes } = this;
    const held = Math.max(0, Math.min(count, bytes.length - offset));
    if (held <= LOOP_BYTES) for (let i = 0; i < held; i++) into[at + i] = bytes[offset + i] ?? 0;
    else if (held === BLOCK_BYTES && (offset & (BLOCK_BYTES - 1)) === 0)
      into.set(this.#block(offset >>> BLOCK_SHIFT), at);
    else into.set(part(bytes, offset, held), at);
    if (held < count) into.fill(0, at + held, at + count);
  }

  /** Copy `count` bytes to `offset`; they must have room. */
  write(offset: number, from: Uint8Array, at: number, count: number): void {
    const { bytes } = this;
    if (count <= LOOP_BYTES) for (let i = 0; i < count; i++) bytes[offset + i] = from[at + i] ?? 0;
    else bytes.set(at === 0 && count === from.length ? from : part(from, at, count), offset);
  }

  #block(number: number): Uint8Array {
    this.#blocks ??= new Array<Uint8Array | undefined>(this.length >>> BLOCK_SHIFT).fill(undefined);
    const known = this.#blocks[number];
    if (known !== undefined) return known;
    const made = part(this.bytes, number << BLOCK_SHIFT, BLOCK_BYTES);
    this.#blocks[number] = made;
    return made;
  }
}

/** A view made so takes two thirds of the time of subarray(), which must ask the array for its species. */
function part(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
}
