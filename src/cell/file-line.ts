/**
 * Layer: cell. The cell's end of the line to the file server: one request, then its reply, with blocking reads and
 * writes. Replies are checked like any foreign input. It must not know what the calls mean.
 *
 * A line that breaks (the server is gone, or it broke the rules) stays broken: every later request is -EIO.
 */
import { readSync, writeSync } from "node:fs";
import { EINTR, EIO } from "../abi/errno.ts";
import { fixedBytes } from "../host/calls.unsafe.ts";
import { type Received, receiveWithDescriptor } from "../host/descriptor-passing.unsafe.ts";
import { FILE_LINE_BYTES } from "../limits.ts";
import { FILE_HEADER_BYTES, FrameReader, FrameWriter, lengthOf } from "../wire/file-line.ts";

/** A request's fields all fit: two paths, or a path and a link's text. */
const REQUEST_BYTES = 16 * 1024;
const ERRNO_LIMIT = 4096;

export class FileLine {
  readonly #socket: number;
  readonly #received = fixedBytes(FILE_HEADER_BYTES + FILE_LINE_BYTES);
  readonly #view = new DataView(this.#received.buffer);
  readonly #arrival: Received = { count: 0, descriptor: -1 };
  #id = 0;
  #broken = false;
  /** Write the fields here after begin(). */
  readonly request = new FrameWriter(fixedBytes(FILE_HEADER_BYTES + REQUEST_BYTES));
  /** The fields of the reply last taken. */
  readonly reply = new FrameReader(this.#received);
  /** The descriptor that came with the reply last taken, or -1. Whoever takes it closes it. */
  descriptor = -1;

  constructor(socket: number) {
    this.#socket = socket;
  }

  get broken(): boolean {
    return this.#broken;
  }

  begin(): FrameWriter {
    this.request.begin();
    return this.request;
  }

  /** Send a request that has no reply. */
  tell(call: number, root: number): void {
    if (this.#broken) return;
    try {
      this.#id = (this.#id + 1) >>> 0;
      this.#send(this.request.buffer, this.request.endRequest(this.#id, call, root, 0));
    } catch {
      this.#broken = true;
    }
  }

  /**
   * Send a request, `length` bytes of `data` behind its fields, and take the reply. Its status: zero or more with fields
   * in `reply`, or -errno without any.
   */
  ask(call: number, root: number, data?: Uint8Array, at = 0, length = 0): number {
    if (this.#broken) return -EIO;
    try {
      this.#id = (this.#id + 1) >>> 0;
      this.#send(this.request.buffer, this.request.endRequest(this.#id, call, root, length));
      if (data !== undefined) this.#send(data, at + length, at);
      return this.#take();
    } catch {
      // readSync and writeSync throw when the other end is gone.
      return this.fail();
    }
  }

  /** The reply made no sense: nothing more is believed of this line. */
  fail(): number {
    this.#broken = true;
    return -EIO;
  }

  #send(bytes: Uint8Array, end: number, from = 0): void {
    for (let at = from; at < end; ) at += writeSync(this.#socket, bytes, at, end - at);
  }

  #take(): number {
    this.descriptor = -1;
    do receiveWithDescriptor(this.#socket, this.#received, this.#arrival);
    while (this.#arrival.count === -EINTR);
    if (this.#arrival.count <= 0) return this.fail();
    this.descriptor = this.#arrival.descriptor;
    let end = this.#fill(this.#arrival.count, FILE_HEADER_BYTES);
    const length = lengthOf(this.#received, 0);
    if (end < FILE_HEADER_BYTES || length < 0) return this.fail();
    end = this.#fill(end, FILE_HEADER_BYTES + length);
    // More than was asked for is as wrong as less.
    if (end !== FILE_HEADER_BYTES + length) return this.fail();
    const status = this.#view.getInt32(8, true);
    if (this.#view.getUint32(4, true) !== this.#id || status <= -ERRNO_LIMIT) return this.fail();
    if (status < 0 && length > 0) return this.fail();
    this.reply.begin(FILE_HEADER_BYTES, end);
    return status;
  }

  /** Read until `count` bytes are there; how many there are now. */
  #fill(have: number, count: number): number {
    let end = have;
    while (end < count) {
      const got = readSync(this.#socket, this.#received, end, count - end, null);
      if (got === 0) break;
      end += got;
    }
    return end;
  }
}
