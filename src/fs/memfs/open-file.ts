/**
 * Layer: fs/memfs. Open files and directories. It must not know of descriptors, offsets and access modes: the open file
 * description has those.
 */
import { EINVAL, EIO, ENOENT, ENOTDIR, EPERM, ESPIPE } from "../../abi/errno.ts";
import { F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_WRITE } from "../../abi/fcntl.ts";
import { POLLIN, POLLOUT } from "../../abi/poll.ts";
import type { DirectoryEntry, OpenFile } from "../../vfs/contracts.ts";
import { APPEND } from "../../vfs/contracts.ts";
import { OpenedDirectory } from "../../vfs/opened-directory.ts";
import { OpenedFile } from "../../vfs/opened-file.ts";
import type { DirectoryInode, FileInode, MemoryInode, SpecialInode } from "./inode.ts";

/** What an open file needs of its file system. */
export interface Keeper {
  /** Bytes were read, or entries. */
  accessed(inode: MemoryInode): void;
  /** The contents changed. */
  modified(inode: MemoryInode): void;
  closed(inode: MemoryInode): void;
}

export class OpenRegularFile implements OpenFile {
  readonly inode: FileInode;
  readonly seekable = true;
  readonly waiters = undefined;
  readonly #keeper: Keeper;

  constructor(inode: FileInode, keeper: Keeper) {
    this.inode = inode;
    this.#keeper = keeper;
  }

  read(position: number, into: Uint8Array, at: number, length: number): number {
    const count = this.inode.data.read(position, into, at, length);
    if (length > 0) this.#keeper.accessed(this.inode);
    return count;
  }

  write(position: number, from: Uint8Array, at: number, length: number): number {
    const { data } = this.inode;
    const count = data.write(position === APPEND ? data.size : position, from, at, length);
    if (count > 0) this.#keeper.modified(this.inode);
    return count;
  }

  readiness(): number {
    return POLLIN | POLLOUT;
  }

  /** From the start of the file: an open file has no offset. */
  available(): number {
    return this.inode.data.size;
  }

  entries(): number {
    return -ENOTDIR;
  }

  sync(): number {
    return 0;
  }

  allocate(offset: number, length: number, keepSize = false): number {
    if (offset < 0 || length <= 0) return -EINVAL;
    const { seals, data } = this.inode;
    if ((seals & F_SEAL_GROW) !== 0 && offset + length > data.size) return -EPERM;
    const error = this.inode.data.allocate(offset, length, keepSize);
    if (error === 0) this.#keeper.modified(this.inode);
    return error;
  }

  punch(offset: number, length: number): number {
    if (offset < 0 || length <= 0) return -EINVAL;
    if ((this.inode.seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) !== 0) return -EPERM;
    this.inode.data.punch(offset, length);
    this.#keeper.modified(this.inode);
    return 0;
  }

  seekContent(offset: number, hole: boolean): number {
    return this.inode.data.seekContent(offset, hole);
  }

  close(): void {
    this.#keeper.closed(this.inode);
  }
}

export class OpenDirectory extends OpenedDirectory<DirectoryInode> {
  readonly #keeper: Keeper;

  constructor(inode: DirectoryInode, keeper: Keeper) {
    super(inode);
    this.#keeper = keeper;
  }

  /** A removed directory is -ENOENT, as getdents(2) has it. */
  entries(from: number, limit: number): readonly DirectoryEntry[] | number {
    if (this.inode.nlink === 0) return -ENOENT;
    const found: DirectoryEntry[] = [];
    if (limit > 0) {
      this.inode.names.from(from, (entry, inode) => {
        found.push({ name: entry.name, ino: inode.ino, type: entryType(inode), next: entry.cookie + 1 });
        return found.length < limit;
      });
    }
    this.#keeper.accessed(this.inode);
    return found;
  }

  override close(): void {
    this.#keeper.closed(this.inode);
  }
}

/** An open FIFO as far as the file system goes: it keeps the inode. Bytes go through what the kernel makes of it. */
export class OpenSpecialFile extends OpenedFile<SpecialInode> {
  override readonly seekable = false;
  readonly #keeper: Keeper;

  constructor(inode: SpecialInode, keeper: Keeper) {
    super(inode);
    this.#keeper = keeper;
  }

  read(): number {
    return -EIO;
  }

  write(): number {
    return -EIO;
  }

  override readiness(): number {
    return 0;
  }

  override allocate(): number {
    return -ESPIPE;
  }

  override close(): void {
    this.#keeper.closed(this.inode);
  }
}

function entryType(inode: MemoryInode): number {
  // DT_ numbers are the type bits of modes, moved down (include/linux/fs_types.h).
  return inode.type >>> 12;
}
