/**
 * Layer: fs/memfs. The file system in memory: names, links, attributes. It must not know of paths, permissions, mounts
 * and descriptors.
 *
 * Semantics are tmpfs's: a name costs an inode (tmpfs charges hard links so), a file lives until
 * its last name and last open file are gone.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import {
  EEXIST,
  EFBIG,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOTDIR,
  ENOTEMPTY,
  ENXIO,
  EPERM,
  EXDEV,
} from "../../abi/errno.ts";
import { F_SEAL_EXEC, F_SEAL_GROW, F_SEAL_SHRINK, RENAME_EXCHANGE, RENAME_NOREPLACE } from "../../abi/fcntl.ts";
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK, S_ISGID } from "../../abi/stat.ts";
import { FS_BYTES, FS_INODES } from "../../limits.ts";
import type {
  AttributeChanges,
  FileSystem,
  FileSystemStatistics,
  Inode,
  OpenFile,
  Owner,
  Stat,
} from "../../vfs/contracts.ts";
import type { Clock, WallTime } from "../../wait/clock.ts";
import { Budget } from "./budget.ts";
import { MemoryAttributes } from "./extended-attributes.ts";
import type { MemoryInode } from "./inode.ts";
import { DirectoryInode, FileInode, InodeBase, LinkInode, SpecialInode } from "./inode.ts";
import type { Keeper } from "./open-file.ts";
import { OpenDirectory, OpenRegularFile, OpenSpecialFile } from "./open-file.ts";

export interface MemoryFileSystemOptions {
  readonly dev: number;
  readonly clock: Clock;
  /** Bytes of all files; ENOSPC beyond. FS_BYTES by default. */
  readonly bytes?: number;
  /** Inodes and further names; ENOSPC beyond. FS_INODES by default. */
  readonly inodes?: number;
  /** Of the root directory: 0755 by default, owned by 0:0. */
  readonly mode?: number;
  readonly owner?: Owner;
}

const BLOCK_SIZE = 4096;

export class MemoryFileSystem implements FileSystem, Keeper {
  readonly type = "memfs";
  readonly inMemory = true;
  readonly dev: number;
  readonly root: DirectoryInode;
  readonly budget: Budget;
  readonly attributes: MemoryAttributes;
  readonly #clock: Clock;
  readonly #now: WallTime = { seconds: 0, nanoseconds: 0 };
  /** Files without a name that are still open: a snapshot must find them. */
  readonly orphans = new Set<MemoryInode>();
  /** Never used twice. */
  nextIno = 1;

  constructor(options: MemoryFileSystemOptions) {
    this.dev = options.dev;
    this.#clock = options.clock;
    this.budget = new Budget(options.bytes ?? FS_BYTES, options.inodes ?? FS_INODES);
    this.attributes = new MemoryAttributes(this.budget, (inode) => this.#changed(inode));
    const owner = options.owner ?? { uid: 0, gid: 0 };
    this.root = new DirectoryInode(this, this.nextIno++, options.mode ?? 0o755, owner.uid, owner.gid);
    this.budget.chargeInode();
    this.#stampNew(this.root);
  }

  lookup(directory: Inode, name: ByteString): Inode | number {
    if (!(directory instanceof DirectoryInode)) return -ENOTDIR;
    return directory.names.get(name) ?? -ENOENT;
  }

  create(directory: Inode, name: ByteString, mode: number, owner: Owner): Inode | number {
    const parent = this.#mayAdd(directory, name);
    if (typeof parent === "number") return parent;
    const gid = groupIn(parent, owner);
    return this.#add(parent, name, new FileInode(this, this.nextIno++, mode, owner.uid, gid, this.budget));
  }

  mkdir(directory: Inode, name: ByteString, mode: number, owner: Owner): Inode | number {
    const parent = this.#mayAdd(directory, name);
    if (typeof parent === "number") return parent;
    const bits = mode | (parent.mode & S_ISGID);
    const gid = groupIn(parent, owner);
    return this.#add(parent, name, new DirectoryInode(this, this.nextIno++, bits, owner.uid, gid, parent));
  }

  createUnnamed(directory: Inode, mode: number, owner: Owner, linkable: boolean): Inode | number {
    if (!(directory instanceof DirectoryInode)) return -ENOTDIR;
    if (directory.nlink === 0) return -ENOENT;
    if (!this.budget.chargeInode()) return -ENOSPC;
    const inode = new FileInode(this, this.nextIno++, mode, owner.uid, groupIn(directory, owner), this.budget);
    inode.linkable = linkable;
    this.#stampNew(inode);
    this.orphans.add(inode);
    return inode;
  }

  mknod(directory: Inode, name: ByteString, type: number, mode: number, owner: Owner): Inode | number {
    if (type !== S_IFIFO && type !== S_IFSOCK) return -EPERM;
    const parent = this.#mayAdd(directory, name);
    if (typeof parent === "number") return parent;
    const gid = groupIn(parent, owner);
    return this.#add(parent, name, new SpecialInode(this, this.nextIno++, type, mode, owner.uid, gid));
  }

  symlink(directory: Inode, name: ByteString, target: ByteString, owner: Owner): Inode | number {
    const parent = this.#mayAdd(directory, name);
    if (typeof parent === "number") return parent;
    if (!this.budget.chargeBytes(target.length)) {
      this.budget.refundInode();
      return -ENOSPC;
    }
    return this.#add(parent, name, new LinkInode(this, this.nextIno++, owner.uid, groupIn(parent, owner), target));
  }

  link(directory: Inode, name: ByteString, target: Inode): number {
    if (!isOurs(this, target)) return -EXDEV;
    if (target.type === S_IFDIR) return -EPERM;
    const first = target.type === S_IFREG && target.nlink === 0 && target.linkable;
    if (target.nlink === 0 && !first) return -ENOENT;
    const parent = this.#mayAdd(directory, name);
    if (typeof parent === "number") return parent;
    if (first) {
      // The inode is charged already, and its first name costs nothing.
      this.budget.refundInode();
      this.orphans.delete(target);
      target.linkable = false;
    }
    setName(parent, parent.names.add(name, target), target);
    target.nlink++;
    this.#changed(target);
    this.modified(parent);
    return 0;
  }

  unlink(directory: Inode, name: ByteString): number {
    if (!(directory instanceof DirectoryInode)) return -ENOTDIR;
    const victim = directory.names.get(name);
    if (victim === undefined) return -ENOENT;
    if (victim.type === S_IFDIR) return -EISDIR;
    directory.names.remove(name);
    this.modified(directory);
    this.#unlinked(victim);
    return 0;
  }

  rmdir(directory: Inode, name: ByteString): number {
    if (!(directory instanceof DirectoryInode)) return -ENOTDIR;
    const victim = directory.names.get(name);
    if (victim === undefined) return -ENOENT;
    if (victim.type !== S_IFDIR) return -ENOTDIR;
    if (victim.names.count > 0) return -ENOTEMPTY;
    directory.names.remove(name);
    this.modified(directory);
    this.#unlinkedDirectory(directory, victim);
    return 0;
  }

  rename(oldDirectory: Inode, oldName: ByteString, newDirectory: Inode, newName: ByteString, flags: number): number {
    if (!(oldDirectory instanceof DirectoryInode && newDirectory instanceof DirectoryInode)) return -ENOTDIR;
    const source = oldDirectory.names.get(oldName);
    if (source === undefined || newDirectory.nlink === 0) return -ENOENT;
    const target = newDirectory.names.get(newName);
    if (target !== undefined && (flags & RENAME_NOREPLACE) !== 0) return -EEXIST;
    if (source === target) return 0;
    if (source.type === S_IFDIR && isWithin(newDirectory, source)) return -EINVAL;
    if ((flags & RENAME_EXCHANGE) !== 0) {
      if (target === undefined) return -ENOENT;
      if (target.type === S_IFDIR && isWithin(oldDirectory, target)) return -EINVAL;
      setName(oldDirectory, oldDirectory.names.replace(oldName, target), target);
      setName(newDirectory, newDirectory.names.replace(newName, source), source);
      adopt(oldDirectory, newDirectory, source);
      adopt(newDirectory, oldDirectory, target);
      this.#changed(target);
    } else {
      if (target !== undefined) {
        if (source.type !== S_IFDIR && target.type === S_IFDIR) return -EISDIR;
        if (source.type === S_IFDIR && target.type !== S_IFDIR) return -ENOTDIR;
        if (target.type === S_IFDIR && target.names.count > 0) return -ENOTEMPTY;
        setName(newDirectory, newDirectory.names.replace(newName, source), source);
        if (target.type === S_IFDIR) this.#unlinkedDirectory(newDirectory, target);
        else this.#unlinked(target);
      } else {
        setName(newDirectory, newDirectory.names.add(newName, source), source);
      }
      oldDirectory.names.remove(oldName);
      adopt(oldDirectory, newDirectory, source);
    }
    this.modified(oldDirectory);
    this.modified(newDirectory);
    this.#changed(source);
    return 0;
  }

  readlink(link: Inode): ByteString | number {
    if (!(link instanceof LinkInode)) return -EINVAL;
    this.accessed(link);
    return link.target;
  }

  open(inode: Inode, _flags: number): OpenFile | number {
    if (inode instanceof FileInode) {
      if (inode.freed) return -ENOENT;
      inode.opens++;
      return new OpenRegularFile(inode, this);
    }
    if (inode instanceof DirectoryInode) {
      if (inode.freed && !this.#revive(inode)) return -ENOMEM;
      inode.opens++;
      return new OpenDirectory(inode, this);
    }
    if (inode instanceof SpecialInode) {
      if (inode.freed) return -ENOENT;
      if (inode.type === S_IFSOCK) return -ENXIO;
      inode.opens++;
      return new OpenSpecialFile(inode, this);
    }
    return -ELOOP;
  }

  stat(inode: Inode, out: Stat): number {
    if (!isOurs(this, inode)) return -EINVAL;
    inode.stat(out);
    return 0;
  }

  /** -EFBIG, -EINVAL (negative size), -EISDIR. Changing the size sets mtime, as ftruncate(2) does. */
  setattr(inode: Inode, changes: AttributeChanges): number {
    if (!isOurs(this, inode)) return -EINVAL;
    const file = inode;
    const { size, mode, uid, gid, atime, mtime } = changes;
    if (size !== undefined) {
      if (file.type === S_IFDIR) return -EISDIR;
      if (file.type !== S_IFREG || !(size >= 0)) return -EINVAL;
      if (mayNotResize(file, size)) return -EPERM;
      const error = Number.isSafeInteger(size) ? file.data.truncate(size) : -EFBIG;
      if (error < 0) return error;
      this.modified(file);
    }
    if (mode !== undefined) {
      const executes = ((file.mode ^ mode) & 0o111) !== 0;
      if (executes && file.type === S_IFREG && (file.seals & F_SEAL_EXEC) !== 0) return -EPERM;
      file.mode = mode & 0o7777;
    }
    if (uid !== undefined) file.uid = uid;
    if (gid !== undefined) file.gid = gid;
    if (atime !== undefined) file.setAtime(atime);
    if (mtime !== undefined) file.setMtime(mtime);
    this.#changed(file);
    return 0;
  }

  /** Of a removed directory that is not open any more, as far as it is remembered: else -ENOENT. */
  parent(directory: Inode): Inode | number {
    if (!(directory instanceof DirectoryInode)) return -ENOTDIR;
    return directory.freed ? (directory.named?.directory ?? -ENOENT) : directory.parent;
  }

  nameOf(inode: Inode): { readonly directory: Inode; readonly name: ByteString } | undefined {
    if (!isOurs(this, inode) || inode.named === undefined) return undefined;
    const { directory, name } = inode.named;
    return directory.names.get(name) === inode ? inode.named : undefined;
  }

  lastNameOf(inode: Inode): { readonly directory: Inode; readonly name: ByteString } | undefined {
    return isOurs(this, inode) ? inode.named : undefined;
  }

  statistics(): FileSystemStatistics {
    const { bytesLimit, bytesFree, inodesLimit, inodesUsed } = this.budget;
    return {
      blockSize: BLOCK_SIZE,
      blocks: Math.floor(bytesLimit / BLOCK_SIZE),
      blocksFree: Math.floor(bytesFree / BLOCK_SIZE),
      files: inodesLimit,
      filesFree: inodesLimit - inodesUsed,
    };
  }

  accessed(inode: MemoryInode): void {
    if (!inode.atimeIsStale) return;
    this.#clock.lastWallTime(this.#now);
    inode.setAtime(this.#now);
  }

  modified(inode: MemoryInode): void {
    this.#clock.lastWallTime(this.#now);
    inode.setMtime(this.#now);
    inode.setCtime(this.#now);
  }

  closed(inode: MemoryInode): void {
    inode.opens--;
    this.#freeIfUnused(inode);
  }

  /** After a snapshot's open files were opened again: free the nameless ones that nobody opened. */
  releaseOrphans(): void {
    for (const orphan of [...this.orphans]) this.#freeIfUnused(orphan);
  }

  /** The directory, when `name` may be added to it: an inode is then charged. */
  #mayAdd(directory: Inode, name: ByteString): DirectoryInode | number {
    if (!(directory instanceof DirectoryInode)) return -ENOTDIR;
    if (directory.nlink === 0) return -ENOENT;
    if (directory.names.get(name) !== undefined) return -EEXIST;
    return this.budget.chargeInode() ? directory : -ENOSPC;
  }

  /** Name a new inode. */
  #add<T extends MemoryInode>(directory: DirectoryInode, name: ByteString, inode: T): T {
    this.#stampNew(inode);
    if (inode.type === S_IFDIR) directory.nlink++;
    else inode.nlink = 1;
    setName(directory, directory.names.add(name, inode), inode);
    this.modified(directory);
    return inode;
  }

  #stampNew(inode: MemoryInode): void {
    this.#clock.lastWallTime(this.#now);
    inode.setAtime(this.#now);
    inode.setMtime(this.#now);
    inode.setCtime(this.#now);
  }

  /** Something about the inode changed, not its contents. */
  #changed(inode: InodeBase): void {
    this.#clock.lastWallTime(this.#now);
    inode.setCtime(this.#now);
  }

  #unlinked(victim: MemoryInode): void {
    victim.nlink--;
    this.#changed(victim);
    if (victim.nlink > 0) this.budget.refundInode();
    else this.#nameless(victim);
  }

  #unlinkedDirectory(parent: DirectoryInode, victim: DirectoryInode): void {
    parent.nlink--;
    victim.nlink = 0;
    // Who remembers a removed directory is remembered by none: else a chain of them would live on in its last.
    if (victim.remembered) victim.named = undefined;
    parent.remembered = true;
    this.#changed(victim);
    this.#nameless(victim);
  }

  #nameless(inode: MemoryInode): void {
    this.orphans.add(inode);
    this.#freeIfUnused(inode);
  }

  /** Somebody who still stood in a removed directory opens it: it is there as long as that lasts, and empty. */
  #revive(inode: DirectoryInode): boolean {
    if (!this.budget.chargeInode()) return false;
    inode.freed = false;
    inode.parent = inode.named?.directory ?? inode;
    this.orphans.add(inode);
    return true;
  }

  #freeIfUnused(inode: MemoryInode): void {
    if (inode.nlink > 0 || inode.opens > 0 || inode.freed) return;
    inode.freed = true;
    this.orphans.delete(inode);
    this.budget.refundInode();
    this.attributes.forget(inode);
    if (inode.type === S_IFREG) inode.data.truncate(0);
    else if (inode.type === S_IFLNK) this.budget.refundBytes(inode.target.length);
    // A chain of removed directories must not live on, charged to nobody, because somebody stands in the lowest.
    else if (inode.type === S_IFDIR) inode.parent = inode;
  }
}

/** F_SEAL_SHRINK and F_SEAL_GROW. */
function mayNotResize({ seals, data }: FileInode, size: number): boolean {
  return (size < data.size && (seals & F_SEAL_SHRINK) !== 0) || (size > data.size && (seals & F_SEAL_GROW) !== 0);
}

function isOurs(fs: MemoryFileSystem, inode: Inode): inode is MemoryInode {
  return inode.fs === fs && inode instanceof InodeBase;
}

function setName(directory: DirectoryInode, name: ByteString, inode: MemoryInode): void {
  inode.named = { directory, name };
}

/** A child moved from one directory to another. */
function adopt(from: DirectoryInode, to: DirectoryInode, child: MemoryInode): void {
  if (child.type !== S_IFDIR || from === to) return;
  from.nlink--;
  to.nlink++;
  child.parent = to;
}

/** Whether `directory` is `ancestor` or below it. */
function isWithin(directory: DirectoryInode, ancestor: DirectoryInode): boolean {
  for (let at = directory; ; at = at.parent) {
    if (at === ancestor) return true;
    if (at.parent === at) return false;
  }
}

/** In a directory with S_ISGID new files get its group. */
function groupIn(directory: DirectoryInode, owner: Owner): number {
  return (directory.mode & S_ISGID) !== 0 ? directory.gid : owner.gid;
}
