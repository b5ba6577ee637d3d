/**
 * Layer: kernel. Signals as data: what a process does on each, and those that wait to be taken. What signal(7) says where
 * no handler stands. It must not know processes.
 */
import {
  SI_KERNEL,
  SI_USER,
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
import type { SignalAccount } from "./signal-accounts.ts";
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

/** A signal that waits, and who pays for it; nobody where it lost what it told. */
interface Entry {
  readonly info: SignalInfo;
  readonly account: SignalAccount | undefined;
}

/** Signals generated and not taken yet: one of each below SIGRTMIN, a queue of the others, in order. */
export class PendingSignals {
  readonly set = new SignalSet();
  #entries: Entry[] = [];

  get infos(): readonly SignalInfo[] {
    return this.#entries.map(({ info }) => info);
  }

  /** Whether this very signal waits. */
  holds(info: SignalInfo): boolean {
    return this.set.has(info.signal) && this.#entries.some((entry) => entry.info === info);
  }

  /** A standard signal that is there already is not added again. */
  add(info: SignalInfo, account: SignalAccount): void {
    const { signal } = info;
    if (signal < SIGRTMIN && this.set.has(signal)) return;
    this.set.add(signal);
    this.#entries.push({ info, account });
    account.take();
  }

  /** The same without room for what it tells: it only shows that it came, once. */
  lose(signal: number): void {
    if (this.set.has(signal)) return;
    this.set.add(signal);
    const info = { signal, code: SI_USER, pid: 0, uid: 0, value: 0, status: 0 };
    this.#entries.push({ info, account: undefined });
  }

  /** Take the oldest of this signal out. */
  take(signal: number): SignalInfo | undefined {
    const index = this.#entries.findIndex(({ info }) => info.signal === signal);
    const entry = this.#entries[index];
    if (entry === undefined) return undefined;
    this.#entries.splice(index, 1);
    entry.account?.give();
    if (!this.#entries.some(({ info }) => info.signal === signal)) this.set.delete(signal);
    return entry.info;
  }

  /** Forget all of this signal. */
  discard(signal: number): void {
    if (!this.set.has(signal)) return;
    for (const { info, account } of this.#entries) if (info.signal === signal) account?.give();
    this.#entries = this.#entries.filter(({ info }) => info.signal !== signal);
    this.set.delete(signal);
  }

  /** Forget them all: nobody is there any more who could have them. */
  clear(): void {
    for (const { account } of this.#entries) account?.give();
    this.#entries = [];
    this.set.setMask(0, 0);
  }

  /** Take over what waits for another thread, which is left without. */
  inherit(other: PendingSignals): void {
    this.#entries.push(...other.#entries.splice(0));
    for (const { info } of this.#entries) this.set.add(info.signal);
    other.clear();
  }

  /** As data: those that lost what they told are not paid for. */
  state(): PendingSignalState[] {
    return this.#entries.map(({ info, account }) => ({ info: { ...info }, lost: account === undefined }));
  }

  /** Take on what `state` told. False where a signal is none. */
  restore(states: readonly PendingSignalState[], account: SignalAccount): boolean {
    for (const { info, lost } of states) {
      if (!(info.signal >= 1 && info.signal <= SIGNALS)) return false;
      if (lost) this.lose(info.signal);
      else this.add({ ...info }, account);
    }
    return true;
  }
}

export interface PendingSignalState {
  readonly info: SignalInfo;
  readonly lost: boolean;
}
