/**
 * Layer: wire. The line between a cell and its file server: requests and replies, one at a time. Both ends read the
 * other as hostile: the server because a cell may have been broken out of, the cell because no decoder here trusts
 * lengths. It must not know how bytes travel, nor what the calls do.
 *
 * A request: u32 length of what follows the header, u32 id, u16 call, u16 root. A reply: u32 length, u32 id, i32 status
 * (zero or more, or -errno). All numbers little-endian. The id of a reply is its request's. CLOSE has no reply.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { NAME_MAX, PATH_MAX } from "../abi/fcntl.ts";
import { FILE_LINE_BYTES } from "../limits.ts";

export const FILE_HEADER_BYTES = 12;

/** What may be asked. After the colon the fields of request and reply, in order; `attributes` as putAttributes. */
export const FILE_CALL = {
  /** path: attributes */
  LOOKUP: 1,
  /** u32 handle: attributes */
  ATTRIBUTES: 2,
  /** path, u8 what (OPEN bits): u32 handle, attributes, u8 brings, then what it brings */
  OPEN: 3,
  /** u32 handle: a descriptor for reading, attached */
  DESCRIPTOR: 4,
  /** u32 handle, u53 position, u32 length: bytes */
  READ: 5,
  /** u32 handle, u8 append, u53 position, bytes: attributes; the status is the count */
  WRITE: 6,
  /** u32 handle, u8 restart: entries (u8 length, name, u8 known, attributes if known); the status is the count */
  LIST: 7,
  /** u32 handle; no reply */
  CLOSE: 8,
  /** path, u16 mode: u32 handle (to read and write), attributes */
  CREATE: 9,
  /** path, u16 mode: attributes */
  MKDIR: 10,
  /** path, target: attributes */
  SYMLINK: 11,
  /** existing path, new path: attributes */
  LINK: 12,
  /** path */
  UNLINK: 13,
  /** path */
  RMDIR: 14,
  /** path, path, u8 flags */
  RENAME: 15,
  /** path: target */
  READLINK: 16,
  /** path, changes: attributes */
  CHANGE: 17,
  /** u32 handle, changes: attributes */
  CHANGE_OPEN: 18,
  /** u32 handle, u8 dataOnly */
  SYNC: 19,
  /** u32 handle, u53 offset, u53 length: attributes */
  ALLOCATE: 20,
  /** u32 block size, u53 blocks, u53 free, u53 files, u53 free */
  STATISTICS: 21,
  /** u32 handle, u53 position: where the descriptor handed out reads next */
  SEEK: 22,
} as const;

/** What to open (the `what` of OPEN). */
export const OPEN_BITS = { READ: 1, WRITE: 2, DIRECTORY: 4 } as const;

/** What an OPEN reply brings: nothing, the whole contents (text), or a descriptor for reading. */
export const BRINGS = { NOTHING: 0, CONTENTS: 1, DESCRIPTOR: 2 } as const;

/** Which of the changes are present. */
export const CHANGE_BITS = { MODE: 1, SIZE: 2, ATIME: 4, MTIME: 8 } as const;

export interface LineAttributes {
  ino: number;
  mode: number;
  nlink: number;
  owned: boolean;
  grouped: boolean;
  rdev: number;
  size: number;
  blocks: number;
  atimeSeconds: number;
  atimeNanoseconds: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  ctimeSeconds: number;
  ctimeNanoseconds: number;
}

export interface LineChanges {
  mode?: number;
  size?: number;
  atime?: LineTime;
  mtime?: LineTime;
}
type LineTime = { readonly seconds: number; readonly nanoseconds: number };

/** Bytes putAttributes takes. */
export const ATTRIBUTE_BYTES = 8 + 4 + 4 + 1 + 4 + 8 + 8 + 3 * 12;

const HIGH = 0x1_0000_0000;

/** Fills one frame. The buffer must be large enough for what its user puts in: overflow is our bug and throws. */
export class FrameWriter {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  at = FILE_HEADER_BYTES;

  constructor(buffer: Uint8Array<ArrayBuffer>) {
    this.buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** Bytes that still fit. */
  get room(): number {
    return this.buffer.length - this.at;
  }

  begin(): void {
    this.at = FILE_HEADER_BYTES;
  }

  /** Write a request's header. `extra` bytes follow that are not in this buffer. Answers the bytes of this buffer to send. */
  endRequest(id: number, call: number, root: number, extra: number): number {
    this.#view.setUint32(0, this.at - FILE_HEADER_BYTES + extra, true);
    this.#view.setUint32(4, id, true);
    this.#view.setUint16(8, call, true);
    this.#view.setUint16(10, root, true);
    return this.at;
  }

  endReply(id: number, status: number): number {
    this.#view.setUint32(0, this.at - FILE_HEADER_BYTES, true);
    this.#view.setUint32(4, id, true);
    this.#view.setInt32(8, status, true);
    return this.at;
  }

  u8(value: number): void {
    this.#view.setUint8(this.at, value);
    this.at += 1;
  }

  u16(value: number): void {
    this.#view.setUint16(this.at, value, true);
    this.at += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.at, value, true);
    this.at += 4;
  }

  /** A number from 0 to 2^53 - 1. */
  u53(value: number): void {
    this.#view.setUint32(this.at, value % HIGH, true);
    this.#view.setUint32(this.at + 4, Math.floor(value / HIGH), true);
    this.at += 8;
  }

  time(seconds: number, nanoseconds: number): void {
    this.#view.setInt32(this.at + 4, Math.floor(seconds / HIGH), true);
    this.#view.setUint32(this.at, seconds - Math.floor(seconds / HIGH) * HIGH, true);
    this.#view.setUint32(this.at + 8, nanoseconds, true);
    this.at += 12;
  }

  /** A byte string with a u16 length before it. */
  text(text: ByteString): void {
    this.u16(text.length);
    for (let i = 0; i < text.length; i++) this.buffer[this.at + i] = text.charCodeAt(i);
    this.at += text.length;
  }

  attributes(from: LineAttributes): void {
    this.u53(from.ino);
    this.u32(from.mode);
    this.u32(from.nlink);
    this.u8((from.owned ? 1 : 0) | (from.grouped ? 2 : 0));
    this.u32(from.rdev);
    this.u53(from.size);
    this.u53(from.blocks);
    this.time(from.atimeSeconds, from.atimeNanoseconds);
    this.time(from.mtimeSeconds, from.mtimeNanoseconds);
    this.time(from.ctimeSeconds, from.ctimeNanoseconds);
  }

  changes(changes: LineChanges): void {
    const { mode, size, atime, mtime } = changes;
    let present = 0;
    if (mode !== undefined) present |= CHANGE_BITS.MODE;
    if (size !== undefined) present |= CHANGE_BITS.SIZE;
    if (atime !== undefined) present |= CHANGE_BITS.ATIME;
    if (mtime !== undefined) present |= CHANGE_BITS.MTIME;
    this.u8(present);
    if (mode !== undefined) this.u16(mode & 0o7777);
    if (size !== undefined) this.u53(size);
    if (atime !== undefined) this.time(atime.seconds, atime.nanoseconds);
    if (mtime !== undefined) this.time(mtime.seconds, mtime.nanoseconds);
  }
}

/** Reads one frame. What is not there or not allowed makes it `bad`, and everything read after that is zero or empty. */
export class FrameReader {
  readonly buffer: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  at = 0;
  end = 0;
  bad = false;

  constructor(buffer: Uint8Array<ArrayBuffer>) {
    this.buffer = buffer;
    this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  }

  /** Read [at, end) of the buffer. */
  begin(at: number, end: number): void {
    this.at = at;
    this.end = end;
    this.bad = at > end || end > this.buffer.length;
  }

  /** Everything was there and nothing is left over. */
  get done(): boolean {
    return !this.bad && this.at === this.end;
  }

  get left(): number {
    return this.bad ? 0 : this.end - this.at;
  }

  u8(): number {
    const at = this.take(1);
    return this.bad ? 0 : this.#view.getUint8(at);
  }

  u16(): number {
    const at = this.take(2);
    return this.bad ? 0 : this.#view.getUint16(at, true);
  }

  u32(): number {
    const at = this.take(4);
    return this.bad ? 0 : this.#view.getUint32(at, true);
  }

  i32(): number {
    return this.u32() | 0;
  }

  u53(): number {
    const low = this.u32();
    const high = this.u32();
    if (high >= 0x20_0000) this.bad = true;
    return this.bad ? 0 : high * HIGH + low;
  }

  /** Seconds may be negative; nanoseconds stand below 10^9. */
  time(): LineTime {
    const low = this.u32();
    const high = this.i32();
    const nanoseconds = this.u32();
    if (nanoseconds > 999_999_999 || high > 0x1f_ffff || high < -0x20_0000) this.bad = true;
    return this.bad ? { seconds: 0, nanoseconds: 0 } : { seconds: high * HIGH + low, nanoseconds };
  }

  /** A byte string of at most `cap` bytes. */
  text(cap: number): ByteString {
    const length = this.u16();
    if (length > cap) this.bad = true;
    return this.bytes(length);
  }

  /** A path below a root; "" only where `rootToo`. */
  path(rootToo: boolean): ByteString {
    const path = this.text(PATH_MAX - 1);
    if (!isPathBelow(path) && !(rootToo && path === "")) this.bad = true;
    return this.bad ? ("" as ByteString) : path;
  }

  /** `length` bytes as a byte string. */
  bytes(length: number): ByteString {
    const at = this.take(length);
    if (this.bad) return "" as ByteString;
    let text = "";
    for (let start = at; start < at + length; start += 4096) {
      const part = this.buffer.subarray(start, Math.min(start + 4096, at + length));
      text += String.fromCharCode.apply(null, part as unknown as number[]);
    }
    return text as ByteString;
  }

  attributes(into: LineAttributes): void {
    into.ino = this.u53();
    into.mode = this.u32();
    into.nlink = this.u32();
    const who = this.u8();
    if (into.mode > 0o177777 || who > 3) this.bad = true;
    into.owned = (who & 1) !== 0;
    into.grouped = (who & 2) !== 0;
    into.rdev = this.u32();
    into.size = this.u53();
    into.blocks = this.u53();
    const atime = this.time();
    into.atimeSeconds = atime.seconds;
    into.atimeNanoseconds = atime.nanoseconds;
    const mtime = this.time();
    into.mtimeSeconds = mtime.seconds;
    into.mtimeNanoseconds = mtime.nanoseconds;
    const ctime = this.time();
    into.ctimeSeconds = ctime.seconds;
    into.ctimeNanoseconds = ctime.nanoseconds;
  }

  changes(): LineChanges {
    const present = this.u8();
    if (present > 15) this.bad = true;
    const changes: LineChanges = {};
    if (present & CHANGE_BITS.MODE) changes.mode = this.u16();
    if (present & CHANGE_BITS.SIZE) changes.size = this.u53();
    if (present & CHANGE_BITS.ATIME) changes.atime = this.time();
    if (present & CHANGE_BITS.MTIME) changes.mtime = this.time();
    return changes;
  }

  /** Move over `length` bytes; answers where they begin. */
  take(length: number): number {
    const at = this.at;
    if (this.bad || length > this.end - at) {
      this.bad = true;
      return at;
    }
    this.at = at + length;
    return at;
  }
}

/** The length in a header: how many bytes follow it, or -1 if that is more than any frame may have. */
export function lengthOf(header: Uint8Array, at: number): number {
  const view = new DataView(header.buffer, header.byteOffset + at, 4);
  const length = view.getUint32(0, true);
  return length > FILE_LINE_BYTES ? -1 : length;
}

/** Whether this is one or more names joined by "/": none empty, ".", ".." or over NAME_MAX, no NUL. */
export function isPathBelow(path: ByteString): boolean {
  if (path.length === 0 || path.length >= PATH_MAX) return false;
  let start = 0;
  for (;;) {
    const slash = path.indexOf("/", start);
    const end = slash < 0 ? path.length : slash;
    if (!isName(path, start, end)) return false;
    if (slash < 0) return !path.includes("\0");
    start = slash + 1;
  }
}

function isName(path: string, start: number, end: number): boolean {
  const length = end - start;
  if (length === 0 || length > NAME_MAX) return false;
  if (path.charCodeAt(start) !== 46) return true;
  return length > 2 || (length === 2 && path.charCodeAt(start + 1) !== 46);
}
