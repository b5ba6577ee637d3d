/**
 * Layer: cell. One standard output or error stream of a guest: frames paced by the caller's credit. It must not know
 * descriptors or blocking: a write it cannot take is answered with fewer bytes.
 */
import type { OutputPort } from "../kernel/contracts.ts";
import { STREAM_WINDOW_BYTES } from "../limits.ts";
import type { UP } from "../wire/frames.ts";
import { type FrameWriter, OUTPUT_CHUNK } from "./frame-writer.ts";

export class CreditedOutput implements OutputPort {
  readonly #writer: FrameWriter;
  readonly #type: typeof UP.STDOUT | typeof UP.STDERR;
  readonly #channel: number;
  #credit = STREAM_WINDOW_BYTES;
  #ended = false;

  constructor(writer: FrameWriter, type: typeof UP.STDOUT | typeof UP.STDERR, channel: number) {
    this.#writer = writer;
    this.#type = type;
    this.#channel = channel;
  }

  write(from: Uint8Array, at: number, length: number): number {
    if (this.#ended) return length;
    const wanted = Math.min(length, this.#credit);
    let sent = 0;
    while (sent < wanted) {
      const chunk = Math.min(wanted - sent, OUTPUT_CHUNK);
      this.#writer.sendBytes(this.#type, this.#channel, from, at + sent, chunk);
      sent += chunk;
    }
    this.#credit -= sent;
    return sent;
  }

  /** The caller was told that the process ended: nothing of it may come any more. */
  end(): void {
    this.#ended = true;
  }

  grant(bytes: number): void {
    this.#credit = Math.min(this.#credit + bytes, STREAM_WINDOW_BYTES);
  }
}
