/**
 * Layer: host. Files by descriptor and single name: what the file server does to the host's directories. Resolution is
 * openat2(2)'s alone, beneath a root and through no symbolic link; every other call takes a descriptor, or one name in a
 * directory just resolved. It must not know requests, roots or rules.
 *
 * All answers are zero or more, or -errno. Names and paths are byte strings that hold no NUL: the caller has checked.
 * The scratch bytes below serve one call at a time, which is all a thread can make.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { hostArchitecture } from "./call-numbers.ts";
import { addressOf, callNumber, fixedBytes, rawCall } from "./calls.unsafe.ts";

const arm = hostArchitecture() === "arm64";
/** include/uapi/asm-generic/fcntl.h; arm64 has these two elsewhere (arch/arm64/include/uapi/asm/fcntl.h). */
const O_DIRECTORY = arm ? 0o40000 : 0o200000;
const O_NOFOLLOW = arm ? 0o100000 : 0o400000;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_NOCTTY = 0o400;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const O_RDONLY = 0;
const O_WRONLY = 1;
/** include/uapi/linux/fcntl.h */
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
/** include/uapi/linux/openat2.h: NO_XDEV, NO_MAGICLINKS, NO_SYMLINKS, BENEATH. */
const RESOLVE = 0x1 | 0x2 | 0x4 | 0x8;
/** include/uapi/linux/stat.h */
const STATX_BASIC_STATS = 0x7ff;
const STATX_ATTR_MOUNT_ROOT = 0x2000;
const UTIME_OMIT = 0x3ffffffe;
/** include/uapi/linux/fs.h */
const RWF_APPEND = 0x10;

/** How openBeneath opens. Nothing here blocks on a FIFO, becomes a controlling terminal, or outlives an exec. */
export const OPEN_AS = {
  /** A name for the thing itself, a symbolic link included, without access to what it holds. */
  NAME: O_PATH | O_NOFOLLOW | O_CLOEXEC,
  /** A directory to act in. */
  PLACE: O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
  LIST: O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
  READ: O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
  WRITE: O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
  CREATE: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
} as const;

const CALL = {
  openat2: callNumber("openat2"),
  statx: callNumber("statx"),
  close: callNumber("close"),
  pread64: callNumber("pread64"),
  pwrite64: callNumber("pwrite64"),
  pwritev2: callNumber("pwritev2"),
  getdents64: callNumber("getdents64"),
  lseek: callNumber("lseek"),
  mkdirat: callNumber("mkdirat"),
  symlinkat: callNumber("symlinkat"),
  linkat: callNumber("linkat"),
  unlinkat: callNumber("unlinkat"),
  renameat2: callNumber("renameat2"),
  readlinkat: callNumber("readlinkat"),
  ftruncate: callNumber("ftruncate"),
  fallocate: callNumber("fallocate"),
  fsync: callNumber("fsync"),
  fdatasync: callNumber("fdatasync"),
  utimensat: callNumber("utimensat"),
  fchmod: callNumber("fchmod"),
  fchmodat2: callNumber("fchmodat2"),
  fstatfs: callNumber("fstatfs"),
} as const;

const firstPath = fixedBytes(4097);
const secondPath = fixedBytes(4097);
const noPath = fixedBytes(8);
const how = fixedBytes(24);
const howView = new DataView(how.buffer);
howView.setBigUint64(16, BigInt(RESOLVE), true);
const statxBytes = fixedBytes(256);
const statxView = new DataView(statxBytes.buffer);
const timesBytes = fixedBytes(32);
const timesView = new DataView(timesBytes.buffer);
const vectorBytes = fixedBytes(16);
const vectorView = new DataView(vectorBytes.buffer);

/** NUL-terminated in `into`. Longer than PATH_MAX is our bug. */
function put(into: Uint8Array<ArrayBuffer>, text: ByteString): Uint8Array<ArrayBuffer> {
  if (text.length > 4096) throw new RangeError("a path longer than PATH_MAX reached the host");
  for (let i = 0; i < text.length; i++) into[i] = text.charCodeAt(i);
  into[text.length] = 0;
  return into;
}

/** openat2(2) of `path` beneath `root`. `as` is one of OPEN_AS; `mode` is for CREATE. A descriptor or -errno. */
export function openBeneath(root: number, path: ByteString, as: number, mode = 0): number {
  howView.setBigUint64(0, BigInt(as), true);
  howView.setBigUint64(8, BigInt(mode), true);
  // SAFETY: openat2 reads a NUL-terminated path and a 24-byte open_how (module scratch, live for ever) and keeps
  // neither. O_NONBLOCK or O_PATH: no FIFO holds the thread. -errno: nothing opened. Audited 2026-11-21.
  return rawCall(CALL.openat2, root, put(firstPath, path === "" ? ("." as ByteString) : path), how, 24);
}

export function closeDescriptor(descriptor: number): void {
  // SAFETY: one word. The caller owns the descriptor and forgets it; close's errors leave it closed. Audited 2026-11-21.
  rawCall(CALL.close, descriptor);
}

const TIME_AT = { atime: 64, ctime: 96, mtime: 112 } as const;

/** new_encode_dev of include/linux/kdev_t.h, in 32 bits. */
function makeDevice(major: number, minor: number): number {
  return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0;
}

/** What statx told last (struct statx, include/uapi/linux/stat.h); valid until the next statDescriptor or statName. */
export const lastStat = {
  get mode(): number {
    return statxView.getUint16(28, true);
  },
  get nlink(): number {
    return statxView.getUint32(16, true);
  },
  get uid(): number {
    return statxView.getUint32(20, true);
  },
  get gid(): number {
    return statxView.getUint32(24, true);
  },
  get inoLow(): number {
    return statxView.getUint32(32, true);
  },
  get inoHigh(): number {
    return statxView.getUint32(36, true);
  },
  get size(): number {
    return statxView.getUint32(44, true) * 0x1_0000_0000 + statxView.getUint32(40, true);
  },
  get blocks(): number {
    return statxView.getUint32(52, true) * 0x1_0000_0000 + statxView.getUint32(48, true);
  },
  get rdev(): number {
    return makeDevice(statxView.getUint32(128, true), statxView.getUint32(132, true));
  },
  get device(): number {
    return makeDevice(statxView.getUint32(136, true), statxView.getUint32(140, true));
  },
  /** Another file system stands on this name. */
  get mountPoint(): boolean {
    return (statxView.getUint32(8, true) & STATX_ATTR_MOUNT_ROOT) !== 0;
  },
  seconds(which: "atime" | "mtime" | "ctime"): number {
    const at = TIME_AT[which];
    return statxView.getInt32(at + 4, true) * 0x1_0000_0000 + statxView.getUint32(at, true);
  },
  nanoseconds(which: "atime" | "mtime" | "ctime"): number {
    return statxView.getUint32(TIME_AT[which] + 8, true);
  },
};

/** statx(2) of an open descriptor, O_PATH ones too. Fills lastStat. 0 or -errno. */
export function statDescriptor(descriptor: number): number {
  // SAFETY: statx reads an empty path and writes 256 bytes, both module scratch. -errno: the buffer may be half written
  // and is not used. Audited 2026-11-21.
  return rawCall(CALL.statx, descriptor, noPath, AT_EMPTY_PATH, STATX_BASIC_STATS, statxBytes);
}

/** statx(2) of one NUL-terminated name in a directory, following nothing, mounting nothing. Fills lastStat. 0 or -errno. */
export function statName(directory: number, name: Uint8Array<ArrayBuffer>): number {
  const flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  // SAFETY: `name` is a slice of a listing that ends in NUL and that the caller keeps alive; 256 bytes are written to
  // module scratch. -errno: not used. Audited 2026-11-21.
  return rawCall(CALL.statx, directory, name, flags, STATX_BASIC_STATS, statxBytes);
}

/** pread(2) of up to `into.length` bytes. */
export function readAt(descriptor: number, into: Uint8Array<ArrayBuffer>, position: number): number {
  // SAFETY: pread64 writes at most into.length bytes to a buffer the caller holds, on a regular file, so it ends.
  // -errno: what was written is not used. Audited 2026-11-21.
  return rawCall(CALL.pread64, descriptor, into, into.length, position);
}

/** pwrite(2) of all of `from`; may write less. */
export function writeAt(descriptor: number, from: Uint8Array<ArrayBuffer>, position: number): number {
  // SAFETY: pwrite64 reads at most from.length bytes of a buffer the caller holds. -errno: nothing was
  // written. Audited 2026-11-21.
  return rawCall(CALL.pwrite64, descriptor, from, from.length, position);
}

/**
 * pwritev2(2) with RWF_APPEND: at the end, whoever else writes.
 *
 * Precondition: `from` is (a view of) fixedBytes.
 */
export function writeAtEnd(descriptor: number, from: Uint8Array<ArrayBuffer>): number {
  vectorView.setBigUint64(0, addressOf(from), true);
  vectorView.setBigUint64(8, BigInt(from.length), true);
  // SAFETY: one iovec (module scratch) with the address of `from`, which does not move and which the caller holds until
  // this returns; only read. -errno: nothing was written. Audited 2026-11-21.
  return rawCall(CALL.pwritev2, descriptor, vectorBytes, 1, 0, 0, RWF_APPEND);
}

/** getdents64(2): bytes of raw entries, 0 at the end. */
export function listInto(directory: number, into: Uint8Array<ArrayBuffer>): number {
  // SAFETY: writes at most into.length bytes to a buffer the caller holds. -errno: nothing. Audited 2026-11-21.
  return rawCall(CALL.getdents64, directory, into, into.length);
}

/** lseek(2) from the start; of a directory only to 0. The position is shared with every copy of the descriptor. */
export function seekTo(descriptor: number, position: number): number {
  // SAFETY: words only; moves this open file's position. -errno: not moved. Audited 2026-11-21.
  return rawCall(CALL.lseek, descriptor, position, 0);
}

export function makeDirectory(directory: number, name: ByteString, mode: number): number {
  // SAFETY: reads one NUL-terminated name (module scratch). -errno: nothing made. Audited 2026-11-21.
  return rawCall(CALL.mkdirat, directory, put(firstPath, name), mode);
}

export function makeSymlink(target: ByteString, directory: number, name: ByteString): number {
  // SAFETY: reads two NUL-terminated strings (module scratch). -errno: nothing made. Audited 2026-11-21.
  return rawCall(CALL.symlinkat, put(firstPath, target), directory, put(secondPath, name));
}

/** linkat(2) without AT_SYMLINK_FOLLOW: a link put in the file's place meanwhile is linked itself, not followed. */
export function makeLink(directory: number, name: ByteString, newDirectory: number, newName: ByteString): number {
  // SAFETY: reads two NUL-terminated names (module scratch), flags 0. -errno: nothing made. Audited 2026-11-21.
  return rawCall(CALL.linkat, directory, put(firstPath, name), newDirectory, put(secondPath, newName), 0);
}

export function removeName(directory: number, name: ByteString, asDirectory: boolean): number {
  // SAFETY: reads one NUL-terminated name (module scratch). -errno: nothing removed. Audited 2026-11-21.
  return rawCall(CALL.unlinkat, directory, put(firstPath, name), asDirectory ? AT_REMOVEDIR : 0);
}

export function renameName(
  directory: number,
  name: ByteString,
  newDirectory: number,
  newName: ByteString,
  flags: number,
): number {
  // SAFETY: reads two NUL-terminated names (module scratch). -errno: nothing renamed. Audited 2026-11-21.
  return rawCall(CALL.renameat2, directory, put(firstPath, name), newDirectory, put(secondPath, newName), flags);
}

/** readlinkat(2) of an O_PATH descriptor of a link: bytes put in `into`. */
export function readLink(link: number, into: Uint8Array<ArrayBuffer>): number {
  // SAFETY: reads an empty path, writes at most into.length bytes and no NUL. -errno: nothing. Audited 2026-11-21.
  return rawCall(CALL.readlinkat, link, noPath, into, into.length);
}

export function truncateFile(descriptor: number, size: number): number {
  // SAFETY: words only, on a descriptor opened for writing. -errno: size unchanged. Audited 2026-11-21.
  return rawCall(CALL.ftruncate, descriptor, size);
}

/** fallocate(2), mode 0: the size grows, holes are filled. */
export function allocateRange(descriptor: number, offset: number, length: number): number {
  // SAFETY: words only, on a descriptor opened for writing. -errno: perhaps part was allocated. Audited 2026-11-21.
  return rawCall(CALL.fallocate, descriptor, 0, offset, length);
}

export function syncDescriptor(descriptor: number, dataOnly: boolean): number {
  // SAFETY: one word; may wait for the disk. -errno: what is on disk is unknown. Audited 2026-11-21.
  return rawCall(dataOnly ? CALL.fdatasync : CALL.fsync, descriptor);
}

type Time = { readonly seconds: number; readonly nanoseconds: number };

/** utimensat(2) of an open descriptor, O_PATH ones too. A time left out stays as it is. */
export function setTimes(descriptor: number, atime: Time | undefined, mtime: Time | undefined): number {
  for (const [index, time] of [atime, mtime].entries()) {
    timesView.setBigInt64(index * 16, BigInt(time?.seconds ?? 0), true);
    timesView.setBigInt64(index * 16 + 8, BigInt(time?.nanoseconds ?? UTIME_OMIT), true);
  }
  // SAFETY: reads an empty path and two 16-byte timespecs (module scratch). -errno: unchanged. Audited 2026-11-21.
  return rawCall(CALL.utimensat, descriptor, noPath, timesBytes, AT_EMPTY_PATH);
}

/** fchmodat2(2) of an O_PATH descriptor; -ENOSYS before Linux 6.6. */
export function setModeOfName(descriptor: number, mode: number): number {
  // SAFETY: reads an empty path (module scratch). -errno: unchanged. Audited 2026-11-21.
  return rawCall(CALL.fchmodat2, descriptor, noPath, mode, AT_EMPTY_PATH);
}

/** fchmod(2) of a descriptor opened for reading, writing or listing. */
export function setMode(descriptor: number, mode: number): number {
  // SAFETY: words only. -errno: unchanged. Audited 2026-11-21.
  return rawCall(CALL.fchmod, descriptor, mode);
}

export interface HostStatistics {
  readonly blockSize: number;
  readonly blocks: number;
  readonly blocksFree: number;
  readonly files: number;
  readonly filesFree: number;
}

/** fstatfs(2), O_PATH descriptors too. */
export function fileSystemStatistics(descriptor: number): HostStatistics | number {
  const bytes = fixedBytes(120);
  // SAFETY: writes one struct statfs, 120 bytes on 64-bit hosts, to `bytes`, live here. -errno: unused. Audited 2026-11-21.
  const error = rawCall(CALL.fstatfs, descriptor, bytes);
  if (error < 0) return error;
  const view = new DataView(bytes.buffer);
  const word = (at: number) => Math.min(Number(view.getBigUint64(at, true)), Number.MAX_SAFE_INTEGER);
  return { blockSize: word(8), blocks: word(16), blocksFree: word(32), files: word(40), filesFree: word(48) };
}
