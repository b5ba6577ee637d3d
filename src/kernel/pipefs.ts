/**
 * Layer: kernel. The file system that pipes and standard streams live in, as Linux's pipefs: it is mounted nowhere and
 * only gives them inodes and attributes. It must not know what flows through them.
 */
import { EBUSY, EINVAL, ENOTDIR, ENXIO, EPERM, ESPIPE } from "../abi/errno.ts";
import { S_IFDIR } from "../abi/stat.ts";
import { PIPE_BUF, PIPE_BYTES, PIPE_CROWDED_BYTES, PIPE_MOST_BYTES, PIPES_BYTES } from "../limits.ts";
import type {
  AttributeChanges,
  DirectoryEntry,
  FileSystem,
  FileSystemStatistics,
  Inode,
  OpenFile,
  Owner,
  Stat,
} from "../vfs/contracts.ts";
import { FixedFileSystem } from "../vfs/fixed-file-system.ts";
import { Mount } from "../vfs/mounts.ts";
import type { Clock } from "../wait/clock.ts";
import { WaitQueue, type WakeSink } from "../wait/wait-queue.ts";
import type { Pipe } from "./pipe.ts";
import type { RingBuffer } from "./ring-buffer.ts";

/** Device number: Linux gives pipefs an anonymous one, major 0. */
const PIPEFS_DEV = 13;
const BLOCK_BYTES = 4096;

/** What a link of /proc/<pid>/fd can open once more. */
export interface Reopenable {
  /** As flags of open(2) say; -EACCES. */
  reopen(flags: number): OpenFile | number;
}

/** Deviation from pipe(7): times are those of creation and what utimensat set; traffic does not change them. */
export class StreamInode implements Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  readonly type: number;
  rdev: number;
  /** What /proc calls it, where that is no "pipe:[7]": "/dev/tty", "anon_inode:[eventfd]". */
  label: string | undefined = undefined;
  /** What /proc/<pid>/fd opens once more; without it that is -ENXIO. */
  source: Reopenable | undefined = undefined;
  mode: number;
  uid: number;
  gid: number;
  atime = { seconds: 0, nanoseconds: 0 };
  mtime = { seconds: 0, nanoseconds: 0 };
  ctime = { seconds: 0, nanoseconds: 0 };

  constructor(fs: FileSystem, ino: number, type: number, mode: number, rdev: number, owner: Owner) {
    this.fs = fs;
    this.ino = ino;
    this.type = type;
    this.mode = mode;
    this.rdev = rdev;
    this.uid = owner.uid;
    this.gid = owner.gid;
  }
}

export class PipeFileSystem extends FixedFileSystem {
  readonly type = "pipefs";
  readonly root: Inode;
  /** Where its inodes stand when a link of /proc leads to one: in no table of mounts. */
  readonly mount: Mount;
  readonly #clock: Clock;
  readonly #sink: WakeSink;
  /** FIFOs that are open somewhere. */
  readonly fifos = new Map<Inode, Pipe>();
  /** Never used twice. */
  nextIno = 2;
  /** Bytes all pipes there are may hold together. */
  #capacity = 0;

  constructor(clock: Clock, sink: WakeSink) {
    super(PIPEFS_DEV);
    this.#clock = clock;
    this.#sink = sink;
    this.root = new StreamInode(this, 1, S_IFDIR, 0o500, 0, { uid: 0, gid: 0 });
    this.mount = new Mount(this, undefined, false);
  }

  /** A fresh inode; `type` is an S_IFMT value. */
  inode(type: number, mode: number, rdev: number, owner: Owner): StreamInode {
    const inode = new StreamInode(this, this.nextIno, type, mode, rdev, owner);
    this.nextIno += 1;
    this.#clock.wallTime(inode.ctime);
    inode.atime = { ...inode.ctime };
    inode.mtime = { ...inode.ctime };
    return inode;
  }

  /** A queue whose waiters go to this kernel's ready list. */
  queue(): WaitQueue {
    return new WaitQueue(this.#sink);
  }

  /** What a new pipe may hold: PIPE_BYTES, and little once all pipes together may hold PIPES_BYTES (pipe(7)). */
  takeCapacity(): number {
    const bytes = this.#capacity + PIPE_BYTES <= PIPES_BYTES ? PIPE_BYTES : PIPE_CROWDED_BYTES;
    this.#capacity += bytes;
    return bytes;
  }

  giveCapacity(bytes: number): void {
    this.#capacity -= bytes;
  }

  /** The capacity a pipe has then: a power of two, a page at least. -EBUSY, -EPERM, -EINVAL. */
  resize(ring: RingBuffer, wanted: number): number {
    if (wanted < 0 || wanted > 2 ** 31) return -EINVAL;
    let bytes = PIPE_BUF;
    while (bytes < wanted) bytes *= 2;
    const more = bytes - ring.capacity;
    if (bytes < ring.size) return -EBUSY;
    if (more > 0 && (bytes > PIPE_MOST_BYTES || this.#capacity + more > PIPES_BYTES)) return -EPERM;
    ring.resize(bytes);
    this.#capacity += more;
    return bytes;
  }

  stat(inode: Inode, out: Stat): number {
    if (!(inode instanceof StreamInode)) return -EINVAL;
    out.dev = this.dev;
    out.ino = inode.ino;
    out.mode = inode.type | inode.mode;
    out.nlink = 1;
    out.uid = inode.uid;
    out.gid = inode.gid;
    out.rdev = inode.rdev;
    out.size = 0;
    out.blocks = 0;
    out.atimeSeconds = inode.atime.seconds;
    out.atimeNanoseconds = inode.atime.nanoseconds;
    out.mtimeSeconds = inode.mtime.seconds;
    out.mtimeNanoseconds = inode.mtime.nanoseconds;
    out.ctimeSeconds = inode.ctime.seconds;
    out.ctimeNanoseconds = inode.ctime.nanoseconds;
    return 0;
  }

  /** A pipe has no size: -EINVAL, as ftruncate(2) says. */
  override setattr(inode: Inode, changes: AttributeChanges): number {
    if (!(inode instanceof StreamInode) || changes.size !== undefined) return -EINVAL;
    if (changes.mode !== undefined) inode.mode = changes.mode & 0o7777;
    if (changes.uid !== undefined) inode.uid = changes.uid;
    if (changes.gid !== undefined) inode.gid = changes.gid;
    if (changes.atime !== undefined) inode.atime = { ...changes.atime };
    if (changes.mtime !== undefined) inode.mtime = { ...changes.mtime };
    this.#clock.wallTime(inode.ctime);
    return 0;
  }

  statistics(): FileSystemStatistics {
    return { blockSize: BLOCK_BYTES, blocks: 0, blocksFree: 0, files: 0, filesFree: 0 };
  }

  /** Through /proc/<pid>/fd alone: no path leads here. */
  open(inode: Inode, flags: number): OpenFile | number {
    return (inode instanceof StreamInode ? inode.source?.reopen(flags) : undefined) ?? -ENXIO;
  }

  lookup(): number {
    return -ENOTDIR;
  }
}

/** What every stream answers alike: it is no directory, has no position and nothing to store. */
export abstract class StreamFile implements OpenFile {
  readonly inode: Inode;
  readonly seekable = false;
  readonly waiters: WaitQueue;
  readonly moreWaiters?: WaitQueue;

  constructor(inode: Inode, waiters: WaitQueue) {
    this.inode = inode;
    this.waiters = waiters;
  }

  abstract read(position: number, into: Uint8Array, at: number, length: number): number;
  abstract write(position: number, from: Uint8Array, at: number, length: number): number;
  abstract readiness(): number;
  abstract available(): number;
  abstract close(): void;

  entries(): readonly DirectoryEntry[] | number {
    return -ENOTDIR;
  }

  sync(): number {
    return -EINVAL;
  }

  allocate(): number {
    return -ESPIPE;
  }
}
