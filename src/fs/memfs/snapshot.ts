/**
 * Layer: fs/memfs. A whole file system as plain data, and back. It must not know where the data goes.
 *
 * Everything but the pages' bytes can be JSON. Inode numbers, cookies, hard links, holes, times, and files without a
 * name that are still open are kept: who has such files open opens them again by number.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { F_ALL_SEALS, F_SEAL_SEAL, NAME_MAX, PATH_MAX, XATTR_NAME_MAX } from "../../abi/fcntl.ts";
import { S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from "../../abi/stat.ts";
import type { Clock } from "../../wait/clock.ts";
import type { MemoryInode } from "./inode.ts";
import { DirectoryInode, FileInode, LinkInode, SpecialInode } from "./inode.ts";
import { MemoryFileSystem } from "./memfs.ts";

export interface PageSnapshot {
  /** Position in the file in units of 64 KiB. */
  readonly number: number;
  readonly bytes: Uint8Array;
}

export interface NameSnapshot {
  readonly name: string;
  readonly cookie: number;
  readonly ino: number;
}

export interface InodeSnapshot {
  readonly ino: number;
  readonly type: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** atime, mtime, ctime: seconds and nanoseconds of each. */
  readonly times: readonly number[];
  /** Extended attributes, where there are any. */
  readonly extended?: readonly { readonly name: string; readonly value: Uint8Array }[];
  /** Of a regular file. */
  readonly size?: number;
  readonly pages?: readonly PageSnapshot[];
  /** Nameless, but it may get a name. */
  readonly linkable?: boolean;
  /** F_SEAL_ bits, where it takes others than most. */
  readonly seals?: number;
  /** Of a directory, by rising cookie. */
  readonly names?: readonly NameSnapshot[];
  readonly nextCookie?: number;
  /** Of a directory: the one above. It may be unknown where both are removed. */
  readonly parent?: number;
  /** Of a symbolic link. */
  readonly target?: string;
}

export interface MemorySnapshot {
  readonly version: 1;
  readonly dev: number;
  readonly bytes: number;
  readonly inodes: number;
  readonly nextIno: number;
  /** The root first, a directory before what is in it; then those without a name. */
  readonly tree: readonly InodeSnapshot[];
  readonly orphans: readonly InodeSnapshot[];
}

export interface RestoredFileSystem {
  readonly fs: MemoryFileSystem;
  /** The inode of this number, to open again what was open. Call fs.releaseOrphans() afterwards. */
  inode(ino: number): MemoryInode | undefined;
}

/** Copy everything. The file system may go on changing afterwards. */
export function takeSnapshot(fs: MemoryFileSystem): MemorySnapshot {
  const found: MemoryInode[] = [fs.root];
  const seen = new Set<MemoryInode>(found);
  for (let i = 0; i < found.length; i++) {
    const inode = found[i];
    if (inode?.type !== S_IFDIR) continue;
    inode.names.from(0, (_entry, child) => {
      if (!seen.has(child)) found.push(child);
      seen.add(child);
      return true;
    });
  }
  return {
    version: 1,
    dev: fs.dev,
    bytes: fs.budget.bytesLimit,
    inodes: fs.budget.inodesLimit,
    nextIno: fs.nextIno,
    tree: found.map(describe),
    orphans: [...fs.orphans].map(describe),
  };
}

function describe(inode: MemoryInode): InodeSnapshot {
  const common = {
    ino: inode.ino,
    type: inode.type,
    mode: inode.mode,
    uid: inode.uid,
    gid: inode.gid,
    times: [
      inode.atimeSeconds,
      inode.atimeNanoseconds,
      inode.mtimeSeconds,
      inode.mtimeNanoseconds,
      inode.ctimeSeconds,
      inode.ctimeNanoseconds,
    ],
    ...(inode.extended === undefined ? {} : { extended: extendedOf(inode.extended) }),
  };
  if (inode.type === S_IFREG) {
    const pages = [...inode.data.pages()].map(([number, bytes]) => ({ number, bytes: bytes.slice() }));
    const file = { ...common, size: inode.data.size, pages };
    const sealed = inode.seals === F_SEAL_SEAL ? file : { ...file, seals: inode.seals };
    return inode.linkable ? { ...sealed, linkable: true } : sealed;
  }
  if (inode.type === S_IFLNK) return { ...common, target: inode.target };
  if (inode.type !== S_IFDIR) return common;
  const names: NameSnapshot[] = [];
  inode.names.from(0, (entry, child) => {
    names.push({ name: entry.name, cookie: entry.cookie, ino: child.ino });
    return true;
  });
  return { ...common, names, nextCookie: inode.names.nextCookie, parent: inode.parent.ino };
}

function extendedOf(extended: ReadonlyMap<ByteString, Uint8Array>) {
  return [...extended].map(([name, value]) => ({ name, value: value.slice() }));
}

/**
 * Build the file system a snapshot describes. Throws SnapshotError when it describes none: unknown numbers, directories
 * with two names or in a circle, more than its own limits allow.
 */
export function restoreSnapshot(snapshot: MemorySnapshot, clock: Clock): RestoredFileSystem {
  check(snapshot.version === 1, "of an unknown version");
  const [first] = snapshot.tree;
  check(first !== undefined && first.type === S_IFDIR && first.ino === 1, "without a root directory");
  const { dev, bytes, inodes } = snapshot;
  check([dev, bytes, inodes, snapshot.nextIno].every(isCount), "with limits that are no counts");
  const fs = new MemoryFileSystem({ dev, clock, bytes, inodes });
  const known = new Map<string, MemoryInode>();
  for (const described of [...snapshot.tree, ...snapshot.orphans]) {
    check(isCount(described.ino) && described.ino < snapshot.nextIno, "with an inode number not given out yet");
    check(!known.has(String(described.ino)), "with one inode number twice");
    const inode = described === first ? fs.root : rebuild(fs, described);
    known.set(String(described.ino), inode);
    for (const { name, value } of described.extended ?? []) {
      check(isByteString(name) && name.length <= XATTR_NAME_MAX, "with an attribute that cannot be");
      check(fs.attributes.set(inode, name as ByteString, value) === 0, "with more attributes than it allows");
    }
  }
  for (const described of snapshot.tree) {
    const directory = known.get(String(described.ino));
    if (directory?.type === S_IFDIR) fill(fs, directory, described, known);
  }
  const placed = new Set<MemoryInode>([fs.root]);
  for (const described of snapshot.tree) {
    const inode = known.get(String(described.ino));
    check(inode !== undefined && inode.nlink > 0, "with inodes that have no name");
    // Above before below: so nothing stands in a circle, and every way up ends at the root.
    check(inode.type !== S_IFDIR || placed.has(inode.parent), "with directories out of order");
    placed.add(inode);
    setCommon(inode, described);
  }
  // Last removed first: a directory was removed before the one above it could be.
  for (const described of snapshot.orphans.toReversed()) {
    const inode = known.get(String(described.ino));
    check(inode !== undefined, "with an inode lost");
    if (inode.type === S_IFDIR) {
      check(inode.parent === inode, "with a nameless directory that has a name");
      const above = known.get(String(described.parent));
      if (above?.type === S_IFDIR && placed.has(above)) inode.parent = above;
      placed.add(inode);
      inode.nlink = 0;
      skipTo(inode, described.nextCookie);
    }
    check(inode.nlink === 0, "with a nameless file that has a name");
    setCommon(inode, described);
  }
  for (const described of snapshot.orphans) {
    const inode = known.get(String(described.ino));
    if (inode !== undefined) fs.orphans.add(inode);
  }
  fs.nextIno = snapshot.nextIno;
  return { fs, inode: (ino) => known.get(String(ino)) };
}

export class SnapshotError extends Error {
  override readonly name = "SnapshotError";
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new SnapshotError(`This is a snapshot ${what}: it was changed or cut off after it was written.`);
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** The inode without its names. */
function rebuild(fs: MemoryFileSystem, described: InodeSnapshot): MemoryInode {
  const { ino, type, mode, uid, gid } = described;
  check(fs.budget.chargeInode(), "with more inodes than it allows");
  if (type === S_IFREG) {
    const file = new FileInode(fs, ino, mode, uid, gid, fs.budget);
    check(isCount(described.size) && file.data.truncate(described.size ?? 0) === 0, "with a file of no valid size");
    file.linkable = described.linkable === true;
    file.seals = described.seals ?? F_SEAL_SEAL;
    check((file.seals & ~F_ALL_SEALS) === 0, "with attributes that cannot be");
    for (const page of described.pages ?? []) {
      check(file.data.restorePage(page.number, page.bytes), "with pages that do not fit");
    }
    return file;
  }
  if (type === S_IFLNK) {
    const target = described.target ?? "";
    check(target.length > 0 && target.length < PATH_MAX && isByteString(target), "with a link to nowhere");
    check(fs.budget.chargeBytes(target.length), "with more bytes than it allows");
    return new LinkInode(fs, ino, uid, gid, target as ByteString);
  }
  if (type === S_IFIFO || type === S_IFSOCK) return new SpecialInode(fs, ino, type, mode, uid, gid);
  check(type === S_IFDIR, "with an inode of unknown type");
  return new DirectoryInode(fs, ino, mode, uid, gid);
}

function fill(
  fs: MemoryFileSystem,
  directory: DirectoryInode,
  described: InodeSnapshot,
  known: ReadonlyMap<string, MemoryInode>,
): void {
  for (const { name, cookie, ino } of described.names ?? []) {
    const child = known.get(String(ino));
    check(child !== undefined && child !== fs.root, "with a name of nothing");
    check(isName(name) && directory.names.get(name) === undefined, "with a name that cannot be");
    check(isCount(cookie) && cookie >= directory.names.nextCookie, "with cookies out of order");
    child.named = { directory, name: directory.names.restore(name, child, cookie) };
    if (child.type === S_IFDIR) {
      check(child.parent === child, "with a directory of two names");
      child.parent = directory;
      directory.nlink++;
    } else {
      if (child.nlink > 0) check(fs.budget.chargeInode(), "with more names than it allows");
      child.nlink++;
    }
  }
  skipTo(directory, described.nextCookie);
}

function skipTo(directory: DirectoryInode, cookie = 0): void {
  check(isCount(cookie), "with cookies out of order");
  directory.names.skipTo(cookie);
}

function setCommon(inode: MemoryInode, described: InodeSnapshot): void {
  const { mode, uid, gid, times } = described;
  check([mode, uid, gid].every(isCount) && mode <= 0o7777, "with attributes that cannot be");
  check(times.length === 6 && times.every(Number.isSafeInteger), "with times that cannot be");
  inode.mode = mode;
  inode.uid = uid;
  inode.gid = gid;
  [
    inode.atimeSeconds = 0,
    inode.atimeNanoseconds = 0,
    inode.mtimeSeconds = 0,
    inode.mtimeNanoseconds = 0,
    inode.ctimeSeconds = 0,
    inode.ctimeNanoseconds = 0,
  ] = times;
}

function isName(name: string): name is ByteString {
  return (
    name !== "" && name !== "." && name !== ".." && name.length <= NAME_MAX && !/[/\0]/.test(name) && isByteString(name)
  );
}

function isByteString(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 255) return false;
  return !text.includes("\0");
}
