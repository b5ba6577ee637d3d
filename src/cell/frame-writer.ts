/**
 * Layer: cell. Frames to the caller, written with blocking write(2) so that what a guest wrote has left before its call
 * returns. It must not know what frames mean.
 */
import { writeSync } from "node:fs";
import { encodeUp, putHeader } from "../wire/encode.ts";
import { HEADER_BYTES, type UpFrame } from "../wire/frames.ts";

/** Payload bytes of one output frame; a longer write becomes several. */
export const OUTPUT_CHUNK = 64 * 1024;

export class FrameWriter {
  readonly #fd: number;
  readonly #scratch = new Uint8Array(HEADER_BYTES + OUTPUT_CHUNK);
  /** What leaves with the next frame. */
  #held: Uint8Array | undefined;

  constructor(fd: number) {
    this.#fd = fd;
  }

  send(frame: UpFrame): void {
    this.#writeAll(encodeUp(frame));
  }

  /**
   * A frame that may wait for the next one, which then leaves in the same write: each write wakes the caller. Who calls this sees
   * to it that `flush` is called soon.
   */
  hold(frame: UpFrame): void {
    this.flush();
    this.#held = encodeUp(frame);
  }

  /** Write what is held, if nothing else came. */
  flush(): void {
    const held = this.#held;
    this.#held = undefined;
    if (held !== undefined) this.#writeAll(held);
  }

  /** One data frame of at most OUTPUT_CHUNK bytes; the bytes are copied before the write, so guest views are fine. */
  sendBytes(type: number, channel: number, from: Uint8Array, at: number, length: number): void {
    putHeader(this.#scratch, 0, type, channel, length);
    this.#scratch.set(from.subarray(at, at + length), HEADER_BYTES);
    this.#writeAll(this.#scratch, HEADER_BYTES + length);
  }

  /** A data frame of any length the frame type allows, without a copy of the payload. */
  sendLarge(type: number, channel: number, bytes: Uint8Array): void {
    const header = new Uint8Array(HEADER_BYTES);
    putHeader(header, 0, type, channel, bytes.byteLength);
    this.#writeAll(header);
    this.#writeAll(bytes);
  }

  #writeAll(bytes: Uint8Array, length = bytes.byteLength): void {
    const held = this.#held;
    if (held !== undefined) {
      this.#held = undefined;
      const both = new Uint8Array(held.byteLength + length);
      both.set(held);
      both.set(bytes.subarray(0, length), held.byteLength);
      this.#writeAll(both);
      return;
    }
    let at = 0;
    while (at < length) at += writeSync(this.#fd, bytes, at, length - at);
  }
}
