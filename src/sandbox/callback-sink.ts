/**
 * Layer: sandbox. Output of `run`: collected, and handed to the caller's callback piece by piece. It must not know frames.
 */
import { Collector, type OutputSink } from "./output.ts";

/**
 * While a callback's promise is pending, what comes is put together to one piece: a guest that writes single bytes must not
 * make the caller hold a promise for each, nor wait for its callback a quarter of a million times.
 */
export class CallbackSink implements OutputSink {
  readonly collected = new Collector();
  readonly #callback: ((piece: string) => unknown) | undefined;
  readonly #fail: (error: unknown) => void;
  #decoder: TextDecoder | undefined;
  #waiting = new Collector();
  #done: (bytes: number) => void = () => {};
  #pending: Promise<void> | undefined;
  #ended = false;

  /** `fail` hears what the callback throws. */
  constructor(callback: ((piece: string) => unknown) | undefined, fail: (error: unknown) => void) {
    this.#callback = callback;
    this.#fail = fail;
  }

  write(bytes: Uint8Array, done: (bytes: number) => void): void {
    this.collected.append(bytes);
    this.#done = done;
    if (this.#callback === undefined) done(bytes.byteLength);
    else if (this.#pending === undefined) this.#give(bytes);
    else this.#waiting.append(bytes);
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#callback !== undefined && this.#pending === undefined) this.#hand(this.#text(), 0);
  }

  /** Whether the callback has not had everything yet. */
  get busy(): boolean {
    return this.#pending !== undefined;
  }

  /** Resolves when the callback has had everything. */
  async idle(): Promise<void> {
    while (this.#pending !== undefined) await this.#pending;
  }

  #give(bytes: Uint8Array): void {
    this.#hand(this.#text(bytes), bytes.byteLength);
  }

  /** A character may be cut by two pieces: the decoder keeps its first bytes. Without bytes: what is left of one. */
  #text(bytes?: Uint8Array): string {
    this.#decoder ??= new TextDecoder("utf-8", { ignoreBOM: true });
    return this.#decoder.decode(bytes, { stream: bytes !== undefined });
  }

  #hand(piece: string, bytes: number): void {
    const answer = this.#call(piece);
    if (answer === undefined) this.#done(bytes);
    else this.#pending = answer.then(() => this.#done(bytes), this.#fail).then(() => this.#next());
  }

  #next(): void {
    this.#pending = undefined;
    const waiting = this.#waiting;
    this.#waiting = new Collector();
    if (waiting.length > 0) this.#give(waiting.bytes());
    if (this.#ended && this.#pending === undefined) this.#hand(this.#text(), 0);
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
