/** Layer: engine, entries. Integer handles of one process: the numbers a guest keeps for its own values. */
import type { Process } from "../../kernel/process.ts";

/** Handles of one process at most. */
const HANDLES = 65_536;

/** Every process that uses handles has a table of its own, gone with the process. */
export class HandleTables {
  readonly #tables = new WeakMap<Process, number[]>();

  /** A new handle, 1 or more, for an i32; 0 when there are too many. */
  add(process: Process, value: number): number {
    let values = this.#tables.get(process);
    if (values === undefined) {
      values = [0];
      this.#tables.set(process, values);
    }
    return values.length > HANDLES ? 0 : values.push(value) - 1;
  }

  /** The value behind a handle; 0 for a handle nobody was given. */
  get(process: Process, handle: number): number {
    return this.#tables.get(process)?.[handle >>> 0] ?? 0;
  }
}
