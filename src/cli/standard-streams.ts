/**
 * Layer: cli. The descriptors 0, 1 and 2 as streams, for whichever thread carries out the command: `process.stdin` and its
 * siblings are those of the engine's main thread. It must not know what flows through them.
 */
import { createReadStream, fstatSync, write } from "node:fs";
import { Socket } from "node:net";
import { type Readable, Writable } from "node:stream";
import { isatty, ReadStream, WriteStream } from "node:tty";

export interface StandardStreams {
  /** A tty.ReadStream if it is a terminal. */
  readonly stdin: Readable;
  /** A tty.WriteStream if it is a terminal. */
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Milliseconds until a pipe that somebody else made non-blocking is tried again. */
const FULL_MS = 2;

/** Opens them: at most once in a process. */
export function standardStreams(): StandardStreams {
  return { stdin: input(), stdout: isatty(1) ? new WriteStream(1) : new Output(1), stderr: new Output(2) };
}

/** Whether standard output and error are one file, pipe or device: their order is then seen. */
export function outputsAreOne(): boolean {
  const [out, error] = [fstatSync(1), fstatSync(2)];
  return out.dev === error.dev && out.ino === error.ino && out.rdev === error.rdev;
}

function input(): Readable {
  if (isatty(0)) return new ReadStream(0);
  const kind = fstatSync(0);
  if (kind.isFIFO() || kind.isSocket()) return new Socket({ fd: 0, readable: true, writable: false });
  return createReadStream("", { fd: 0, autoClose: false });
}

/**
 * Writes in libuv's pool, as it comes, and leaves the descriptor as it is: other processes use it too, and a pipe that
 * was made non-blocking for us would be so for them.
 */
class Output extends Writable {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    super();
    this.#descriptor = descriptor;
  }

  override _write(chunk: Uint8Array, _encoding: string, done: (error?: Error | null) => void): void {
    write(this.#descriptor, chunk, 0, chunk.length, null, (error, written) => {
      if (error?.code === "EAGAIN") setTimeout(() => this._write(chunk, _encoding, done), FULL_MS);
      else if (error !== null || written === chunk.length) done(error);
      else this._write(chunk.subarray(written), _encoding, done);
    });
  }
}
