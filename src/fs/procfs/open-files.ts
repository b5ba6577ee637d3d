/**
 * Layer: fs/procfs. Open files and directories. A file's text is made when it is read from its start, and kept while it is
 * read on, unless it is long. It must not know what texts say.
 */
import { EINVAL, EIO } from "../../abi/errno.ts";
import { PROC_KEPT_BYTES } from "../../limits.ts";
import type { DirectoryEntry, Inode } from "../../vfs/contracts.ts";
import { OpenedDirectory } from "../../vfs/opened-directory.ts";
import { OpenedFile } from "../../vfs/opened-file.ts";
import type { MappingFacts } from "./facts.ts";

/** What all open files of one /proc keep. */
export interface KeptTexts {
  keptBytes: number;
}

/** Longer texts are made anew for each read: what an open file keeps must stay small. */
const KEPT_BYTES = 65_536;

/** What stands in a file: one byte a character. -ESRCH where what it told of is gone. */
export type Text = () => string | number;

export class TextFile extends OpenedFile {
  readonly #text: Text;
  readonly #change: ((bytes: Uint8Array) => number) | undefined;
  readonly #all: KeptTexts;
  #kept: string | undefined;

  constructor(inode: Inode, all: KeptTexts, text: Text, change?: (bytes: Uint8Array) => number) {
    super(inode);
    this.#all = all;
    this.#text = text;
    this.#change = change;
  }

  read(position: number, into: Uint8Array, at: number, length: number): number {
    const text = position === 0 ? this.#text() : (this.#kept ?? this.#text());
    if (typeof text === "number") return text;
    this.#keep(text.length <= KEPT_BYTES ? text : undefined);
    const count = Math.min(length, Math.max(0, text.length - position));
    for (let i = 0; i < count; i++) into[at + i] = text.charCodeAt(position + i);
    if (count === 0) this.#keep(undefined);
    return count;
  }

  #keep(text: string | undefined): void {
    const all = this.#all;
    all.keptBytes -= this.#kept?.length ?? 0;
    this.#kept = text === undefined || all.keptBytes + text.length > PROC_KEPT_BYTES ? undefined : text;
    all.keptBytes += this.#kept?.length ?? 0;
  }

  write(_position: number, from: Uint8Array, at: number, length: number): number {
    return this.#change === undefined ? -EIO : this.#change(from.subarray(at, at + length));
  }

  override close(): void {
    this.#keep(undefined);
  }
}

/**
 * A text with a part for each mapping, of which only what is read is made: all of it may be 40 MB. Read on, it goes on behind the
 * mapping that was told last, whatever has become of the others, as Linux's does.
 */
export class MappingsFile extends OpenedFile {
  readonly #mappings: () => readonly MappingFacts[] | number;
  readonly #tell: (mapping: MappingFacts) => string;
  /** The first mapping that stands at or above this address is told at #at. */
  #from = 0;
  #at = 0;

  constructor(inode: Inode, mappings: () => readonly MappingFacts[] | number, tell: (mapping: MappingFacts) => string) {
    super(inode);
    this.#mappings = mappings;
    this.#tell = tell;
  }

  read(position: number, into: Uint8Array, at: number, length: number): number {
    const mappings = this.#mappings();
    if (typeof mappings === "number") return mappings;
    if (position < this.#at) {
      this.#from = 0;
      this.#at = 0;
    }
    let count = 0;
    for (const mapping of mappings) {
      if (mapping.start < this.#from) continue;
      const text = this.#tell(mapping);
      const skipped = position + count - this.#at;
      const taken = Math.min(length - count, Math.max(0, text.length - skipped));
      for (let i = 0; i < taken; i++) into[at + count + i] = text.charCodeAt(skipped + i);
      count += taken;
      if (count === length) break;
      this.#at += text.length;
      this.#from = mapping.end;
    }
    return count;
  }

  write(): number {
    return -EINVAL;
  }
}

/** Entries from a cookie on, at most so many. -ENOENT where what the directory told of is gone. */
export type Listing = (from: number, limit: number) => readonly DirectoryEntry[] | number;

export class ListedDirectory extends OpenedDirectory {
  readonly #listing: Listing;

  constructor(inode: Inode, listing: Listing) {
    super(inode);
    this.#listing = listing;
  }

  entries(from: number, limit: number): readonly DirectoryEntry[] | number {
    return this.#listing(from, limit);
  }

  override sync(): number {
    return -EINVAL;
  }
}
