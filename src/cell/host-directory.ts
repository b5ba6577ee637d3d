/**
 * Layer: cell. Host directories for hostfs, over the line to the file server. Bulk reads do not cross the line: the server
 * hands down a descriptor that can only read, and the cell reads it with read(2), which it may call anyway. Its position
 * is shared with the server's copy, so a jump is a request (SEEK) and a sequence is none. It must not know guests.
 */
import { closeSync, readSync } from "node:fs";
import type { ByteString } from "../abi/byte-string.ts";
import { EIO, ENAMETOOLONG } from "../abi/errno.ts";
import { PATH_MAX } from "../abi/fcntl.ts";
import {
  emptyHostAttributes,
  HOST_APPEND,
  type HostAttributes,
  type HostChanges,
  type HostDirectory,
  type HostEntry,
  type HostOpened,
  type HostTarget,
  OPEN_DIRECTORY,
  OPEN_READ,
  OPEN_WRITE,
} from "../fs/hostfs/host-directory.ts";
import { TRANSFER_BYTES } from "../limits.ts";
import type { FileSystemStatistics } from "../vfs/contracts.ts";
import { BRINGS, FILE_CALL, OPEN_BITS } from "../wire/file-line.ts";
import type { FileLine } from "./file-line.ts";
import type { ReadingDescriptor, ReadingDescriptors } from "./reading-descriptors.ts";

export class LineDirectory implements HostDirectory {
  readonly #line: FileLine;
  readonly #root: number;
  readonly #descriptors: ReadingDescriptors;

  /** `root` is the directory's place in the file server's list; all directories of a line share one `descriptors`. */
  constructor(line: FileLine, root: number, descriptors: ReadingDescriptors) {
    this.#line = line;
    this.#root = root;
    this.#descriptors = descriptors;
  }

  attributes(target: HostTarget, out: HostAttributes): number {
    if (typeof target === "number") {
      this.#line.begin().u32(target);
      return this.#askAttributes(FILE_CALL.ATTRIBUTES, out);
    }
    return this.#withPath(target, () => this.#askAttributes(FILE_CALL.LOOKUP, out));
  }

  open(path: ByteString, what: number): HostOpened | number {
    if (path.length >= PATH_MAX) return -ENAMETOOLONG;
    const request = this.#line.begin();
    request.text(path);
    request.u8(openBits(what));
    const status = this.#ask(FILE_CALL.OPEN);
    if (status < 0) return status;
    const { reply } = this.#line;
    const handle = reply.u32();
    const attributes = emptyHostAttributes();
    reply.attributes(attributes);
    const brings = reply.u8();
    let contents: Uint8Array | undefined;
    if (brings === BRINGS.CONTENTS) {
      const length = reply.u32();
      const at = reply.take(length);
      if (!reply.bad) contents = reply.buffer.slice(at, at + length);
    }
    if (!reply.done || brings > BRINGS.DESCRIPTOR) return this.#fail();
    if (brings === BRINGS.DESCRIPTOR) this.#keep(handle, 0);
    else this.#drop();
    return { handle, attributes, contents };
  }

  close(handle: number): void {
    this.#descriptors.close(handle);
    this.#line.begin().u32(handle);
    this.#line.tell(FILE_CALL.CLOSE, this.#root);
  }

  read(handle: number, position: number, into: Uint8Array, at: number, length: number): number {
    const wanted = Math.min(length, TRANSFER_BYTES);
    let reading = this.#descriptors.get(handle) ?? this.#fetch(handle, position);
    if (reading !== undefined && reading.position !== position) reading = this.#seek(handle, reading, position);
    if (reading === undefined) return this.#readOverLine(handle, position, into, at, wanted);
    try {
      const bytes = readSync(reading.descriptor, into, at, wanted, null);
      reading.position += bytes;
      return bytes;
    } catch (error) {
      return -errnoOf(error);
    }
  }

  write(handle: number, position: number, from: Uint8Array, at: number, length: number, out: HostAttributes): number {
    const request = this.#line.begin();
    request.u32(handle);
    request.u8(position === HOST_APPEND ? 1 : 0);
    request.u53(position === HOST_APPEND ? 0 : position);
    const wanted = Math.min(length, TRANSFER_BYTES);
    const status = this.#line.ask(FILE_CALL.WRITE, this.#root, from, at, wanted);
    this.#drop();
    if (status < 0) return status;
    this.#line.reply.attributes(out);
    return this.#line.reply.done && status <= wanted ? status : this.#fail();
  }

  list(handle: number, restart: boolean): readonly HostEntry[] | number {
    const request = this.#line.begin();
    request.u32(handle);
    request.u8(restart ? 1 : 0);
    const count = this.#ask(FILE_CALL.LIST);
    if (count < 0) return count;
    const { reply } = this.#line;
    const entries: HostEntry[] = [];
    for (let n = 0; n < count && !reply.bad; n++) {
      const name = reply.bytes(reply.u8());
      let attributes: HostAttributes | undefined;
      if (reply.u8() !== 0) {
        attributes = emptyHostAttributes();
        reply.attributes(attributes);
      }
      if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) return this.#fail();
      entries.push({ name, attributes });
    }
    return reply.done ? entries : this.#fail();
  }

  create(path: ByteString, mode: number): HostOpened | number {
    if (path.length >= PATH_MAX) return -ENAMETOOLONG;
    const request = this.#line.begin();
    request.text(path);
    request.u16(mode & 0o777);
    const status = this.#ask(FILE_CALL.CREATE);
    if (status < 0) return status;
    const handle = this.#line.reply.u32();
    const attributes = emptyHostAttributes();
    this.#line.reply.attributes(attributes);
    return this.#line.reply.done ? { handle, attributes, contents: undefined } : this.#fail();
  }

  mkdir(path: ByteString, mode: number, out: HostAttributes): number {
    return this.#withPath(path, () => {
      this.#line.request.u16(mode & 0o777);
      return this.#askAttributes(FILE_CALL.MKDIR, out);
    });
  }

  symlink(path: ByteString, target: ByteString, out: HostAttributes): number {
    if (target.length >= PATH_MAX) return -ENAMETOOLONG;
    return this.#withPath(path, () => {
      this.#line.request.text(target);
      return this.#askAttributes(FILE_CALL.SYMLINK, out);
    });
  }

  link(existing: ByteString, path: ByteString, out: HostAttributes): number {
    return this.#withPaths(existing, path, () => this.#askAttributes(FILE_CALL.LINK, out));
  }

  unlink(path: ByteString): number {
    return this.#withPath(path, () => this.#askNothing(FILE_CALL.UNLINK));
  }

  rmdir(path: ByteString): number {
    return this.#withPath(path, () => this.#askNothing(FILE_CALL.RMDIR));
  }

  rename(from: ByteString, to: ByteString, flags: number): number {
    return this.#withPaths(from, to, () => {
      this.#line.request.u8(flags);
      return this.#askNothing(FILE_CALL.RENAME);
    });
  }

  readlink(path: ByteString): ByteString | number {
    if (path.length >= PATH_MAX) return -ENAMETOOLONG;
    this.#line.begin().text(path);
    const status = this.#ask(FILE_CALL.READLINK);
    if (status < 0) return status;
    const target = this.#line.reply.bytes(status);
    return this.#line.reply.done && status < PATH_MAX && !target.includes("\0") ? target : this.#fail();
  }

  change(target: HostTarget, changes: HostChanges, out: HostAttributes): number {
    if (typeof target === "number") {
      const request = this.#line.begin();
      request.u32(target);
      request.changes(changes);
      return this.#askAttributes(FILE_CALL.CHANGE_OPEN, out);
    }
    return this.#withPath(target, () => {
      this.#line.request.changes(changes);
      return this.#askAttributes(FILE_CALL.CHANGE, out);
    });
  }

  sync(handle: number, dataOnly: boolean): number {
    const request = this.#line.begin();
    request.u32(handle);
    request.u8(dataOnly ? 1 : 0);
    return this.#askNothing(FILE_CALL.SYNC);
  }

  allocate(handle: number, offset: number, length: number, out: HostAttributes): number {
    const request = this.#line.begin();
    request.u32(handle);
    request.u53(offset);
    request.u53(length);
    return this.#askAttributes(FILE_CALL.ALLOCATE, out);
  }

  statistics(): FileSystemStatistics | number {
    this.#line.begin();
    const status = this.#ask(FILE_CALL.STATISTICS);
    if (status < 0) return status;
    const { reply } = this.#line;
    const blockSize = reply.u32();
    const blocks = reply.u53();
    const blocksFree = reply.u53();
    const files = reply.u53();
    const filesFree = reply.u53();
    return reply.done ? { blockSize, blocks, blocksFree, files, filesFree } : this.#fail();
  }

  /** The descriptor of a handle, asked for at `position`; undefined where it cannot be had. */
  #fetch(handle: number, position: number): ReadingDescriptor | undefined {
    this.#line.begin().u32(handle);
    const status = this.#line.ask(FILE_CALL.DESCRIPTOR, this.#root);
    if (status < 0 || !this.#line.reply.done) {
      this.#drop();
      return undefined;
    }
    // Handed out before, its position is wherever that use left it.
    const reading = this.#keep(handle, Number.NaN);
    return reading === undefined ? undefined : this.#seek(handle, reading, position);
  }

  #seek(handle: number, reading: ReadingDescriptor, position: number): ReadingDescriptor | undefined {
    const request = this.#line.begin();
    request.u32(handle);
    request.u53(position);
    if (this.#askNothing(FILE_CALL.SEEK) < 0) return undefined;
    reading.position = position;
    return reading;
  }

  /** Take the descriptor that came with a reply. */
  #keep(handle: number, position: number): ReadingDescriptor | undefined {
    const { descriptor } = this.#line;
    this.#line.descriptor = -1;
    return descriptor < 0 ? undefined : this.#descriptors.add(handle, descriptor, position);
  }

  /** A descriptor nobody asked for is closed. */
  #drop(): void {
    if (this.#line.descriptor >= 0) closeSync(this.#line.descriptor);
    this.#line.descriptor = -1;
  }

  #readOverLine(handle: number, position: number, into: Uint8Array, at: number, length: number): number {
    const request = this.#line.begin();
    request.u32(handle);
    request.u53(position);
    request.u32(length);
    const status = this.#ask(FILE_CALL.READ);
    if (status < 0) return status;
    const { reply } = this.#line;
    const start = reply.take(status);
    if (!reply.done || status > length) return this.#fail();
    into.set(reply.buffer.subarray(start, start + status), at);
    return status;
  }

  #withPath(path: ByteString, act: () => number): number {
    if (path.length >= PATH_MAX) return -ENAMETOOLONG;
    this.#line.begin().text(path);
    return act();
  }

  #withPaths(first: ByteString, second: ByteString, act: () => number): number {
    if (second.length >= PATH_MAX) return -ENAMETOOLONG;
    return this.#withPath(first, () => {
      this.#line.request.text(second);
      return act();
    });
  }

  #ask(call: number): number {
    const status = this.#line.ask(call, this.#root);
    if (status < 0 || call !== FILE_CALL.OPEN) this.#drop();
    return status;
  }

  #askNothing(call: number): number {
    const status = this.#ask(call);
    if (status < 0) return status;
    return this.#line.reply.done ? 0 : this.#fail();
  }

  #askAttributes(call: number, out: HostAttributes): number {
    const status = this.#ask(call);
    if (status < 0) return status;
    this.#line.reply.attributes(out);
    return this.#line.reply.done ? 0 : this.#fail();
  }

  #fail(): number {
    this.#drop();
    return this.#line.fail();
  }
}

function openBits(what: number): number {
  let bits = 0;
  if ((what & OPEN_READ) !== 0) bits |= OPEN_BITS.READ;
  if ((what & OPEN_WRITE) !== 0) bits |= OPEN_BITS.WRITE;
  if ((what & OPEN_DIRECTORY) !== 0) bits |= OPEN_BITS.DIRECTORY;
  return bits;
}

/** The number in an error of Node's; EIO where there is none. */
function errnoOf(error: unknown): number {
  const number = error instanceof Error ? (error as NodeJS.ErrnoException).errno : undefined;
  return number === undefined ? EIO : Math.abs(number);
}
