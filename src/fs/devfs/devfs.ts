/**
 * Layer: fs/devfs. The file system on /dev: a fixed directory of devices. It must not know of descriptors and processes:
 * what /dev/stdin means is the kernel's matter (see aliasedDescriptor).
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EINVAL, ENOENT, ENOTDIR, EPERM } from "../../abi/errno.ts";
import { DT_CHR, S_IFCHR, S_IFDIR } from "../../abi/stat.ts";
import type { AttributeChanges, FileSystem, FileSystemStatistics, Inode, OpenFile, Stat } from "../../vfs/contracts.ts";
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

/** Name, kind, major, minor, and the descriptor an alias stands for. */
const DEVICES: readonly (readonly [string, DeviceKind, number, number, number?])[] = [
  ["null", "null", 1, 3],
  ["zero", "zero", 1, 5],
  ["full", "full", 1, 7],
  ["random", "random", 1, 8],
  ["urandom", "random", 1, 9],
  ["tty", "terminal", 5, 0],
  ["stdin", "alias", 0, 0, 0],
  ["stdout", "alias", 0, 0, 1],
  ["stderr", "alias", 0, 0, 2],
];

/** Nothing can be made, removed or changed here: -EPERM. Times given to touch(1) are accepted and forgotten. */
export class DeviceFileSystem implements FileSystem {
  readonly type = "devfs";
  readonly dev: number;
  readonly root: Inode;
  readonly #random: Random;
  readonly #devices = new Map<string, DeviceInode>();
  readonly #seconds: number;
  readonly #nanoseconds: number;

  constructor(options: DeviceFileSystemOptions) {
    this.dev = options.dev;
    this.#random = options.random;
    this.root = { fs: this, ino: 1, type: S_IFDIR };
    const now = { seconds: 0, nanoseconds: 0 };
    options.clock.wallTime(now);
    this.#seconds = now.seconds;
    this.#nanoseconds = now.nanoseconds;
    for (const [name, kind, major, minor, descriptor] of DEVICES) {
      const ino = this.#devices.size + 2;
      this.#devices.set(name, new DeviceInode(this, ino, kind, (major << 8) | minor, descriptor));
    }
  }

  lookup(directory: Inode, name: ByteString): Inode | number {
    if (directory !== this.root) return -ENOTDIR;
    return this.#devices.get(name) ?? -ENOENT;
  }

  open(inode: Inode): OpenFile | number {
    if (inode instanceof DeviceInode) return new DeviceFile(inode, this.#random);
    const entries = [...this.#devices].map(([name, device], index) => ({
      name: name as ByteString,
      ino: device.ino,
      type: DT_CHR,
      next: index + 1,
    }));
    return new DeviceDirectoryFile(inode, entries);
  }

  stat(inode: Inode, out: Stat): number {
    const device = inode instanceof DeviceInode;
    out.dev = this.dev;
    out.ino = inode.ino;
    out.mode = device ? S_IFCHR | 0o666 : S_IFDIR | 0o755;
    out.nlink = device ? 1 : 2;
    out.uid = 0;
    out.gid = 0;
    out.rdev = device ? inode.rdev : 0;
    out.size = 0;
    out.blocks = 0;
    out.atimeSeconds = this.#seconds;
    out.atimeNanoseconds = this.#nanoseconds;
    out.mtimeSeconds = this.#seconds;
    out.mtimeNanoseconds = this.#nanoseconds;
    out.ctimeSeconds = this.#seconds;
    out.ctimeNanoseconds = this.#nanoseconds;
    return 0;
  }

  setattr(_inode: Inode, changes: AttributeChanges): number {
    const { mode, uid, gid, size } = changes;
    return mode === undefined && uid === undefined && gid === undefined && size === undefined ? 0 : -EPERM;
  }

  parent(): Inode {
    return this.root;
  }

  statistics(): FileSystemStatistics {
    return { blockSize: 4096, blocks: 0, blocksFree: 0, files: this.#devices.size + 1, filesFree: 0 };
  }

  readlink(): number {
    return -EINVAL;
  }

  create(): number {
    return -EPERM;
  }

  mkdir(): number {
    return -EPERM;
  }

  symlink(): number {
    return -EPERM;
  }

  link(): number {
    return -EPERM;
  }

  unlink(): number {
    return -EPERM;
  }

  rmdir(): number {
    return -EPERM;
  }

  rename(): number {
    return -EPERM;
  }
}
