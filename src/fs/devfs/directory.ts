/**
 * Layer: fs/devfs. The open directory of /dev. It must not know of descriptors and processes.
 */
import { EISDIR, ENODEV } from "../../abi/errno.ts";
import { POLLIN, POLLOUT } from "../../abi/poll.ts";
import type { DirectoryEntry, Inode, OpenFile } from "../../vfs/contracts.ts";

export class DeviceDirectoryFile implements OpenFile {
  readonly inode: Inode;
  readonly seekable = true;
  readonly waiters = undefined;
  /** In the order of their cookies: entry i is found at cookie i. */
  readonly #entries: readonly DirectoryEntry[];

  constructor(inode: Inode, entries: readonly DirectoryEntry[]) {
    this.inode = inode;
    this.#entries = entries;
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
    return this.#entries.slice(from, from + limit);
  }

  sync(): number {
    return 0;
  }

  allocate(): number {
    return -ENODEV;
  }

  close(): void {}
}
