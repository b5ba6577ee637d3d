/**
 * Layer: mem. Short byte strings copied in lately, by content: programs name the same few files again and again, and
 * comparing bytes costs a quarter of making a string (whose hash every Map would have to compute anew). It must not know
 * what they name.
 */
import type { ByteString } from "../abi/byte-string.ts";

/** Bytes of the longest string kept. */
export const SHORT_STRING = 64;
const SLOTS = 64;

/**
 * One array for each length: fromCharCode takes arrays of the right length in half the time it takes for a view. Scratch
 * only.
 */
const CODES: readonly number[][] = Array.from({ length: SHORT_STRING + 1 }, (_, length) =>
  new Array<number>(length).fill(0),
);

export class RecentStrings {
  readonly #texts: ByteString[] = new Array<ByteString>(SLOTS).fill("" as ByteString);
  /** The bytes of each text, SHORT_STRING apart. */
  readonly #codes = new Uint8Array(SLOTS * SHORT_STRING);
  /** The slot of the string found last at an address of such low bits. */
  readonly #slotAt = new Uint8Array(SLOTS);

  /** The string of bytes[address … address + length); at most SHORT_STRING of them, all inside. */
  string(bytes: Uint8Array, address: number, length: number): ByteString {
    const last = bytes[address + length - 1] ?? 0;
    const middle = bytes[address + (length >>> 1)] ?? 0;
    const slot = (length * 31 + last * 7 + middle) & (SLOTS - 1);
    this.#slotAt[place(address)] = slot;
    const text = this.#texts[slot] ?? ("" as ByteString);
    const start = slot * SHORT_STRING;
    if (text.length === length && same(bytes, address, this.#codes, start, length)) return text;
    const made = make(bytes, address, this.#codes, start, length);
    this.#texts[slot] = made;
    return made;
  }

  /**
   * The string at an address up to its NUL, where the one found there last still stands; else undefined. Looking whether it
   * does takes half as long as looking for its end and then for the string. For those whose strings all end before a NUL.
   */
  terminated(bytes: Uint8Array, address: number): ByteString | undefined {
    const slot = this.#slotAt[place(address)] ?? 0;
    const text = this.#texts[slot] ?? ("" as ByteString);
    const { length } = text;
    if (address + length >= bytes.length || bytes[address + length] !== 0) return undefined;
    return same(bytes, address, this.#codes, slot * SHORT_STRING, length) ? text : undefined;
  }
}

function place(address: number): number {
  return (address ^ (address >>> 6)) & (SLOTS - 1);
}

/** From the end, because names in one directory begin alike. */
function same(bytes: Uint8Array, address: number, codes: Uint8Array, start: number, length: number): boolean {
  for (let i = length - 1; i >= 0; i--) if (bytes[address + i] !== codes[start + i]) return false;
  return true;
}

/** Make the string, and leave its bytes at codes[start…]. */
function make(bytes: Uint8Array, address: number, codes: Uint8Array, start: number, length: number): ByteString {
  const list = CODES[length] ?? [];
  for (let i = 0; i < length; i++) {
    const code = bytes[address + i] ?? 0;
    list[i] = code;
    codes[start + i] = code;
  }
  return String.fromCharCode.apply(null, list) as ByteString;
}
