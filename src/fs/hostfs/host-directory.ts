/**
 * Layer: fs/hostfs. What hostfs needs of one host directory. The cell implements it over the line to the file server;
 * it must not know how the calls travel, nor anything of Node's.
 *
 * Paths are relative to the directory: components joined by "/", none of them empty, "." or "..", "" being the directory
 * itself. No call follows a symbolic link anywhere in a path. Numbers are zero or more, or -errno as the host gave it; a
 * line that broke answers -EIO for ever.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import type { AttributeChanges, FileSystemStatistics, Stat } from "../../vfs/contracts.ts";

/** What statx(2) told. `ino` is one number for device and inode number together. */
export interface HostAttributes extends Omit<Stat, "dev" | "uid" | "gid"> {
  /** The file's user is the one the file server runs as; which one that is the cell need not know. */
  owned: boolean;
  /** The file's group is one of the file server's. */
  grouped: boolean;
}

export function emptyHostAttributes(): HostAttributes {
  return {
    ino: 0,
    mode: 0,
    nlink: 0,
    owned: false,
    grouped: false,
    rdev: 0,
    size: 0,
    blocks: 0,
    atimeSeconds: 0,
    atimeNanoseconds: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    ctimeSeconds: 0,
    ctimeNanoseconds: 0,
  };
}

/** One name of a listing. Without attributes where the host could not (or would not) say: look it up. */
export interface HostEntry {
  readonly name: ByteString;
  readonly attributes: HostAttributes | undefined;
}

/** What to open: bits. A directory is opened for listing, alone. */
export const OPEN_READ = 1;
export const OPEN_WRITE = 2;
export const OPEN_DIRECTORY = 4;

export interface HostOpened {
  readonly handle: number;
  readonly attributes: HostAttributes;
  /** The whole file as it was at open, if it was small. */
  readonly contents: Uint8Array | undefined;
}

/** What setattr may change on the host; ownership never. */
export type HostChanges = Pick<AttributeChanges, "mode" | "size" | "atime" | "mtime">;

/** A thing to ask about or change: by path, or by the handle of an open file. */
export type HostTarget = ByteString | number;

/** Position that means "at the end, whoever writes meanwhile". */
export const HOST_APPEND = -1;

export interface HostDirectory {
  attributes(target: HostTarget, out: HostAttributes): number;
  open(path: ByteString, what: number): HostOpened | number;
  /** Forget a handle. Never fails, never waits. */
  close(handle: number): void;
  /** Bytes moved to `into[at…]`, 0 at the end. `length` is at most TRANSFER_BYTES. */
  read(handle: number, position: number, into: Uint8Array, at: number, length: number): number;
  /** Bytes moved; `out` is how the file stands afterwards. */
  write(handle: number, position: number, from: Uint8Array, at: number, length: number, out: HostAttributes): number;
  /** The next entries of an open directory, none at the end. `restart` begins again. */
  list(handle: number, restart: boolean): readonly HostEntry[] | number;
  /** Make a regular file that was not there, and open it for reading and writing whatever its mode says. */
  create(path: ByteString, mode: number): HostOpened | number;
  mkdir(path: ByteString, mode: number, out: HostAttributes): number;
  symlink(path: ByteString, target: ByteString, out: HostAttributes): number;
  link(existing: ByteString, path: ByteString, out: HostAttributes): number;
  unlink(path: ByteString): number;
  rmdir(path: ByteString): number;
  /** Flags as renameat2(2). */
  rename(from: ByteString, to: ByteString, flags: number): number;
  readlink(path: ByteString): ByteString | number;
  change(target: HostTarget, changes: HostChanges, out: HostAttributes): number;
  sync(handle: number, dataOnly: boolean): number;
  allocate(handle: number, offset: number, length: number, out: HostAttributes): number;
  statistics(): FileSystemStatistics | number;
}
