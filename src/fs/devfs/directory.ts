/**
 * Layer: fs/devfs. The open directory of /dev. It must not know of descriptors and processes.
 */
import type { DirectoryEntry, Inode } from "../../vfs/contracts.ts";
import { OpenedDirectory } from "../../vfs/opened-directory.ts";

export class DeviceDirectoryFile extends OpenedDirectory {
  /** In the order of their cookies: entry i is found at cookie i. */
  readonly #entries: readonly DirectoryEntry[];

  constructor(inode: Inode, entries: readonly DirectoryEntry[]) {
    super(inode);
    this.#entries = entries;
  }

  entries(from: number, limit: number): readonly DirectoryEntry[] {
    return this.#entries.slice(from, from + limit);
  }
}
