/**
 * Layer: cell. Descriptors the file server handed down for reading, by handle: few, because the process may hold few;
 * the one used longest ago is closed for a new one. Each has its position, which only its owner moves. It must not know
 * the line.
 */
import { closeSync } from "node:fs";
import { HOST_DESCRIPTORS } from "../limits.ts";

export interface ReadingDescriptor {
  readonly descriptor: number;
  /** Where read(2) goes on. */
  position: number;
}

export class ReadingDescriptors {
  /** Oldest use first. Handles are the server's numbers, which no guest chooses. */
  readonly #byHandle = new Map<number, ReadingDescriptor>();

  get(handle: number): ReadingDescriptor | undefined {
    const found = this.#byHandle.get(handle);
    if (found === undefined) return undefined;
    this.#byHandle.delete(handle);
    this.#byHandle.set(handle, found);
    return found;
  }

  add(handle: number, descriptor: number, position: number): ReadingDescriptor {
    this.close(handle);
    if (this.#byHandle.size >= HOST_DESCRIPTORS) {
      const [oldest] = this.#byHandle.keys();
      if (oldest !== undefined) this.close(oldest);
    }
    const added = { descriptor, position };
    this.#byHandle.set(handle, added);
    return added;
  }

  close(handle: number): void {
    const found = this.#byHandle.get(handle);
    if (found === undefined) return;
    this.#byHandle.delete(handle);
    closeSync(found.descriptor);
  }
}
