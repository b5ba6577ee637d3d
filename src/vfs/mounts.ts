/**
 * Layer: vfs. Which file system is seen where. A table belongs to one sandbox (or one mount namespace); it must not
 * know of processes, nor of any particular file system.
 */
import type { ByteString } from "../abi/byte-string.ts";
import type { FileSystem, Inode, Stat } from "./contracts.ts";
import { emptyStat } from "./contracts.ts";
import { PathCache } from "./path-parts.ts";
import type { Watcher } from "./watcher.ts";

/** A place in the tree a process sees: an inode, and through which mount it was reached. */
export interface Location {
  readonly mount: Mount;
  readonly inode: Inode;
  /** Of what is no directory: where it was found and by which name, so that a path can be told. It may have moved since. */
  readonly directory?: Inode;
  readonly name?: ByteString;
}

export interface MountOptions {
  readonly readOnly?: boolean;
}

/** One file system at one place. `at` is the directory it covers; undefined for the root mount. */
export class Mount {
  readonly fs: FileSystem;
  readonly at: Location | undefined;
  /** What writes through this mount answer EROFS for. May change later, as with mount(2) MS_REMOUNT. */
  readOnly: boolean;
  /** Mounts on directories of this one: few, so they are searched in order. */
  readonly children: Mount[] = [];
  /** The table it is in; none for what no path leads to. */
  table: MountTable | undefined = undefined;

  constructor(fs: FileSystem, at: Location | undefined, readOnly: boolean) {
    this.fs = fs;
    this.at = at;
    this.readOnly = readOnly;
  }

  get root(): Location {
    return { mount: this, inode: this.fs.root };
  }
}

export class MountTable {
  readonly rootMount: Mount;
  /** A stat buffer for permission checks, good until the next one. */
  readonly scratch: Stat = emptyStat();
  readonly paths = new PathCache();
  /** Hears what happens to files, as long as anybody wants to know. */
  watcher: Watcher | undefined = undefined;

  constructor(fs: FileSystem, options: MountOptions = {}) {
    this.rootMount = new Mount(fs, undefined, options.readOnly === true);
    this.rootMount.table = this;
  }

  get root(): Location {
    return this.rootMount.root;
  }

  /** Cover the directory `at`, which must not be covered yet (walk to it: a walk ends on the topmost mount). */
  mount(at: Location, fs: FileSystem, options: MountOptions = {}): Mount {
    const mount = new Mount(fs, at, options.readOnly === true);
    mount.table = this;
    at.mount.children.push(mount);
    return mount;
  }

  /** The mount that covers this inode of `mount`, if any. */
  coverOf(mount: Mount, inode: Inode): Mount | undefined {
    for (const child of mount.children) {
      if (child.at !== undefined && sameInode(child.at.inode, inode)) return child;
    }
    return undefined;
  }

  /** All mounts, the root first, each after the one it stands on. */
  list(): readonly Mount[] {
    const mounts = [this.rootMount];
    for (let i = 0; i < mounts.length; i++) mounts.push(...(mounts[i]?.children ?? []));
    return mounts;
  }
}

/** Whether two inodes are the same file. A file system may make more than one object for it. */
export function sameInode(a: Inode, b: Inode): boolean {
  return a === b || (a.fs === b.fs && a.ino === b.ino);
}

export function sameLocation(a: Location, b: Location): boolean {
  return a.mount === b.mount && sameInode(a.inode, b.inode);
}
