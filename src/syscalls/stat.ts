/**
 * Layer: syscalls. What is known of files: stat and its kin (x86-64's 144 bytes), statx, statfs.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EFAULT, EINVAL } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import * as layout from "../abi/stat.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { type Statistics, statisticsAt, statisticsFd } from "../kernel/operations/directories.ts";
import { statAt, statFd } from "../kernel/operations/files.ts";
import type { Thread } from "../kernel/process.ts";
import { emptyStat } from "../vfs/contracts.ts";
import { FOLLOW } from "../vfs/walk.ts";
import { pathAt } from "./call.ts";

/** Good until the end of one call. */
const stat = emptyStat();
const BLOCK_BYTES = 4096;

/** Device numbers as the kernel tells user space: the low 8 bits of the minor, 12 of the major, the rest of the minor. */
function major(device: number): number {
  return (device >>> 8) & 0xfff;
}

function minor(device: number): number {
  return (device & 0xff) | ((device >>> 12) & 0xfff00);
}

/** A structure for an address that is no multiple of 4. */
const aside = new Uint32Array(layout.STAT_BYTES / 4);

/** A 64-bit field as two words: an integer between -2^53 and 2^53. */
function putLong(words: Uint32Array, at: number, value: number): void {
  words[at] = value;
  words[at + 1] = value >= 0 && value <= 0xffff_ffff ? 0 : Math.floor(value / 0x1_0000_0000);
}

/** struct stat of arch/x86/include/uapi/asm/stat.h, from a word on. */
function putStat(words: Uint32Array, at: number): void {
  putLong(words, at, stat.dev);
  putLong(words, at + 2, stat.ino);
  putLong(words, at + 4, stat.nlink);
  words[at + 6] = stat.mode;
  words[at + 7] = stat.uid;
  words[at + 8] = stat.gid;
  words[at + 9] = 0;
  putLong(words, at + 10, stat.rdev);
  putLong(words, at + 12, stat.size);
  putLong(words, at + 14, BLOCK_BYTES);
  putLong(words, at + 16, stat.blocks);
  putLong(words, at + 18, stat.atimeSeconds);
  putLong(words, at + 20, stat.atimeNanoseconds);
  putLong(words, at + 22, stat.mtimeSeconds);
  putLong(words, at + 24, stat.mtimeNanoseconds);
  putLong(words, at + 26, stat.ctimeSeconds);
  putLong(words, at + 28, stat.ctimeNanoseconds);
  for (let reserved = at + 30; reserved < at + 36; reserved++) words[reserved] = 0;
}

export function sys_stat(thread: Thread, path: number, address: number): Outcome {
  return sys_newfstatat(thread, fcntl.AT_FDCWD, path, address, 0);
}

export function sys_lstat(thread: Thread, path: number, address: number): Outcome {
  return sys_newfstatat(thread, fcntl.AT_FDCWD, path, address, fcntl.AT_SYMLINK_NOFOLLOW);
}

export function sys_fstat(thread: Thread, fd: number, address: number): Outcome {
  const outcome = statFd(thread, fd, stat);
  return outcome < 0 ? outcome : told(thread, address >>> 0);
}

export function sys_newfstatat(thread: Thread, fd: number, path: number, address: number, flags: number): Outcome {
  const known = fcntl.AT_SYMLINK_NOFOLLOW | fcntl.AT_EMPTY_PATH | fcntl.AT_NO_AUTOMOUNT;
  if ((flags & ~known) !== 0) return -EINVAL;
  const outcome = find(thread, fd, path, flags);
  return outcome < 0 ? outcome : told(thread, address >>> 0);
}

function told(thread: Thread, address: number): Outcome {
  const { memory } = thread.process;
  if (!memory.contains(address, layout.STAT_BYTES)) return -EFAULT;
  if ((address & 3) === 0) putStat(memory.words, address >>> 2);
  else {
    putStat(aside, 0);
    memory.putWords(address, aside);
  }
  return 0;
}

/** Fill `stat`: 0 or -errno. */
function find(thread: Thread, fd: number, path: number, flags: number): Outcome {
  const name = pathAt(thread.process, path);
  if (typeof name === "number") return name;
  const walkFlags = (flags & fcntl.AT_SYMLINK_NOFOLLOW) !== 0 ? 0 : FOLLOW;
  if (name !== "" || (flags & fcntl.AT_EMPTY_PATH) === 0) return statAt(thread, fd, name, walkFlags, stat);
  return fd === fcntl.AT_FDCWD ? statAt(thread, fd, "." as ByteString, 0, stat) : statFd(thread, fd, stat);
}

/** statx(2): the basic fields, whatever the mask asks for. */
export function sys_statx(
  thread: Thread,
  fd: number,
  path: number,
  flags: number,
  mask: number,
  address: number,
): Outcome {
  const known = fcntl.AT_SYMLINK_NOFOLLOW | fcntl.AT_EMPTY_PATH | fcntl.AT_NO_AUTOMOUNT | fcntl.AT_STATX_SYNC_TYPE;
  const contradicts = (flags & fcntl.AT_STATX_SYNC_TYPE) === fcntl.AT_STATX_SYNC_TYPE;
  if ((flags & ~known) !== 0 || contradicts || mask < 0) return -EINVAL;
  const outcome = find(thread, fd, path, flags);
  if (outcome < 0) return outcome;
  const { memory } = thread.process;
  const at = address >>> 0;
  if (!memory.contains(at, layout.STATX_BYTES)) return -EFAULT;
  memory.bytes.fill(0, at, at + layout.STATX_BYTES);
  const { view } = memory;
  view.setUint32(at, layout.STATX_BASIC_STATS, true);
  view.setUint32(at + 4, BLOCK_BYTES, true);
  view.setUint32(at + 16, stat.nlink, true);
  view.setUint32(at + 20, stat.uid, true);
  view.setUint32(at + 24, stat.gid, true);
  view.setUint16(at + 28, stat.mode, true);
  memory.putU64(at + 32, stat.ino);
  memory.putU64(at + 40, stat.size);
  memory.putU64(at + 48, stat.blocks);
  putStatxTime(thread, at + 64, stat.atimeSeconds, stat.atimeNanoseconds);
  putStatxTime(thread, at + 96, stat.ctimeSeconds, stat.ctimeNanoseconds);
  putStatxTime(thread, at + 112, stat.mtimeSeconds, stat.mtimeNanoseconds);
  view.setUint32(at + 128, major(stat.rdev), true);
  view.setUint32(at + 132, minor(stat.rdev), true);
  view.setUint32(at + 136, major(stat.dev), true);
  view.setUint32(at + 140, minor(stat.dev), true);
  return 0;
}

function putStatxTime(thread: Thread, address: number, seconds: number, nanoseconds: number): void {
  thread.process.memory.putU64(address, seconds);
  thread.process.memory.view.setUint32(address + 8, nanoseconds, true);
}

export function sys_statfs(thread: Thread, path: number, address: number): Outcome {
  const name = pathAt(thread.process, path);
  if (typeof name === "number") return name;
  return putStatistics(thread, address >>> 0, statisticsAt(thread, name));
}

export function sys_fstatfs(thread: Thread, fd: number, address: number): Outcome {
  return putStatistics(thread, address >>> 0, statisticsFd(thread, fd));
}

/** struct statfs: seven longs, an id, then name length, fragment size, flags and room. */
function putStatistics(thread: Thread, address: number, found: Statistics | number): Outcome {
  if (typeof found === "number") return found;
  const { memory } = thread.process;
  if (!memory.contains(address, layout.STATFS_BYTES)) return -EFAULT;
  memory.bytes.fill(0, address, address + layout.STATFS_BYTES);
  const magic = layout.MAGIC.get(found.type) ?? layout.EXT4_SUPER_MAGIC;
  const { blockSize, blocks, blocksFree, files, filesFree } = found;
  [magic, blockSize, blocks, blocksFree, blocksFree, files, filesFree].forEach((value, i) => {
    memory.putU64(address + i * 8, value);
  });
  memory.putU64(address + 64, fcntl.NAME_MAX);
  memory.putU64(address + 72, blockSize);
  memory.putU64(address + 80, layout.ST_VALID | (found.readOnly ? layout.ST_RDONLY : 0));
  return 0;
}
