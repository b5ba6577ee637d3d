/**
 * Layer: cell. The three standard streams of one process the caller started: credited output up, fed input down. It
 * must not know how the process is made.
 */
import { O_RDONLY, O_WRONLY } from "../abi/fcntl.ts";
import { OpenDescription } from "../kernel/descriptors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { type InputListener, InputStream, OutputStream } from "../kernel/streams.ts";
import { STREAM_WINDOW_BYTES } from "../limits.ts";
import { type SpawnRequest, UP } from "../wire/frames.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { CreditedOutput } from "./output-port.ts";

/** Consumed input is reported in steps of this many bytes, so that small reads do not each cost a frame. */
const CREDIT_STEP = STREAM_WINDOW_BYTES / 4;

export class ProcessStreams implements InputListener {
  readonly descriptions: readonly OpenDescription[];
  readonly #writer: FrameWriter;
  readonly #channel: number;
  readonly #input: InputStream;
  readonly #ports: readonly CreditedOutput[];
  readonly #outputs: readonly OutputStream[];
  #fed = 0;
  #consumed = 0;

  constructor(kernel: Kernel, writer: FrameWriter, channel: number, terminals: SpawnRequest["terminals"]) {
    this.#writer = writer;
    this.#channel = channel;
    this.#input = new InputStream(kernel, this, { terminal: terminals.stdin });
    const stdout = new CreditedOutput(writer, UP.STDOUT, channel);
    const stderr = new CreditedOutput(writer, UP.STDERR, channel);
    this.#ports = [stdout, stderr];
    this.#outputs = [
      new OutputStream(kernel, stdout, { terminal: terminals.stdout }),
      new OutputStream(kernel, stderr, { terminal: terminals.stderr }),
    ];
    this.descriptions = [
      new OpenDescription(this.#input, undefined, O_RDONLY),
      ...this.#outputs.map((output) => new OpenDescription(output, undefined, O_WRONLY)),
    ];
  }

  /** Bytes of standard input. False when the caller sent more than it had credit for. */
  feed(bytes: Uint8Array): boolean {
    this.#fed += bytes.length;
    return this.#input.feed(bytes) === bytes.length;
  }

  endInput(): void {
    this.#input.end();
  }

  /** The caller consumed output of stream 1 or 2. */
  credit(stream: 1 | 2, bytes: number): void {
    this.#ports[stream - 1]?.grant(bytes);
    this.#outputs[stream - 1]?.credited();
  }

  consumed(bytes: number): void {
    this.#consumed += bytes;
    // All that was sent is used up, or a step's worth: the sender may be waiting.
    if (this.#consumed < this.#fed && this.#consumed < CREDIT_STEP) return;
    this.#writer.send({ type: UP.STDIN_CREDIT, channel: this.#channel, payload: { bytes: this.#consumed } });
    this.#fed -= this.#consumed;
    this.#consumed = 0;
  }
}
