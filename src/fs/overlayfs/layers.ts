/**
 * Layer: fs/overlayfs. The two layers under one file system: which of them shows an inode, what was copied up, and which names
 * of the lower one are hidden. Both are any file systems; nothing is ever written to the lower one. It must not know names'
 * semantics.
 *
 * An inode's number says its layer, so that it is found again: even for what the lower layer has, odd for what only the upper
 * has. What is copied up keeps its number, and what was open sees the copy's attributes.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EIO, ENOENT, ENOSPC } from "../../abi/errno.ts";
import { O_RDONLY, O_WRONLY } from "../../abi/fcntl.ts";
import { S_IFDIR, S_IFLNK, S_IFREG } from "../../abi/stat.ts";
import { OVERLAY_NAMES, TRANSFER_BYTES } from "../../limits.ts";
import { emptyStat, type FileSystem, type Inode } from "../../vfs/contracts.ts";

export class OverlayInode implements Inode {
  readonly fs: FileSystem;
  readonly ino: number;
  readonly type: number;
  readonly lower: Inode | undefined;
  /** What only the upper layer has; a copy is found through the layers. */
  readonly own: Inode | undefined;

  constructor(fs: FileSystem, lower: Inode | undefined, own: Inode | undefined) {
    this.fs = fs;
    this.lower = lower;
    this.own = own;
    this.type = (lower ?? own)?.type ?? 0;
    this.ino = lower === undefined ? (own?.ino ?? 0) * 2 + 1 : lower.ino * 2;
  }
}

/** What a snapshot keeps besides the upper file system: by inode numbers of the lower layer. */
export interface LayersState {
  readonly copies: readonly { readonly lower: number; readonly upper: number }[];
  readonly hidden: readonly { readonly directory: number; readonly names: readonly string[] }[];
}

export class Layers {
  readonly lower: FileSystem;
  readonly upper: FileSystem;
  readonly #fs: FileSystem;
  /** One object for each inode, as long as its layer has one. */
  readonly #nodes = new WeakMap<Inode, OverlayInode>();
  /** By number of the lower inode: its copy. */
  readonly #copies = new Map<string, Inode>();
  /** Of a copy, what it is a copy of. */
  readonly #origins = new WeakMap<Inode, Inode>();
  /** By number of a lower directory: names of its that do not show. A name the upper layer has too is not merged. */
  readonly #hidden = new Map<string, Set<ByteString>>();
  #hiddenNames = 0;
  readonly #stat = emptyStat();
  readonly #bytes = new Uint8Array(TRANSFER_BYTES);

  constructor(fs: FileSystem, lower: FileSystem, upper: FileSystem) {
    this.#fs = fs;
    this.lower = lower;
    this.upper = upper;
    this.#remember(lower.root, upper.root);
  }

  get root(): OverlayInode {
    return this.ofLower(this.lower.root);
  }

  ofLower(lower: Inode): OverlayInode {
    return this.#node(lower, lower, undefined);
  }

  ofUpper(upper: Inode): OverlayInode {
    const origin = this.#origins.get(upper);
    return origin === undefined ? this.#node(upper, undefined, upper) : this.ofLower(origin);
  }

  /** What the upper layer has of an inode. */
  upperOf({ lower, own }: OverlayInode): Inode | undefined {
    return lower === undefined ? own : this.#copies.get(`${lower.ino}`);
  }

  /** The layer's inode that shows: the copy where there is one. */
  shown(inode: OverlayInode): Inode {
    return this.upperOf(inode) ?? inode.lower ?? this.upper.root;
  }

  isHidden({ lower }: OverlayInode, name: ByteString): boolean {
    return lower !== undefined && this.#hidden.get(`${lower.ino}`)?.has(name) === true;
  }

  /** What the lower layer has under a name that is not hidden. */
  lowerChild(directory: OverlayInode, name: ByteString): Inode | number | undefined {
    const { lower } = directory;
    return lower === undefined || this.isHidden(directory, name) ? undefined : this.lower.lookup(lower, name);
  }

  /** Whether one name more can be hidden. */
  get full(): boolean {
    return this.#hiddenNames >= OVERLAY_NAMES;
  }

  /** Let a name of the lower layer not show any more; where it has none of it, nothing is kept. */
  hide(directory: OverlayInode, name: ByteString): void {
    const { lower } = directory;
    if (lower === undefined || this.isHidden(directory, name)) return;
    if (typeof this.lower.lookup(lower, name) === "number") return;
    let names = this.#hidden.get(`${lower.ino}`);
    if (names === undefined) {
      names = new Set();
      this.#hidden.set(`${lower.ino}`, names);
    }
    names.add(name);
    this.#hiddenNames += 1;
  }

  /** The upper layer's inode, made if need be, with the directories above it; without the bytes if `empty`. */
  copyUp(inode: OverlayInode, empty = false): Inode | number {
    const there = this.upperOf(inode);
    if (there !== undefined) return there;
    const chain: Inode[] = [];
    for (let at = inode.lower; at !== undefined && this.#copies.get(`${at.ino}`) === undefined; ) {
      chain.push(at);
      const above = this.#parentOf(at);
      if (typeof above === "number") return above;
      at = above;
    }
    let made: Inode | number = -EIO;
    for (let next = chain.pop(); next !== undefined; next = chain.pop()) {
      made = this.#copyOne(next, empty && chain.length === 0);
      if (typeof made === "number") return made;
    }
    return made;
  }

  state(): LayersState {
    return {
      copies: [...this.#copies].map(([lower, { ino }]) => ({ lower: Number(lower), upper: ino })),
      hidden: [...this.#hidden].map(([directory, names]) => ({ directory: Number(directory), names: [...names] })),
    };
  }

  /** Take on what `state` told; false where an inode is gone. */
  restore(
    state: LayersState,
    lowerInode: (ino: number) => Inode | undefined,
    upperInode: (ino: number) => Inode | undefined,
  ): boolean {
    for (const { lower, upper } of state.copies) {
      const [from, to] = [lowerInode(lower), upperInode(upper)];
      if (from === undefined || to === undefined) return false;
      this.#remember(from, to);
    }
    for (const { directory, names } of state.hidden) {
      this.#hidden.set(`${directory}`, new Set(names as ByteString[]));
      this.#hiddenNames += names.length;
    }
    return this.#hiddenNames <= OVERLAY_NAMES;
  }

  #node(key: Inode, lower: Inode | undefined, own: Inode | undefined): OverlayInode {
    let node = this.#nodes.get(key);
    if (node === undefined) {
      node = new OverlayInode(this.#fs, lower, own);
      this.#nodes.set(key, node);
    }
    return node;
  }

  #remember(lower: Inode, upper: Inode): void {
    this.#copies.set(`${lower.ino}`, upper);
    this.#origins.set(upper, lower);
  }

  /** The directory of a lower inode: files do not know theirs but by where they were found. */
  #parentOf(lower: Inode): Inode | number {
    return lower.type === S_IFDIR ? this.lower.parent(lower) : (this.#placeOf(lower)?.directory ?? -EIO);
  }

  /** Where lower inodes were last found. */
  readonly #found = new WeakMap<Inode, { readonly directory: Inode; readonly name: ByteString }>();

  /** Note where a lower inode was found, for when it is copied up. */
  foundAt(lower: Inode, directory: Inode, name: ByteString): void {
    this.#found.set(lower, { directory, name });
  }

  #copyOne(lower: Inode, empty: boolean): Inode | number {
    if (this.#copies.size >= OVERLAY_NAMES) return -ENOSPC;
    const place = this.#placeOf(lower);
    const above = place === undefined ? undefined : this.#copies.get(`${place.directory.ino}`);
    if (place === undefined || above === undefined) return -EIO;
    // Removed, and still open somewhere: it must not come back under its name.
    if (this.isHidden(this.ofLower(place.directory), place.name)) return -ENOENT;
    const there = this.upper.lookup(above, place.name);
    if (typeof there === "object") return there;
    const lost = this.lower.stat(lower, this.#stat);
    if (lost < 0) return lost;
    const { mode, uid, gid, size, nlink } = this.#stat;
    const owner = { uid, gid };
    const { atimeSeconds, atimeNanoseconds, mtimeSeconds, mtimeNanoseconds } = this.#stat;
    const bits = mode & 0o7777;
    const made = this.#make(above, place.name, lower, bits, owner);
    if (typeof made === "number") return made;
    const copied = lower.type === S_IFREG && !empty ? this.#copyBytes(lower, made, size) : 0;
    if (copied < 0) {
      this.upper.unlink(above, place.name);
      return copied;
    }
    const atime = { seconds: atimeSeconds, nanoseconds: atimeNanoseconds };
    const mtime = { seconds: mtimeSeconds, nanoseconds: mtimeNanoseconds };
    const times = lower.type === S_IFLNK ? { atime, mtime } : { mode: bits, uid, gid, atime, mtime };
    this.upper.setattr(made, times);
    // Of several names only this one has the copy.
    if (lower.type === S_IFDIR || nlink <= 1) this.#remember(lower, made);
    return made;
  }

  #placeOf(lower: Inode): { readonly directory: Inode; readonly name: ByteString } | undefined {
    return this.#found.get(lower) ?? this.lower.nameOf?.(lower);
  }

  #make(
    above: Inode,
    name: ByteString,
    lower: Inode,
    mode: number,
    owner: { readonly uid: number; readonly gid: number },
  ): Inode | number {
    switch (lower.type) {
      case S_IFDIR:
        return this.upper.mkdir(above, name, mode, owner);
      case S_IFREG:
        return this.upper.create(above, name, mode, owner);
      case S_IFLNK: {
        const target = this.lower.readlink(lower);
        return typeof target === "number" ? target : this.upper.symlink(above, name, target, owner);
      }
      default:
        return this.upper.mknod?.(above, name, lower.type, mode, owner) ?? -EIO;
    }
  }

  /** Deviation from the rule that a handler moves little: opening a file of the lower layer for writing copies all of it. */
  #copyBytes(from: Inode, to: Inode, size: number): number {
    const input = this.lower.open(from, O_RDONLY);
    if (typeof input === "number") return input;
    const output = this.upper.open(to, O_WRONLY);
    if (typeof output === "number") {
      input.close();
      return output;
    }
    let error = 0;
    for (let at = 0; at < size && error === 0; ) {
      const got = input.read(at, this.#bytes, 0, Math.min(this.#bytes.length, size - at));
      if (got <= 0) {
        error = got;
        break;
      }
      const put = output.write(at, this.#bytes, 0, got);
      if (put < got) error = put < 0 ? put : -ENOSPC;
      at += got;
    }
    input.close();
    output.close();
    return error;
  }
}
