/**
 * Layer: kernel. How many signals wait, by the real user of who is to have them: RLIMIT_SIGPENDING of getrlimit(2). It must not
 * know signals.
 */
import { RLIMIT_SIGPENDING } from "../abi/resource.ts";
import { SIGNALS_WAITING } from "../limits.ts";
import type { Kernel } from "./kernel.ts";
import type { Process } from "./process.ts";
import { resourceLimit } from "./resource-limits.ts";

/** One user's. Processes of a user share it as long as one of them lives. */
export class SignalAccount {
  readonly uid: number;
  queued = 0;
  readonly #accounts: SignalAccounts;

  constructor(accounts: SignalAccounts, uid: number) {
    this.#accounts = accounts;
    this.uid = uid;
  }

  take(): void {
    this.queued += 1;
    this.#accounts.queued += 1;
  }

  give(): void {
    this.queued -= 1;
    this.#accounts.queued -= 1;
  }
}

export class SignalAccounts {
  /** Of all users. */
  queued = 0;
  readonly #kernel: Kernel;

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** The account of a process's real user: another one once setuid(2) changed it. */
  of(process: Process): SignalAccount {
    const uid = process.userIdentity.real;
    if (process.signalAccount?.uid === uid) return process.signalAccount;
    const other = this.#kernel.processes.find(({ signalAccount }) => signalAccount?.uid === uid);
    process.signalAccount = other?.signalAccount ?? new SignalAccount(this, uid);
    return process.signalAccount;
  }

  /** Whether one signal more may wait for a process. */
  hasRoom(process: Process): boolean {
    const { soft } = resourceLimit(process, RLIMIT_SIGPENDING);
    return this.queued < SIGNALS_WAITING && this.of(process).queued < soft;
  }
}
