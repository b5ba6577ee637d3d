/**
 * Layer: wasi. Which rights apply to which type of file, and what a descriptor may effectively do. The kernel only keeps
 * the masks; every codec of this room asks here. It must not know calls.
 *
 * Source: the rights type of the WASI preview 1 witx documents. A descriptor of the kernel has every right until a codec
 * narrows it, so what is shown to a guest is cut down to what applies to the type.
 */
import { O_ACCMODE, O_RDONLY, O_WRONLY } from "../abi/fcntl.ts";
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFREG, S_IFSOCK } from "../abi/stat.ts";
import * as wasi from "../abi/wasi.ts";
import { ERRNO_BADF, ERRNO_INVAL, ERRNO_ISDIR, ERRNO_NOTCAPABLE, ERRNO_SUCCESS } from "../abi/wasi-errno.ts";
import type { Descriptor } from "../kernel/descriptors.ts";

const STREAM =
  wasi.RIGHTS_FD_READ |
  wasi.RIGHTS_FD_WRITE |
  wasi.RIGHTS_FD_FDSTAT_SET_FLAGS |
  wasi.RIGHTS_FD_FILESTAT_GET |
  wasi.RIGHTS_POLL_FD_READWRITE;

const REGULAR =
  STREAM |
  wasi.RIGHTS_FD_DATASYNC |
  wasi.RIGHTS_FD_SEEK |
  wasi.RIGHTS_FD_SYNC |
  wasi.RIGHTS_FD_TELL |
  wasi.RIGHTS_FD_ADVISE |
  wasi.RIGHTS_FD_ALLOCATE |
  wasi.RIGHTS_FD_FILESTAT_SET_SIZE |
  wasi.RIGHTS_FD_FILESTAT_SET_TIMES;

const DIRECTORY =
  wasi.RIGHTS_FD_DATASYNC |
  wasi.RIGHTS_FD_FDSTAT_SET_FLAGS |
  wasi.RIGHTS_FD_SYNC |
  wasi.RIGHTS_FD_ADVISE |
  wasi.RIGHTS_PATH_CREATE_DIRECTORY |
  wasi.RIGHTS_PATH_CREATE_FILE |
  wasi.RIGHTS_PATH_LINK_SOURCE |
  wasi.RIGHTS_PATH_LINK_TARGET |
  wasi.RIGHTS_PATH_OPEN |
  wasi.RIGHTS_FD_READDIR |
  wasi.RIGHTS_PATH_READLINK |
  wasi.RIGHTS_PATH_RENAME_SOURCE |
  wasi.RIGHTS_PATH_RENAME_TARGET |
  wasi.RIGHTS_PATH_FILESTAT_GET |
  wasi.RIGHTS_PATH_FILESTAT_SET_SIZE |
  wasi.RIGHTS_PATH_FILESTAT_SET_TIMES |
  wasi.RIGHTS_FD_FILESTAT_GET |
  wasi.RIGHTS_FD_FILESTAT_SET_TIMES |
  wasi.RIGHTS_PATH_SYMLINK |
  wasi.RIGHTS_PATH_REMOVE_DIRECTORY |
  wasi.RIGHTS_PATH_UNLINK_FILE |
  wasi.RIGHTS_POLL_FD_READWRITE;

const SOCKET = STREAM | wasi.RIGHTS_SOCK_SHUTDOWN | wasi.RIGHTS_SOCK_ACCEPT;

/** What a descriptor made by path_open can have: path_open leaves everything else out of a request. */
export const RIGHTS_BY_PATH = REGULAR | DIRECTORY;

/** The base rights that apply to this file. A terminal is what libc takes a character device without SEEK and TELL for. */
function baseOf(type: number, seekable: boolean): number {
  switch (type) {
    case S_IFREG:
    case S_IFBLK:
      return REGULAR;
    case S_IFDIR:
      return DIRECTORY;
    case S_IFSOCK:
      return SOCKET;
    case S_IFCHR:
      return seekable ? REGULAR : STREAM;
    default:
      return STREAM;
  }
}

/** The descriptor's base rights that apply to its type of file. */
export function effectiveRights(descriptor: Descriptor): number {
  const { file } = descriptor.description;
  return descriptor.rights & baseOf(file.inode.type, file.seekable);
}

/** The rights a descriptor opened through this one may have: only directories pass any on. */
export function effectiveInheriting(descriptor: Descriptor): number {
  return descriptor.description.file.inode.type === S_IFDIR ? descriptor.inheriting & RIGHTS_BY_PATH : 0;
}

/**
 * What a descriptor without every right in `needed` answers, or SUCCESS if it has them. Where Linux would refuse the call
 * too, it is Linux's error, which POSIX programs look for; else NOTCAPABLE.
 */
export function lackingRight(descriptor: Descriptor, needed: number): number {
  const lacking = needed & ~descriptor.rights;
  if (lacking === 0) return ERRNO_SUCCESS;
  const { flags, file } = descriptor.description;
  const access = flags & O_ACCMODE;
  if (access === O_WRONLY && (lacking & wasi.RIGHTS_FD_READ) !== 0) return ERRNO_BADF;
  if (access === O_RDONLY && (lacking & (wasi.RIGHTS_FD_WRITE | wasi.RIGHTS_FD_ALLOCATE)) !== 0) return ERRNO_BADF;
  if (file.inode.type === S_IFDIR && (lacking & (REGULAR & ~DIRECTORY)) !== 0) return ERRNO_ISDIR;
  if (access === O_RDONLY && (lacking & wasi.RIGHTS_FD_FILESTAT_SET_SIZE) !== 0) return ERRNO_INVAL;
  return ERRNO_NOTCAPABLE;
}
