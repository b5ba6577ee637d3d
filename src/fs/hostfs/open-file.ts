/** Layer: fs/hostfs. An open regular file of the host. */
import { ENOTDIR } from "../../abi/errno.ts";
import { POLLIN, POLLOUT } from "../../abi/poll.ts";
import { APPEND, type OpenFile } from "../../vfs/contracts.ts";
import { emptyHostAttributes, HOST_APPEND, type HostDirectory } from "./host-directory.ts";
import type { HostFileSystem } from "./hostfs.ts";
import type { HostInode } from "./inode.ts";
import { update } from "./inode-table.ts";

export class HostFile implements OpenFile {
  readonly inode: HostInode;
  readonly seekable = true;
  readonly waiters = undefined;
  readonly #fs: HostFileSystem;
  readonly #host: HostDirectory;
  readonly #handle: number;
  readonly #scratch = emptyHostAttributes();
  /** The whole file, while it is known to be still so. */
  #contents: Uint8Array | undefined;
  readonly #contentsVersion: number;
  readonly #contentsAt: number;

  constructor(fs: HostFileSystem, host: HostDirectory, inode: HostInode, handle: number, contents?: Uint8Array) {
    this.#fs = fs;
    this.#host = host;
    this.inode = inode;
    this.#handle = handle;
    this.#contents = contents;
    this.#contentsVersion = inode.version;
    this.#contentsAt = fs.now();
    inode.handles.add(handle);
  }

  read(position: number, into: Uint8Array, at: number, length: number): number {
    const contents = this.#freshContents();
    if (contents === undefined) return this.#host.read(this.#handle, position, into, at, length);
    const end = Math.min(position + length, contents.length);
    if (position >= end) return 0;
    into.set(contents.subarray(position, end), at);
    return end - position;
  }

  write(position: number, from: Uint8Array, at: number, length: number): number {
    if (length === 0) return 0;
    const where = position === APPEND ? HOST_APPEND : position;
    const written = this.#host.write(this.#handle, where, from, at, length, this.#scratch);
    if (written >= 0) this.#changed();
    return written;
  }

  readiness(): number {
    return POLLIN | POLLOUT;
  }

  available(): number {
    return this.inode.attributes.size;
  }

  entries(): number {
    return -ENOTDIR;
  }

  sync(dataOnly: boolean): number {
    return this.#host.sync(this.#handle, dataOnly);
  }

  allocate(offset: number, length: number): number {
    const error = this.#host.allocate(this.#handle, offset, length, this.#scratch);
    if (error >= 0) this.#changed();
    return Math.min(error, 0);
  }

  close(): void {
    this.inode.handles.delete(this.#handle);
    this.inode.writers.delete(this.#handle);
    this.#contents = undefined;
    this.#host.close(this.#handle);
  }

  #freshContents(): Uint8Array | undefined {
    if (this.#contents === undefined) return undefined;
    if (this.inode.version === this.#contentsVersion && this.#fs.fresh(this.#contentsAt)) return this.#contents;
    this.#contents = undefined;
    return undefined;
  }

  #changed(): void {
    this.inode.version++;
    update(this.inode, this.#scratch, this.#fs.now());
  }
}
