/**
 * Layer: syscalls. Files by name: open, mkdir, unlink, rename, link, symlink, readlink, truncate, chmod, chown, utimes,
 * access, and truncate and chmod by descriptor.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EEXIST, EFAULT, EINVAL, ENOENT, EPERM } from "../abi/errno.ts";
import * as fcntl from "../abi/fcntl.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK } from "../abi/stat.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { accessAt, accessFd } from "../kernel/operations/directories.ts";
import { openEnvironment } from "../kernel/operations/environment.ts";
import { openAt, setAttributesAt, setTimesFd, statAt, truncateFd } from "../kernel/operations/files.ts";
import { close } from "../kernel/operations/io.ts";
import {
  linkAt,
  makeDirectoryAt,
  makeNodeAt,
  makeSymlinkAt,
  readlinkAt,
  readlinkFd,
  removeDirectoryAt,
  renameAt,
  unlinkAt,
} from "../kernel/operations/names.ts";
import { ENVIRONMENT_PATH, type Thread } from "../kernel/process.ts";
import { type AttributeChanges, emptyStat } from "../vfs/contracts.ts";
import { FOLLOW } from "../vfs/walk.ts";
import { long, pathAt } from "./call.ts";

const { AT_FDCWD } = fcntl;
const stat = emptyStat();

/** Follow the last link unless AT_SYMLINK_NOFOLLOW is among the flags. */
function following(flags: number): number {
  return (flags & fcntl.AT_SYMLINK_NOFOLLOW) !== 0 ? 0 : FOLLOW;
}

export function sys_open(thread: Thread, path: number, flags: number, mode: number): Outcome {
  return sys_openat(thread, AT_FDCWD, path, flags, mode);
}

/** openat(2). Deviation: O_DIRECT and O_ASYNC change nothing. */
export function sys_openat(thread: Thread, fd: number, path: number, flags: number, mode: number): Outcome {
  const name = pathAt(thread.process, path);
  if (typeof name === "number") return name;
  const { process } = thread;
  if (process.offersEnvironment && name === ENVIRONMENT_PATH) {
    process.offersEnvironment = false;
    return openEnvironment(thread, flags);
  }
  return openAt(thread, fd, name, flags, mode & 0o7777, FOLLOW);
}

export function sys_creat(thread: Thread, path: number, mode: number): Outcome {
  return sys_open(thread, path, fcntl.O_CREAT | fcntl.O_WRONLY | fcntl.O_TRUNC, mode);
}

export function sys_mkdir(thread: Thread, path: number, mode: number): Outcome {
  return sys_mkdirat(thread, AT_FDCWD, path, mode);
}

export function sys_mkdirat(thread: Thread, fd: number, path: number, mode: number): Outcome {
  const name = pathAt(thread.process, path);
  return typeof name === "number" ? name : makeDirectoryAt(thread, fd, name, mode & 0o7777, FOLLOW);
}

export function sys_mknod(thread: Thread, path: number, mode: number): Outcome {
  return sys_mknodat(thread, AT_FDCWD, path, mode);
}

/** mknodat(2). Deviation: of devices there are only those in /dev: EPERM. */
export function sys_mknodat(thread: Thread, fd: number, path: number, mode: number): Outcome {
  const name = pathAt(thread.process, path);
  if (typeof name === "number") return name;
  const type = mode & S_IFMT;
  if (type === S_IFIFO || type === S_IFSOCK) return makeNodeAt(thread, fd, name, type, mode & 0o7777, 0);
  if (type === S_IFDIR) return statAt(thread, fd, name, 0, stat) === 0 ? -EEXIST : -EPERM;
  if (type === S_IFCHR || type === S_IFBLK) return statAt(thread, fd, name, 0, stat) === 0 ? -EEXIST : -EPERM;
  if (type !== 0 && type !== S_IFREG) return -EINVAL;
  const made = openAt(thread, fd, name, fcntl.O_CREAT | fcntl.O_EXCL | fcntl.O_WRONLY, mode & 0o7777, 0);
  return made < 0 ? made : close(thread, made);
}

export function sys_rmdir(thread: Thread, path: number): Outcome {
  return sys_unlinkat(thread, AT_FDCWD, path, fcntl.AT_REMOVEDIR);
}

export function sys_unlink(thread: Thread, path: number): Outcome {
  return sys_unlinkat(thread, AT_FDCWD, path, 0);
}

export function sys_unlinkat(thread: Thread, fd: number, path: number, flags: number): Outcome {
  if ((flags & ~fcntl.AT_REMOVEDIR) !== 0) return -EINVAL;
  const name = pathAt(thread.process, path);
  if (typeof name === "number") return name;
  return flags === 0 ? unlinkAt(thread, fd, name, 0) : removeDirectoryAt(thread, fd, name, 0);
}

export function sys_rename(thread: Thread, oldPath: number, newPath: number): Outcome {
  return sys_renameat2(thread, AT_FDCWD, oldPath, AT_FDCWD, newPath, 0);
}

export function sys_renameat(thread: Thread, oldFd: number, oldPath: number, newFd: number, newPath: number): Outcome {
  return sys_renameat2(thread, oldFd, oldPath, newFd, newPath, 0);
}

export function sys_renameat2(
  thread: Thread,
  oldFd: number,
  oldPath: number,
  newFd: number,
  newPath: number,
  flags: number,
): Outcome {
  const from = pathAt(thread.process, oldPath);
  if (typeof from === "number") return from;
  const to = pathAt(thread.process, newPath);
  return typeof to === "number" ? to : renameAt(thread, oldFd, from, newFd, to, flags, 0);
}

export function sys_link(thread: Thread, oldPath: number, newPath: number): Outcome {
  return sys_linkat(thread, AT_FDCWD, oldPath, AT_FDCWD, newPath, 0);
}

export function sys_linkat(
  thread: Thread,
  oldFd: number,
  oldPath: number,
  newFd: number,
  newPath: number,
  flags: number,
): Outcome {
  if ((flags & ~(fcntl.AT_SYMLINK_FOLLOW | fcntl.AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const from = pathAt(thread.process, oldPath);
  if (typeof from === "number") return from;
  const to = pathAt(thread.process, newPath);
  if (typeof to === "number") return to;
  if (from === "" && (flags & fcntl.AT_EMPTY_PATH) === 0) return -ENOENT;
  return linkAt(thread, oldFd, from, (flags & fcntl.AT_SYMLINK_FOLLOW) === 0 ? 0 : FOLLOW, newFd, to, 0);
}

export function sys_symlink(thread: Thread, target: number, path: number): Outcome {
  return sys_symlinkat(thread, target, AT_FDCWD, path);
}

export function sys_symlinkat(thread: Thread, target: number, fd: number, path: number): Outcome {
  const content = pathAt(thread.process, target);
  if (typeof content === "number") return content;
  const name = pathAt(thread.process, path);
  return typeof name === "number" ? name : makeSymlinkAt(thread, content, fd, name, 0);
}

export function sys_readlink(thread: Thread, path: number, buffer: number, length: number): Outcome {
  return sys_readlinkat(thread, AT_FDCWD, path, buffer, length);
}

/** readlinkat(2): cut to the buffer, without a NUL. */
export function sys_readlinkat(thread: Thread, fd: number, path: number, buffer: number, length: number): Outcome {
  const { process } = thread;
  if (length <= 0) return -EINVAL;
  const name = pathAt(process, path);
  if (typeof name === "number") return name;
  const target = name === "" ? readlinkFd(thread, fd) : readlinkAt(thread, fd, name, 0);
  if (typeof target === "number") return target;
  const cut = target.slice(0, length) as ByteString;
  if (!process.memory.contains(buffer >>> 0, cut.length)) return -EFAULT;
  process.memory.putByteString(buffer >>> 0, cut);
  return cut.length;
}

export function sys_truncate(thread: Thread, path: number, low: number, high: number): Outcome {
  const size = long(low, high);
  if (!(size >= 0 && size <= Number.MAX_SAFE_INTEGER)) return -EINVAL;
  const name = pathAt(thread.process, path);
  return typeof name === "number" ? name : setAttributesAt(thread, AT_FDCWD, name, FOLLOW, { size });
}

export function sys_ftruncate(thread: Thread, fd: number, low: number, high: number): Outcome {
  return truncateFd(thread, fd, long(low, high));
}

export function sys_chmod(thread: Thread, path: number, mode: number): Outcome {
  return sys_fchmodat(thread, AT_FDCWD, path, mode);
}

export function sys_fchmod(thread: Thread, fd: number, mode: number): Outcome {
  return setTimesFd(thread, fd, { mode: mode & 0o7777 });
}

/** fchmodat(2) has no flags in the kernel: what a guest passes is not looked at. */
export function sys_fchmodat(thread: Thread, fd: number, path: number, mode: number): Outcome {
  return sys_fchmodat2(thread, fd, path, mode, 0);
}

export function sys_fchmodat2(thread: Thread, fd: number, path: number, mode: number, flags: number): Outcome {
  return change(thread, fd, path, flags, { mode: mode & 0o7777 });
}

function owners(owner: number, group: number): AttributeChanges {
  const changes: AttributeChanges = {};
  if (owner !== -1) changes.uid = owner >>> 0;
  if (group !== -1) changes.gid = group >>> 0;
  return changes;
}

export function sys_chown(thread: Thread, path: number, owner: number, group: number): Outcome {
  return sys_fchownat(thread, AT_FDCWD, path, owner, group, 0);
}

export function sys_lchown(thread: Thread, path: number, owner: number, group: number): Outcome {
  return sys_fchownat(thread, AT_FDCWD, path, owner, group, fcntl.AT_SYMLINK_NOFOLLOW);
}

export function sys_fchown(thread: Thread, fd: number, owner: number, group: number): Outcome {
  return setTimesFd(thread, fd, owners(owner, group));
}

export function sys_fchownat(
  thread: Thread,
  fd: number,
  path: number,
  owner: number,
  group: number,
  flags: number,
): Outcome {
  return change(thread, fd, path, flags, owners(owner, group));
}

/** AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH, then setattr. */
function change(thread: Thread, fd: number, path: number, flags: number, changes: AttributeChanges): Outcome {
  if ((flags & ~(fcntl.AT_SYMLINK_NOFOLLOW | fcntl.AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const name = pathAt(thread.process, path);
  if (typeof name === "number") return name;
  const empty = name === "" && (flags & fcntl.AT_EMPTY_PATH) !== 0;
  if (empty && fd !== AT_FDCWD) return setTimesFd(thread, fd, changes, false, true);
  return setAttributesAt(thread, fd, empty ? (HERE as ByteString) : name, following(flags), changes);
}

const HERE = ".";

export function sys_access(thread: Thread, path: number, mode: number): Outcome {
  return sys_faccessat2(thread, AT_FDCWD, path, mode, 0);
}

export function sys_faccessat(thread: Thread, fd: number, path: number, mode: number): Outcome {
  return sys_faccessat2(thread, fd, path, mode, 0);
}

export function sys_faccessat2(thread: Thread, fd: number, path: number, mode: number, flags: number): Outcome {
  const known = fcntl.AT_SYMLINK_NOFOLLOW | fcntl.AT_EACCESS | fcntl.AT_EMPTY_PATH;
  if ((mode & ~(fcntl.R_OK | fcntl.W_OK | fcntl.X_OK)) !== 0 || (flags & ~known) !== 0) return -EINVAL;
  const name = pathAt(thread.process, path);
  if (typeof name === "number") return name;
  const effective = (flags & fcntl.AT_EACCESS) !== 0;
  const empty = name === "" && (flags & fcntl.AT_EMPTY_PATH) !== 0;
  if (!empty) return accessAt(thread, fd, name, mode, following(flags), effective);
  if (fd !== AT_FDCWD) return accessFd(thread, fd, mode, effective);
  return accessAt(thread, fd, HERE as ByteString, mode, 0, effective);
}

/** Two times in guest memory: what to change, and whether both are the present. undefined: nothing is to change. */
type Times = { readonly changes: AttributeChanges; readonly touch: boolean } | undefined;

const TIMES_BYTES = 32;

function presentTimes(thread: Thread): Times {
  const now = { seconds: 0, nanoseconds: 0 };
  thread.process.kernel.host.clock.wallTime(now);
  return { changes: { atime: now, mtime: now }, touch: true };
}

/** utimensat's pair of timespec: -EFAULT, -EINVAL. */
function timespecPair(thread: Thread, address: number): Times | number {
  const { memory } = thread.process;
  if (!memory.contains(address, TIMES_BYTES)) return -EFAULT;
  const nanoseconds = [memory.i64(address + 8), memory.i64(address + 24)];
  const seconds = [memory.i64(address), memory.i64(address + 16)];
  const now = { seconds: 0, nanoseconds: 0 };
  thread.process.kernel.host.clock.wallTime(now);
  const chosen: ({ seconds: number; nanoseconds: number } | undefined)[] = [];
  for (let i = 0; i < 2; i++) {
    const [s = 0, ns = 0] = [seconds[i], nanoseconds[i]];
    if (ns === fcntl.UTIME_OMIT) chosen.push(undefined);
    else if (ns === fcntl.UTIME_NOW) chosen.push(now);
    else if (!(ns >= 0 && ns < 1e9) || !Number.isSafeInteger(s)) return -EINVAL;
    else chosen.push({ seconds: s, nanoseconds: ns });
  }
  const [atime, mtime] = chosen;
  if (atime === undefined && mtime === undefined) return undefined;
  const changes: AttributeChanges = {};
  if (atime !== undefined) changes.atime = atime;
  if (mtime !== undefined) changes.mtime = mtime;
  return { changes, touch: nanoseconds.every((ns) => ns === fcntl.UTIME_NOW) };
}

/** utimes's pair of timeval: -EFAULT, -EINVAL. */
function timevalPair(thread: Thread, address: number): Times | number {
  const { memory } = thread.process;
  if (!memory.contains(address, TIMES_BYTES)) return -EFAULT;
  const [a, au, m, mu] = [0, 8, 16, 24].map((at) => memory.i64(address + at)) as [number, number, number, number];
  if (![a, m].every(Number.isSafeInteger) || ![au, mu].every((us) => us >= 0 && us < 1e6)) return -EINVAL;
  const atime = { seconds: a, nanoseconds: au * 1000 };
  return { changes: { atime, mtime: { seconds: m, nanoseconds: mu * 1000 } }, touch: false };
}

function setTimes(thread: Thread, fd: number, path: number, times: Times | number, flags: number): Outcome {
  if (typeof times === "number") return times;
  if (path >>> 0 === 0) {
    if (fd === AT_FDCWD) return -EFAULT;
    return setTimesFd(thread, fd, times?.changes ?? {}, times?.touch ?? true);
  }
  const name = pathAt(thread.process, path);
  if (typeof name === "number") return name;
  if (name === "" && (flags & fcntl.AT_EMPTY_PATH) !== 0) {
    return fd === AT_FDCWD ? -ENOENT : setTimesFd(thread, fd, times?.changes ?? {}, times?.touch ?? true, true);
  }
  if (times === undefined) return statAt(thread, fd, name, following(flags), stat);
  return setAttributesAt(thread, fd, name, following(flags), times.changes, times.touch);
}

export function sys_utimensat(thread: Thread, fd: number, path: number, times: number, flags: number): Outcome {
  if ((flags & ~(fcntl.AT_SYMLINK_NOFOLLOW | fcntl.AT_EMPTY_PATH)) !== 0) return -EINVAL;
  const at = times >>> 0;
  return setTimes(thread, fd, path, at === 0 ? presentTimes(thread) : timespecPair(thread, at), flags);
}

export function sys_utimes(thread: Thread, path: number, times: number): Outcome {
  return sys_futimesat(thread, AT_FDCWD, path, times);
}

export function sys_futimesat(thread: Thread, fd: number, path: number, times: number): Outcome {
  const at = times >>> 0;
  return setTimes(thread, fd, path, at === 0 ? presentTimes(thread) : timevalPair(thread, at), 0);
}

/** utime(2): two i64 of seconds. */
export function sys_utime(thread: Thread, path: number, times: number): Outcome {
  const { memory } = thread.process;
  const at = times >>> 0;
  if (at === 0) return setTimes(thread, AT_FDCWD, path, presentTimes(thread), 0);
  if (!memory.contains(at, 16)) return -EFAULT;
  const [a, m] = [memory.i64(at), memory.i64(at + 8)];
  if (!Number.isSafeInteger(a) || !Number.isSafeInteger(m)) return -EINVAL;
  const changes = { atime: { seconds: a, nanoseconds: 0 }, mtime: { seconds: m, nanoseconds: 0 } };
  return setTimes(thread, AT_FDCWD, path, { changes, touch: false }, 0);
}
