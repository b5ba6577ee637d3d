/** Layer: vfs. What open directories of every file system answer alike. It must not know where entries come from. */
import { EISDIR, ENODEV } from "../abi/errno.ts";
import { POLLIN, POLLOUT } from "../abi/poll.ts";
import type { DirectoryEntry, Inode, OpenFile } from "./contracts.ts";

/** Entries are its own; it has no bytes, never waits and has nothing to store. */
export abstract class OpenedDirectory<Kind extends Inode = Inode> implements OpenFile {
  readonly inode: Kind;
  readonly seekable = true;
  readonly waiters = undefined;

  constructor(inode: Kind) {
    this.inode = inode;
  }

  abstract entries(from: number, limit: number): readonly DirectoryEntry[] | number;

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

  sync(_dataOnly?: boolean): number {
    return 0;
  }

  allocate(): number {
    return -ENODEV;
  }

  close(): void {}
}
