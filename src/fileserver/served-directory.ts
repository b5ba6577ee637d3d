/**
 * Layer: fileserver. One directory of the host, served: every operation resolves its path anew from the root descriptor,
 * follows no symbolic link, and then acts on a descriptor or on one name in a directory just resolved. Refusals of its own
 * (read-only, what the host would execute) come before the host is asked. It must not know requests or handles.
 *
 * Answers are zero or more, or -errno. Operations that end with a stat leave it in lastStat.
 */
import type { ByteString } from "../abi/byte-string.ts";
import {
  EACCES,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  ENOENT,
  ENOSYS,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  ESTALE,
} from "../abi/errno.ts";
import { RENAME_EXCHANGE, RENAME_NOREPLACE } from "../abi/fcntl.ts";
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from "../abi/stat.ts";
import {
  closeDescriptor,
  fileSystemStatistics,
  type HostStatistics,
  lastStat,
  makeDirectory,
  makeLink,
  makeSymlink,
  OPEN_AS,
  openBeneath,
  readLink,
  removeName,
  renameName,
  setMode,
  setModeOfName,
  setTimes,
  statDescriptor,
  truncateFile,
} from "../host/files.unsafe.ts";
import type { LineChanges } from "../wire/file-line.ts";
import { type ExecutionGuard, OWN_ENDING } from "./guard.ts";

/** Never a set-user-id, set-group-id or sticky bit. */
const MODE_BITS = 0o777;
const OWNER_ONLY = 0o600;

/** A name in a directory that was just resolved. */
type Place = { readonly directory: number; readonly name: ByteString };

export class ServedDirectory {
  readonly root: number;
  readonly readOnly: boolean;
  readonly #guard: ExecutionGuard;
  readonly #refused: (rule: string, path: ByteString) => void;

  /** `refused` hears of every change that a rule of the guard forbade. */
  constructor(
    root: number,
    readOnly: boolean,
    guard: ExecutionGuard,
    refused: (rule: string, path: ByteString) => void,
  ) {
    this.root = root;
    this.readOnly = readOnly;
    this.#guard = guard;
    this.#refused = refused;
  }

  /** Fill lastStat with what a path is, a symbolic link itself. */
  lookup(path: ByteString): number {
    return this.#named(path, () => 0);
  }

  /** A descriptor for listing. */
  openListing(path: ByteString): number {
    return this.#statted(openBeneath(this.root, path, OPEN_AS.LIST));
  }

  /** A descriptor of a regular file. -EISDIR, -ELOOP (symbolic link), -EACCES (FIFO, device, socket). */
  openReader(path: ByteString): number {
    return this.#openRegular(path, OPEN_AS.READ);
  }

  openWriter(path: ByteString): number {
    const refused = this.mayChange(path);
    return refused < 0 ? refused : this.#openRegular(path, OPEN_AS.WRITE);
  }

  /** 0, -EROFS, or -EPERM where the host would execute what is there. */
  mayChange(path: ByteString): number {
    return this.readOnly ? -EROFS : this.#allow(this.#guard.forbids(path), path);
  }

  /**
   * Make a regular file: a descriptor that writes. The final mode comes last, so that the file can be opened to be read
   * as well whatever that mode is, as the one open(2) that makes a file can.
   */
  create(path: ByteString, mode: number): { readonly reader: number; readonly writer: number } | number {
    const refused = this.mayChange(path);
    if (refused < 0) return refused;
    const first = (mode & MODE_BITS) | OWNER_ONLY;
    const writer = this.#statted(openBeneath(this.root, path, OPEN_AS.CREATE, first));
    if (writer < 0) return writer;
    const made = fileNumber();
    const reader = this.openReader(path);
    let error = reader;
    if (reader >= 0 && fileNumber() !== made) error = -ESTALE;
    if (error >= 0 && first !== (mode & MODE_BITS)) error = setMode(writer, mode & MODE_BITS);
    if (error >= 0) error = statDescriptor(writer);
    if (error >= 0) return { reader, writer };
    if (reader >= 0) closeDescriptor(reader);
    closeDescriptor(writer);
    return error;
  }

  /** A regular file to read and write: two descriptors of one file, so that the one handed to the cell cannot write. */
  openBoth(path: ByteString): { readonly reader: number; readonly writer: number } | number {
    const writer = this.openWriter(path);
    if (writer < 0) return writer;
    const opened = fileNumber();
    const reader = this.openReader(path);
    if (reader >= 0 && fileNumber() === opened) return { reader, writer };
    closeDescriptor(writer);
    if (reader < 0) return reader;
    // Another file took the name between the two opens.
    closeDescriptor(reader);
    return -ESTALE;
  }

  mkdir(path: ByteString, mode: number): number {
    return this.#make(path, (directory, name) => makeDirectory(directory, name, mode & MODE_BITS));
  }

  symlink(path: ByteString, target: ByteString): number {
    const refused = this.readOnly ? -EROFS : this.#allow(this.#guard.forbidsLink(path, target), path);
    return refused < 0 ? refused : this.#make(path, (directory, name) => makeSymlink(target, directory, name));
  }

  /** A second name for a regular file. -EPERM for everything else. */
  link(existing: ByteString, path: ByteString): number {
    const protectedSource = this.readOnly ? -EROFS : this.#allow(this.#guard.forbids(existing), existing);
    if (protectedSource < 0) return protectedSource;
    const error = this.#named(existing, () => ((lastStat.mode & S_IFMT) === S_IFREG ? 0 : -EPERM));
    if (error < 0) return error;
    const moving = this.#guard.forbidsMove(existing, path);
    return this.#make(path, (newDirectory, newName) =>
      this.#inParent(existing, (directory, name) =>
        moving === undefined
          ? makeLink(directory, name, newDirectory, newName)
          : this.#linkFile({ directory, name }, { directory: newDirectory, name: newName }, RENAME_NOREPLACE),
      ),
    );
  }

  unlink(path: ByteString): number {
    return this.#remove(path, false);
  }

  rmdir(path: ByteString): number {
    return this.#remove(path, true);
  }

  rename(from: ByteString, to: ByteString, flags: number): number {
    if (this.readOnly) return -EROFS;
    const rule = this.#guard.forbids(from) ?? this.#guard.forbids(to);
    if (rule !== undefined) return this.#allow(rule, to);
    const moving = this.#guard.forbidsMove(from, to);
    if (moving !== undefined && (flags & RENAME_EXCHANGE) !== 0) return this.#allow(moving, to);
    return this.#inParent(from, (directory, name) =>
      this.#inParent(to, (newDirectory, newName) => {
        if (moving === undefined) return renameName(directory, name, newDirectory, newName, flags);
        const place = { directory: newDirectory, name: newName };
        const linked = this.#linkFile({ directory, name }, place, flags);
        if (linked === -EPERM) return this.#allow(moving, to);
        if (linked !== 0) return Math.min(0, linked);
        const removed = removeName(directory, name, false);
        // Others have taken the name meanwhile: what had it is where it was to be.
        return removed === -ENOENT || removed === -EISDIR ? 0 : removed;
      }),
    );
  }

  /** The target's bytes in `into`; their count. */
  readlink(path: ByteString, into: Uint8Array<ArrayBuffer>): number {
    return this.#named(path, (descriptor) =>
      (lastStat.mode & S_IFMT) === S_IFLNK ? readLink(descriptor, into) : -EINVAL,
    );
  }

  /** Change by path. Mode and size only of regular files, mode of directories too; times of anything. */
  change(path: ByteString, changes: LineChanges): number {
    const refused = this.mayChange(path);
    if (refused < 0) return refused;
    return this.#named(path, (descriptor) => {
      const type = lastStat.mode & S_IFMT;
      if (changes.size !== undefined) {
        const error = this.#resize(path, changes.size);
        if (error < 0) return error;
      }
      if (changes.mode !== undefined) {
        if (type !== S_IFREG && type !== S_IFDIR) return type === S_IFLNK ? -EOPNOTSUPP : -EACCES;
        const error = this.#setMode(path, descriptor, type, changes.mode & MODE_BITS);
        if (error < 0) return error;
      }
      if (changes.atime !== undefined || changes.mtime !== undefined) {
        const error = setTimes(descriptor, changes.atime, changes.mtime);
        if (error < 0) return error;
      }
      return statDescriptor(descriptor);
    });
  }

  /** Change what a handle has open. `descriptor` reads or lists, `writer` writes, or is -1. */
  changeOpen(descriptor: number, writer: number, changes: LineChanges): number {
    if (changes.size !== undefined) {
      const error = writer < 0 ? -EPERM : truncateFile(writer, changes.size);
      if (error < 0) return error;
    }
    if (changes.mode !== undefined) {
      const error = setMode(descriptor, changes.mode & MODE_BITS);
      if (error < 0) return error;
    }
    if (changes.atime !== undefined || changes.mtime !== undefined) {
      const error = setTimes(descriptor, changes.atime, changes.mtime);
      if (error < 0) return error;
    }
    return statDescriptor(descriptor);
  }

  statistics(): HostStatistics | number {
    return fileSystemStatistics(this.root);
  }

  #allow(rule: string | undefined, path: ByteString): number {
    if (rule === undefined) return 0;
    this.#refused(rule, path);
    return -EPERM;
  }

  /** Open the thing itself as a name, stat it, act on it. */
  #named(path: ByteString, act: (descriptor: number) => number): number {
    const descriptor = openBeneath(this.root, path, OPEN_AS.NAME);
    if (descriptor < 0) return descriptor;
    const error = statDescriptor(descriptor);
    const result = error < 0 ? error : act(descriptor);
    closeDescriptor(descriptor);
    return result;
  }

  /** Resolve the directory above, act on one name in it. */
  #inParent(path: ByteString, act: (directory: number, name: ByteString) => number): number {
    const slash = path.lastIndexOf("/");
    const name = path.slice(slash + 1) as ByteString;
    if (slash < 0) return act(this.root, name);
    const directory = openBeneath(this.root, path.slice(0, slash) as ByteString, OPEN_AS.PLACE);
    if (directory < 0) return directory;
    const result = act(directory, name);
    closeDescriptor(directory);
    return result;
  }

  #make(path: ByteString, act: (directory: number, name: ByteString) => number): number {
    const refused = this.mayChange(path);
    if (refused < 0) return refused;
    const made = this.#inParent(path, act);
    return made < 0 ? made : this.lookup(path);
  }

  /** Deleting is not creating: the guard has no say, so that trees with guarded files can be cleared away. */
  #remove(path: ByteString, asDirectory: boolean): number {
    if (this.readOnly) return -EROFS;
    return this.#inParent(path, (directory, name) => removeName(directory, name, asDirectory));
  }

  #openRegular(path: ByteString, as: number): number {
    const error = this.#named(path, () => regular(lastStat.mode));
    if (error < 0) return error;
    const descriptor = this.#statted(openBeneath(this.root, path, as));
    if (descriptor < 0) return descriptor;
    // Something else may have taken its place meanwhile.
    const changed = regular(lastStat.mode);
    if (changed < 0) closeDescriptor(descriptor);
    return changed < 0 ? changed : descriptor;
  }

  #statted(descriptor: number): number {
    if (descriptor < 0) return descriptor;
    const error = statDescriptor(descriptor);
    if (error < 0) closeDescriptor(descriptor);
    return error < 0 ? error : descriptor;
  }

  #resize(path: ByteString, size: number): number {
    const writer = this.openWriter(path);
    if (writer < 0) return writer;
    const error = truncateFile(writer, size);
    closeDescriptor(writer);
    return error;
  }

  #setMode(path: ByteString, name: number, type: number, mode: number): number {
    const error = setModeOfName(name, mode);
    if (error !== -ENOSYS) return error;
    // Before Linux 6.6 a mode is set through a descriptor that can read: what cannot be read keeps its mode.
    const file = fileNumber();
    const open = type === S_IFDIR ? this.openListing(path) : this.openReader(path);
    if (open < 0) return open;
    const result = fileNumber() === file ? setMode(open, mode) : -ESTALE;
    closeDescriptor(open);
    return result;
  }

  /**
   * Give a regular file the name `to`, and nothing else than a regular file, whoever swaps names meanwhile: linkat(2) takes no directory,
   * and what it took is looked at under a name that no other file server's guest can give to anything. 0; 1 where `to` was the same file;
   * -EPERM for what is no regular file, or where the host has no hard links.
   */
  #linkFile(from: Place, to: Place, flags: number): number {
    let between = ownName();
    let error = makeLink(from.directory, from.name, to.directory, between);
    // Left behind by a server that was killed, or another's of the same number elsewhere.
    for (let tries = 0; error === -EEXIST && tries < 10; tries++) {
      between = ownName();
      error = makeLink(from.directory, from.name, to.directory, between);
    }
    if (error < 0) return error;
    const descriptor = openBeneath(to.directory, between, OPEN_AS.NAME);
    error = descriptor < 0 ? descriptor : statDescriptor(descriptor);
    if (descriptor >= 0) closeDescriptor(descriptor);
    if (error >= 0 && (lastStat.mode & S_IFMT) !== S_IFREG) error = -EPERM;
    if (error >= 0) error = renameName(to.directory, between, to.directory, to.name, flags);
    // rename(2) of two names of one file changes nothing.
    const left = removeName(to.directory, between, false) === 0;
    return error >= 0 && left ? 1 : error;
  }
}

let ownNames = 0;

function ownName(): ByteString {
  ownNames += 1;
  return `${process.pid}-${ownNames}${OWN_ENDING}` as ByteString;
}

/** Which file the last stat was of. */
function fileNumber(): string {
  return `${lastStat.device}:${lastStat.inoHigh}:${lastStat.inoLow}`;
}

/** Whether a file of this mode is opened: 0 or -errno. */
function regular(mode: number): number {
  const type = mode & S_IFMT;
  if (type === S_IFREG) return 0;
  if (type === S_IFDIR) return -EISDIR;
  return type === S_IFLNK ? -ELOOP : -EACCES;
}
