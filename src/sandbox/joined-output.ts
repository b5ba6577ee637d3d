/**
 * Layer: sandbox. Standard output and error as one stream, in the order in which they were written. It must not know frames.
 */
import type { OutputSink } from "./output.ts";

/** Two sinks for one. It ends when both have ended. */
export function joined(sink: OutputSink): readonly [OutputSink, OutputSink] {
  const sides: Side[] = [];
  // Whose bytes were consumed does not matter for what both may still send together.
  const consumed = (bytes: number): void => {
    let left = bytes;
    for (const side of sides) left -= side.giveBack(left);
  };
  const ended = (): void => {
    if (sides.every((side) => side.ended)) sink.end();
  };
  const pair = [new Side(sink, consumed, ended), new Side(sink, consumed, ended)] as const;
  sides.push(...pair);
  return pair;
}

class Side implements OutputSink {
  ended = false;
  readonly #sink: OutputSink;
  readonly #consumed: (bytes: number) => void;
  readonly #end: () => void;
  #owed = 0;
  #done: (bytes: number) => void = () => {};

  constructor(sink: OutputSink, consumed: (bytes: number) => void, end: () => void) {
    this.#sink = sink;
    this.#consumed = consumed;
    this.#end = end;
  }

  write(bytes: Uint8Array, done: (bytes: number) => void): void {
    this.#done = done;
    this.#owed += bytes.byteLength;
    this.#sink.write(bytes, this.#consumed);
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#end();
  }

  /** Of that many bytes at most: how many were this side's. */
  giveBack(bytes: number): number {
    const part = Math.min(bytes, this.#owed);
    if (part > 0) {
      this.#owed -= part;
      this.#done(part);
    }
    return part;
  }
}
