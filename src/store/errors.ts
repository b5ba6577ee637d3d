/** Layer: store. What goes wrong with what is kept, as messages that say what to do. */

/** `exitCode`: 127 for what is not there, 126 for what is broken, 1 for the rest. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
