/**
 * Layer: fileserver. What the cell has open: a bounded table, in which a number given back means nothing any more. It
 * must not know requests.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { ENFILE } from "../abi/errno.ts";
import { closeDescriptor } from "../host/files.unsafe.ts";
import { HOST_HANDLES } from "../limits.ts";

/** Something open. Descriptors are -1 where not opened so; reading and writing never share one. */
export interface Handle {
  readonly root: number;
  readonly reader: number;
  readonly writer: number;
  /** A directory's, for listing. */
  readonly listing: number;
  /** What it was opened by: whether it may be changed is decided by this. */
  readonly path: ByteString;
}

const SLOT_BITS = 10;
const GENERATIONS = 2 ** (32 - SLOT_BITS);

export class HandleTable {
  readonly #slots: (Handle | undefined)[] = [];
  readonly #generations: number[] = [];
  readonly #free: number[] = [];

  get full(): boolean {
    return this.#free.length === 0 && this.#slots.length >= HOST_HANDLES;
  }

  /** The number of a new handle, or -ENFILE. */
  add(handle: Handle): number {
    if (this.full) return -ENFILE;
    const slot = this.#free.pop() ?? this.#slots.push(undefined) - 1;
    this.#slots[slot] = handle;
    const generation = ((this.#generations[slot] ?? -1) + 1) % GENERATIONS;
    this.#generations[slot] = generation;
    return generation * 2 ** SLOT_BITS + slot;
  }

  get(number: number, root: number): Handle | undefined {
    const slot = number % 2 ** SLOT_BITS;
    const handle = this.#slots[slot];
    const current = this.#generations[slot] === Math.floor(number / 2 ** SLOT_BITS);
    return current && handle?.root === root ? handle : undefined;
  }

  close(number: number, root: number): void {
    const handle = this.get(number, root);
    if (handle === undefined) return;
    const slot = number % 2 ** SLOT_BITS;
    this.#slots[slot] = undefined;
    this.#free.push(slot);
    for (const descriptor of [handle.reader, handle.writer, handle.listing]) {
      if (descriptor >= 0) closeDescriptor(descriptor);
    }
  }
}
