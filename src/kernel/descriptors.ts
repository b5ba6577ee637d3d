/**
 * Layer: kernel. Open file descriptions and the descriptor table of a process. It must not know paths, blocking, or any
 * calling convention: rights are only kept here, the codec that has them checks them.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EBADF, EMFILE } from "../abi/errno.ts";
import { O_ACCMODE, O_PATH, O_RDONLY, O_WRONLY } from "../abi/fcntl.ts";
import { IN_CLOSE_NOWRITE, IN_CLOSE_WRITE } from "../abi/inotify.ts";
import type { OpenFile } from "../vfs/contracts.ts";
import type { Location } from "../vfs/mounts.ts";
import type { Watch } from "./events/epoll-file.ts";
import type { LockTable } from "./locks.ts";

/** Every right there is: what a descriptor has until a codec narrows it. */
export const ALL_RIGHTS = 0xffff_ffff;

/**
 * An open file description, as open(2) calls it: what dup shares. Counted: descriptors and parked calls each hold one
 * reference, and the file is closed with the last.
 */
export class OpenDescription {
  readonly file: OpenFile;
  /** Where the file was found; undefined for pipes and standard streams. */
  readonly location: Location | undefined;
  readonly readable: boolean;
  readonly writable: boolean;
  /** Access mode and status flags: O_APPEND, O_NONBLOCK, O_SYNC, O_DSYNC, O_PATH. */
  flags: number;
  /** Bytes from the start for files, a cookie of readDirectory for directories. */
  offset = 0;
  /** Where it holds locks, which go with it. */
  locks: LockTable | undefined = undefined;
  /** Those of epoll(7) on it: they end with it. */
  watches: Watch[] = [];
  #references = 0;

  constructor(file: OpenFile, location: Location | undefined, flags: number) {
    this.file = file;
    this.location = location;
    this.flags = flags;
    const access = flags & O_ACCMODE;
    this.readable = access !== O_WRONLY && (flags & O_PATH) === 0;
    this.writable = access !== O_RDONLY && (flags & O_PATH) === 0;
  }

  get references(): number {
    return this.#references;
  }

  acquire(): void {
    this.#references += 1;
  }

  release(): void {
    this.#references -= 1;
    if (this.#references > 0) return;
    this.locks?.releaseAll(this.file.inode, this);
    if (this.watches.length > 0) for (const watch of this.watches.splice(0)) watch.epoll.forget(watch);
    const { location } = this;
    const watcher = (this.flags & O_PATH) === 0 ? location?.mount.table?.watcher : undefined;
    if (location !== undefined) watcher?.done(this.writable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE, location);
    this.file.close();
  }
}

/** One entry of a descriptor table. */
export class Descriptor {
  readonly description: OpenDescription;
  closeOnExec: boolean;
  /** u32 masks over WASI's rights 0 to 29. */
  rights = ALL_RIGHTS;
  inheriting = ALL_RIGHTS;
  /** The name under which WASI finds this directory at start. */
  preopen: ByteString | undefined = undefined;

  constructor(description: OpenDescription, closeOnExec: boolean) {
    this.description = description;
    this.closeOnExec = closeOnExec;
  }
}

/** Hears of each number that is closed, before its description may be. */
export interface DescriptorOwner {
  closed(description: OpenDescription): void;
}

/** A dense array: numbers are chosen by guests, and a Map of chosen numbers can be made slow. */
export class DescriptorTable {
  /** RLIMIT_NOFILE: numbers 0 to limit - 1. */
  limit: number;
  readonly #owner: DescriptorOwner | undefined;
  readonly #entries: (Descriptor | undefined)[] = [];
  /** No free number lies below this one. */
  #lowest = 0;
  #open = 0;

  constructor(limit: number, owner?: DescriptorOwner) {
    this.limit = limit;
    this.#owner = owner;
  }

  /** How many descriptors are open. */
  get open(): number {
    return this.#open;
  }

  /** One more than the highest number ever used. */
  get length(): number {
    return this.#entries.length;
  }

  get(fd: number): Descriptor | undefined {
    return fd >>> 0 < this.#entries.length ? this.#entries[fd] : undefined;
  }

  /** The number the next `install` will answer, or -EMFILE: what open(2) settles before it creates a file. */
  vacancy(from = 0): number {
    let fd = Math.max(from, this.#lowest);
    while (fd < this.#entries.length && this.#entries[fd] !== undefined) fd += 1;
    if (from <= this.#lowest) this.#lowest = fd;
    return fd < this.limit ? fd : -EMFILE;
  }

  /** Put a description under the lowest free number at or above `from`. The number, or -EMFILE. */
  install(description: OpenDescription, closeOnExec = false, from = 0): number {
    const fd = this.vacancy(from);
    if (fd < 0) return fd;
    this.#put(fd, new Descriptor(description, closeOnExec));
    description.acquire();
    return fd;
  }

  /** Close. 0 or -EBADF. */
  close(fd: number): number {
    const entry = this.get(fd);
    if (entry === undefined) return -EBADF;
    this.#entries[fd] = undefined;
    this.#open -= 1;
    if (fd < this.#lowest) this.#lowest = fd;
    this.#release(entry.description);
    return 0;
  }

  /** Move `from`, with its rights, over `to`, which closes. Both must be open. 0 or -EBADF. */
  renumber(from: number, to: number): number {
    const entry = this.get(from);
    const old = this.get(to);
    if (entry === undefined || old === undefined) return -EBADF;
    if (from === to) return 0;
    this.#entries[to] = entry;
    this.#entries[from] = undefined;
    this.#open -= 1;
    if (from < this.#lowest) this.#lowest = from;
    this.#release(old.description);
    return 0;
  }

  /** Put a description under one given number, closing what was there (dup2). The number, or -EBADF. */
  place(fd: number, description: OpenDescription, closeOnExec = false): number {
    if (!Number.isInteger(fd) || fd < 0 || fd >= this.limit) return -EBADF;
    description.acquire();
    const old = this.get(fd);
    if (old !== undefined) this.#open -= 1;
    this.#put(fd, new Descriptor(description, closeOnExec));
    if (old !== undefined) this.#release(old.description);
    return fd;
  }

  /** Close everything: the process ended. */
  closeAll(): void {
    for (let fd = 0; fd < this.#entries.length; fd++) this.close(fd);
    // One by one costs a short table less than its length set to 0.
    while (this.#entries.length > 0) this.#entries.pop();
    this.#lowest = 0;
  }

  /** Fill this table, which is empty, with what another holds; what closes on exec only when `all`. */
  inherit(from: DescriptorTable, all: boolean): void {
    const entries = from.#entries;
    for (let fd = 0; fd < entries.length && fd < this.limit; fd++) {
      const entry = entries[fd];
      if (entry === undefined || (entry.closeOnExec && !all)) continue;
      const copy = new Descriptor(entry.description, entry.closeOnExec);
      copy.rights = entry.rights;
      copy.inheriting = entry.inheriting;
      copy.preopen = entry.preopen;
      entry.description.acquire();
      this.#put(fd, copy);
    }
  }

  /** Close what closes on exec. */
  closeForExec(): void {
    for (let fd = 0; fd < this.#entries.length; fd++) if (this.#entries[fd]?.closeOnExec === true) this.close(fd);
  }

  /** Open descriptors in rising order. */
  *[Symbol.iterator](): IterableIterator<[number, Descriptor]> {
    for (let fd = 0; fd < this.#entries.length; fd++) {
      const entry = this.#entries[fd];
      if (entry !== undefined) yield [fd, entry];
    }
  }

  #release(description: OpenDescription): void {
    this.#owner?.closed(description);
    description.release();
  }

  #put(fd: number, entry: Descriptor): void {
    while (this.#entries.length < fd) this.#entries.push(undefined);
    if (fd === this.#entries.length) this.#entries.push(entry);
    else this.#entries[fd] = entry;
    this.#open += 1;
  }
}
