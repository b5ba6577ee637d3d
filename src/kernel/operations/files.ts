/**
 * Layer: kernel, operations. Files by path and what is known of them. It finds the descriptor a path starts from and
 * applies the umask; the walk and its checks are the vfs's. It must not know encodings, nor rights of descriptors.
 *
 * `directoryFd` may be AT_FDCWD. `walkFlags` are the vfs's FOLLOW and BENEATH. Without BENEATH an absolute path starts
 * at the process's root and its descriptor is not looked at, as openat(2) says.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EBADF, EFBIG, EINVAL, ENOENT, ENOTDIR, ENXIO } from "../../abi/errno.ts";
import {
  AT_FDCWD,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_DSYNC,
  O_NOCTTY,
  O_NONBLOCK,
  O_PATH,
  O_SYNC,
  O_TMPFILE,
  O_TRUNC,
  RESOLVE_BENEATH,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_SYMLINKS,
  RESOLVE_NO_XDEV,
} from "../../abi/fcntl.ts";
import { IN_ACCESS } from "../../abi/inotify.ts";
import { DT_DIR, S_IFDIR, S_IFIFO, S_IFREG } from "../../abi/stat.ts";
import {
  setAttributes,
  setInodeAttributes,
  setAttributesAt as vfsSetAttributesAt,
  statAt as vfsStatAt,
} from "../../vfs/attributes.ts";
import type { AttributeChanges, DirectoryEntry, Stat } from "../../vfs/contracts.ts";
import type { Location } from "../../vfs/mounts.ts";
import { findAt, openUnnamedAt, openAt as vfsOpenAt } from "../../vfs/open.ts";
import type { WalkContext } from "../../vfs/permissions.ts";
import { BENEATH, FOLLOW, NO_LINKS, NO_MAGIC_LINKS, NO_XDEV, STRICTLY, walk } from "../../vfs/walk.ts";
import { GONE, type Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { afterBytes, beforeBytes, tell, written } from "../file-bytes.ts";
import { PathFile } from "../path-file.ts";
import type { Process, Thread } from "../process.ts";
import { fileRoom } from "../resource-limits.ts";
import { TerminalFile } from "../terminal.ts";
import { isPipeEnd, openEnd, openFifo } from "./pipes.ts";
import { adoptTerminal, openMaster } from "./terminals.ts";

/** Entries one readDirectory answers at most. */
export const DIRECTORY_ENTRIES = 1024;

/** What an open file description remembers of open(2)'s flags. */
const KEPT_FLAGS = O_ACCMODE | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC;
/** What F_SETFL changes. */
const SETTABLE_FLAGS = O_APPEND | O_NONBLOCK;

/**
 * openat(2): the new descriptor, with all rights. -EMFILE before anything is made.
 */
export function openAt(
  thread: Thread,
  directoryFd: number,
  path: ByteString,
  flags: number,
  mode: number,
  walkFlags: number,
): Outcome {
  const { process } = thread;
  const { descriptors } = process;
  const from = startOf(process, directoryFd, path, walkFlags);
  if (typeof from === "number") return from;
  const vacancy = descriptors.vacancy();
  if (vacancy < 0) return vacancy;
  return openFrom(thread, process, from, path, flags, mode, walkFlags);
}

/** openat(2) from a place, as whoever `context` says. */
function openFrom(
  thread: Thread,
  context: WalkContext,
  from: Location,
  path: ByteString,
  flags: number,
  mode: number,
  walkFlags: number,
): Outcome {
  const { process } = thread;
  const { descriptors } = process;
  if ((flags & O_PATH) !== 0) {
    const location = findAt(context, from, path, flags, walkFlags);
    if (typeof location === "number") return location;
    // Deviation: a pipe has no place that could be kept.
    if (location.mount === process.kernel.pipes.mount) return -ENXIO;
    const description = new OpenDescription(new PathFile(location.inode), location, O_PATH);
    return descriptors.install(description, (flags & O_CLOEXEC) !== 0);
  }
  const unnamed = (flags & O_TMPFILE) === O_TMPFILE;
  const opened = unnamed
    ? openUnnamedAt(context, from, path, flags, mode & ~process.umask, walkFlags)
    : vfsOpenAt(context, from, path, flags, mode & ~process.umask, walkFlags);
  if (typeof opened === "number") return opened;
  if ((flags & O_TRUNC) !== 0) afterBytes(thread, opened.file);
  const { controllingTerminal, terminalMaker, type } = opened.location.inode;
  if (controllingTerminal === true) {
    opened.file.close();
    const terminal = process.kernel.terminals.get(process.session);
    if (terminal === undefined) return -ENXIO;
    const description = new OpenDescription(terminal.file.opened(), undefined, flags & KEPT_FLAGS);
    return descriptors.install(description, (flags & O_CLOEXEC) !== 0);
  }
  if (terminalMaker === true) {
    opened.file.close();
    return openMaster(thread, flags & KEPT_FLAGS, (flags & O_CLOEXEC) !== 0);
  }
  if (opened.file instanceof TerminalFile) {
    if ((flags & O_NOCTTY) === 0) adoptTerminal(thread, opened.file.terminal);
    const description = new OpenDescription(opened.file, undefined, flags & KEPT_FLAGS);
    return descriptors.install(description, (flags & O_CLOEXEC) !== 0);
  }
  // A link of /proc led to something that stands on no mount.
  const nowhere = opened.location.mount === process.kernel.pipes.mount;
  if (isPipeEnd(opened.file)) return openEnd(thread, opened.file, undefined, flags);
  if (type === S_IFIFO && !nowhere) return openFifo(thread, opened.location, opened.file, flags);
  const location = nowhere ? undefined : opened.location;
  const description = new OpenDescription(opened.file, location, flags & KEPT_FLAGS);
  return descriptors.install(description, (flags & O_CLOEXEC) !== 0);
}

/** RESOLVE_ bits of openat2(2) as flags of a walk; those of IN_ROOT besides its own root. */
function walkFlagsOf(resolve: number): number {
  let flags = FOLLOW;
  if ((resolve & RESOLVE_NO_XDEV) !== 0) flags |= NO_XDEV;
  if ((resolve & RESOLVE_NO_MAGICLINKS) !== 0) flags |= NO_MAGIC_LINKS;
  if ((resolve & RESOLVE_NO_SYMLINKS) !== 0) flags |= NO_LINKS;
  if ((resolve & RESOLVE_BENEATH) !== 0) flags |= BENEATH | STRICTLY;
  if ((resolve & RESOLVE_IN_ROOT) !== 0) flags |= STRICTLY;
  return flags;
}

/** openat2(2). `resolve` of RESOLVE_ bits, not both BENEATH and IN_ROOT. Errors as openAt(), -EXDEV, -ELOOP. */
export function openResolvingAt(
  thread: Thread,
  directoryFd: number,
  path: ByteString,
  flags: number,
  mode: number,
  resolve: number,
): Outcome {
  const { process } = thread;
  const inRoot = (resolve & RESOLVE_IN_ROOT) !== 0;
  const scoped = inRoot || (resolve & RESOLVE_BENEATH) !== 0;
  const from = startOf(process, directoryFd, path, scoped ? BENEATH : 0);
  if (typeof from === "number") return from;
  const vacancy = process.descriptors.vacancy();
  if (vacancy < 0) return vacancy;
  const { mounts, credentials } = process;
  const context = inRoot ? { mounts, credentials, root: from } : process;
  return openFrom(thread, context, from, path, flags, mode, walkFlagsOf(resolve));
}

/** memfd_create(2): a file in memory whose name only /proc tells, with F_SEAL_ bits. -EMFILE, -ENOMEM. */
export function makeMemoryFile(
  thread: Thread,
  name: ByteString,
  executable: boolean,
  seals: number,
  closeOnExec: boolean,
): Outcome {
  const { kernel, descriptors, credentials } = thread.process;
  const vacancy = descriptors.vacancy();
  if (vacancy < 0) return vacancy;
  const label = `memfd:${name}` as ByteString;
  const description = kernel.shared.unnamed(0, executable ? 0o777 : 0o666, credentials, label);
  if (typeof description === "number") return description;
  description.file.inode.seals = seals;
  return descriptors.install(description, closeOnExec);
}

/** fstat(2). */
export function statFd(thread: Thread, fd: number, out: Stat): Outcome {
  const inode = thread.process.descriptors.get(fd)?.description.file.inode;
  return inode === undefined ? -EBADF : inode.fs.stat(inode, out);
}

/** fstatat(2). */
export function statAt(thread: Thread, directoryFd: number, path: ByteString, walkFlags: number, out: Stat): Outcome {
  const from = startOf(thread.process, directoryFd, path, walkFlags);
  return typeof from === "number" ? from : vfsStatAt(thread.process, from, path, walkFlags, out);
}

/**
 * futimens(3), and fchmod(2), fchown(2) alike. `touch`: the times given are the present (UTIME_NOW). `asPath`: what O_PATH
 * opened will do (AT_EMPTY_PATH).
 */
export function setTimesFd(
  thread: Thread,
  fd: number,
  changes: AttributeChanges,
  touch = false,
  asPath = false,
): Outcome {
  const description = thread.process.descriptors.get(fd)?.description;
  if (description === undefined || (!asPath && (description.flags & O_PATH) !== 0)) return -EBADF;
  if (description.location !== undefined) return setAttributes(thread.process, description.location, changes, touch);
  const { inode } = description.file;
  return setInodeAttributes(thread.process, inode, changes, touch);
}

/** utimensat(2), fchmodat(2), fchownat(2), truncate(2). */
export function setAttributesAt(
  thread: Thread,
  directoryFd: number,
  path: ByteString,
  walkFlags: number,
  changes: AttributeChanges,
  touch = false,
): Outcome {
  const { process } = thread;
  const from = startOf(process, directoryFd, path, walkFlags);
  if (typeof from === "number") return from;
  const { shared } = process.kernel;
  const resizes = shared.active && changes.size !== undefined;
  if (resizes) for (const { inode } of [...shared.files()]) shared.settle(inode);
  const error = vfsSetAttributesAt(process, from, path, changes, touch, walkFlags);
  if (resizes) for (const { inode } of [...shared.files()]) shared.changed(inode, process);
  return error;
}

/** ftruncate(2). -EINVAL: not open for writing, no regular file, or a size below zero or above 2^53 - 1. */
export function truncateFd(thread: Thread, fd: number, size: number): Outcome {
  const description = thread.process.descriptors.get(fd)?.description;
  if (description === undefined || (description.flags & O_PATH) !== 0) return -EBADF;
  const { inode } = description.file;
  if (!Number.isSafeInteger(size) || size < 0) return -EINVAL;
  if (!description.writable || inode.type !== S_IFREG) return -EINVAL;
  beforeBytes(thread, description.file);
  if (size > 0 && fileRoom(thread, description.file, size - 1, 1) < 0) return thread.killed ? GONE : -EFBIG;
  const error = inode.fs.setattr(inode, { size });
  afterBytes(thread, description.file);
  if (error === 0) written(thread, description);
  return error;
}

/**
 * getdents(2): up to `limit` (at most DIRECTORY_ENTRIES) entries from cookie `from` (0 is the start), "." and ".."
 * first; empty at the end. -EBADF, -ENOTDIR, -EINVAL (a cookie that cannot be).
 */
export function readDirectory(
  thread: Thread,
  fd: number,
  from: number,
  limit: number,
): readonly DirectoryEntry[] | number {
  const description = thread.process.descriptors.get(fd)?.description;
  if (description === undefined || (description.flags & O_PATH) !== 0) return -EBADF;
  const { file, location } = description;
  if (file.inode.type !== S_IFDIR || location === undefined) return -ENOTDIR;
  if (!description.readable) return -EBADF;
  if (!Number.isSafeInteger(from) || from < 0) return -EINVAL;
  const most = Math.max(1, Math.min(DIRECTORY_ENTRIES, limit));
  const entries: DirectoryEntry[] = [];
  if (from === 0) entries.push({ name: "." as ByteString, ino: file.inode.ino, type: DT_DIR, next: 1 });
  if (from <= 1 && entries.length < most) {
    const above = walk(thread.process, location, ".." as ByteString, 0);
    const ino = typeof above === "number" ? file.inode.ino : above.inode.ino;
    entries.push({ name: ".." as ByteString, ino, type: DT_DIR, next: DOTS });
  }
  if (entries.length >= most) return entries;
  const found = file.entries(Math.max(0, from - DOTS), most - entries.length);
  if (typeof found === "number") return found;
  tell(description, IN_ACCESS);
  for (const { name, ino, type, next } of found) entries.push({ name, ino, type, next: next + DOTS });
  return entries;
}

/** Cookies 0 and 1 stand for "." and ".."; a file system's own begin after them. */
const DOTS = 2;

/** F_GETFL: access mode and status flags. */
export function getStatusFlags(thread: Thread, fd: number): Outcome {
  return thread.process.descriptors.get(fd)?.description.flags ?? -EBADF;
}

/** F_SETFL: O_APPEND and O_NONBLOCK change, everything else in `flags` is left out. */
export function setStatusFlags(thread: Thread, fd: number, flags: number): Outcome {
  const description = thread.process.descriptors.get(fd)?.description;
  if (description === undefined || (description.flags & O_PATH) !== 0) return -EBADF;
  description.flags = (description.flags & ~SETTABLE_FLAGS) | (flags & SETTABLE_FLAGS);
  return 0;
}

/** Where a path's walk starts. -ENOENT (there is no path, whatever is open), -EBADF, -ENOTDIR. */
export function startOf(process: Process, fd: number, path: ByteString, walkFlags: number): Location | number {
  if (path === "") return -ENOENT;
  if (fd === AT_FDCWD) return process.cwd;
  if ((walkFlags & BENEATH) === 0 && path.charCodeAt(0) === 47) return process.root;
  const entry = process.descriptors.get(fd);
  if (entry === undefined) return -EBADF;
  const { location } = entry.description;
  return location === undefined || location.inode.type !== S_IFDIR ? -ENOTDIR : location;
}
