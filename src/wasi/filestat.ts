/**
 * Layer: wasi. The structures that tell of files, and the times a guest sets. It must not know calls.
 */
import * as stat from "../abi/stat.ts";
import * as wasi from "../abi/wasi.ts";
import { ERRNO_INVAL } from "../abi/wasi-errno.ts";
import type { Thread } from "../kernel/process.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import type { AttributeChanges, Stat } from "../vfs/contracts.ts";
import { timestampNanoseconds, timestampSeconds } from "./words.ts";

/** A filetype from the S_IFMT bits of a mode. WASI has no word for a pipe. */
export function filetypeOfMode(mode: number): number {
  switch (mode & stat.S_IFMT) {
    case stat.S_IFREG:
      return wasi.FILETYPE_REGULAR_FILE;
    case stat.S_IFDIR:
      return wasi.FILETYPE_DIRECTORY;
    case stat.S_IFLNK:
      return wasi.FILETYPE_SYMBOLIC_LINK;
    case stat.S_IFCHR:
      return wasi.FILETYPE_CHARACTER_DEVICE;
    case stat.S_IFBLK:
      return wasi.FILETYPE_BLOCK_DEVICE;
    case stat.S_IFSOCK:
      return wasi.FILETYPE_SOCKET_STREAM;
    default:
      return wasi.FILETYPE_UNKNOWN;
  }
}

/** A filetype from a directory entry's DT_ constant: IFTODT of sys/stat.h backwards. */
export function filetypeOfEntry(type: number): number {
  return filetypeOfMode(type << 12);
}

/** Write a filestat; its FILESTAT_SIZE bytes must have been checked. Times before 1970, which WASI cannot say, are 0. */
export function putFilestat(memory: GuestMemory, address: number, from: Stat): void {
  memory.putU64(address + wasi.FILESTAT_DEV, from.dev);
  memory.putU64(address + wasi.FILESTAT_INO, from.ino);
  memory.putU64(address + wasi.FILESTAT_FILETYPE, filetypeOfMode(from.mode));
  memory.putU64(address + wasi.FILESTAT_NLINK, from.nlink);
  memory.putU64(address + wasi.FILESTAT_LENGTH, from.size);
  putTime(memory, address + wasi.FILESTAT_ATIM, from.atimeSeconds, from.atimeNanoseconds);
  putTime(memory, address + wasi.FILESTAT_MTIM, from.mtimeSeconds, from.mtimeNanoseconds);
  putTime(memory, address + wasi.FILESTAT_CTIM, from.ctimeSeconds, from.ctimeNanoseconds);
}

function putTime(memory: GuestMemory, address: number, seconds: number, nanoseconds: number): void {
  if (seconds < 0) memory.putNanoseconds(address, 0, 0);
  else memory.putNanoseconds(address, seconds, nanoseconds);
}

/** What fd_filestat_set_times and path_filestat_set_times ask for. */
export interface TimeChanges {
  readonly changes: AttributeChanges;
  /** Both times are the present: write permission is enough, as utimensat(2) says. */
  readonly touch: boolean;
}

/** Decode two timestamps and fstflags. INVAL: undefined flags, or a time that is given and "now" at once. */
export function timeChanges(
  thread: Thread,
  atimLow: number,
  atimHigh: number,
  mtimLow: number,
  mtimHigh: number,
  flags: number,
): TimeChanges | number {
  const atime = flags & (wasi.FSTFLAGS_ATIM | wasi.FSTFLAGS_ATIM_NOW);
  const mtime = flags & (wasi.FSTFLAGS_MTIM | wasi.FSTFLAGS_MTIM_NOW);
  if (flags > wasi.FSTFLAGS_ALL) return ERRNO_INVAL;
  if (atime === (wasi.FSTFLAGS_ATIM | wasi.FSTFLAGS_ATIM_NOW)) return ERRNO_INVAL;
  if (mtime === (wasi.FSTFLAGS_MTIM | wasi.FSTFLAGS_MTIM_NOW)) return ERRNO_INVAL;
  const now = { seconds: 0, nanoseconds: 0 };
  thread.process.kernel.host.clock.wallTime(now);
  const changes: AttributeChanges = {};
  if (atime === wasi.FSTFLAGS_ATIM) changes.atime = timestamp(atimLow, atimHigh);
  else if (atime !== 0) changes.atime = now;
  if (mtime === wasi.FSTFLAGS_MTIM) changes.mtime = timestamp(mtimLow, mtimHigh);
  else if (mtime !== 0) changes.mtime = now;
  return { changes, touch: (flags & wasi.FSTFLAGS_ATIM_NOW) !== 0 && (flags & wasi.FSTFLAGS_MTIM_NOW) !== 0 };
}

function timestamp(low: number, high: number) {
  return { seconds: timestampSeconds(low, high), nanoseconds: timestampNanoseconds(low, high) };
}
