/**
 * Layer: fs/memfs. Inodes: what every one has, and what files, directories and links have besides. It must not know of
 * paths and permissions.
 */

import type { ByteString } from "../../abi/byte-string.ts";
import { F_SEAL_SEAL } from "../../abi/fcntl.ts";
import { S_IFDIR, type S_IFIFO, S_IFLNK, S_IFREG, type S_IFSOCK } from "../../abi/stat.ts";
import type { FileSystem, Inode, Stat } from "../../vfs/contracts.ts";
import type { WallTime } from "../../wait/clock.ts";
import type { Budget } from "./budget.ts";
import { DirectoryData } from "./directory-data.ts";
import { FileData } from "./file-data.ts";

export type MemoryInode = FileInode | DirectoryInode | LinkInode | SpecialInode;

export class InodeBase {
  readonly fs: FileSystem;
  readonly ino: number;
  /** Permission bits only. */
  mode: number;
  uid: number;
  gid: number;
  /** Names; a directory's own "." and its children's ".." count, as stat(2) shows them. */
  nlink = 0;
  /** Open files on it. What has neither name nor open file is freed. */
  opens = 0;
  /** The name it got last, and where: it may be gone, and others may lead to it too. */
  named: { readonly directory: DirectoryInode; readonly name: ByteString } | undefined = undefined;
  /** Extended attributes, by their whole names. */
  extended: Map<ByteString, Uint8Array> | undefined = undefined;
  /** Already given back to the budget. */
  freed = false;
  atimeSeconds = 0;
  atimeNanoseconds = 0;
  mtimeSeconds = 0;
  mtimeNanoseconds = 0;
  ctimeSeconds = 0;
  ctimeNanoseconds = 0;

  constructor(fs: FileSystem, ino: number, mode: number, uid: number, gid: number) {
    this.fs = fs;
    this.ino = ino;
    this.mode = mode;
    this.uid = uid;
    this.gid = gid;
  }

  setAtime(time: WallTime): void {
    this.atimeSeconds = time.seconds;
    this.atimeNanoseconds = time.nanoseconds;
  }

  setMtime(time: WallTime): void {
    this.mtimeSeconds = time.seconds;
    this.mtimeNanoseconds = time.nanoseconds;
  }

  setCtime(time: WallTime): void {
    this.ctimeSeconds = time.seconds;
    this.ctimeNanoseconds = time.nanoseconds;
  }

  /**
   * relatime of mount(8): reading sets atime only where it is not later than mtime and ctime. (Linux also sets it once
   * a day; here the clock would have to be asked at each read for that.)
   */
  get atimeIsStale(): boolean {
    return (
      !isAfter(this.atimeSeconds, this.atimeNanoseconds, this.mtimeSeconds, this.mtimeNanoseconds) ||
      !isAfter(this.atimeSeconds, this.atimeNanoseconds, this.ctimeSeconds, this.ctimeNanoseconds)
    );
  }

  /** Everything stat(2) tells but what depends on the type. */
  protected statCommon(out: Stat, type: number, size: number, blocks: number): void {
    out.dev = this.fs.dev;
    out.ino = this.ino;
    out.mode = type | this.mode;
    out.nlink = this.nlink;
    out.uid = this.uid;
    out.gid = this.gid;
    out.rdev = 0;
    out.size = size;
    out.blocks = blocks;
    out.atimeSeconds = this.atimeSeconds;
    out.atimeNanoseconds = this.atimeNanoseconds;
    out.mtimeSeconds = this.mtimeSeconds;
    out.mtimeNanoseconds = this.mtimeNanoseconds;
    out.ctimeSeconds = this.ctimeSeconds;
    out.ctimeNanoseconds = this.ctimeNanoseconds;
  }
}

export class FileInode extends InodeBase implements Inode {
  readonly type = S_IFREG;
  readonly data: FileData;
  /** Made without a name, which it may still get (O_TMPFILE). */
  linkable = false;
  /** As of every file that was not made by memfd_create(2) with the wish to seal it. */
  seals = F_SEAL_SEAL;

  constructor(fs: FileSystem, ino: number, mode: number, uid: number, gid: number, budget: Budget) {
    super(fs, ino, mode, uid, gid);
    this.data = new FileData(budget);
  }

  stat(out: Stat): void {
    this.statCommon(out, S_IFREG, this.data.size, this.data.blocks);
  }
}

export class DirectoryInode extends InodeBase implements Inode {
  readonly type = S_IFDIR;
  readonly names = new DirectoryData();
  /** A directory was removed from here. */
  remembered = false;
  /** The directory above; a removed one keeps it, the root is its own. */
  parent: DirectoryInode;

  constructor(fs: FileSystem, ino: number, mode: number, uid: number, gid: number, parent?: DirectoryInode) {
    super(fs, ino, mode, uid, gid);
    this.nlink = 2;
    this.parent = parent ?? this;
  }

  stat(out: Stat): void {
    // As tmpfs: a fixed amount for each name, "." and ".." among them.
    this.statCommon(out, S_IFDIR, (this.names.count + 2) * 20, 0);
  }
}

export class LinkInode extends InodeBase implements Inode {
  readonly type = S_IFLNK;
  readonly target: ByteString;

  constructor(fs: FileSystem, ino: number, uid: number, gid: number, target: ByteString) {
    super(fs, ino, 0o777, uid, gid);
    this.target = target;
  }

  stat(out: Stat): void {
    this.statCommon(out, S_IFLNK, this.target.length, 0);
  }
}

/** A FIFO or a socket: only a name; what it stands for is the kernel's. */
export class SpecialInode extends InodeBase implements Inode {
  readonly type: typeof S_IFIFO | typeof S_IFSOCK;

  constructor(
    fs: FileSystem,
    ino: number,
    type: typeof S_IFIFO | typeof S_IFSOCK,
    mode: number,
    uid: number,
    gid: number,
  ) {
    super(fs, ino, mode, uid, gid);
    this.type = type;
  }

  stat(out: Stat): void {
    this.statCommon(out, this.type, 0, 0);
  }
}

function isAfter(seconds: number, nanoseconds: number, thanSeconds: number, thanNanoseconds: number): boolean {
  return seconds > thanSeconds || (seconds === thanSeconds && nanoseconds > thanNanoseconds);
}
