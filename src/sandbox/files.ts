/**
 * Layer: sandbox. `box.files`: the sandbox's files, from outside. Every operation happens inside the cell, on what the guest
 * sees, under its mounts and its limits. It must not know processes.
 */
import { posix } from "node:path";
import type { ByteString } from "../abi/byte-string.ts";
import { ERRNO } from "../abi/errno.ts";
import {
  DOWN,
  type FileReply,
  type FileRequest,
  type FileType,
  LINK_BYTES,
  LINKS,
  UP,
  type UpFrame,
} from "../wire/frames.ts";
import type { CellLink, ChannelOwner } from "./cell-link.ts";
import { CellViolation, FileError, LimitExceeded, type LindenError, OptionError } from "./errors.ts";
import { Collector } from "./output.ts";
import { escapeText, toBytes, toText } from "./text.ts";
import { parseSize, type Size } from "./units.ts";

export interface FileEntry {
  readonly name: string;
  readonly path: string;
  readonly type: FileType;
}

export interface FileStat {
  readonly type: FileType;
  /** Permission bits. */
  readonly mode: number;
  readonly size: number;
  readonly modified: Date;
}

export type FileData = string | Uint8Array | AsyncIterable<string | Uint8Array>;

/** Bytes of one frame of a file. */
const STEP = 256 * 1024;

/**
 * Paths are absolute inside the sandbox, or relative to its `cwd`. Failures are FileError with an errno. The cell answers
 * between two calls of its guests: while one computes without a call, files wait; close the sandbox to stop waiting.
 */
export class Files {
  readonly #link: CellLink;
  readonly #cwd: string;
  readonly #readLimit: number;

  constructor(link: CellLink, cwd: string, readLimit: number) {
    this.#link = link;
    this.#cwd = cwd;
    this.#readLimit = readLimit;
  }

  /** A whole file, as text in UTF-8 or as bytes. EFBIG beyond `limit` bytes (default: the limit of the disk). */
  read(path: string, options?: { readonly format?: "text"; readonly limit?: Size }): Promise<string>;
  read(path: string, options: { readonly format: "bytes"; readonly limit?: Size }): Promise<Uint8Array>;
  async read(
    path: string,
    options: { readonly format?: "text" | "bytes"; readonly limit?: Size } = {},
  ): Promise<string | Uint8Array> {
    const format = options.format ?? "text";
    if (format !== "text" && format !== "bytes") throw new OptionError("format", '"text" or "bytes"', format);
    const limit = options.limit === undefined ? this.#readLimit : parseSize(options.limit, "limit");
    const transfer = this.#ask({ op: "read", path: this.#path(path), limit }, path, limit);
    await transfer.done;
    return format === "bytes" ? transfer.data.bytes() : transfer.data.text();
  }

  /** Write a file; directories above it are made. `append` adds to its end; `mode` is for a new file. */
  async write(
    path: string,
    data: FileData,
    options: { readonly append?: boolean; readonly mode?: number } = {},
  ): Promise<void> {
    const { append = false, mode = 0o644 } = options;
    if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) throw new OptionError("mode", "0 to 0o777", mode);
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      // Before the file is made empty.
      if (typeof data !== "object" || data === null || !(Symbol.asyncIterator in data)) {
        throw new OptionError("data", "a string, a Uint8Array or an async iterable of them", data);
      }
      // A stream cannot be read twice, so its directory comes first.
      await this.mkdir(posix.dirname(this.#absolute(path)));
      return this.#write(path, data, append, mode);
    }
    try {
      await this.#write(path, data, append, mode);
    } catch (error) {
      if (!(error instanceof FileError) || error.errno !== "ENOENT") throw error;
      await this.mkdir(posix.dirname(this.#absolute(path)));
      await this.#write(path, data, append, mode);
    }
  }

  async list(path: string): Promise<FileEntry[]> {
    const entries: FileEntry[] = [];
    const directory = this.#absolute(path);
    let from = 0;
    do {
      const reply = await this.#ask({ op: "list", path: this.#path(path), from }, path).done;
      if (reply.op !== "list") break;
      for (const { name, type } of reply.entries) {
        const text = toText(name);
        entries.push({ name: text, path: posix.join(directory, text), type });
      }
      if (entries.length > MAX_ENTRIES) throw new LimitExceeded(`list: more than ${MAX_ENTRIES} entries`);
      from = reply.next;
    } while (from !== 0);
    return entries;
  }

  /** Make a directory and those above it; one that is there already is no error, unless `recursive` is false. */
  async mkdir(path: string, options: { readonly recursive?: boolean } = {}): Promise<void> {
    const recursive = options.recursive ?? true;
    await this.#ask({ op: "mkdir", path: this.#path(path), recursive, mode: 0o755 }, path).done;
  }

  /** Remove a file or an empty directory; with `recursive` a whole tree. */
  async remove(path: string, options: { readonly recursive?: boolean } = {}): Promise<void> {
    await this.#ask({ op: "remove", path: this.#path(path), recursive: options.recursive ?? false }, path).done;
  }

  async rename(path: string, to: string): Promise<void> {
    await this.#ask({ op: "rename", path: this.#path(path), to: this.#path(to) }, path).done;
  }

  async exists(path: string): Promise<boolean> {
    const reply = await this.#ask({ op: "exists", path: this.#path(path) }, path).done;
    return reply.op === "exists" && reply.exists;
  }

  /** What a path leads to; with `follow: false` the symbolic link itself. */
  async stat(path: string, options: { readonly follow?: boolean } = {}): Promise<FileStat> {
    const reply = await this.#ask({ op: "stat", path: this.#path(path), follow: options.follow ?? true }, path).done;
    if (reply.op !== "stat") throw new TypeError("the reply was checked to be of its request");
    const { type, mode, size, mtimeMs } = reply;
    return { type, mode, size, modified: new Date(mtimeMs) };
  }

  /** @internal Symbolic links that all lead to `target`. */
  async link(target: string, at: readonly string[]): Promise<void> {
    const left = at.map((path) => this.#path(path));
    while (left.length > 0) {
      let bytes = 0;
      const fit = left.slice(0, LINKS).findIndex((path) => {
        bytes += path.length;
        return bytes > LINK_BYTES;
      });
      const some = left.splice(0, fit < 0 ? LINKS : fit);
      await this.#ask({ op: "links", path: this.#path(target), at: some }, target).done;
    }
  }

  /** @internal A file that starts a module of the cell when it is executed. */
  async adopt(path: string, module: number): Promise<void> {
    await this.#ask({ op: "program", path: this.#path(path), module }, path).done;
  }

  /** @internal Nothing in the file system at `path` can be changed any more. */
  async seal(path: string): Promise<void> {
    await this.#ask({ op: "seal", path: this.#path(path) }, path).done;
  }

  async #write(path: string, data: FileData, append: boolean, mode: number): Promise<void> {
    const transfer = this.#ask({ op: "write", path: this.#path(path), append, mode }, path);
    const { channel } = transfer;
    try {
      for await (const chunk of chunksOf(data)) {
        for (let at = 0; at < chunk.byteLength && !transfer.over; at += STEP) {
          await this.#link.sendBulk({ type: DOWN.FILE_DATA, channel, payload: chunk.subarray(at, at + STEP) });
        }
        if (transfer.over) break;
      }
    } finally {
      this.#link.send({ type: DOWN.FILE_END, channel, payload: undefined });
    }
    await transfer.done;
  }

  #ask(request: FileRequest, path: string, limit = 0): FileTransfer {
    return new FileTransfer(this.#link, request, path, limit);
  }

  #absolute(path: string): string {
    if (typeof path !== "string" || path === "") throw new OptionError("path", "a path inside the sandbox", path);
    return path.startsWith("/") ? path : `${this.#cwd === "/" ? "" : this.#cwd}/${path}`;
  }

  #path(path: string): ByteString {
    const bytes = toBytes(this.#absolute(path), "path");
    if (bytes.length > PATH_BYTES) throw new FileError("ENAMETOOLONG", `${escapeText(path)}: File name too long`, path);
    return bytes;
  }
}

/** PATH_MAX without its NUL. */
const PATH_BYTES = 4095;
/** Entries one listing keeps in memory. */
const MAX_ENTRIES = 1_000_000;

async function* chunksOf(data: FileData): AsyncGenerator<Uint8Array> {
  if (typeof data === "string") yield Buffer.from(data, "utf8");
  else if (data instanceof Uint8Array) yield data;
  else {
    for await (const chunk of data) {
      if (typeof chunk === "string") yield Buffer.from(chunk, "utf8");
      else if (chunk instanceof Uint8Array) yield chunk;
      else throw new OptionError("data", "strings and Uint8Arrays in it", chunk);
    }
  }
}

/** One request until its reply. */
class FileTransfer implements ChannelOwner {
  readonly channel: number;
  readonly done: Promise<FileReply>;
  readonly data = new Collector();
  /** Replied, refused or lost: no more data need be sent. */
  over = false;
  readonly #link: CellLink;
  readonly #op: FileRequest["op"];
  readonly #path: string;
  readonly #limit: number;
  readonly #settle = Promise.withResolvers<FileReply>();

  constructor(link: CellLink, request: FileRequest, path: string, limit: number) {
    this.#link = link;
    this.#op = request.op;
    this.#path = path;
    this.#limit = limit;
    this.done = this.#settle.promise;
    this.done.catch(() => {});
    this.channel = link.open(this);
    link.send({ type: DOWN.FILE, channel: this.channel, payload: request });
  }

  receive(frame: UpFrame): void {
    switch (frame.type) {
      case UP.FILE_DATA:
        if (this.data.length + frame.payload.byteLength > this.#limit)
          throw new CellViolation("a file beyond its limit");
        this.data.append(frame.payload);
        return;
      case UP.FILE_REPLY: {
        const reply = frame.payload;
        if (reply.op !== this.#op) throw new CellViolation("the reply to another file request");
        if (reply.op === "read" && reply.bytes !== this.data.length)
          throw new CellViolation("a file of another length");
        this.#end();
        this.#settle.resolve(reply);
        return;
      }
      case UP.REFUSED: {
        const { errno = 0, message } = frame.payload;
        const known = ERRNO.get(errno);
        const text = known?.text ?? escapeText(message);
        this.#end();
        const shown = escapeText(this.#path);
        this.#settle.reject(new FileError(known?.name ?? `E${errno}`, `${this.#op} ${shown}: ${text}`, this.#path));
        return;
      }
      default:
        throw new CellViolation(`frame ${frame.type} on a file request`);
    }
  }

  #end(): void {
    this.over = true;
    this.#link.release(this.channel);
  }

  lost(error: LindenError): void {
    this.over = true;
    this.#settle.reject(error);
  }
}
