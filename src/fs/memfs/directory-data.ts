/**
 * Layer: fs/memfs. The names of one directory, in the order they were made, each with a cookie that stays while the
 * name does. It must not know of inodes' times and counts.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import type { MemoryInode } from "./inode.ts";

export interface NameEntry {
  readonly name: ByteString;
  /** Above zero, rising. */
  readonly cookie: number;
  /** Undefined once the name is gone. */
  inode: MemoryInode | undefined;
}

/** Removed entries the list may hold before it is packed. */
const SLACK = 32;

export class DirectoryData {
  readonly #byName = new Map<ByteString, NameEntry>();
  /** By cookie. Holds removed entries until it is packed, so that a reading in progress need not be told. */
  #inOrder: NameEntry[] = [];
  #nextCookie = 1;

  get count(): number {
    return this.#byName.size;
  }

  get nextCookie(): number {
    return this.#nextCookie;
  }

  get(name: ByteString): MemoryInode | undefined {
    return this.#byName.get(name)?.inode;
  }

  /** The name must not be there. The name as it is kept. */
  add(name: ByteString, inode: MemoryInode): ByteString {
    return this.restore(name, inode, this.#nextCookie);
  }

  /** Add with a cookie of a snapshot: at least nextCookie. */
  restore(name: ByteString, inode: MemoryInode, cookie: number): ByteString {
    const entry: NameEntry = { name: flat(name), cookie, inode };
    this.#nextCookie = cookie + 1;
    this.#byName.set(entry.name, entry);
    this.#inOrder.push(entry);
    return entry.name;
  }

  /** Cookies below this one were in use before a snapshot. */
  skipTo(cookie: number): void {
    this.#nextCookie = Math.max(this.#nextCookie, cookie);
  }

  /** The name, which is there, keeps its place and gets another inode. The name as it is kept. */
  replace(name: ByteString, inode: MemoryInode): ByteString {
    const entry = this.#byName.get(name);
    if (entry !== undefined) entry.inode = inode;
    return entry?.name ?? name;
  }

  remove(name: ByteString): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    entry.inode = undefined;
    this.#byName.delete(name);
    if (this.#inOrder.length > 2 * this.#byName.size + SLACK) {
      this.#inOrder = this.#inOrder.filter((kept) => kept.inode !== undefined);
    }
  }

  /** Call `visit` for the entries from this cookie on, until it answers false. */
  from(cookie: number, visit: (entry: NameEntry, inode: MemoryInode) => boolean): void {
    let low = 0;
    let high = this.#inOrder.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#inOrder[middle]?.cookie ?? 0) < cookie) low = middle + 1;
      else high = middle;
    }
    for (let i = low; i < this.#inOrder.length; i++) {
      const entry = this.#inOrder[i];
      if (entry?.inode !== undefined && !visit(entry, entry.inode)) return;
    }
  }
}

/** A copy that shares nothing: a piece cut from a path would keep the whole path alive, which nobody charged. */
function flat(name: ByteString): ByteString {
  const codes: number[] = [];
  for (let i = 0; i < name.length; i++) codes.push(name.charCodeAt(i));
  return String.fromCharCode(...codes) as ByteString;
}
