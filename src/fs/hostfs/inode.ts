/** Layer: fs/hostfs. A file of the host as the cell knows it: what it is, where it was last seen, and how it stood then. */
import type { ByteString } from "../../abi/byte-string.ts";
import { ENAMETOOLONG, ENOENT } from "../../abi/errno.ts";
import { PATH_MAX } from "../../abi/fcntl.ts";
import { S_IFMT } from "../../abi/stat.ts";
import type { FileSystem, Inode } from "../../vfs/contracts.ts";
import { emptyHostAttributes, type HostAttributes } from "./host-directory.ts";

const NEVER = Number.NEGATIVE_INFINITY;

export class HostInode implements Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  readonly type: number;
  /** The directory it was last seen in; undefined for the root, and for what has no name any more. */
  parent: HostInode | undefined = undefined;
  name = "" as ByteString;
  /** Monotonic nanoseconds when the name was last seen to be this file's. */
  seenAt = NEVER;
  /** A directory's children last seen in it. Each is the child's only place, so these are never more than inodes. */
  readonly children = new Map<ByteString, HostInode>();
  readonly attributes: HostAttributes = emptyHostAttributes();
  /** Monotonic nanoseconds when the attributes were told. */
  attributesAt = NEVER;
  /** Grows with every change made through this file system; contents read before are then old. */
  version = 0;
  /** Server handles of open files on it; the ones that write stand in `writers` as well. */
  readonly handles = new Set<number>();
  readonly writers = new Set<number>();

  constructor(fs: FileSystem, attributes: HostAttributes) {
    this.fs = fs;
    this.ino = attributes.ino;
    this.type = attributes.mode & S_IFMT;
  }

  /** Put it where it was seen; whatever was there is nameless from now on. */
  place(parent: HostInode, name: ByteString, now: number): void {
    this.seenAt = now;
    if (this.parent === parent && this.name === name) return;
    this.#leave();
    parent.children.get(name)?.displace();
    this.parent = parent;
    this.name = name;
    parent.children.set(name, this);
  }

  /** It is not (or no longer known to be) where it was. */
  displace(): void {
    this.#leave();
    this.seenAt = NEVER;
    this.forget();
  }

  #leave(): void {
    if (this.parent?.children.get(this.name) === this) this.parent.children.delete(this.name);
    this.parent = undefined;
  }

  /** Ask the host before attributes or contents are told again. */
  forget(): void {
    this.attributesAt = NEVER;
    this.version++;
  }

  /**
   * The path from the root, or -ENOENT when it has no name, or -ENAMETOOLONG. Ends always: if the host moved directories
   * so that what was seen makes a ring, the path soon is too long.
   */
  path(root: HostInode): ByteString | number {
    let path = "";
    for (let at: HostInode = this; at !== root; ) {
      if (at.parent === undefined) return -ENOENT;
      path = path === "" ? at.name : `${at.name}/${path}`;
      if (path.length >= PATH_MAX) return -ENAMETOOLONG;
      at = at.parent;
    }
    return path as ByteString;
  }

  /** The path of a name in this directory. */
  childPath(root: HostInode, name: ByteString): ByteString | number {
    const path = this.path(root);
    if (typeof path === "number") return path;
    if (path.length + 1 + name.length >= PATH_MAX) return -ENAMETOOLONG;
    return path === "" ? name : (`${path}/${name}` as ByteString);
  }
}
