/**
 * Layer: cell. The three standard streams of one process the caller started, or the terminal that stands for them:
 * credited output up, fed input down. It must not know how the process is made.
 */
import { O_RDONLY, O_RDWR, O_WRONLY } from "../abi/fcntl.ts";
import { OpenDescription } from "../kernel/descriptors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { type InputListener, InputStream, OutputStream } from "../kernel/streams.ts";
import { Terminal } from "../kernel/terminal.ts";
import { STREAM_WINDOW_BYTES } from "../limits.ts";
import { type SpawnRequest, UP, type WindowSize } from "../wire/frames.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { CreditedOutput } from "./output-port.ts";

/** Consumed input is reported in steps of this many bytes, so that small reads do not each cost a frame. */
const CREDIT_STEP = STREAM_WINDOW_BYTES / 4;

export class ProcessStreams implements InputListener {
  readonly descriptions: readonly OpenDescription[];
  readonly #writer: FrameWriter;
  readonly #channel: number;
  /** Present when the caller gave the process a window. */
  readonly terminal: Terminal | undefined;
  readonly #input: InputStream | Terminal;
  readonly #ports: readonly CreditedOutput[];
  readonly #outputs: readonly (OutputStream | Terminal)[];
  #fed = 0;
  #consumed = 0;
  #ended = false;

  constructor(
    kernel: Kernel,
    writer: FrameWriter,
    channel: number,
    { terminals, window, joined }: Pick<SpawnRequest, "terminals" | "window" | "joined">,
  ) {
    this.#writer = writer;
    this.#channel = channel;
    const stdout = new CreditedOutput(writer, UP.STDOUT, channel);
    const stderr = new CreditedOutput(writer, UP.STDERR, channel);
    this.#ports = [stdout, stderr];
    const errors = new OutputStream(kernel, stderr, { terminal: terminals.stderr && window === undefined });
    const forErrors = new OpenDescription(errors, undefined, O_WRONLY);
    if (window === undefined) {
      const input = new InputStream(kernel, this, { terminal: terminals.stdin });
      const output = new OutputStream(kernel, stdout, { terminal: terminals.stdout });
      this.#input = input;
      this.#outputs = [output, errors];
      const forOutput = new OpenDescription(output, undefined, O_WRONLY);
      const forInput = new OpenDescription(input, undefined, O_RDONLY);
      this.descriptions = [forInput, forOutput, joined ? forOutput : forErrors];
      return;
    }
    const terminal = new Terminal(kernel, stdout, this, window);
    this.terminal = terminal;
    this.#input = terminal;
    this.#outputs = [terminal, errors];
    const both = new OpenDescription(terminal.file, undefined, O_RDWR);
    this.descriptions = [both, both, terminals.stderr || joined ? both : forErrors];
  }

  /** Bytes of standard input. False when the caller sent more than it had credit for. */
  feed(bytes: Uint8Array): boolean {
    this.#fed += bytes.length;
    return this.#input.feed(bytes) === bytes.length;
  }

  endInput(): void {
    this.#input.end();
  }

  /**
   * The process ended, and the caller knows it: what it left running finds the end of input and, as of a pipe whose reader is gone,
   * EPIPE; or a terminal that was hung up.
   */
  end(): void {
    this.#ended = true;
    for (const port of this.#ports) port.end();
    if (this.#input instanceof Terminal) this.#input.hangUp();
    else this.#input.end();
    for (const output of this.#outputs) output.hangUp();
  }

  /** The window of the terminal changed; nothing where there is none. */
  resize(window: WindowSize): void {
    this.terminal?.resize(window);
  }

  /** The caller consumed output of stream 1 or 2. */
  credit(stream: 1 | 2, bytes: number): void {
    this.#ports[stream - 1]?.grant(bytes);
    this.#outputs[stream - 1]?.credited();
  }

  consumed(bytes: number): void {
    if (this.#ended) return;
    this.#consumed += bytes;
    // All that was sent is used up, or a step's worth: the sender may be waiting.
    if (this.#consumed < this.#fed && this.#consumed < CREDIT_STEP) return;
    this.#writer.send({ type: UP.STDIN_CREDIT, channel: this.#channel, payload: { bytes: this.#consumed } });
    this.#fed -= this.#consumed;
    this.#consumed = 0;
  }
}
