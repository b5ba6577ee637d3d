/**
 * Layer: fs/overlayfs. A file system of two: what is there shows from the lower one, which is only read; what is changed, made or
 * removed is so in the upper one, as Linux's overlayfs has it (Documentation/filesystems/overlayfs.rst). It must not know
 * particular file systems, nor paths and permissions.
 *
 * A directory the lower layer has is not renamed (-EXDEV), as without redirect_dir on Linux: mv(1) then copies. A file of the
 * lower layer that has several names gets apart from them when it is copied up.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import {
  EEXIST,
  EINVAL,
  EISDIR,
  ENOENT,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  EOPNOTSUPP,
  EPERM,
  EXDEV,
} from "../../abi/errno.ts";
import { O_ACCMODE, O_RDONLY, RENAME_EXCHANGE, RENAME_NOREPLACE } from "../../abi/fcntl.ts";
import { S_IFDIR } from "../../abi/stat.ts";
import type {
  AttributeChanges,
  DirectoryEntry,
  ExtendedAttributes,
  FileSystem,
  FileSystemStatistics,
  Inode,
  OpenFile,
  Owner,
  Stat,
} from "../../vfs/contracts.ts";
import { Layers, type LayersState, OverlayInode } from "./layers.ts";
import { MergedDirectory, type Merger, OverlayFile } from "./open-file.ts";

export class OverlayFileSystem implements FileSystem, Merger {
  readonly type = "overlayfs";
  readonly dev: number;
  readonly attributes: ExtendedAttributes;
  readonly #layers: Layers;

  /** `upper` is this overlay's alone, and empty or as an overlay of the same lower layer left it. */
  constructor(dev: number, lower: FileSystem, upper: FileSystem) {
    this.dev = dev;
    this.#layers = new Layers(this, lower, upper);
    this.attributes = this.#extendedAttributes();
  }

  get root(): Inode {
    return this.#layers.root;
  }

  /** What a snapshot keeps besides both layers, and back. */
  state(): LayersState {
    return this.#layers.state();
  }

  restore(
    state: LayersState,
    lowerInode: (ino: number) => Inode | undefined,
    upperInode: (ino: number) => Inode | undefined,
  ): boolean {
    return this.#layers.restore(state, lowerInode, upperInode);
  }

  /** The inode of a number, given how each layer finds its own. */
  inode(
    ino: number,
    lowerInode: (ino: number) => Inode | undefined,
    upperInode: (ino: number) => Inode | undefined,
  ): Inode | undefined {
    const upper = ino % 2 === 1;
    const found = upper ? upperInode((ino - 1) / 2) : lowerInode(ino / 2);
    if (found === undefined) return undefined;
    return upper ? this.#layers.ofUpper(found) : this.#layers.ofLower(found);
  }

  lookup(directory: Inode, name: ByteString): Inode | number {
    if (!(directory instanceof OverlayInode) || directory.type !== S_IFDIR) return -ENOTDIR;
    const layers = this.#layers;
    const above = layers.upperOf(directory);
    const upper = above === undefined ? -ENOENT : layers.upper.lookup(above, name);
    if (typeof upper === "object") return layers.ofUpper(upper);
    if (upper !== -ENOENT) return upper;
    const lower = layers.lowerChild(directory, name) ?? -ENOENT;
    if (typeof lower === "number") return lower;
    if (directory.lower !== undefined) layers.foundAt(lower, directory.lower, name);
    return layers.ofLower(lower);
  }

  create(directory: Inode, name: ByteString, mode: number, owner: Owner): Inode | number {
    return this.#add(directory, name, (upper, above) => upper.create(above, name, mode, owner));
  }

  mkdir(directory: Inode, name: ByteString, mode: number, owner: Owner): Inode | number {
    return this.#add(directory, name, (upper, above) => upper.mkdir(above, name, mode, owner));
  }

  symlink(directory: Inode, name: ByteString, target: ByteString, owner: Owner): Inode | number {
    return this.#add(directory, name, (upper, above) => upper.symlink(above, name, target, owner));
  }

  mknod(directory: Inode, name: ByteString, type: number, mode: number, owner: Owner): Inode | number {
    return this.#add(directory, name, (upper, above) => upper.mknod?.(above, name, type, mode, owner) ?? -EPERM);
  }

  createUnnamed(directory: Inode, mode: number, owner: Owner, linkable: boolean): Inode | number {
    const above = this.#directory(directory);
    if (typeof above === "number") return above;
    const made = this.#layers.upper.createUnnamed?.(above, mode, owner, linkable) ?? -EOPNOTSUPP;
    return typeof made === "number" ? made : this.#layers.ofUpper(made);
  }

  link(directory: Inode, name: ByteString, target: Inode): number {
    if (!(target instanceof OverlayInode)) return -EXDEV;
    if (target.type === S_IFDIR) return -EPERM;
    const copy = this.#layers.copyUp(target);
    if (typeof copy === "number") return copy;
    const made = this.#add(directory, name, (upper, above) => {
      const error = upper.link(above, name, copy);
      return error < 0 ? error : copy;
    });
    return typeof made === "number" ? made : 0;
  }

  unlink(directory: Inode, name: ByteString): number {
    const victim = this.lookup(directory, name);
    if (typeof victim === "number") return victim;
    return victim.type === S_IFDIR
      ? -EISDIR
      : this.#remove(directory, name, (upper, above) => upper.unlink(above, name));
  }

  rmdir(directory: Inode, name: ByteString): number {
    const victim = this.lookup(directory, name);
    if (typeof victim === "number") return victim;
    if (victim.type !== S_IFDIR) return -ENOTDIR;
    if (!this.#isEmpty(victim)) return -ENOTEMPTY;
    return this.#remove(directory, name, (upper, above) => upper.rmdir(above, name));
  }

  rename(oldDirectory: Inode, oldName: ByteString, newDirectory: Inode, newName: ByteString, flags: number): number {
    const layers = this.#layers;
    if (!(oldDirectory instanceof OverlayInode && newDirectory instanceof OverlayInode)) return -ENOTDIR;
    const source = this.#own(oldDirectory, oldName);
    if (typeof source === "number") return source;
    const target = this.#own(newDirectory, newName);
    if (typeof target === "number" && target !== -ENOENT) return target;
    const there = typeof target === "object" ? target : undefined;
    if (there !== undefined && (flags & RENAME_NOREPLACE) !== 0) return -EEXIST;
    if (source === there) return 0;
    const exchange = (flags & RENAME_EXCHANGE) !== 0;
    if (exchange && there === undefined) return -ENOENT;
    const moving = exchange && there !== undefined ? [source, there] : [source];
    if (moving.some(({ type, lower }) => type === S_IFDIR && lower !== undefined)) return -EXDEV;
    if (!exchange && there !== undefined) {
      if (source.type !== S_IFDIR && there.type === S_IFDIR) return -EISDIR;
      if (source.type === S_IFDIR && there.type !== S_IFDIR) return -ENOTDIR;
      if (there.type === S_IFDIR && !this.#isEmpty(there)) return -ENOTEMPTY;
    }
    if (layers.full) return -ENOSPC;
    for (const inode of [oldDirectory, newDirectory, ...moving]) {
      const copied = layers.copyUp(inode);
      if (typeof copied === "number") return copied;
    }
    const [from, to] = [layers.upperOf(oldDirectory), layers.upperOf(newDirectory)];
    if (from === undefined || to === undefined) return -EINVAL;
    const error = layers.upper.rename(from, oldName, to, newName, flags);
    if (error < 0) return error;
    layers.hide(oldDirectory, oldName);
    layers.hide(newDirectory, newName);
    return 0;
  }

  readlink(link: Inode): ByteString | number {
    if (!(link instanceof OverlayInode)) return -EINVAL;
    const shown = this.#layers.shown(link);
    return shown.fs.readlink(shown);
  }

  /** Opening for writing copies up, everything but what is about to be cut off. */
  open(inode: Inode, flags: number): OpenFile | number {
    if (!(inode instanceof OverlayInode)) return -EINVAL;
    const layers = this.#layers;
    if (inode.type === S_IFDIR) {
      const { lower } = inode;
      if (lower === undefined) return new MergedDirectory(inode, this, undefined);
      const opened = layers.lower.open(lower, O_RDONLY);
      return typeof opened === "number" ? opened : new MergedDirectory(inode, this, opened);
    }
    const writes = (flags & O_ACCMODE) !== O_RDONLY;
    const shown = writes ? layers.copyUp(inode) : layers.shown(inode);
    if (typeof shown === "number") return shown;
    const opened = shown.fs.open(shown, flags);
    if (typeof opened === "number") return opened;
    return new OverlayFile(writes ? layers.ofUpper(shown) : inode, opened);
  }

  stat(inode: Inode, out: Stat): number {
    if (!(inode instanceof OverlayInode)) return -EINVAL;
    const shown = this.#layers.shown(inode);
    const error = shown.fs.stat(shown, out);
    out.dev = this.dev;
    out.ino = inode.ino;
    return error;
  }

  setattr(inode: Inode, changes: AttributeChanges): number {
    if (!(inode instanceof OverlayInode)) return -EINVAL;
    if (changes.size !== undefined && inode.type === S_IFDIR) return -EISDIR;
    const copy = this.#layers.copyUp(inode, changes.size === 0);
    return typeof copy === "number" ? copy : this.#layers.upper.setattr(copy, changes);
  }

  parent(directory: Inode): Inode | number {
    if (!(directory instanceof OverlayInode)) return -ENOTDIR;
    const layers = this.#layers;
    const { lower, own } = directory;
    if (lower !== undefined) {
      const above = layers.lower.parent(lower);
      return typeof above === "number" ? above : layers.ofLower(above);
    }
    const above = own === undefined ? -ENOENT : layers.upper.parent(own);
    return typeof above === "number" ? above : layers.ofUpper(above);
  }

  /** What may still be written is what the upper layer has room for. */
  statistics(): FileSystemStatistics {
    return this.#layers.upper.statistics();
  }

  shownEntries(
    directory: Inode,
    layer: "upper" | "lower",
    entries: readonly DirectoryEntry[],
  ): readonly DirectoryEntry[] {
    const layers = this.#layers;
    if (!(directory instanceof OverlayInode)) return [];
    const above = layers.upperOf(directory);
    return entries.flatMap((entry) => {
      const upper = above === undefined ? -ENOENT : layers.upper.lookup(above, entry.name);
      if (layer === "lower") {
        return typeof upper === "object" || layers.isHidden(directory, entry.name)
          ? []
          : [{ ...entry, ino: entry.ino * 2 }];
      }
      return typeof upper === "object" ? [{ ...entry, ino: layers.ofUpper(upper).ino }] : [];
    });
  }

  openUpper(directory: Inode): OpenFile | number | undefined {
    const upper = directory instanceof OverlayInode ? this.#layers.upperOf(directory) : undefined;
    return upper === undefined ? undefined : this.#layers.upper.open(upper, O_RDONLY);
  }

  /** A name's inode, as ours. */
  #own(directory: OverlayInode, name: ByteString): OverlayInode | number {
    const found = this.lookup(directory, name);
    return typeof found === "number" || found instanceof OverlayInode ? found : -EINVAL;
  }

  /** The upper layer's directory, for something to be put there. */
  #directory(directory: Inode): Inode | number {
    if (!(directory instanceof OverlayInode) || directory.type !== S_IFDIR) return -ENOTDIR;
    return this.#layers.copyUp(directory);
  }

  /** Make something under a name nothing shows under; what is hidden there stays so. */
  #add(directory: Inode, name: ByteString, make: (upper: FileSystem, above: Inode) => Inode | number): Inode | number {
    const there = this.lookup(directory, name);
    if (there !== -ENOENT) return typeof there === "number" ? there : -EEXIST;
    const above = this.#directory(directory);
    if (typeof above === "number") return above;
    const made = make(this.#layers.upper, above);
    return typeof made === "number" ? made : this.#layers.ofUpper(made);
  }

  /** Take a name away: from the upper layer if it has it, and out of sight in the lower. */
  #remove(directory: Inode, name: ByteString, take: (upper: FileSystem, above: Inode) => number): number {
    const layers = this.#layers;
    if (!(directory instanceof OverlayInode)) return -ENOTDIR;
    if (layers.full) return -ENOSPC;
    const above = this.#directory(directory);
    if (typeof above === "number") return above;
    if (typeof layers.upper.lookup(above, name) === "object") {
      const error = take(layers.upper, above);
      if (error < 0) return error;
    }
    layers.hide(directory, name);
    return 0;
  }

  #isEmpty(directory: Inode): boolean {
    const file = this.open(directory, O_RDONLY);
    if (typeof file === "number") return false;
    const found = file.entries(0, 1);
    file.close();
    return typeof found === "object" && found.length === 0;
  }

  #extendedAttributes(): ExtendedAttributes {
    const layers = this.#layers;
    const shown = (inode: Inode): Inode => (inode instanceof OverlayInode ? layers.shown(inode) : inode);
    const change = (inode: Inode, how: (kept: ExtendedAttributes, copy: Inode) => number): number => {
      const kept = layers.upper.attributes;
      const copy = inode instanceof OverlayInode ? layers.copyUp(inode) : -EINVAL;
      if (typeof copy === "number") return copy;
      return kept === undefined ? -EOPNOTSUPP : how(kept, copy);
    };
    return {
      get(inode, name) {
        const from = shown(inode);
        return from.fs.attributes?.get(from, name) ?? -EOPNOTSUPP;
      },
      set: (inode, name, value) => change(inode, (kept, copy) => kept.set(copy, name, value)),
      list(inode) {
        const from = shown(inode);
        return from.fs.attributes?.list(from) ?? [];
      },
      remove: (inode, name) => change(inode, (kept, copy) => kept.remove(copy, name)),
    };
  }
}
