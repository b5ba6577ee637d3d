/** Random operations on our own path walk over the file system in memory. */
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EBADF, EINVAL } from "../../src/abi/errno.ts";
import { MemoryFileSystem } from "../../src/fs/memfs/memfs.ts";
import { accessAt, readlinkAt, setAttributesAt, statAt } from "../../src/vfs/attributes.ts";
import { APPEND, emptyStat } from "../../src/vfs/contracts.ts";
import { linkAt, makeDirectories, makeDirectoryAt, makeSymlinkAt } from "../../src/vfs/create.ts";
import type { Location } from "../../src/vfs/mounts.ts";
import { MountTable } from "../../src/vfs/mounts.ts";
import type { Opened } from "../../src/vfs/open.ts";
import { openAt } from "../../src/vfs/open.ts";
import type { Credentials, WalkContext } from "../../src/vfs/permissions.ts";
import { removeDirectoryAt, unlinkAt } from "../../src/vfs/remove.ts";
import { renameAt } from "../../src/vfs/rename.ts";
import { FOLLOW } from "../../src/vfs/walk.ts";
import { ManualClock } from "../fs/clock.ts";
import { listAll } from "../fs/contract.ts";
import type { Answer, World } from "./linux-world.ts";
import { describeStat, START_DEPTH } from "./linux-world.ts";
import type { Operation } from "./random-operations.ts";
import { O, SLOTS } from "./random-operations.ts";

interface OpenSlot {
  readonly opened: Opened;
  readonly flags: number;
}

export class LindenWorld implements World {
  readonly fs: MemoryFileSystem;
  readonly #mounts: MountTable;
  readonly #start: Location;
  #credentials: Credentials;
  readonly #files: (OpenSlot | undefined)[] = new Array<undefined>(SLOTS).fill(undefined);
  #nextSlot = 0;

  constructor(uid: number, gid: number) {
    this.fs = new MemoryFileSystem({ dev: 1, clock: new ManualClock(), mode: 0o777, owner: { uid, gid } });
    this.#mounts = new MountTable(this.fs);
    this.#credentials = { uid, gid, groups: [] };
    const start = makeDirectories(this.context, "/up".repeat(START_DEPTH) as ByteString, 0o777);
    if (typeof start === "number") throw new Error(`No start: ${start}`);
    this.#start = start;
  }

  get context(): WalkContext {
    return { mounts: this.#mounts, root: this.#mounts.root, credentials: this.#credentials };
  }

  get openFiles(): readonly Opened[] {
    return this.#files.flatMap((slot) => (slot === undefined ? [] : [slot.opened]));
  }

  run(operation: Operation): Answer {
    const { context } = this;
    const start = this.#start;
    switch (operation.kind) {
      case "mkdir":
        return makeDirectoryAt(context, start, bytes(operation.path), operation.mode, FOLLOW);
      case "open":
        return this.#open(bytes(operation.path), operation.flags, operation.mode);
      case "write": {
        const slot = this.#files[operation.slot];
        if (slot === undefined || (slot.flags & 3) === 0) return -EBADF;
        const data = Buffer.from(operation.text, "latin1");
        const position = (slot.flags & O.APPEND) !== 0 ? APPEND : operation.position;
        return slot.opened.file.write(position, data, 0, data.length);
      }
      case "read": {
        const slot = this.#files[operation.slot];
        if (slot === undefined || (slot.flags & 3) === O.WRONLY) return -EBADF;
        const into = Buffer.alloc(operation.length);
        const count = slot.opened.file.read(operation.position, into, 0, operation.length);
        return count < 0 ? count : into.toString("latin1", 0, count);
      }
      case "ftruncate": {
        const slot = this.#files[operation.slot];
        if (slot === undefined) return -EBADF;
        const { inode } = slot.opened.location;
        if ((slot.flags & 3) === 0) return -EINVAL;
        return inode.fs.setattr(inode, { size: operation.size });
      }
      case "fstat": {
        const slot = this.#files[operation.slot];
        return slot === undefined ? -EBADF : this.#describe(slot.opened.location);
      }
      case "close": {
        const slot = this.#files[operation.slot];
        if (slot === undefined) return -EBADF;
        this.#files[operation.slot] = undefined;
        slot.opened.file.close();
        return 0;
      }
      case "rename":
        return renameAt(context, start, bytes(operation.path), start, bytes(operation.to), 0, FOLLOW);
      case "link":
        return linkAt(context, start, bytes(operation.path), 0, start, bytes(operation.to), FOLLOW);
      case "symlink":
        return makeSymlinkAt(context, bytes(operation.target), start, bytes(operation.path), FOLLOW);
      case "unlink":
        return unlinkAt(context, start, bytes(operation.path), FOLLOW);
      case "rmdir":
        return removeDirectoryAt(context, start, bytes(operation.path), FOLLOW);
      case "stat":
        return this.#stat(operation.path, FOLLOW);
      case "lstat":
        return this.#stat(operation.path, 0);
      case "readlink":
        return readlinkAt(context, start, bytes(operation.path), 0);
      case "readdir": {
        const opened = openAt(context, start, bytes(operation.path), O.DIRECTORY, 0, FOLLOW);
        if (typeof opened === "number") return opened;
        const names = listAll(opened.file, 3).map((entry) => entry.name);
        opened.file.close();
        return names.sort().join("|");
      }
      case "chmod":
        return this.#change(operation.path, { mode: operation.mode });
      case "chown":
        return this.#change(operation.path, { uid: operation.uid, gid: operation.gid });
      case "access":
        // access(2) asks for the real user, who stays the one the process started as.
        return accessAt(this.#asStarted(), start, bytes(operation.path), operation.want, FOLLOW);
      case "utimes": {
        const time = { seconds: operation.mtime, nanoseconds: 0 };
        const error = this.#change(operation.path, { atime: time, mtime: time });
        if (error < 0) return error;
        const stat = emptyStat();
        const lost = statAt(context, start, bytes(operation.path), FOLLOW, stat);
        return lost < 0 ? lost : `mtime ${stat.mtimeSeconds}`;
      }
      case "become":
        this.#credentials = { uid: operation.uid, gid: operation.uid, groups: [] };
        return 0;
    }
  }

  #asStarted(): WalkContext {
    const uid = process.getuid?.() ?? 0;
    const gid = process.getgid?.() ?? 0;
    return { ...this.context, credentials: { uid, gid, groups: [] } };
  }

  #open(path: ByteString, flags: number, mode: number): Answer {
    const opened = openAt(this.context, this.#start, path, flags, mode, FOLLOW);
    if (typeof opened === "number") return opened;
    const slot = this.#nextSlot++ % SLOTS;
    this.#files[slot]?.opened.file.close();
    this.#files[slot] = { opened, flags };
    return this.#describe(opened.location);
  }

  #change(path: string, changes: Parameters<typeof setAttributesAt>[3]): number {
    return setAttributesAt(this.context, this.#start, bytes(path), changes, false, FOLLOW);
  }

  #stat(path: string, flags: number): Answer {
    const stat = emptyStat();
    const error = statAt(this.context, this.#start, bytes(path), flags, stat);
    return error < 0 ? error : describeStat(stat);
  }

  #describe(location: Location): string {
    const stat = emptyStat();
    location.inode.fs.stat(location.inode, stat);
    return describeStat(stat);
  }
}

function bytes(text: string): ByteString {
  return text as ByteString;
}
