/**
 * Layer: fs/devfs. The file system on /dev: a fixed directory of devices, links into /proc and directories to mount on. It must
 * not know of descriptors and processes.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EINVAL, ELOOP, ENOENT, ENOTDIR } from "../../abi/errno.ts";
import { DT_CHR, DT_DIR, DT_LNK, S_IFCHR, S_IFDIR, S_IFLNK } from "../../abi/stat.ts";
import type { DirectoryEntry, FileSystem, FileSystemStatistics, Inode, OpenFile, Stat } from "../../vfs/contracts.ts";
import { FixedFileSystem } from "../../vfs/fixed-file-system.ts";
import type { Clock } from "../../wait/clock.ts";
import type { DeviceKind, Random } from "./device.ts";
import { DeviceFile, DeviceInode } from "./device.ts";
import { DeviceDirectoryFile } from "./directory.ts";

export interface DeviceFileSystemOptions {
  readonly dev: number;
  /** For the times stat tells: those of the mount. */
  readonly clock: Clock;
  readonly random: Random;
}

/** Name, kind, major, minor. */
const DEVICES: readonly (readonly [string, DeviceKind, number, number])[] = [
  ["null", "null", 1, 3],
  ["zero", "zero", 1, 5],
  ["full", "full", 1, 7],
  ["random", "random", 1, 8],
  ["urandom", "random", 1, 9],
  ["tty", "terminal", 5, 0],
  ["ptmx", "terminal maker", 5, 2],
];

/** As every Linux has them (Documentation/admin-guide/devices.txt, "Compulsory links"). */
const LINKS: readonly (readonly [string, string])[] = [
  ["fd", "/proc/self/fd"],
  ["stdin", "/proc/self/fd/0"],
  ["stdout", "/proc/self/fd/1"],
  ["stderr", "/proc/self/fd/2"],
];

/** Empty: something is mounted there. */
const DIRECTORIES = ["shm", "pts"];

class LinkInode implements Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  readonly type = S_IFLNK;
  readonly target: ByteString;

  constructor(fs: FileSystem, ino: number, target: string) {
    this.fs = fs;
    this.ino = ino;
    this.target = target as ByteString;
  }
}

export class DeviceFileSystem extends FixedFileSystem {
  readonly type = "devfs";
  readonly root: Inode;
  readonly #random: Random;
  readonly #inodes = new Map<string, Inode>();
  readonly #seconds: number;
  readonly #nanoseconds: number;

  constructor(options: DeviceFileSystemOptions) {
    super(options.dev);
    this.#random = options.random;
    this.root = { fs: this, ino: 1, type: S_IFDIR };
    const now = { seconds: 0, nanoseconds: 0 };
    options.clock.wallTime(now);
    this.#seconds = now.seconds;
    this.#nanoseconds = now.nanoseconds;
    for (const [name, kind, major, minor] of DEVICES) {
      this.#inodes.set(name, new DeviceInode(this, this.#next, kind, (major << 8) | minor));
    }
    for (const [name, target] of LINKS) this.#inodes.set(name, new LinkInode(this, this.#next, target));
    for (const name of DIRECTORIES) this.#inodes.set(name, { fs: this, ino: this.#next, type: S_IFDIR });
  }

  get #next(): number {
    return this.#inodes.size + 2;
  }

  lookup(directory: Inode, name: ByteString): Inode | number {
    if (directory.type !== S_IFDIR) return -ENOTDIR;
    return directory === this.root ? (this.#inodes.get(name) ?? -ENOENT) : -ENOENT;
  }

  open(inode: Inode): OpenFile | number {
    if (inode instanceof DeviceInode) return new DeviceFile(inode, this.#random);
    if (inode.type !== S_IFDIR) return -ELOOP;
    if (inode !== this.root) return new DeviceDirectoryFile(inode, []);
    const entries = [...this.#inodes].map(([name, { ino, type }], index): DirectoryEntry => {
      const entryType = type === S_IFCHR ? DT_CHR : type === S_IFLNK ? DT_LNK : DT_DIR;
      return { name: name as ByteString, ino, type: entryType, next: index + 1 };
    });
    return new DeviceDirectoryFile(inode, entries);
  }

  stat(inode: Inode, out: Stat): number {
    const { type } = inode;
    out.dev = this.dev;
    out.ino = inode.ino;
    out.mode = type | (type === S_IFCHR ? 0o666 : type === S_IFLNK ? 0o777 : 0o755);
    out.nlink = type !== S_IFDIR ? 1 : inode === this.root ? 2 + DIRECTORIES.length : 2;
    out.uid = 0;
    out.gid = 0;
    out.rdev = inode instanceof DeviceInode ? inode.rdev : 0;
    out.size = inode instanceof LinkInode ? inode.target.length : 0;
    out.blocks = 0;
    out.atimeSeconds = this.#seconds;
    out.atimeNanoseconds = this.#nanoseconds;
    out.mtimeSeconds = this.#seconds;
    out.mtimeNanoseconds = this.#nanoseconds;
    out.ctimeSeconds = this.#seconds;
    out.ctimeNanoseconds = this.#nanoseconds;
    return 0;
  }

  statistics(): FileSystemStatistics {
    return { blockSize: 4096, blocks: 0, blocksFree: 0, files: this.#inodes.size + 1, filesFree: 0 };
  }

  override readlink(link: Inode): ByteString | number {
    return link instanceof LinkInode ? link.target : -EINVAL;
  }
}
