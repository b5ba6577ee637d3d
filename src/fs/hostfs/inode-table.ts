/**
 * Layer: fs/hostfs. The inodes remembered, one object for each file of the host, so that what is known of a file is known
 * once. Bounded: the one used longest ago is forgotten, unless it is open or a directory of remembered ones.
 */
import { S_IFMT } from "../../abi/stat.ts";
import type { HostAttributes } from "./host-directory.ts";
import type { HostInode } from "./inode.ts";

/** How many candidates are looked at for one to forget: with all of them in use the table grows past its bound by one. */
const LOOK = 32;

export class InodeTable {
  readonly #make: (attributes: HostAttributes) => HostInode;
  readonly #limit: number;
  /** Oldest use first. The host chooses these numbers, not a guest. */
  readonly #inodes = new Map<number, HostInode>();

  constructor(limit: number, make: (attributes: HostAttributes) => HostInode) {
    this.#limit = limit;
    this.#make = make;
  }

  get size(): number {
    return this.#inodes.size;
  }

  /** The inode of these attributes, which it keeps as of `now`. */
  of(attributes: HostAttributes, now: number): HostInode {
    let inode = this.#inodes.get(attributes.ino);
    // A number that came back with another type is another file.
    if (inode !== undefined && inode.type !== (attributes.mode & S_IFMT)) {
      inode.displace();
      inode = undefined;
    }
    if (inode === undefined) {
      this.#shrink();
      inode = this.#make(attributes);
    }
    this.#inodes.delete(attributes.ino);
    this.#inodes.set(attributes.ino, inode);
    update(inode, attributes, now);
    return inode;
  }

  #shrink(): void {
    if (this.#inodes.size < this.#limit) return;
    let looked = 0;
    for (const [ino, inode] of this.#inodes) {
      if (inode.handles.size === 0 && inode.children.size === 0) {
        inode.displace();
        this.#inodes.delete(ino);
        return;
      }
      // In use: as good as new, so that the next search begins elsewhere.
      this.#inodes.delete(ino);
      this.#inodes.set(ino, inode);
      if (++looked === LOOK) return;
    }
  }
}

/** Take over what the host told. A file that changed behind our back has other contents than those kept. */
export function update(inode: HostInode, attributes: HostAttributes, now: number): void {
  const known = inode.attributes;
  if (
    known.mtimeSeconds !== attributes.mtimeSeconds ||
    known.mtimeNanoseconds !== attributes.mtimeNanoseconds ||
    known.size !== attributes.size
  ) {
    inode.version++;
  }
  Object.assign(known, attributes);
  inode.attributesAt = now;
}
