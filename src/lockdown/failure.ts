/** Layer: lockdown. The one way a lock fails: loudly, naming the step. It must not know the steps' work. */
import * as errnoNumbers from "../abi/errno.ts";

/** A wanted layer could not be put in place: the process that asked must not go on. */
export class LockFailed extends Error {
  override readonly name = "LockFailed";
  /** Which step, in words, such as "Landlock". */
  readonly step: string;

  readonly reason: string;

  constructor(step: string, reason: string) {
    super(`the lock could not be closed at the step "${step}": ${reason}`);
    this.step = step;
    this.reason = reason;
  }
}

/** "EPERM (1)" for -1. */
export function errnoName(result: number): string {
  for (const [name, value] of Object.entries(errnoNumbers)) {
    if (value === -result && typeof value === "number") return `${name} (${-result})`;
  }
  return `error ${-result}`;
}

/** Throws LockFailed unless a host call answered 0. A positive answer is a failure too (seccomp's TSYNC). */
export function demand(step: string, result: number): void {
  if (result === 0) return;
  throw new LockFailed(step, result < 0 ? errnoName(result) : `thread ${result} could not be brought along`);
}

/** "ENOENT" for an error of Node's, the message of any other. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return error instanceof Error ? error.message : String(error);
}
