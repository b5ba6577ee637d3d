/**
 * Layer: sandbox. One output stream of one process: the credit window, and where its bytes go. It must not know frames.
 */
import { Readable } from "node:stream";
import { STREAM_WINDOW_BYTES } from "../limits.ts";
import { handing } from "./callers-error.ts";
import { CellViolation } from "./errors.ts";

/** Credit goes back in pieces of at least this, so that a cell's tiny writes cannot fill its own unread line. */
const CREDIT_STEP = STREAM_WINDOW_BYTES / 4;

/** Counts what the cell may still send. */
export class OutputWindow {
  readonly #grant: (bytes: number) => void;
  #outstanding = 0;
  #consumed = 0;

  constructor(grant: (bytes: number) => void) {
    this.#grant = grant;
  }

  /** Throws CellViolation when the cell sent beyond its credit. */
  received(bytes: number): void {
    this.#outstanding += bytes;
    if (this.#outstanding > STREAM_WINDOW_BYTES) throw new CellViolation("it sent output beyond its credit");
  }

  consumed(bytes: number): void {
    this.#consumed += bytes;
    if (this.#consumed < CREDIT_STEP) return;
    this.#outstanding -= this.#consumed;
    this.#grant(this.#consumed);
    this.#consumed = 0;
  }
}

/** Takes the bytes of one stream; calls `done` when they are consumed. Keeps no view of a chunk it was handed. */
export interface OutputSink {
  write(bytes: Uint8Array, done: (bytes: number) => void): void;
  /** Nothing more comes. */
  end(): void;
}

const NOTHING = new Uint8Array(0);
/** Most runs say no more than a few lines. */
const LEAST_BYTES = 512;

/** A byte string that grows; its size is bounded by whoever fills it. */
export class Collector implements OutputSink {
  #buffer = NOTHING;
  #length = 0;

  write(bytes: Uint8Array, done: (bytes: number) => void): void {
    this.append(bytes);
    done(bytes.byteLength);
  }

  append(bytes: Uint8Array): void {
    const length = this.#length + bytes.byteLength;
    if (length > this.#buffer.byteLength) {
      const larger = new Uint8Array(Math.max(LEAST_BYTES, length, this.#buffer.byteLength * 2));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
  }

  end(): void {}

  get length(): number {
    return this.#length;
  }

  bytes(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }

  text(): string {
    return Buffer.from(this.#buffer.buffer, 0, this.#length).toString("utf8");
  }
}

/** A Node stream; bytes count as consumed when the reader takes them. At most a window waits here. */
export class OutputReadable extends Readable implements OutputSink {
  #waiting = new Collector();
  #done: (bytes: number) => void = () => {};
  #wanted = false;
  #ended = false;

  constructor() {
    super({ highWaterMark: 65_536 });
  }

  // Readable has no write of its own: this is the sink's side.
  write(bytes: Uint8Array, done: (bytes: number) => void): void {
    this.#done = done;
    if (this.destroyed) {
      // Nobody reads: the guest must not wait for a reader that went away, and the output limit still counts.
      done(bytes.byteLength);
      return;
    }
    this.#waiting.append(bytes);
    this.#hand();
  }

  end(): void {
    this.#ended = true;
    this.#hand();
  }

  override _read(): void {
    this.#wanted = true;
    this.#hand();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const left = this.#waiting.length;
    this.#waiting = new Collector();
    if (left > 0) this.#done(left);
    callback(error);
  }

  #hand(): void {
    if (this.destroyed) return;
    const length = this.#waiting.length;
    if (length > 0 && this.#wanted) {
      this.#wanted = false;
      const bytes = Buffer.from(this.#waiting.bytes().buffer);
      this.#waiting = new Collector();
      // Where a listener threw, the stream has not come to asking for more.
      if (!handing(() => this.push(bytes))) this.read(0);
      this.#done(length);
    }
    if (this.#ended && this.#waiting.length === 0) this.push(null);
  }
}
