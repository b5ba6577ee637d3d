/** Layer: toolchain. What goes wrong here, as messages that say what to do. */

/** Something the machine lacks, or an input that cannot be built. `exitCode` is what a compiler's caller expects. */
export class ToolchainError extends Error {
  override readonly name = "ToolchainError";
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
