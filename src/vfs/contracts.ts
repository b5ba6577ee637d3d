/**
 * Layer: vfs. What a file system, an inode and an open file are. It must not know any particular file system, nor
 * processes and descriptors.
 *
 * Results are numbers: zero or more is success, below zero is -errno. Where an object is the answer the type says
 * `T | number`, and a number is then always -errno. Every method answers at once; only streams (pipes, standard
 * input and output, terminals) may answer -EAGAIN, and they have a wait queue that says when to try again.
 */
import type { ByteString } from "../abi/byte-string.ts";
import type { WaitQueue } from "../wait/wait-queue.ts";
import type { Location } from "./mounts.ts";
import type { WalkContext } from "./permissions.ts";

/** What stat(2) tells. Times are seconds and nanoseconds since the epoch; `size` in bytes, `blocks` in 512 bytes. */
export interface Stat {
  dev: number;
  ino: number;
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
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

/** Changes setattr makes: only what is present. `mode` holds permission bits only. */
export interface AttributeChanges {
  mode?: number;
  uid?: number;
  gid?: number;
  size?: number;
  atime?: { readonly seconds: number; readonly nanoseconds: number };
  mtime?: { readonly seconds: number; readonly nanoseconds: number };
}

/** Who creates a file: becomes its owner. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** A file, directory, link or device. The file system that made it knows the rest behind this face. */
export interface Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  /** File type bits (S_IFMT) of the mode; they never change while the inode lives. */
  readonly type: number;
  /** Of /proc: what it answers depends on who asks. */
  readonly personal?: PersonalInode | undefined;
  /** Of /dev/tty: to open it means to open the controlling terminal of the process that opens it. */
  readonly controllingTerminal?: boolean;
  /** Of /dev/ptmx: to open it means to make a pair of terminals. */
  readonly terminalMaker?: boolean;
  /** F_SEAL_ bits, where a file takes seals. What changes sizes and modes is for its file system to refuse, writing for the kernel. */
  seals?: number;
}

/** What an inode of /proc answers each caller for itself. */
export interface PersonalInode {
  /** Whether this caller may open, read or follow it: 0, -EACCES, -ENOENT and -ESRCH where what it told of is gone. */
  admit(caller: WalkContext): number;
  /** Of a symbolic link: what readlink(2) tells. */
  text?(caller: WalkContext): ByteString | number;
  /** Of a symbolic link: where it leads. A place is gone to at once (a "magic" link), a path is walked like any link's. */
  target?(caller: WalkContext): Location | ByteString | number;
}

export interface DirectoryEntry {
  readonly name: ByteString;
  readonly ino: number;
  /** A DT_ constant. */
  readonly type: number;
  /** Where the entry after this one is found: what to pass as `from` next. Above zero; stable under removals. */
  readonly next: number;
}

/** The object behind an open file description. It has no offset: the description has. */
export interface OpenFile {
  readonly inode: Inode;
  /** False for streams: the position is ignored and lseek answers ESPIPE. */
  readonly seekable: boolean;
  /** Streams: woken when readiness changes. Undefined where a call never waits. */
  readonly waiters: WaitQueue | undefined;
  /** Woken as well, of streams whose readers and writers wait apart. */
  readonly moreWaiters?: WaitQueue;
  /** Copy up to `length` bytes at `position` to `into[at…]`. Bytes moved, 0 at the end, or -errno. Keeps no view. */
  read(position: number, into: Uint8Array, at: number, length: number): number;
  /** Copy `length` bytes from `from[at…]` to `position`, or to the end if `position` is APPEND. Bytes moved or -errno. */
  write(position: number, from: Uint8Array, at: number, length: number): number;
  /** POLLIN, POLLOUT, POLLERR, POLLHUP bits true now. */
  readiness(): number;
  /** Bytes that can be read at once, where that is known (FIONREAD). */
  available(): number;
  /** Up to `limit` entries from cookie `from` (0 is the start), "." and ".." left out; empty at the end. */
  entries(from: number, limit: number): readonly DirectoryEntry[] | number;
  /** fsync(2) and fdatasync(2). */
  sync(dataOnly: boolean): number;
  /** posix_fallocate(3) over [offset, offset + length): nothing is lost, and the size grows unless `keepSize`. */
  allocate(offset: number, length: number, keepSize?: boolean): number;
  /** Make a hole of [offset, offset + length); the size stays. Without it that is -EOPNOTSUPP. */
  punch?(offset: number, length: number): number;
  /** Where data, or a hole, begins at or after an offset below the size; -ENXIO. Without it a file is data throughout. */
  seekContent?(offset: number, hole: boolean): number;
  /** A process closed a descriptor of it, one of perhaps many. */
  flush?(pid: number): void;
  /** The last descriptor is gone. Called once. */
  close(): void;
}

/** Write position that means "at the end, atomically" (O_APPEND). */
export const APPEND = -1;

/** xattr(7) of a file system. Names have their prefix; permissions are looked after by whoever asks. */
export interface ExtendedAttributes {
  /** -ENODATA. */
  get(inode: Inode, name: ByteString): Uint8Array | number;
  /** -ENOSPC. */
  set(inode: Inode, name: ByteString, value: Uint8Array): number;
  list(inode: Inode): readonly ByteString[];
  /** -ENODATA. */
  remove(inode: Inode, name: ByteString): number;
}

export interface FileSystemStatistics {
  blockSize: number;
  blocks: number;
  blocksFree: number;
  files: number;
  filesFree: number;
}

/**
 * One mounted file system. `name` arguments are single components: never empty, "." or "..", no "/" and no NUL, at most
 * NAME_MAX bytes: the path walk has seen to it. Permissions, read-only mounts and mount points are the walk's matter too.
 */
export interface FileSystem {
  /** "memfs", "hostfs", "devfs", "procfs", …: statfs(2) and /proc/mounts translate it. */
  readonly type: string;
  readonly dev: number;
  /** Its files' bytes are in this very memory, and any open file of its may be read and written: mappings can share it. */
  readonly inMemory?: boolean;
  readonly root: Inode;
  lookup(directory: Inode, name: ByteString): Inode | number;
  /** Make a regular file; EEXIST if the name is there. */
  create(directory: Inode, name: ByteString, mode: number, owner: Owner): Inode | number;
  /** Make a regular file without a name, which link() may give it one if `linkable` (O_TMPFILE). It must be opened at once. */
  createUnnamed?(directory: Inode, mode: number, owner: Owner, linkable: boolean): Inode | number;
  /** Make a FIFO or a socket's name (S_IFIFO, S_IFSOCK); -EPERM for what it does not keep. */
  mknod?(directory: Inode, name: ByteString, type: number, mode: number, owner: Owner): Inode | number;
  mkdir(directory: Inode, name: ByteString, mode: number, owner: Owner): Inode | number;
  symlink(directory: Inode, name: ByteString, target: ByteString, owner: Owner): Inode | number;
  link(directory: Inode, name: ByteString, target: Inode): number;
  unlink(directory: Inode, name: ByteString): number;
  rmdir(directory: Inode, name: ByteString): number;
  /** rename(2) within this file system; flags as renameat2(2). */
  rename(oldDirectory: Inode, oldName: ByteString, newDirectory: Inode, newName: ByteString, flags: number): number;
  readlink(link: Inode): ByteString | number;
  /** Open an inode of this file system; O_TRUNC is already carried out by the caller through setattr. */
  open(inode: Inode, flags: number): OpenFile | number;
  stat(inode: Inode, out: Stat): number;
  setattr(inode: Inode, changes: AttributeChanges): number;
  /** The directory above, for "..": the root answers itself. */
  parent(directory: Inode): Inode | number;
  /** Extended attributes; without them -EOPNOTSUPP. Values are copies. */
  readonly attributes?: ExtendedAttributes;
  /** A name this inode has now, and the directory with that name, where the file system knows without a search. */
  nameOf?(inode: Inode): { readonly directory: Inode; readonly name: ByteString } | undefined;
  /** The name it had last, and the directory it had it in, though both may be gone. */
  lastNameOf?(inode: Inode): { readonly directory: Inode; readonly name: ByteString } | undefined;
  statistics(): FileSystemStatistics;
}

/** A fresh Stat with every field zero: callers keep one and reuse it. */
export function emptyStat(): Stat {
  return {
    dev: 0,
    ino: 0,
    mode: 0,
    nlink: 0,
    uid: 0,
    gid: 0,
    rdev: 0,
    size: 0,
    blocks: 0,
    atimeSeconds: 0,
    atimeNanoseconds: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    ctimeSeconds: 0,
    ctimeNanoseconds: 0,
  };
}
