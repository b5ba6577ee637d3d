/**
 * Layer: sandbox. Standard input of `run`: whatever the caller gave, at the speed the guest reads. It must not know frames.
 */
import type { Writable } from "node:stream";
import { OptionError } from "./errors.ts";
import type { Input } from "./run-options.ts";

/** Whether it has no byte, as is known without asking. */
export function isEmpty(input: Input): boolean {
  return (typeof input === "string" || input instanceof Uint8Array) && input.length === 0;
}

/** Start feeding; the answer stops it. `fail` hears what the caller's own stream throws later; what it throws at once is thrown. */
export function feed(stdin: Writable, input: Input, fail: (error: unknown) => void): () => void {
  if (typeof input === "string" || input instanceof Uint8Array) {
    stdin.end(input);
    return () => {};
  }
  const iterator = input[Symbol.asyncIterator]();
  let over = false;
  const pump = async () => {
    while (!over) {
      const next = await iterator.next();
      if (over || stdin.destroyed) return;
      if (next.done) {
        stdin.end();
        return;
      }
      const { value } = next;
      if (typeof value !== "string" && !(value instanceof Uint8Array)) {
        throw new OptionError("stdin", "strings and Uint8Arrays in it", value);
      }
      if (value.length > 0) await written(stdin, value);
    }
  };
  pump().catch((error) => {
    if (!over) fail(error);
  });
  return () => {
    over = true;
    // It may wait for a source that never speaks again: nobody waits for it. Whatever it answers or throws, the run is over.
    const close = async () => iterator.return?.();
    close().catch(() => {});
  };
}

function written(stdin: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    // An error means that the guest is gone: the run's end says so.
    stdin.write(chunk, () => resolve());
  });
}
