/**
 * Layer: wasi. path_open: rights become an access mode on the way in and what applies to the file on the way out.
 */
import { O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from "../abi/fcntl.ts";
import * as wasi from "../abi/wasi.ts";
import { ERRNO_BADF, ERRNO_FAULT, ERRNO_INVAL, ERRNO_NOTCAPABLE, ERRNO_SUCCESS } from "../abi/wasi-errno.ts";
import { BLOCKED, type GuestCall, type Outcome } from "../kernel/contracts.ts";
import { openAt } from "../kernel/operations/files.ts";
import type { Thread } from "../kernel/process.ts";
import { checkDirectory, pathAt, walkFlagsOf, wasiCall } from "./call.ts";
import { wasiPathErrno } from "./errno.ts";
import { openFlagsOf } from "./fd-attributes.ts";
import { effectiveInheriting, effectiveRights, RIGHTS_BY_PATH } from "./rights.ts";

/** What open(2) is given when WASI says nothing of modes; the umask is applied to it. */
const MODE = 0o666;

const READS = wasi.RIGHTS_FD_READ | wasi.RIGHTS_FD_READDIR;
const WRITES = wasi.RIGHTS_FD_WRITE | wasi.RIGHTS_FD_ALLOCATE | wasi.RIGHTS_FD_FILESTAT_SET_SIZE;

/**
 * Rights that no file opened by path can have are left out of the request; of the others, what the directory does not
 * pass on is NOTCAPABLE. Without any right to read or write the file is opened for reading, as O_RDONLY is 0.
 */
function path_open(
  thread: Thread,
  fd: number,
  lookupFlags: number,
  path: number,
  pathLength: number,
  oflags: number,
  baseLow: number,
  _baseHigh: number,
  inheritingLow: number,
  _inheritingHigh: number,
  fdflags: number,
  fdAt: number,
): number {
  const directory = thread.process.descriptors.get(fd >>> 0);
  if (directory === undefined) return ERRNO_BADF;
  const refused = checkDirectory(thread, fd >>> 0, rightsToOpen(oflags));
  if (refused !== ERRNO_SUCCESS) return refused;
  if (lookupFlags >>> 0 > wasi.LOOKUPFLAGS_ALL || oflags >>> 0 > wasi.OFLAGS_ALL) return ERRNO_INVAL;
  if (fdflags >>> 0 > wasi.FDFLAGS_ALL) return ERRNO_INVAL;
  const passedOn = effectiveInheriting(directory);
  const base = baseLow & RIGHTS_BY_PATH;
  const inheriting = inheritingLow & RIGHTS_BY_PATH;
  if (((base | inheriting) & ~passedOn) !== 0) return ERRNO_NOTCAPABLE;
  const name = pathAt(thread, path >>> 0, pathLength >>> 0);
  if (typeof name === "number") return name;
  if (!thread.process.memory.contains(fdAt >>> 0, 4)) return ERRNO_FAULT;
  const flags = accessModeOf(base) | creationFlagsOf(oflags) | openFlagsOf(fdflags);
  const opened = openAt(thread, fd >>> 0, name, flags, MODE, walkFlagsOf(lookupFlags));
  return opened <= BLOCKED ? opened : settled(thread, base, inheriting, fdAt, opened);
}

/** A FIFO waited for its partner. */
function finish(thread: Thread, args: readonly number[], opened: Outcome): number {
  const [, , , , , base = 0, , inheriting = 0, , , fdAt = 0] = args;
  return settled(thread, base & RIGHTS_BY_PATH, inheriting & RIGHTS_BY_PATH, fdAt, opened);
}

/** Give the new descriptor its rights and tell its number; the address was checked. */
function settled(thread: Thread, base: number, inheriting: number, fdAt: number, opened: Outcome): number {
  const descriptor = thread.process.descriptors.get(opened);
  if (descriptor === undefined) return wasiPathErrno(opened);
  descriptor.rights = base;
  descriptor.inheriting = inheriting;
  descriptor.rights = effectiveRights(descriptor);
  descriptor.inheriting = effectiveInheriting(descriptor);
  thread.process.memory.view.setUint32(fdAt >>> 0, opened, true);
  return ERRNO_SUCCESS;
}

function rightsToOpen(oflags: number): number {
  let needed = wasi.RIGHTS_PATH_OPEN;
  if ((oflags & wasi.OFLAGS_CREAT) !== 0) needed |= wasi.RIGHTS_PATH_CREATE_FILE;
  if ((oflags & wasi.OFLAGS_TRUNC) !== 0) needed |= wasi.RIGHTS_PATH_FILESTAT_SET_SIZE;
  return needed;
}

function accessModeOf(base: number): number {
  if ((base & WRITES) === 0) return O_RDONLY;
  return (base & READS) === 0 ? O_WRONLY : O_RDWR;
}

function creationFlagsOf(oflags: number): number {
  let flags = 0;
  if ((oflags & wasi.OFLAGS_CREAT) !== 0) flags |= O_CREAT;
  if ((oflags & wasi.OFLAGS_DIRECTORY) !== 0) flags |= O_DIRECTORY;
  if ((oflags & wasi.OFLAGS_EXCL) !== 0) flags |= O_EXCL;
  if ((oflags & wasi.OFLAGS_TRUNC) !== 0) flags |= O_TRUNC;
  return flags;
}

export const PATH_OPEN_CALLS: readonly GuestCall[] = [wasiCall("path_open", path_open, finish)];
