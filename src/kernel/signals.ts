/**
 * Layer: kernel. Signals as data: what a process does on each, and those that wait to be taken. What signal(7) says where
 * no handler stands. It must not know processes.
 */
import {
  SI_KERNEL,
  SIGCHLD,
  SIGCONT,
  SIGRTMIN,
  SIGSTOP,
  SIGTSTP,
  SIGTTIN,
  SIGTTOU,
  SIGURG,
  SIGWINCH,
} from "../abi/signal.ts";
import { SIGNALS_QUEUED } from "../limits.ts";
import { SignalSet } from "./signal-set.ts";

/** Signals are numbered 1 to 64. */
export const SIGNALS = 64;

/** What a process does on a signal: its default action, nothing, or its handler in `actions`. */
export const DISPOSITION_DEFAULT = 0;
export const DISPOSITION_IGNORE = 1;
export const DISPOSITION_HANDLER = 2;

export type DefaultAction = "terminate" | "ignore" | "stop" | "continue";

const OTHERS: ReadonlyMap<number, DefaultAction> = new Map([
  [SIGCHLD, "ignore"],
  [SIGURG, "ignore"],
  [SIGWINCH, "ignore"],
  [SIGCONT, "continue"],
  [SIGSTOP, "stop"],
  [SIGTSTP, "stop"],
  [SIGTTIN, "stop"],
  [SIGTTOU, "stop"],
]);

export const STOP_SIGNALS: readonly number[] = [SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU];

export function defaultAction(signal: number): DefaultAction {
  return OTHERS.get(signal) ?? "terminate";
}

/** A handler as sigaction(2) sets it. */
export interface SignalAction {
  /** Index into the program's table. */
  readonly handler: number;
  /** SA_ bits, unsigned. */
  readonly flags: number;
  /** Blocked while the handler runs, besides the signal itself. */
  readonly maskLow: number;
  readonly maskHigh: number;
}

/** What siginfo_t tells. `value` is sigval's 32 bits; of a child's end `status` is the exit code or signal, else 0. */
export interface SignalInfo {
  readonly signal: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  readonly value: number;
  readonly status: number;
}

/** A signal of the kernel's own. */
export function kernelSignal(signal: number): SignalInfo {
  return { signal, code: SI_KERNEL, pid: 0, uid: 0, value: 0, status: 0 };
}

/** Signals generated and not taken yet: one of each below SIGRTMIN, a queue of the others, in order. */
export class PendingSignals {
  readonly set = new SignalSet();
  readonly #infos: SignalInfo[] = [];

  get infos(): readonly SignalInfo[] {
    return this.#infos;
  }

  /** False when the queue is full (RLIMIT_SIGPENDING). A standard signal that is there already is not added again. */
  add(info: SignalInfo): boolean {
    const { signal } = info;
    if (signal < SIGRTMIN && this.set.has(signal)) return true;
    if (signal >= SIGRTMIN && this.#infos.length >= SIGNALS_QUEUED) return false;
    this.set.add(signal);
    this.#infos.push(info);
    return true;
  }

  /** Take the oldest of this signal out. */
  take(signal: number): SignalInfo | undefined {
    const index = this.#infos.findIndex((info) => info.signal === signal);
    const info = this.#infos[index];
    if (info === undefined) return undefined;
    this.#infos.splice(index, 1);
    if (!this.#infos.some((other) => other.signal === signal)) this.set.delete(signal);
    return info;
  }

  /** Forget all of this signal. */
  discard(signal: number): void {
    if (!this.set.has(signal)) return;
    while (this.take(signal) !== undefined);
  }
}
