/**
 * Layer: syscalls. What a row of the table is: one of Linux's calls, how far it is answered, by whom, and how. It must not
 * know any one call.
 */
import type { CallName } from "../abi/calls.ts";
import { ENOSYS } from "../abi/errno.ts";
import type { Begin, Finish } from "./call.ts";

/**
 * "full": as the man page. "partial": the note says what is missing. "faked": an answer without an effect. "ENOSYS": that is
 * the answer, and the note says why.
 */
export type Level = "full" | "partial" | "faked" | "ENOSYS";

/** Who knows the answer: the kernel alone, with the host's clock or random source, or the file server for mounted directories. */
export type Answerer = "kernel" | "kernel, host clock" | "kernel, host getrandom" | "kernel, file server";

export interface Syscall {
  readonly name: CallName;
  readonly level: Level;
  readonly by: Answerer;
  readonly note: string;
  readonly begin: Begin;
  /** Encodes what a parked call ended with; without it, that is the answer. */
  readonly finish: Finish | undefined;
}

/** A call answered as Linux answers it. */
export function full(name: CallName, begin: Begin, finish?: Finish): Syscall {
  return { name, level: "full", by: "kernel", note: "", begin, finish };
}

export function partial(name: CallName, note: string, begin: Begin, finish?: Finish): Syscall {
  return { name, level: "partial", by: "kernel", note, begin, finish };
}

export function faked(name: CallName, note: string, begin: Begin): Syscall {
  return { name, level: "faked", by: "kernel", note, begin, finish: undefined };
}

/** A call that always fails with one error other than ENOSYS. */
export function refused(name: CallName, errno: number, note: string): Syscall {
  return faked(name, note, () => -errno);
}

/** Calls that are not there, for one reason. */
export function absent(note: string, ...names: CallName[]): Syscall[] {
  return names.map((name) => ({ name, level: "ENOSYS", by: "kernel", note, begin: noCall, finish: undefined }));
}

function noCall(): number {
  return -ENOSYS;
}

/** The same rows, answered by somebody else. */
export function by(answerer: Answerer, rows: readonly Syscall[]): Syscall[] {
  return rows.map((row) => ({ ...row, by: answerer }));
}
