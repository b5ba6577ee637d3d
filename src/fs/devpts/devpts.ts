/**
 * Layer: fs/devpts. The file system on /dev/pts: a directory of the pseudoterminals there are, as pts(4). Who has them hands
 * them in. It must not know what a terminal does.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EINVAL, EISDIR, ENODEV, ENOENT, ENOTDIR, EPERM } from "../../abi/errno.ts";
import { POLLIN, POLLOUT } from "../../abi/poll.ts";
import { DT_CHR, S_IFDIR } from "../../abi/stat.ts";
import type {
  AttributeChanges,
  DirectoryEntry,
  FileSystem,
  FileSystemStatistics,
  Inode,
  OpenFile,
  Stat,
} from "../../vfs/contracts.ts";
import type { Clock } from "../../wait/clock.ts";

/** The terminals to show. */
export interface TerminalLines {
  /** Numbers that are in use, ascending. */
  numbers(): readonly number[];
  /** The inode of a number, which knows everything itself; undefined where there is none. */
  inode(number: number): Inode | undefined;
}

/** Nothing can be made or removed here: -EPERM. What /dev/ptmx makes appears, and goes when its master is closed. */
export class TerminalFileSystem implements FileSystem {
  readonly type = "devpts";
  readonly dev: number;
  readonly root: Inode;
  readonly #lines: () => TerminalLines;
  readonly #made = { seconds: 0, nanoseconds: 0 };

  constructor(dev: number, clock: Clock, lines: () => TerminalLines) {
    this.dev = dev;
    this.root = { fs: this, ino: 1, type: S_IFDIR };
    this.#lines = lines;
    clock.wallTime(this.#made);
  }

  lookup(directory: Inode, name: ByteString): Inode | number {
    if (directory !== this.root) return -ENOTDIR;
    return /^(0|[1-9][0-9]{0,5})$/.test(name) ? (this.#lines().inode(Number(name)) ?? -ENOENT) : -ENOENT;
  }

  open(inode: Inode): OpenFile | number {
    return inode === this.root ? new TerminalDirectory(inode, this.#lines()) : -ENODEV;
  }

  stat(inode: Inode, out: Stat): number {
    const { seconds, nanoseconds } = this.#made;
    Object.assign(out, { dev: this.dev, ino: inode.ino, mode: S_IFDIR | 0o755, nlink: 2, uid: 0, gid: 0 });
    Object.assign(out, { rdev: 0, size: 0, blocks: 0, atimeSeconds: seconds, atimeNanoseconds: nanoseconds });
    Object.assign(out, { mtimeSeconds: seconds, mtimeNanoseconds: nanoseconds });
    Object.assign(out, { ctimeSeconds: seconds, ctimeNanoseconds: nanoseconds });
    return 0;
  }

  setattr(_inode: Inode, { mode, uid, gid, size }: AttributeChanges): number {
    return mode === undefined && uid === undefined && gid === undefined && size === undefined ? 0 : -EPERM;
  }

  parent(): Inode {
    return this.root;
  }

  statistics(): FileSystemStatistics {
    return { blockSize: 4096, blocks: 0, blocksFree: 0, files: this.#lines().numbers().length + 1, filesFree: 0 };
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

/** The open directory. A cookie is a terminal's number plus one: what comes and goes moves no other. */
class TerminalDirectory implements OpenFile {
  readonly inode: Inode;
  readonly seekable = true;
  readonly waiters = undefined;
  readonly #lines: TerminalLines;

  constructor(inode: Inode, lines: TerminalLines) {
    this.inode = inode;
    this.#lines = lines;
  }

  read(): number {
    return -EISDIR;
  }

  write(): number {
    return -EISDIR;
  }

  readiness(): number {
    return POLLIN | POLLOUT;
  }

  available(): number {
    return 0;
  }

  entries(from: number, limit: number): readonly DirectoryEntry[] {
    const numbers = this.#lines.numbers().filter((number) => number >= from);
    return numbers.slice(0, limit).map((number) => ({
      name: `${number}` as ByteString,
      ino: this.#lines.inode(number)?.ino ?? 0,
      type: DT_CHR,
      next: number + 1,
    }));
  }

  sync(): number {
    return 0;
  }

  allocate(): number {
    return -ENODEV;
  }

  close(): void {}
}
