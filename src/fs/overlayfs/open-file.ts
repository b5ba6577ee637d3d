/**
 * Layer: fs/overlayfs. Open files: those of a layer under the overlay's own inode; directories as both layers merged. It must not
 * know what is copied up, nor when.
 */
import type { DirectoryEntry, Inode, OpenFile } from "../../vfs/contracts.ts";
import { OpenedDirectory } from "../../vfs/opened-directory.ts";
import type { WaitQueue } from "../../wait/wait-queue.ts";

/** A layer's open file, whose inode is the overlay's. */
export class OverlayFile implements OpenFile {
  readonly inode: Inode;
  readonly seekable: boolean;
  readonly waiters: WaitQueue | undefined;
  readonly #file: OpenFile;
  readonly punch?: (offset: number, length: number) => number;
  readonly seekContent?: (offset: number, hole: boolean) => number;

  constructor(inode: Inode, file: OpenFile) {
    this.inode = inode;
    this.#file = file;
    this.seekable = file.seekable;
    this.waiters = file.waiters;
    if (file.punch !== undefined) this.punch = (offset, length) => file.punch?.(offset, length) ?? 0;
    if (file.seekContent !== undefined) this.seekContent = (offset, hole) => file.seekContent?.(offset, hole) ?? 0;
  }

  read(position: number, into: Uint8Array, at: number, length: number): number {
    return this.#file.read(position, into, at, length);
  }

  write(position: number, from: Uint8Array, at: number, length: number): number {
    return this.#file.write(position, from, at, length);
  }

  readiness(): number {
    return this.#file.readiness();
  }

  available(): number {
    return this.#file.available();
  }

  entries(from: number, limit: number): readonly DirectoryEntry[] | number {
    return this.#file.entries(from, limit);
  }

  sync(dataOnly: boolean): number {
    return this.#file.sync(dataOnly);
  }

  allocate(offset: number, length: number, keepSize?: boolean): number {
    return this.#file.allocate(offset, length, keepSize);
  }

  close(): void {
    this.#file.close();
  }
}

/** What a merged directory asks of its file system. */
export interface Merger {
  /** Entries of one layer as the overlay shows them: those hidden or found in the upper layer are left out of the lower's. */
  shownEntries(
    directory: Inode,
    layer: "upper" | "lower",
    entries: readonly DirectoryEntry[],
  ): readonly DirectoryEntry[];
  /** The upper layer's directory as it stands now, opened; undefined as long as there is none. */
  openUpper(directory: Inode): OpenFile | number | undefined;
}

/** First what the upper layer has, then the rest. A cookie's last bit says which; both layers' own cookies stay theirs. */
export class MergedDirectory extends OpenedDirectory {
  readonly #merger: Merger;
  readonly #lower: OpenFile | undefined;
  #upper: OpenFile | undefined;

  constructor(inode: Inode, merger: Merger, lower: OpenFile | undefined) {
    super(inode);
    this.#merger = merger;
    this.#lower = lower;
  }

  entries(from: number, limit: number): readonly DirectoryEntry[] | number {
    if (limit <= 0) return [];
    let cookie = from;
    while (cookie % 2 === 0) {
      const upper = this.#openUpper();
      if (typeof upper === "number") return upper;
      const found = upper?.entries(cookie / 2, limit) ?? [];
      if (typeof found === "number") return found;
      const last = found.at(-1);
      if (last === undefined) {
        cookie = 1;
        break;
      }
      const shown = this.#merger.shownEntries(this.inode, "upper", found);
      if (shown.length > 0) return shown.map((entry) => ({ ...entry, next: entry.next * 2 }));
      cookie = last.next * 2;
    }
    for (let own = (cookie - 1) / 2; ; ) {
      const found = this.#lower?.entries(own, limit) ?? [];
      if (typeof found === "number") return found;
      const last = found.at(-1);
      if (last === undefined) return [];
      const shown = this.#merger.shownEntries(this.inode, "lower", found);
      if (shown.length > 0) return shown.map((entry) => ({ ...entry, next: entry.next * 2 + 1 }));
      own = last.next;
    }
  }

  override close(): void {
    this.#upper?.close();
    this.#lower?.close();
  }

  /** The upper directory may come to be while this one is open. */
  #openUpper(): OpenFile | number | undefined {
    if (this.#upper !== undefined) return this.#upper;
    const opened = this.#merger.openUpper(this.inode);
    if (typeof opened === "object") this.#upper = opened;
    return opened;
  }
}
