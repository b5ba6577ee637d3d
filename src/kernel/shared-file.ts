/**
 * Layer: kernel. A file whose bytes processes have mapped together: where the bytes are while nobody has changed them, and how
 * they get back. It must not know who shares it, nor addresses.
 *
 * Of a file system that keeps its files in memory the file itself is that place. Of another it is a copy, loaded where it is
 * mapped and written back by msync(2), munmap(2), the end of a sharer and before any read(2) or write(2) of the file.
 */
import { ENOMEM } from "../abi/errno.ts";
import { O_RDWR } from "../abi/fcntl.ts";
import { TRANSFER_BYTES } from "../limits.ts";
import { emptyStat, type Inode, type OpenFile } from "../vfs/contracts.ts";
import type { OpenDescription } from "./descriptors.ts";
import { FutexWaiters } from "./futexes.ts";
import type { OwnedFutex } from "./owned-futexes.ts";
import type { Process } from "./process.ts";

/** [start, end) of a file. */
export interface FileRange {
  start: number;
  end: number;
}

const stat = emptyStat();

/** Bytes of a file as it stands; 0 where it cannot be told. */
export function sizeOf({ inode }: OpenFile): number {
  return inode.fs.stat(inode, stat) < 0 ? 0 : stat.size;
}

/** What a process has of a shared file. */
export interface Share {
  readonly file: SharedFile;
  /** The version of its content this process's memory shows; -1 before it was ever read. */
  seen: number;
}

export class SharedFile {
  /** The file that was mapped, as futexes and read(2) know it. */
  readonly inode: Inode;
  /** Always open, for reading and writing. */
  readonly content: OpenDescription;
  /** Where `content` is a copy: the file itself, writable as soon as one of its mappings is. */
  origin: OpenDescription | undefined = undefined;
  /** Of a copy: what was read from the origin, and what has changed since. */
  readonly loaded: FileRange[] = [];
  readonly dirty: FileRange[] = [];
  /** Grows with each change of `content`. */
  version = 0;
  /** Whose memory may be newer than `content`: the sharer that ran last. */
  holder: Process | undefined = undefined;
  /** What each process that has it mapped has of it. */
  readonly sharers = new Map<Process, Share>();
  /** Waits for words of it, the longest first; their addresses are positions in the file. */
  readonly futexes = new FutexWaiters();
  /** Those words that have an owner and waiters, by their positions. */
  readonly ownedFutexes = new Map<number, OwnedFutex>();

  constructor(inode: Inode, content: OpenDescription) {
    this.inode = inode;
    this.content = content;
    content.acquire();
  }

  get size(): number {
    return sizeOf(this.content.file);
  }

  /** Bytes of `content` from `position` on; nothing beyond its end. How many, or -errno. */
  read(position: number, into: Uint8Array, at: number, length: number): number {
    let done = 0;
    while (done < length) {
      const moved = this.content.file.read(position + done, into, at + done, length - done);
      if (moved < 0) return moved;
      if (moved === 0) break;
      done += moved;
    }
    return done;
  }

  /** Change `content`. 0, or -errno where not everything could be kept. */
  write(position: number, from: Uint8Array, at: number, length: number): number {
    let done = 0;
    while (done < length) {
      const moved = this.content.file.write(position + done, from, at + done, length - done);
      if (moved <= 0) return moved < 0 ? moved : -ENOMEM;
      done += moved;
    }
    if (this.origin !== undefined) addRange(this.dirty, position, position + length);
    return 0;
  }

  /** Take a description of the file for origin, if none that can be written is known yet. */
  follow(description: OpenDescription): void {
    const { origin } = this;
    if (origin !== undefined && (origin.writable || !description.writable)) return;
    description.acquire();
    this.origin = description;
    origin?.release();
  }

  /** See to it that a copy has this part of its origin. 0 or -errno. */
  load(start: number, end: number): number {
    const { origin } = this;
    if (origin === undefined) return 0;
    const last = Math.min(end, this.size);
    let bytes: Uint8Array | undefined;
    for (let at = start; at < last; ) {
      const range = this.loaded[after(this.loaded, at)];
      if (range !== undefined && range.start <= at) {
        at = range.end;
        continue;
      }
      bytes ??= new Uint8Array(Math.min(TRANSFER_BYTES, last - start));
      const missing = Math.min(range?.start ?? last, last) - at;
      const moved = origin.file.read(at, bytes, 0, Math.min(bytes.length, missing));
      if (moved < 0) return moved;
      if (moved === 0) break;
      for (let done = 0; done < moved; ) {
        const kept = this.content.file.write(at + done, bytes, done, moved - done);
        if (kept <= 0) return -ENOMEM;
        done += kept;
      }
      addRange(this.loaded, at, at + moved);
      at += moved;
    }
    return 0;
  }

  /** The origin was changed past us: forget the copy and read anew what is wanted of it. 0 or -errno. */
  reload(wanted: readonly FileRange[]): number {
    const { origin, content } = this;
    if (origin === undefined) return 0;
    this.loaded.length = 0;
    const { fs } = content.file.inode;
    fs.setattr(content.file.inode, { size: 0 });
    fs.setattr(content.file.inode, { size: sizeOf(origin.file) });
    for (const { start, end } of wanted) {
      const error = this.load(start, end);
      if (error < 0) return error;
    }
    return 0;
  }

  /** Give the origin what has changed. 0, or the first -errno; what could not be written is lost. */
  writeBack(): number {
    const { origin, dirty } = this;
    if (origin === undefined || dirty.length === 0) return 0;
    const changed = dirty.splice(0);
    if (!origin.writable) return 0;
    let result = 0;
    const bytes = new Uint8Array(TRANSFER_BYTES);
    const size = sizeOf(origin.file);
    for (const { start, end } of changed) {
      const last = Math.min(end, size);
      for (let at = start; at < last && result === 0; ) {
        const got = this.read(at, bytes, 0, Math.min(bytes.length, last - at));
        if (got <= 0) break;
        const put = origin.file.write(at, bytes, 0, got);
        if (put <= 0) result = put;
        else at += put;
      }
    }
    return result;
  }

  /** Nobody shares it any more. */
  close(): void {
    this.writeBack();
    this.origin?.release();
    this.content.release();
  }
}

/** Whether a description's file keeps its bytes in memory, so that its file itself can be shared. */
export function keepsInMemory({ file }: OpenDescription): boolean {
  return file.inode.fs.inMemory === true;
}

export const CONTENT_FLAGS = O_RDWR;

/** Add a range to a list of ranges by rising start that never touch. */
function addRange(ranges: FileRange[], start: number, end: number): void {
  const first = after(ranges, start - 1);
  let last = first;
  let [from, to] = [start, end];
  for (let range = ranges[last]; range !== undefined && range.start <= end; range = ranges[last]) {
    from = Math.min(from, range.start);
    to = Math.max(to, range.end);
    last += 1;
  }
  ranges.splice(first, last - first, { start: from, end: to });
}

/** Index of the first of these ranges that ends after a position. */
function after(ranges: readonly FileRange[], position: number): number {
  let [low, high] = [0, ranges.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ranges[middle]?.end ?? 0) <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
