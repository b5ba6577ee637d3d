/**
 * Layer: cell. Bytes from the caller, as the event loop brings them. A file of its own, because node:net must load after
 * the engine's flags were put aside (engine-flags.ts). It must not know frames.
 */
import { Socket } from "node:net";

/** Bytes of one read at most. A pipe of the caller's holds as many where the host lets it. */
const CHUNK_BYTES = 1024 * 1024;

/**
 * The caller's bytes on a descriptor. It is opened at once, which a locked process could not do, and read when somebody
 * listens: the event loop brings nothing before the code that made it has returned.
 */
export class FrameSource {
  readonly #buffer = new Uint8Array(CHUNK_BYTES);
  readonly #socket: Socket;
  #take: ((chunk: Uint8Array) => void) | undefined;

  constructor(descriptor: number) {
    const callback = (length: number): boolean => {
      if (this.#take === undefined) throw new Error("bytes of the caller came before anybody listened");
      this.#take(this.#buffer.subarray(0, length));
      return true;
    };
    this.#socket = new Socket({
      fd: descriptor,
      readable: true,
      writable: false,
      onread: { buffer: this.#buffer, callback },
    });
  }

  /**
   * Hands every chunk to `take`, then calls `end`, also when reading fails. All chunks come in one buffer, which is filled
   * anew when `take` has returned.
   */
  listen(take: (chunk: Uint8Array) => void, end: () => void): void {
    this.#take = take;
    this.#socket.on("end", end);
    this.#socket.on("error", end);
    this.#socket.resume();
  }
}
