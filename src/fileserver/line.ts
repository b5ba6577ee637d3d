/**
 * Layer: fileserver. Whole requests off the line, whole replies onto it, with blocking reads and writes: the process has
 * nothing to do between two requests. What comes is hostile; a frame that no cell of ours sends ends the service. It must
 * not know what requests mean.
 */
import { readSync, writeSync } from "node:fs";
import { fixedBytes } from "../host/calls.unsafe.ts";
import { sendWithDescriptor } from "../host/descriptor-passing.unsafe.ts";
import { FILE_LINE_BYTES } from "../limits.ts";
import { FILE_HEADER_BYTES, FrameReader, FrameWriter, lengthOf } from "../wire/file-line.ts";

/** The cell broke the rules of the line. */
export class LineViolation extends Error {
  override readonly name = "LineViolation";
}

export interface Request {
  readonly id: number;
  readonly call: number;
  readonly root: number;
}

export class ServerLine {
  readonly #socket: number;
  readonly #received = fixedBytes(FILE_HEADER_BYTES + FILE_LINE_BYTES);
  readonly #view = new DataView(this.#received.buffer);
  #start = 0;
  #end = 0;
  /** The fields of the request last taken. */
  readonly fields = new FrameReader(this.#received);
  /** Where the reply is written. */
  readonly reply = new FrameWriter(fixedBytes(FILE_HEADER_BYTES + FILE_LINE_BYTES));

  constructor(socket: number) {
    this.#socket = socket;
  }

  /** Wait for the next request; undefined when the cell is gone. The one before it must be done with. */
  next(): Request | undefined {
    if (this.#start === this.#end) {
      this.#start = 0;
      this.#end = 0;
    }
    if (!this.#fill(FILE_HEADER_BYTES)) return undefined;
    const length = lengthOf(this.#received, this.#start);
    if (length < 0) throw new LineViolation("a frame longer than any may be");
    if (!this.#fill(FILE_HEADER_BYTES + length)) return undefined;
    const at = this.#start;
    this.#start += FILE_HEADER_BYTES + length;
    this.fields.begin(at + FILE_HEADER_BYTES, this.#start);
    this.reply.begin();
    return {
      id: this.#view.getUint32(at + 4, true),
      call: this.#view.getUint16(at + 8, true),
      root: this.#view.getUint16(at + 10, true),
    };
  }

  /** Send what stands in `reply`; `descriptor` goes with it unless it is -1. False when the cell is gone. */
  answer(request: Request, status: number, descriptor: number): boolean {
    const length = this.reply.endReply(request.id, status);
    const bytes = this.reply.buffer.subarray(0, length);
    let sent = 0;
    if (descriptor >= 0) {
      sent = sendWithDescriptor(this.#socket, bytes, descriptor);
      // Too many descriptors in flight, or none to be had: the cell asks for the bytes instead.
      if (sent < 0) sent = 0;
    }
    try {
      while (sent < length) sent += writeSync(this.#socket, bytes, sent, length - sent);
    } catch (error) {
      return goneOrThrow(error);
    }
    return true;
  }

  /** Have at least `count` bytes from #start on. False at the end of the line, also in the midst of a frame. */
  #fill(count: number): boolean {
    while (this.#end - this.#start < count) {
      if (this.#start + count > this.#received.length) {
        this.#received.copyWithin(0, this.#start, this.#end);
        this.#end -= this.#start;
        this.#start = 0;
      }
      try {
        const got = readSync(this.#socket, this.#received, this.#end, this.#received.length - this.#end, null);
        if (got === 0) return false;
        this.#end += got;
      } catch (error) {
        return goneOrThrow(error);
      }
    }
    return true;
  }
}

/** A cell may end at any time, with a request or a reply under way. */
function goneOrThrow(error: unknown): false {
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EPIPE" || code === "ECONNRESET") return false;
  throw error;
}
