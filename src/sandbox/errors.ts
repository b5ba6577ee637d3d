/**
 * Layer: sandbox. Every error a caller can meet. A guest's own failures are no errors here: they are exit codes. It must
 * not know how a message is printed; what a guest or a cell said stands in messages escaped.
 */

import type { CallerLimit } from "./guest-process.ts";

/** The base of all: `code` never changes between versions, `message` may. */
export class LindenError extends Error {
  override readonly name: string = "LindenError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An option, a policy file or an argument is wrong: it says what was expected and what came. */
export class OptionError extends LindenError {
  override readonly name = "OptionError";
  readonly option: string;

  constructor(option: string, expected: string, received?: unknown) {
    super("ERR_OPTION", `${option}: expected ${expected}${received === undefined ? "" : `, got ${show(received)}`}`);
    this.option = option;
  }
}

/** No such file and no such guest. A shell would exit with 127. */
export class ProgramNotFound extends LindenError {
  override readonly name = "ProgramNotFound";
  readonly exitCode = 127;

  constructor(message: string) {
    super("ERR_PROGRAM_NOT_FOUND", message);
  }
}

/** The file is there but cannot be run. A shell would exit with 126. */
export class NotRunnable extends LindenError {
  override readonly name: string = "NotRunnable";
  readonly exitCode = 126;

  constructor(message: string, code = "ERR_NOT_RUNNABLE") {
    super(code, message);
  }
}

/** The rewriter or the engine did not accept the module. */
export class ModuleRefused extends NotRunnable {
  override readonly name = "ModuleRefused";

  constructor(message: string) {
    super(message, "ERR_MODULE_REFUSED");
  }
}

/** No image of this name is built, and no archive and no directory is there. A shell would exit with 127. */
export class ImageNotFound extends LindenError {
  override readonly name = "ImageNotFound";
  readonly exitCode = 127;

  constructor(message: string) {
    super("ERR_IMAGE_NOT_FOUND", message);
  }
}

/** An image's archive is cut short or was changed, or cannot be kept here. */
export class ImageRefused extends NotRunnable {
  override readonly name = "ImageRefused";

  constructor(message: string) {
    super(message, "ERR_IMAGE_REFUSED");
  }
}

/** A wanted layer of the lock cannot be had here; the sandbox did not start. `lock: "off"` is the only way past. */
export class LockUnavailable extends LindenError {
  override readonly name = "LockUnavailable";

  constructor(message: string, options?: ErrorOptions) {
    super("ERR_LOCK_UNAVAILABLE", message, options);
  }
}

/** The sandbox was closed, or a run had to be killed and took it along; the message says why. */
export class SandboxClosed extends LindenError {
  override readonly name = "SandboxClosed";

  constructor(message: string) {
    super("ERR_SANDBOX_CLOSED", message);
  }
}

/**
 * A limit was in the way of what the caller asked: no process, no memory, a file that is too long; or time, CPU time or memory
 * were used up before a program was compiled, which `limit` says then.
 */
export class LimitExceeded extends LindenError {
  override readonly name = "LimitExceeded";
  readonly limit: CallerLimit | undefined;
  /** As timeout(1) has it, where time was over. */
  readonly exitCode: number | undefined;

  constructor(message: string, limit?: CallerLimit) {
    super("ERR_LIMIT_EXCEEDED", message);
    this.limit = limit;
    this.exitCode = limit === "time" || limit === "cpu" ? 124 : undefined;
  }
}

/** The cell ended by itself or said what no cell says. It is gone; nothing of it is believed. */
export class SandboxDied extends LindenError {
  override readonly name: string = "SandboxDied";

  constructor(message: string, code = "ERR_SANDBOX_DIED") {
    super(code, message);
  }
}

/** The cell broke the rules of the line: it was killed. Somebody may have broken out of the inner layer. */
export class CellViolation extends SandboxDied {
  override readonly name = "CellViolation";

  constructor(message: string) {
    super(message, "ERR_CELL_VIOLATION");
  }
}

/** A file operation failed as a system call would: `errno` is "ENOENT" and the like. */
export class FileError extends LindenError {
  override readonly name = "FileError";
  readonly errno: string;
  readonly path: string;

  constructor(errno: string, message: string, path: string) {
    super(errno, message);
    this.errno = errno;
    this.path = path;
  }
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
