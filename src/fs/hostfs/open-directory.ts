/**
 * Layer: fs/hostfs. An open directory of the host: entries come in batches, each with its attributes, so that looking at
 * every file listed needs no further question. Cookies count entries from the start of the listing.
 */
import { EAGAIN, ENOENT, EPERM } from "../../abi/errno.ts";
import { POLLIN } from "../../abi/poll.ts";
import { DT_UNKNOWN, S_IFMT } from "../../abi/stat.ts";
import { HOST_ENTRIES } from "../../limits.ts";
import type { DirectoryEntry } from "../../vfs/contracts.ts";
import { OpenedDirectory } from "../../vfs/opened-directory.ts";
import type { HostDirectory, HostEntry } from "./host-directory.ts";
import type { HostFileSystem } from "./hostfs.ts";
import type { HostInode } from "./inode.ts";

export class HostListing extends OpenedDirectory<HostInode> {
  readonly #fs: HostFileSystem;
  readonly #host: HostDirectory;
  readonly #handle: number;
  /** Entries kept, the first of them being number #base of the listing. What all open directories keep is counted. */
  #entries: DirectoryEntry[] = [];
  #base = 0;
  #begun = false;
  #ended = false;

  constructor(fs: HostFileSystem, host: HostDirectory, inode: HostInode, handle: number) {
    super(inode);
    this.#fs = fs;
    this.#host = host;
    this.#handle = handle;
    inode.handles.add(handle);
  }

  override readiness(): number {
    return POLLIN;
  }

  /**
   * From the start the host is asked anew, as after rewinddir(3). -EAGAIN on the way to a place far behind: a million entries are
   * asked for in many calls, each of which begins where the one before it ended.
   */
  entries(from: number, limit: number): readonly DirectoryEntry[] | number {
    if (this.inode.parent === undefined && this.inode !== this.#fs.root) return -ENOENT;
    if (from === 0 || from < this.#base) {
      this.#keep([]);
      this.#base = 0;
      this.#ended = false;
      const error = this.#more(this.#begun);
      if (error < 0) return error;
    }
    const begin = this.#base;
    while (!this.#ended && from >= this.#base + this.#entries.length) {
      if (this.#base + this.#entries.length - begin > HOST_ENTRIES) return -EAGAIN;
      const error = this.#more(false);
      if (error < 0) return error;
    }
    const start = from - this.#base;
    return this.#entries.slice(start, start + limit);
  }

  override sync(dataOnly: boolean): number {
    return this.#host.sync(this.#handle, dataOnly);
  }

  override allocate(): number {
    return -EPERM;
  }

  override close(): void {
    this.#keep([]);
    this.inode.handles.delete(this.#handle);
    this.#host.close(this.#handle);
  }

  #more(restart: boolean): number {
    const batch = this.#host.list(this.#handle, restart);
    if (typeof batch === "number") return batch;
    this.#begun = true;
    if (batch.length === 0) {
      this.#ended = true;
      return 0;
    }
    const now = this.#fs.now();
    let next = this.#base + this.#entries.length;
    const told = batch.map((entry) => this.#entry(entry, ++next, now));
    // What was told last stays in any case: it has not been read yet.
    if (this.#fs.entriesKept + told.length <= HOST_ENTRIES) this.#keep([...this.#entries, ...told]);
    else {
      this.#base += this.#entries.length;
      this.#keep(told);
    }
    return 0;
  }

  #keep(entries: DirectoryEntry[]): void {
    this.#fs.entriesKept += entries.length - this.#entries.length;
    this.#entries = entries;
  }

  #entry({ name, attributes }: HostEntry, next: number, now: number): DirectoryEntry {
    if (attributes === undefined) return { name, ino: this.inode.ino, type: DT_UNKNOWN, next };
    const inode = this.#fs.adopt(this.inode, name, attributes, now);
    return { name, ino: inode.ino, type: (inode.type & S_IFMT) >>> 12, next };
  }
}
