/**
 * Layer: sandbox. Output of `run`: collected, and handed to the caller's callback piece by piece. It must not know frames.
 */
import { Collector, type OutputSink } from "./output.ts";

export class CallbackSink implements OutputSink {
  readonly collected = new Collector();
  readonly #callback: ((piece: string) => unknown) | undefined;
  readonly #fail: (error: unknown) => void;
  /** A character may be cut by two pieces: the decoder keeps its first bytes. */
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #pending: Promise<void> | undefined;
  #ended = false;

  /** `fail` hears what the callback throws. */
  constructor(callback: ((piece: string) => unknown) | undefined, fail: (error: unknown) => void) {
    this.#callback = callback;
    this.#fail = fail;
  }

  write(bytes: Uint8Array, done: (bytes: number) => void): void {
    this.collected.append(bytes);
    if (this.#callback === undefined) {
      done(bytes.byteLength);
      return;
    }
    const piece = this.#decoder.decode(bytes, { stream: true });
    this.#hand(piece, () => done(bytes.byteLength));
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#callback !== undefined) this.#hand(this.#decoder.decode(), () => {});
  }

  /** Resolves when the callback has had everything. */
  async idle(): Promise<void> {
    while (this.#pending !== undefined) await this.#pending;
  }

  #hand(piece: string, done: () => void): void {
    if (this.#pending === undefined) {
      const answer = this.#call(piece);
      if (answer === undefined) done();
      else this.#wait(answer, done);
    } else {
      this.#wait(
        this.#pending.then(() => this.#call(piece)),
        done,
      );
    }
  }

  #wait(answer: Promise<unknown>, done: () => void): void {
    const pending: Promise<void> = answer.then(done, this.#fail).then(() => {
      if (this.#pending === pending) this.#pending = undefined;
    });
    this.#pending = pending;
  }

  #call(piece: string): Promise<unknown> | undefined {
    if (piece === "") return undefined;
    try {
      const answer = this.#callback?.(piece);
      return answer instanceof Promise ? answer : undefined;
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }
}
