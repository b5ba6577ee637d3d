/**
 * Layer: cell. The caller's own requests on the sandbox's files, carried out over the same walk and mounts the guests
 * use, as uid 0 of the sandbox. It must not know processes.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EAGAIN, EEXIST, EFBIG, EINVAL, EISDIR, ENOENT, ENOSPC, ENOTDIR, ERRNO } from "../abi/errno.ts";
import { O_APPEND, O_CREAT, O_DIRECTORY, O_RDONLY, O_TRUNC, O_WRONLY } from "../abi/fcntl.ts";
import {
  DT_BLK,
  DT_CHR,
  DT_DIR,
  DT_FIFO,
  DT_LNK,
  DT_SOCK,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
  S_IFSOCK,
} from "../abi/stat.ts";
import { TRANSFER_BYTES } from "../limits.ts";
import { statAt } from "../vfs/attributes.ts";
import { APPEND, emptyStat, type OpenFile } from "../vfs/contracts.ts";
import { makeDirectories, makeDirectoryAt, makeSymlinkAt } from "../vfs/create.ts";
import type { Location } from "../vfs/mounts.ts";
import { openAt } from "../vfs/open.ts";
import type { WalkContext } from "../vfs/permissions.ts";
import { renameAt } from "../vfs/rename.ts";
import { FOLLOW, walk } from "../vfs/walk.ts";
import { DATE_MS, type FileReply, type FileRequest, type FileType, LIST_ENTRIES, UP } from "../wire/frames.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { removeTree } from "./remove-tree.ts";

/** A write whose data is still coming; `file` is gone once it was refused. */
interface Upload {
  file: OpenFile | undefined;
  position: number;
  bytes: number;
}

export class FileRequests {
  readonly #context: WalkContext;
  readonly #writer: FrameWriter;
  readonly #uploads = new Map<number, Upload>();
  readonly #stat = emptyStat();
  /** A long directory that is being listed: what comes next. From its beginning, a piece would cost all those before it. */
  #listing: { readonly path: ByteString; readonly next: number; readonly file: OpenFile } | undefined = undefined;
  readonly #adopt: (file: Location, module: number) => number;

  /** `adopt` lets a file start a module that was sent: 0 or -errno. */
  constructor(context: WalkContext, writer: FrameWriter, adopt: (file: Location, module: number) => number) {
    this.#context = context;
    this.#writer = writer;
    this.#adopt = adopt;
  }

  begin(channel: number, request: FileRequest): void {
    const reply = this.#answer(channel, request);
    if (typeof reply === "number") this.#refuse(channel, request.path, reply);
    else if (reply !== undefined) this.#writer.send({ type: UP.FILE_REPLY, channel, payload: reply });
  }

  /** Data of a write. What comes after a refusal is dropped. */
  data(channel: number, bytes: Uint8Array): void {
    const upload = this.#uploads.get(channel);
    if (upload?.file === undefined) return;
    for (let at = 0; at < bytes.length; ) {
      const moved = upload.file.write(upload.position, bytes, at, bytes.length - at);
      if (moved <= 0) {
        upload.file.close();
        upload.file = undefined;
        this.#refuse(channel, "" as ByteString, moved === 0 ? -ENOSPC : moved);
        return;
      }
      at += moved;
      upload.bytes += moved;
      if (upload.position !== APPEND) upload.position += moved;
    }
  }

  end(channel: number): void {
    const upload = this.#uploads.get(channel);
    this.#uploads.delete(channel);
    if (upload?.file === undefined) return;
    upload.file.close();
    this.#writer.send({ type: UP.FILE_REPLY, channel, payload: { op: "write", bytes: upload.bytes } });
  }

  /** The reply, -errno, or undefined where the reply comes later. */
  #answer(channel: number, request: FileRequest): FileReply | number | undefined {
    const { path } = request;
    switch (request.op) {
      case "read":
        return this.#read(channel, path, request.limit);
      case "write":
        return this.#startWrite(channel, path, request.append, request.mode);
      case "list":
        return this.#list(path, request.from);
      case "mkdir": {
        const error = request.recursive
          ? numberOrZero(makeDirectories(this.#context, path, request.mode))
          : makeDirectoryAt(this.#context, this.#root, path, request.mode, FOLLOW);
        return error < 0 ? error : { op: "mkdir" };
      }
      case "remove": {
        const error = removeTree(this.#context, path, request.recursive);
        return error < 0 ? error : { op: "remove" };
      }
      case "rename": {
        const error = renameAt(this.#context, this.#root, path, this.#root, request.to, 0, 0);
        return error < 0 ? error : { op: "rename" };
      }
      case "exists": {
        const found = walk(this.#context, this.#root, path, FOLLOW);
        if (typeof found !== "number") return { op: "exists", exists: true };
        return found === -ENOENT || found === -ENOTDIR ? { op: "exists", exists: false } : found;
      }
      case "stat":
        return this.#statistics(path, request.follow);
      case "links": {
        const error = this.#links(path, request.at);
        return error < 0 ? error : { op: "links" };
      }
      case "program": {
        const found = walk(this.#context, this.#root, path, FOLLOW);
        const error = typeof found === "number" ? found : this.#adopt(found, request.module);
        return error < 0 ? error : { op: "program" };
      }
      case "seal": {
        const found = walk(this.#context, this.#root, path, FOLLOW);
        if (typeof found === "number") return found;
        found.mount.readOnly = true;
        return { op: "seal" };
      }
    }
  }

  get #root(): Location {
    return this.#context.root;
  }

  #read(channel: number, path: ByteString, limit: number): FileReply | number {
    const opened = openAt(this.#context, this.#root, path, O_RDONLY, 0, FOLLOW);
    if (typeof opened === "number") return opened;
    const { file, location } = opened;
    try {
      if (location.inode.type === S_IFDIR) return -EISDIR;
      // A device or stream has no end: only regular files are handed out.
      if (location.inode.type !== S_IFREG) return -EINVAL;
      const error = location.inode.fs.stat(location.inode, this.#stat);
      if (error < 0) return error;
      if (this.#stat.size > limit) return -EFBIG;
      const chunk = new Uint8Array(Math.min(TRANSFER_BYTES, Math.max(this.#stat.size, 1)));
      let position = 0;
      for (;;) {
        const moved = file.read(position, chunk, 0, chunk.length);
        if (moved < 0) return moved;
        if (moved === 0) return { op: "read", bytes: position };
        position += moved;
        if (position > limit) return -EFBIG;
        this.#writer.sendLarge(UP.FILE_DATA, channel, chunk.subarray(0, moved));
      }
    } finally {
      file.close();
    }
  }

  #startWrite(channel: number, path: ByteString, append: boolean, mode: number): undefined | number {
    if (this.#uploads.has(channel)) return -EEXIST;
    this.#uploads.set(channel, { file: undefined, position: 0, bytes: 0 });
    const flags = O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC);
    const opened = openAt(this.#context, this.#root, path, flags, mode, FOLLOW);
    if (typeof opened === "number") return opened;
    this.#uploads.set(channel, { file: opened.file, position: append ? APPEND : 0, bytes: 0 });
    return undefined;
  }

  #list(path: ByteString, from: number): FileReply | number {
    const file = this.#goOn(path, from) ?? this.#opened(path);
    if (typeof file === "number") return file;
    let entries = file.entries(from, LIST_ENTRIES);
    while (entries === -EAGAIN) entries = file.entries(from, LIST_ENTRIES);
    const last = typeof entries === "number" || entries.length < LIST_ENTRIES ? undefined : entries.at(-1);
    if (last === undefined) file.close();
    else this.#listing = { path, next: last.next, file };
    if (typeof entries === "number") return entries;
    return {
      op: "list",
      entries: entries.map(({ name, type }) => ({ name, type: typeOfEntry(type) })),
      next: last?.next ?? 0,
    };
  }

  #opened(path: ByteString): OpenFile | number {
    const opened = openAt(this.#context, this.#root, path, O_RDONLY | O_DIRECTORY, 0, FOLLOW);
    return typeof opened === "number" ? opened : opened.file;
  }

  /** The directory whose last piece was told last, where this is the next one. Any other is closed. */
  #goOn(path: ByteString, from: number): OpenFile | undefined {
    const kept = this.#listing;
    this.#listing = undefined;
    if (kept?.path === path && kept.next === from) return kept.file;
    kept?.file.close();
    return undefined;
  }

  #links(target: ByteString, paths: readonly ByteString[]): number {
    for (const path of paths) {
      const parent = path.slice(0, path.lastIndexOf("/")) as ByteString;
      const directory = parent === "" ? 0 : numberOrZero(makeDirectories(this.#context, parent, 0o755));
      if (directory < 0) return directory;
      const error = makeSymlinkAt(this.#context, target, this.#root, path, 0);
      if (error < 0) return error;
    }
    return 0;
  }

  #statistics(path: ByteString, follow: boolean): FileReply | number {
    const stat = this.#stat;
    const error = statAt(this.#context, this.#root, path, follow ? FOLLOW : 0, stat);
    if (error < 0) return error;
    return {
      op: "stat",
      type: typeOfMode(stat.mode),
      mode: stat.mode & 0o7777,
      size: stat.size,
      mtimeMs: dateOf(stat.mtimeSeconds * 1000 + stat.mtimeNanoseconds / 1_000_000),
    };
  }

  #refuse(channel: number, path: ByteString, error: number): void {
    const errno = error === -EAGAIN ? EINVAL : -error;
    const words = ERRNO.get(errno);
    const message = `${words?.name ?? errno}: ${words?.text ?? "error"}${path === "" ? "" : `: ${path.slice(0, 1024)}`}`;
    this.#writer.send({ type: UP.REFUSED, channel, payload: { kind: "file", message, errno } });
  }
}

/** The nearest time that a Date can tell: guests may stamp files with any. */
function dateOf(ms: number): number {
  return Math.min(Math.max(ms, -DATE_MS), DATE_MS);
}

function numberOrZero(result: Location | number): number {
  return typeof result === "number" ? result : 0;
}

const ENTRY_TYPES: Readonly<Record<number, FileType>> = {
  [DT_DIR]: "directory",
  [DT_LNK]: "symlink",
  [DT_FIFO]: "fifo",
  [DT_SOCK]: "socket",
  [DT_CHR]: "character",
  [DT_BLK]: "block",
};

function typeOfEntry(type: number): FileType {
  return ENTRY_TYPES[type] ?? "file";
}

const MODE_TYPES: Readonly<Record<number, FileType>> = {
  [S_IFDIR]: "directory",
  [S_IFLNK]: "symlink",
  [S_IFIFO]: "fifo",
  [S_IFSOCK]: "socket",
  [S_IFCHR]: "character",
  [S_IFBLK]: "block",
};

function typeOfMode(mode: number): FileType {
  return MODE_TYPES[mode & S_IFMT] ?? "file";
}
