/**
 * Layer: fs/devpts. The file system on /dev/pts: a directory of the pseudoterminals there are, as pts(4). Who has them hands
 * them in. It must not know what a terminal does.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { ENODEV, ENOENT, ENOTDIR } from "../../abi/errno.ts";
import { DT_CHR, S_IFDIR } from "../../abi/stat.ts";
import type { DirectoryEntry, FileSystemStatistics, Inode, OpenFile, Stat } from "../../vfs/contracts.ts";
import { FixedFileSystem } from "../../vfs/fixed-file-system.ts";
import { OpenedDirectory } from "../../vfs/opened-directory.ts";
import type { Clock } from "../../wait/clock.ts";

/** The terminals to show. */
export interface TerminalLines {
  /** Numbers that are in use, ascending. */
  numbers(): readonly number[];
  /** The inode of a number, which knows everything itself; undefined where there is none. */
  inode(number: number): Inode | undefined;
}

/** What /dev/ptmx makes appears, and goes when its master is closed. */
export class TerminalFileSystem extends FixedFileSystem {
  readonly type = "devpts";
  readonly root: Inode;
  readonly #lines: () => TerminalLines;
  readonly #made = { seconds: 0, nanoseconds: 0 };

  constructor(dev: number, clock: Clock, lines: () => TerminalLines) {
    super(dev);
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

  statistics(): FileSystemStatistics {
    return { blockSize: 4096, blocks: 0, blocksFree: 0, files: this.#lines().numbers().length + 1, filesFree: 0 };
  }
}

/** The open directory. A cookie is a terminal's number plus one: what comes and goes moves no other. */
class TerminalDirectory extends OpenedDirectory {
  readonly #lines: TerminalLines;

  constructor(inode: Inode, lines: TerminalLines) {
    super(inode);
    this.#lines = lines;
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
}
