/**
 * Layer: mem. Guest memory: ranges, numbers, byte strings, iovecs. The only room that touches a guest's buffer. It must
 * not know what the bytes mean.
 *
 * An address or length comes from a guest as an i32: `>>> 0` it first. Check a range once with `contains`, copy in
 * once, check the copy. A view is stale after anything that may grow the memory or wait: take `bytes` again.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EFAULT, EINVAL, ENAMETOOLONG } from "../abi/errno.ts";
import { UIO_MAXIOV } from "../abi/fcntl.ts";
import { RecentStrings, SHORT_STRING } from "./recent-strings.ts";

const WORD = 0x1_0000_0000;
const BILLION = 1_000_000_000;

/** The part of WebAssembly.Memory this room needs. */
export interface LinearMemory {
  readonly buffer: ArrayBuffer;
}

/** A checked list of guest ranges, reused from call to call. */
export class IoVector {
  count = 0;
  /** Sum of the lengths in bytes; at most 2^32 - 1. */
  total = 0;
  readonly addresses = new Uint32Array(UIO_MAXIOV);
  readonly lengths = new Uint32Array(UIO_MAXIOV);
}

export class GuestMemory {
  readonly #memory: LinearMemory;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  /** For aligned words; made when first wanted. */
  #words: Uint32Array<ArrayBuffer> | undefined;
  /** For comparing; made when first wanted. */
  #signedWords: Int32Array<ArrayBuffer> | undefined;
  /** The part asked for last. */
  #window: Uint8Array<ArrayBuffer> | undefined;
  #recent: RecentStrings | undefined;
  /** Those that ended in a NUL, and have none. */
  #recentCStrings: RecentStrings | undefined;

  constructor(memory: LinearMemory) {
    this.#memory = memory;
    this.#bytes = new Uint8Array(memory.buffer);
    this.#view = new DataView(memory.buffer);
  }

  /** The whole memory as it stands now. Never keep it over a call that may grow the memory or wait. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#bytes;
  }

  get view(): DataView<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#refresh();
    return this.#view;
  }

  get byteLength(): number {
    return this.bytes.length;
  }

  /** A grown memory detaches its old buffer, which then has no bytes. */
  #refresh(): void {
    this.#bytes = new Uint8Array(this.#memory.buffer);
    this.#view = new DataView(this.#memory.buffer);
    this.#window = undefined;
    this.#words = undefined;
    this.#signedWords = undefined;
  }

  /** Whether [address, address + length) lies inside. Both must already be unsigned integers. */
  contains(address: number, length: number): boolean {
    return address + length <= this.bytes.length;
  }

  /**
   * [address, address + length) alone, as it stands now; the range must have been checked. Programs write from one buffer again and
   * again, and making a view takes as long as copying 4 KiB: the last one serves again. As with `bytes`, never keep it.
   */
  window(address: number, length: number): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#refresh();
    const last = this.#window;
    if (last !== undefined && last.length === length && last.byteOffset === address) return last;
    const made = new Uint8Array(this.#bytes.buffer, address, length);
    this.#window = made;
    return made;
  }

  /** Copy a byte string in; the range must have been checked. */
  byteString(address: number, length: number): ByteString {
    if (length > SHORT_STRING) return this.#longString(address, length);
    this.#recent ??= new RecentStrings();
    return this.#recent.string(this.bytes, address, length);
  }

  #longString(address: number, length: number): ByteString {
    const bytes = this.bytes;
    let text = "";
    for (let start = address; start < address + length; start += 4096) {
      const end = Math.min(start + 4096, address + length);
      text += String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
    }
    return text as ByteString;
  }

  /**
   * Copy a string in up to its NUL, which must come within `limit` bytes. `address` must be an unsigned integer. -EFAULT
   * when memory ends before, -ENAMETOOLONG beyond the limit.
   */
  cString(address: number, limit: number): ByteString | number {
    const bytes = this.bytes;
    this.#recentCStrings ??= new RecentStrings();
    const known = this.#recentCStrings.terminated(bytes, address);
    if (known !== undefined && known.length < limit) return known;
    const end = Math.min(address + limit, bytes.length);
    for (let at = address; at < end; at++) {
      if (bytes[at] !== 0) continue;
      const length = at - address;
      if (length > SHORT_STRING) return this.#longString(address, length);
      return this.#recentCStrings.string(bytes, address, length);
    }
    return address + limit > bytes.length ? -EFAULT : -ENAMETOOLONG;
  }

  /** Copy a byte string out without a NUL; the range must have been checked. */
  putByteString(address: number, text: ByteString): void {
    const bytes = this.bytes;
    for (let i = 0; i < text.length; i++) bytes[address + i] = text.charCodeAt(i);
  }

  /** A signed 64-bit integer; beyond 2^53 it is rounded: compare, then refuse. The range must have been checked. */
  i64(address: number): number {
    const { view } = this;
    return view.getInt32(address + 4, true) * WORD + view.getUint32(address, true);
  }

  /** Write a 64-bit integer given as a number from -2^53 to 2^53. */
  putU64(address: number, value: number): void {
    const { view } = this;
    view.setUint32(address, value >>> 0, true);
    view.setUint32(address + 4, Math.floor(value / WORD), true);
  }

  /** The whole memory as words; as with `bytes`, never keep it. */
  get words(): Uint32Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#refresh();
    this.#words ??= new Uint32Array(this.#memory.buffer, 0, this.#memory.buffer.byteLength >>> 2);
    return this.#words;
  }

  /** Write whole words to any address; the range must have been checked. At a multiple of 4 `words` is faster. */
  putWords(address: number, words: Uint32Array): void {
    const { view } = this;
    for (let i = 0; i < words.length; i++) view.setUint32(address + i * 4, words[i] ?? 0, true);
  }

  /**
   * Whether [address, address + length) holds what `copy` holds from `at` on; `words` is the same copy as words. Both start
   * at multiples of 4. The range must have been checked.
   */
  equals(address: number, copy: Uint8Array, words: Int32Array, at: number, length: number): boolean {
    if (this.#bytes.length === 0) this.#refresh();
    // Signed words stay small integers, and four of them at a time take half of one by one.
    this.#signedWords ??= new Int32Array(this.#memory.buffer, 0, this.#memory.buffer.byteLength >>> 2);
    const own = this.#signedWords;
    const fours = length >>> 4;
    let i = address >>> 2;
    let j = at >>> 2;
    for (let count = fours; count > 0; count--) {
      const low = ((own[i] ?? 0) ^ (words[j] ?? 0)) | ((own[i + 1] ?? 0) ^ (words[j + 1] ?? 0));
      const high = ((own[i + 2] ?? 0) ^ (words[j + 2] ?? 0)) | ((own[i + 3] ?? 0) ^ (words[j + 3] ?? 0));
      if ((low | high) !== 0) return false;
      i += 4;
      j += 4;
    }
    for (let k = fours << 4; k < length; k++) if (this.#bytes[address + k] !== copy[at + k]) return false;
    return true;
  }

  /** Write seconds and nanoseconds as one 64-bit count of nanoseconds, modulo 2^64, without BigInt. */
  putNanoseconds(address: number, seconds: number, nanoseconds: number): void {
    const { view } = this;
    const low = (Math.imul(seconds, BILLION) + nanoseconds) >>> 0;
    // The sum exceeds 2^53 and is rounded, but without its low word it is a multiple of 2^32: rounding again finds which.
    const high = Math.floor((seconds * BILLION + nanoseconds - low) / WORD + 0.5);
    view.setUint32(address, low, true);
    view.setUint32(address + 4, high, true);
  }

  /** Copy `count` 8-byte iovecs in and check every range. 0, -EINVAL (count above UIO_MAXIOV, sum above 2^31-1), -EFAULT. */
  iovecs(into: IoVector, address: number, count: number): number {
    if (count > UIO_MAXIOV) return -EINVAL;
    if (!this.contains(address, count * 8)) return -EFAULT;
    const view = this.view;
    const size = this.#bytes.length;
    let total = 0;
    for (let i = 0; i < count; i++) {
      const start = view.getUint32(address + i * 8, true);
      const length = view.getUint32(address + i * 8 + 4, true);
      if (start + length > size) return -EFAULT;
      total += length;
      into.addresses[i] = start;
      into.lengths[i] = length;
    }
    if (total > 0x7fff_ffff) return -EINVAL;
    into.count = count;
    into.total = total;
    return 0;
  }
}
