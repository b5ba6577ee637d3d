/**
 * Layer: fileserver. One request to its answer: decode and check every field, act on the served directory or an open
 * handle, encode. It must not know how frames travel, nor how a path is resolved.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EBADF, EINVAL, ENFILE } from "../abi/errno.ts";
import { PATH_MAX, RENAME_EXCHANGE, RENAME_NOREPLACE } from "../abi/fcntl.ts";
import { fixedBytes } from "../host/calls.unsafe.ts";
import {
  allocateRange,
  readAt,
  seekTo,
  statDescriptor,
  syncDescriptor,
  writeAt,
  writeAtEnd,
} from "../host/files.unsafe.ts";
import { HOST_INLINE_BYTES, TRANSFER_BYTES } from "../limits.ts";
import { BRINGS, FILE_CALL, type FrameReader, type FrameWriter, OPEN_BITS } from "../wire/file-line.ts";
import type { Attributes } from "./attributes.ts";
import { type Handle, HandleTable } from "./handles.ts";
import { LineViolation, type Request, type ServerLine } from "./line.ts";
import { putBatch } from "./listing.ts";
import type { ServedDirectory } from "./served-directory.ts";

/** CLOSE alone is not answered. */
const SILENT = 1;
const linkTarget = fixedBytes(PATH_MAX);

export class Service {
  readonly #directories: readonly ServedDirectory[];
  readonly #attributes: Attributes;
  readonly #line: ServerLine;
  readonly #in: FrameReader;
  readonly #out: FrameWriter;
  readonly #handles = new HandleTable();
  /** Goes with the reply to the present request. */
  #attached = -1;

  constructor(directories: readonly ServedDirectory[], attributes: Attributes, line: ServerLine) {
    this.#directories = directories;
    this.#attributes = attributes;
    this.#line = line;
    this.#in = line.fields;
    this.#out = line.reply;
  }

  /** Serve until the cell is gone. Throws LineViolation when it sends what no cell sends. */
  run(): void {
    for (;;) {
      const request = this.#line.next();
      if (request === undefined) return;
      this.#attached = -1;
      const directory = this.#directories[request.root];
      if (directory === undefined) throw new LineViolation("no such directory");
      const status = this.#carryOut(request, directory);
      if (this.#in.bad) throw new LineViolation(`malformed fields of call ${request.call}`);
      if (request.call === FILE_CALL.CLOSE) continue;
      if (status < 0) this.#out.begin();
      if (!this.#line.answer(request, status, status < 0 ? -1 : this.#attached)) return;
    }
  }

  #carryOut({ call, root }: Request, directory: ServedDirectory): number {
    const fields = this.#in;
    switch (call) {
      case FILE_CALL.LOOKUP: {
        const path = fields.path(true);
        return this.#attributesAfter(() => directory.lookup(path));
      }
      case FILE_CALL.ATTRIBUTES:
        return this.#withHandle(root, (handle) => this.#attributesAfter(() => statDescriptor(anyOf(handle))));
      case FILE_CALL.OPEN:
        return this.#open(root, directory);
      case FILE_CALL.DESCRIPTOR:
        return this.#withHandle(root, ({ reader }) => {
          this.#attached = reader;
          return reader < 0 ? -EBADF : 0;
        });
      case FILE_CALL.READ:
        return this.#read(root);
      case FILE_CALL.WRITE:
        return this.#write(root);
      case FILE_CALL.LIST: {
        const number = fields.u32();
        const restart = fields.u8() !== 0;
        return this.#act(root, number, ({ listing }) =>
          listing < 0 ? -EBADF : putBatch(listing, restart, this.#attributes, this.#out),
        );
      }
      case FILE_CALL.CLOSE: {
        const number = fields.u32();
        if (fields.done) this.#handles.close(number, root);
        else fields.bad = true;
        return SILENT;
      }
      case FILE_CALL.CREATE:
        return this.#create(root, directory);
      case FILE_CALL.MKDIR: {
        const path = fields.path(false);
        const mode = fields.u16();
        return this.#attributesAfter(() => directory.mkdir(path, mode));
      }
      case FILE_CALL.SYMLINK: {
        const path = fields.path(false);
        const target = this.#linkText();
        return this.#attributesAfter(() => directory.symlink(path, target));
      }
      case FILE_CALL.LINK: {
        const existing = fields.path(false);
        const path = fields.path(false);
        return this.#attributesAfter(() => directory.link(existing, path));
      }
      case FILE_CALL.UNLINK: {
        const path = fields.path(false);
        return this.#checked(() => directory.unlink(path));
      }
      case FILE_CALL.RMDIR: {
        const path = fields.path(false);
        return this.#checked(() => directory.rmdir(path));
      }
      case FILE_CALL.RENAME: {
        const from = fields.path(false);
        const to = fields.path(false);
        const flags = fields.u8();
        return this.#checked(() =>
          flags > (RENAME_NOREPLACE | RENAME_EXCHANGE) ? -EINVAL : directory.rename(from, to, flags),
        );
      }
      case FILE_CALL.READLINK:
        return this.#readlink(directory);
      case FILE_CALL.CHANGE: {
        const path = fields.path(true);
        const changes = fields.changes();
        return this.#attributesAfter(() => directory.change(path, changes));
      }
      case FILE_CALL.CHANGE_OPEN: {
        const number = fields.u32();
        const changes = fields.changes();
        return this.#act(root, number, (handle) => {
          const refused = directory.mayChange(handle.path);
          if (refused < 0) return refused;
          return this.#attributesAfter(() => directory.changeOpen(anyOf(handle), handle.writer, changes));
        });
      }
      case FILE_CALL.SYNC: {
        const number = fields.u32();
        const dataOnly = fields.u8() !== 0;
        return this.#act(root, number, (handle) => syncDescriptor(anyOf(handle), dataOnly));
      }
      case FILE_CALL.ALLOCATE: {
        const number = fields.u32();
        const offset = fields.u53();
        const length = fields.u53();
        return this.#act(root, number, ({ writer }) => {
          if (writer < 0) return -EBADF;
          const error = allocateRange(writer, offset, length);
          return error < 0 ? error : this.#attributesAfter(() => statDescriptor(writer));
        });
      }
      case FILE_CALL.SEEK: {
        const number = fields.u32();
        const position = fields.u53();
        return this.#act(root, number, ({ reader }) => {
          const error = reader < 0 ? -EBADF : seekTo(reader, position);
          return Math.min(error, 0);
        });
      }
      case FILE_CALL.STATISTICS:
        return this.#statistics(directory);
      default:
        throw new LineViolation(`no such call: ${call}`);
    }
  }

  /** Act only on a request that was well-formed to its last byte. */
  #checked(act: () => number): number {
    if (!this.#in.done) {
      this.#in.bad = true;
      return -EINVAL;
    }
    return act();
  }

  #attributesAfter(act: () => number): number {
    return this.#checked(() => {
      const result = act();
      if (result >= 0) this.#out.attributes(this.#attributes.ofLastStat());
      return result;
    });
  }

  #withHandle(root: number, act: (handle: Handle) => number): number {
    return this.#act(root, this.#in.u32(), act);
  }

  #act(root: number, number: number, act: (handle: Handle) => number): number {
    return this.#checked(() => {
      const handle = this.#handles.get(number, root);
      return handle === undefined ? -EBADF : act(handle);
    });
  }

  /** What a symbolic link is to hold: any bytes but NUL, at least one. */
  #linkText(): ByteString {
    const text = this.#in.text(PATH_MAX - 1);
    if (text === "" || text.includes("\0")) this.#in.bad = true;
    return text;
  }

  #open(root: number, directory: ServedDirectory): number {
    const path = this.#in.path(true);
    const what = this.#in.u8();
    return this.#checked(() => {
      if (this.#handles.full) return -ENFILE;
      const handle = openHandle(root, directory, path, what);
      if (typeof handle === "number") return handle;
      const number = this.#handles.add(handle);
      const attributes = this.#attributes.ofLastStat();
      this.#out.u32(number);
      this.#out.attributes(attributes);
      this.#bring(handle, attributes.size);
      return 0;
    });
  }

  #create(root: number, directory: ServedDirectory): number {
    const path = this.#in.path(false);
    const mode = this.#in.u16();
    return this.#checked(() => {
      if (this.#handles.full) return -ENFILE;
      const both = directory.create(path, mode);
      if (typeof both === "number") return both;
      this.#out.u32(this.#handles.add({ root, ...both, listing: -1, path }));
      this.#out.attributes(this.#attributes.ofLastStat());
      return 0;
    });
  }

  /** For a file opened only to be read: its bytes if they are few, else the descriptor to read them by. */
  #bring({ reader, writer }: Handle, size: number): void {
    const out = this.#out;
    let brings: number = BRINGS.NOTHING;
    let bytes = 0;
    if (reader >= 0 && writer < 0) {
      if (size > HOST_INLINE_BYTES) {
        this.#attached = reader;
        brings = BRINGS.DESCRIPTOR;
      } else {
        const at = out.at + 5;
        bytes = readAt(reader, out.buffer.subarray(at, at + HOST_INLINE_BYTES + 1), 0);
        // One byte too many: it grew meanwhile.
        if (bytes >= 0 && bytes <= HOST_INLINE_BYTES) brings = BRINGS.CONTENTS;
      }
    }
    out.u8(brings);
    if (brings !== BRINGS.CONTENTS) return;
    out.u32(bytes);
    out.at += bytes;
  }

  #read(root: number): number {
    const number = this.#in.u32();
    const position = this.#in.u53();
    const length = this.#in.u32();
    return this.#act(root, number, ({ reader }) => {
      if (reader < 0) return -EBADF;
      if (length > TRANSFER_BYTES) return -EINVAL;
      const { at, buffer } = this.#out;
      const bytes = readAt(reader, buffer.subarray(at, at + length), position);
      if (bytes > 0) this.#out.at += bytes;
      return bytes;
    });
  }

  #write(root: number): number {
    const fields = this.#in;
    const number = fields.u32();
    const append = fields.u8() !== 0;
    const position = fields.u53();
    const length = fields.left;
    const at = fields.take(length);
    return this.#act(root, number, ({ writer }) => {
      if (writer < 0) return -EBADF;
      if (length > TRANSFER_BYTES) return -EINVAL;
      const bytes = fields.buffer.subarray(at, at + length);
      const written = append ? writeAtEnd(writer, bytes) : writeAt(writer, bytes, position);
      if (written < 0) return written;
      const error = statDescriptor(writer);
      if (error < 0) return error;
      this.#out.attributes(this.#attributes.ofLastStat());
      return written;
    });
  }

  #readlink(directory: ServedDirectory): number {
    const path = this.#in.path(false);
    return this.#checked(() => {
      const length = directory.readlink(path, linkTarget);
      if (length < 0) return length;
      for (let i = 0; i < length; i++) this.#out.u8(linkTarget[i] ?? 0);
      return length;
    });
  }

  #statistics(directory: ServedDirectory): number {
    return this.#checked(() => {
      const statistics = directory.statistics();
      if (typeof statistics === "number") return statistics;
      this.#out.u32(Math.min(statistics.blockSize, 0x7fff_ffff));
      this.#out.u53(statistics.blocks);
      this.#out.u53(statistics.blocksFree);
      this.#out.u53(statistics.files);
      this.#out.u53(statistics.filesFree);
      return 0;
    });
  }
}

function openHandle(root: number, directory: ServedDirectory, path: ByteString, what: number): Handle | number {
  const handle = { root, reader: -1, writer: -1, listing: -1, path };
  if (what === OPEN_BITS.DIRECTORY) {
    const listing = directory.openListing(path);
    return listing < 0 ? listing : { ...handle, listing };
  }
  if (what === OPEN_BITS.READ) {
    const reader = directory.openReader(path);
    return reader < 0 ? reader : { ...handle, reader };
  }
  if (what === OPEN_BITS.WRITE) {
    const writer = directory.openWriter(path);
    return writer < 0 ? writer : { ...handle, writer };
  }
  if (what !== (OPEN_BITS.READ | OPEN_BITS.WRITE)) return -EINVAL;
  const both = directory.openBoth(path);
  return typeof both === "number" ? both : { ...handle, ...both };
}

function anyOf({ reader, writer, listing }: Handle): number {
  return Math.max(reader, writer, listing);
}
