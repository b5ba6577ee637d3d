/**
 * Layer: fs/hostfs. A directory of the host as a file system, over a HostDirectory. It must not know how the host is
 * reached, and decides no permission of the host's: the host does, by whoever the file server runs as.
 *
 * Coherence. The host changes files meanwhile, so names, attributes and the contents of small files are believed for
 * HOST_COHERENCE_MS after the host told them, and no longer. Opening asks the host always; reads of other files always
 * reach the host's. What is changed through this file system is seen through it at once. A file that is open is followed
 * whatever becomes of its name; a directory is followed by its name.
 *
 * Ownership. Files of the user that the file server runs as belong to `owner` here, others to nobody. chown(2) is
 * remembered here, not done. Modes have permission bits only: set-user-id, set-group-id and sticky are not set.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EACCES, EINVAL, ELOOP, ENOENT, ENOTDIR, EPERM } from "../../abi/errno.ts";
import { O_ACCMODE, O_RDONLY, O_WRONLY, RENAME_EXCHANGE } from "../../abi/fcntl.ts";
import { S_IFDIR, S_IFLNK, S_IFREG } from "../../abi/stat.ts";
import { HOST_COHERENCE_MS, HOST_INODES } from "../../limits.ts";
import type {
  AttributeChanges,
  FileSystem,
  FileSystemStatistics,
  Inode,
  OpenFile,
  Owner,
  Stat,
} from "../../vfs/contracts.ts";
import type { Clock } from "../../wait/clock.ts";
import {
  emptyHostAttributes,
  type HostAttributes,
  type HostChanges,
  type HostDirectory,
  OPEN_DIRECTORY,
  OPEN_READ,
  OPEN_WRITE,
} from "./host-directory.ts";
import { HostInode } from "./inode.ts";
import { InodeTable, update } from "./inode-table.ts";
import { HostListing } from "./open-directory.ts";
import { HostFile } from "./open-file.ts";
import { Ownership } from "./ownership.ts";

export interface HostFileSystemOptions {
  readonly dev: number;
  readonly clock: Clock;
  /** Whose the file server's own files are, seen from inside. */
  readonly owner: Owner;
  /** Inodes remembered; HOST_INODES when absent. */
  readonly inodes?: number;
}

const COHERENCE_NS = HOST_COHERENCE_MS * 1_000_000;

export class HostFileSystem implements FileSystem {
  readonly type = "hostfs";
  readonly dev: number;
  readonly root: HostInode;
  /** Entries that all open directories keep (HOST_ENTRIES). */
  entriesKept = 0;
  readonly #host: HostDirectory;
  readonly #clock: Clock;
  readonly #inodes: InodeTable;
  readonly #ownership: Ownership;
  readonly #scratch = emptyHostAttributes();
  /** The file made last, still open from its making: open(2) that made it goes on with this handle. */
  #made: { readonly inode: HostInode; readonly handle: number } | undefined;

  private constructor(host: HostDirectory, root: HostAttributes, options: HostFileSystemOptions) {
    this.dev = options.dev;
    this.#host = host;
    this.#clock = options.clock;
    this.#ownership = new Ownership(options.owner);
    this.#inodes = new InodeTable(options.inodes ?? HOST_INODES, (attributes) => new HostInode(this, attributes));
    this.root = new HostInode(this, root);
    update(this.root, root, this.now());
  }

  /** Mount a host directory. -errno when the host does not answer for it, -ENOTDIR when it is none. */
  static mount(host: HostDirectory, options: HostFileSystemOptions): HostFileSystem | number {
    const attributes = emptyHostAttributes();
    const error = host.attributes("" as ByteString, attributes);
    if (error < 0) return error;
    const fs = new HostFileSystem(host, attributes, options);
    return fs.root.type === S_IFDIR ? fs : -ENOTDIR;
  }

  /** Inodes remembered now. */
  get remembered(): number {
    return this.#inodes.size;
  }

  now(): number {
    return this.#clock.monotonicNs();
  }

  /** Whether what was told at this time is still believed. */
  fresh(at: number): boolean {
    return this.now() - at < COHERENCE_NS;
  }

  /** The inode of what the host showed under a name. */
  adopt(directory: HostInode, name: ByteString, attributes: HostAttributes, now: number): HostInode {
    const inode = this.#inodes.of(attributes, now);
    // The root has no place, even if the host shows it below itself.
    if (inode !== this.root) inode.place(directory, name, now);
    return inode;
  }

  lookup(directory: Inode, name: ByteString): Inode | number {
    const parent = this.#own(directory);
    if (parent.type !== S_IFDIR) return -ENOTDIR;
    const known = parent.children.get(name);
    if (known !== undefined && this.fresh(known.seenAt)) return known;
    const path = parent.childPath(this.root, name);
    if (typeof path === "number") return path;
    const error = this.#host.attributes(path, this.#scratch);
    if (error < 0) {
      known?.displace();
      return error;
    }
    return this.adopt(parent, name, this.#scratch, this.now());
  }

  create(directory: Inode, name: ByteString, mode: number, owner: Owner): Inode | number {
    const parent = this.#own(directory);
    const path = parent.childPath(this.root, name);
    if (typeof path === "number") return path;
    this.#forgetMade();
    const opened = this.#host.create(path, mode);
    if (typeof opened === "number") return this.#unseen(parent, name, opened);
    const inode = this.#added(parent, name, opened.attributes, owner);
    inode.handles.add(opened.handle);
    inode.writers.add(opened.handle);
    this.#made = { inode, handle: opened.handle };
    return inode;
  }

  mkdir(directory: Inode, name: ByteString, mode: number, owner: Owner): Inode | number {
    return this.#make(directory, name, owner, (path, out) => this.#host.mkdir(path, mode, out));
  }

  symlink(directory: Inode, name: ByteString, target: ByteString, owner: Owner): Inode | number {
    return this.#make(directory, name, owner, (path, out) => this.#host.symlink(path, target, out));
  }

  link(directory: Inode, name: ByteString, target: Inode): number {
    const inode = this.#own(target);
    if (inode.type !== S_IFREG) return -EPERM;
    const existing = inode.path(this.root);
    if (typeof existing === "number") return existing;
    const made = this.#make(directory, name, undefined, (path, out) => this.#host.link(existing, path, out));
    return typeof made === "number" ? made : 0;
  }

  unlink(directory: Inode, name: ByteString): number {
    return this.#remove(directory, name, (path) => this.#host.unlink(path));
  }

  rmdir(directory: Inode, name: ByteString): number {
    return this.#remove(directory, name, (path) => this.#host.rmdir(path));
  }

  rename(oldDirectory: Inode, oldName: ByteString, newDirectory: Inode, newName: ByteString, flags: number): number {
    const from = this.#own(oldDirectory);
    const to = this.#own(newDirectory);
    const oldPath = from.childPath(this.root, oldName);
    if (typeof oldPath === "number") return oldPath;
    const newPath = to.childPath(this.root, newName);
    if (typeof newPath === "number") return newPath;
    const error = this.#host.rename(oldPath, newPath, flags);
    const moved = from.children.get(oldName);
    const replaced = to.children.get(newName);
    if (error < 0) {
      // What was believed of these names may be why it failed.
      if (error === -ENOENT) for (const inode of [moved, replaced]) if (inode) inode.seenAt = Number.NEGATIVE_INFINITY;
      return error;
    }
    for (const directory of [from, to]) directory.forget();
    // Two names of one file stay as they are: rename(2).
    if (moved !== undefined && moved === replaced) return 0;
    const now = this.now();
    moved?.forget();
    replaced?.displace();
    moved?.place(to, newName, now);
    if ((flags & RENAME_EXCHANGE) !== 0) replaced?.place(from, oldName, now);
    return 0;
  }

  readlink(link: Inode): ByteString | number {
    const inode = this.#own(link);
    if (inode.type !== S_IFLNK) return -EINVAL;
    const path = inode.path(this.root);
    return typeof path === "number" ? path : this.#host.readlink(path);
  }

  open(inode: Inode, flags: number): OpenFile | number {
    const known = this.#own(inode);
    if (known.type === S_IFLNK) return -ELOOP;
    // Devices, FIFOs and sockets of the host are seen, not opened; its server says the same.
    if (known.type !== S_IFREG && known.type !== S_IFDIR) return -EACCES;
    const made = this.#made;
    if (made !== undefined && made.inode === known) {
      this.#made = undefined;
      return new HostFile(this, this.#host, known, made.handle);
    }
    const path = known.path(this.root);
    if (typeof path === "number") return path;
    const what = known.type === S_IFDIR ? OPEN_DIRECTORY : openWhat(flags);
    const opened = this.#host.open(path, what);
    if (typeof opened === "number") {
      if (opened === -ENOENT) known.displace();
      return opened;
    }
    const found = this.#sameOrNew(known, opened.attributes);
    if (known.type === S_IFDIR) return new HostListing(this, this.#host, found, opened.handle);
    const file = new HostFile(this, this.#host, found, opened.handle, opened.contents);
    if ((what & OPEN_WRITE) !== 0) found.writers.add(opened.handle);
    return file;
  }

  stat(inode: Inode, out: Stat): number {
    const known = this.#own(inode);
    if (!this.fresh(known.attributesAt)) {
      const error = this.#refresh(known);
      if (error < 0) return error;
    }
    const { attributes } = known;
    this.#ownership.tell(attributes, out);
    out.dev = this.dev;
    out.ino = known.ino;
    out.mode = attributes.mode;
    out.nlink = attributes.nlink;
    out.rdev = attributes.rdev;
    out.size = attributes.size;
    out.blocks = attributes.blocks;
    out.atimeSeconds = attributes.atimeSeconds;
    out.atimeNanoseconds = attributes.atimeNanoseconds;
    out.mtimeSeconds = attributes.mtimeSeconds;
    out.mtimeNanoseconds = attributes.mtimeNanoseconds;
    out.ctimeSeconds = attributes.ctimeSeconds;
    out.ctimeNanoseconds = attributes.ctimeNanoseconds;
    return 0;
  }

  setattr(inode: Inode, changes: AttributeChanges): number {
    const known = this.#own(inode);
    const { mode, size, atime, mtime } = changes;
    const wanted: HostChanges = {
      ...(mode === undefined ? {} : { mode }),
      ...(size === undefined ? {} : { size }),
      ...(atime === undefined ? {} : { atime }),
      ...(mtime === undefined ? {} : { mtime }),
    };
    if (Object.keys(wanted).length > 0) {
      const target = this.#targetOf(known, size !== undefined);
      if (typeof target === "number" && target < 0) return target;
      const error = this.#host.change(target, wanted, this.#scratch);
      if (error < 0) return error;
      known.version++;
      if (this.#scratch.ino === known.ino) update(known, this.#scratch, this.now());
      else known.displace();
    }
    this.#ownership.change(known.ino, changes);
    return 0;
  }

  parent(directory: Inode): Inode | number {
    const inode = this.#own(directory);
    return inode === this.root ? inode : (inode.parent ?? -ENOENT);
  }

  statistics(): FileSystemStatistics {
    const answer = this.#host.statistics();
    if (typeof answer !== "number") return answer;
    return { blockSize: 4096, blocks: 0, blocksFree: 0, files: 0, filesFree: 0 };
  }

  #own(inode: Inode): HostInode {
    if (inode instanceof HostInode && inode.fs === this) return inode;
    throw new TypeError("an inode of another file system");
  }

  #refresh(inode: HostInode): number {
    const target = this.#targetOf(inode, false);
    if (typeof target === "number" && target < 0) return target;
    const error = this.#host.attributes(target, this.#scratch);
    if (error < 0) {
      if (error === -ENOENT && typeof target !== "number") inode.displace();
      return error;
    }
    if (this.#scratch.ino === inode.ino) {
      update(inode, this.#scratch, this.now());
      return 0;
    }
    // A directory is followed by its name; any other file that lost it is gone.
    if (inode === this.root || inode.type === S_IFDIR) {
      update(inode, this.#scratch, this.now());
      return 0;
    }
    inode.displace();
    return -ENOENT;
  }

  /** How the host finds it: an open handle (one that writes, if it must), else its path; -errno where there is neither. */
  #targetOf(inode: HostInode, toWrite: boolean): ByteString | number {
    const [handle] = toWrite ? inode.writers : inode.handles;
    return handle ?? inode.path(this.root);
  }

  /** What was opened by the name of `known`: it, or the file that has its name now. */
  #sameOrNew(known: HostInode, attributes: HostAttributes): HostInode {
    const now = this.now();
    const { parent, name } = known;
    if (known === this.root || parent === undefined || attributes.ino === known.ino) {
      update(known, attributes, now);
      known.seenAt = now;
      return known;
    }
    return this.adopt(parent, name, attributes, now);
  }

  #make(
    directory: Inode,
    name: ByteString,
    owner: Owner | undefined,
    act: (path: ByteString, out: HostAttributes) => number,
  ): HostInode | number {
    const parent = this.#own(directory);
    const path = parent.childPath(this.root, name);
    if (typeof path === "number") return path;
    const error = act(path, this.#scratch);
    return error < 0 ? this.#unseen(parent, name, error) : this.#added(parent, name, this.#scratch, owner);
  }

  #added(parent: HostInode, name: ByteString, attributes: HostAttributes, owner: Owner | undefined): HostInode {
    parent.forget();
    if (owner !== undefined) this.#ownership.made(attributes, owner);
    return this.adopt(parent, name, attributes, this.now());
  }

  /** A name that could not be made may be there for others now. */
  #unseen(parent: HostInode, name: ByteString, error: number): number {
    parent.children.get(name)?.displace();
    return error;
  }

  #remove(directory: Inode, name: ByteString, act: (path: ByteString) => number): number {
    const parent = this.#own(directory);
    const path = parent.childPath(this.root, name);
    if (typeof path === "number") return path;
    const error = act(path);
    const child = parent.children.get(name);
    if (error < 0) {
      if (error === -ENOENT) child?.displace();
      return error;
    }
    parent.forget();
    if (child !== undefined) {
      if (child.attributes.nlink <= 1 || child.type === S_IFDIR) this.#ownership.forget(child.ino);
      child.displace();
    }
    return 0;
  }

  #forgetMade(): void {
    const made = this.#made;
    if (made === undefined) return;
    this.#made = undefined;
    made.inode.handles.delete(made.handle);
    made.inode.writers.delete(made.handle);
    this.#host.close(made.handle);
  }
}

function openWhat(flags: number): number {
  const mode = flags & O_ACCMODE;
  if (mode === O_RDONLY) return OPEN_READ;
  return mode === O_WRONLY ? OPEN_WRITE : OPEN_READ | OPEN_WRITE;
}
