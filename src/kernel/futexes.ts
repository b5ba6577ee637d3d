/**
 * Layer: kernel. Futexes: who waits for which word, and what a thread's end does to the words it leaves behind
 * (get_robust_list(2), set_tid_address(2)). It must not know how calls come in.
 */
import { EINVAL } from "../abi/errno.ts";
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT } from "../abi/futex.ts";
import type { PendingFutex, PendingOwnedFutex } from "./pending.ts";
import type { Process, Thread } from "./process.ts";
import type { SharedFile } from "./shared-file.ts";

/** A word futexes are about: an address of one process's or, in memory it shares, a position in the file. */
export interface FutexWord {
  readonly file: SharedFile | undefined;
  readonly address: number;
}

/** A word a call waits for. It stands among the waiters of the word's place until it is woken or given up. */
export interface FutexWaiter {
  file: SharedFile | undefined;
  address: number;
  readonly bits: number;
  /** A wake reached it. */
  released: boolean;
  readonly call: PendingFutex | PendingOwnedFutex;
}

/** As many waiters for one word are woken or moved in long enough that the clock is read afterwards. */
export const CROWD = 1024;

const NOBODY: ReadonlySet<FutexWaiter> = new Set();

/** Who waits for the words of one process or one shared file, by the word: those that came first first. */
export class FutexWaiters {
  readonly #byAddress = new Map<number, Set<FutexWaiter>>();
  #size = 0;

  /** Of all words together. */
  get size(): number {
    return this.#size;
  }

  at(address: number): ReadonlySet<FutexWaiter> {
    return this.#byAddress.get(address) ?? NOBODY;
  }

  add(waiter: FutexWaiter): void {
    let waiters = this.#byAddress.get(waiter.address);
    if (waiters === undefined) {
      waiters = new Set();
      this.#byAddress.set(waiter.address, waiters);
    }
    if (waiters.has(waiter)) return;
    waiters.add(waiter);
    this.#size += 1;
  }

  delete(waiter: FutexWaiter): void {
    const waiters = this.#byAddress.get(waiter.address);
    if (waiters?.delete(waiter) !== true) return;
    this.#size -= 1;
    if (waiters.size === 0) this.#byAddress.delete(waiter.address);
  }
}

/** The word at an address. `own`: the caller says that nobody else's (FUTEX_PRIVATE_FLAG). */
export function wordAt(process: Process, address: number, own: boolean): FutexWord {
  const view = own || process.shares.length === 0 ? undefined : process.space.sharedAt(address);
  if (view?.view === undefined) return { file: undefined, address };
  return { file: view.view.file, address: view.view.offset + address - view.start };
}

/** Those who wait for words in one place. */
export function waitersIn(process: Process, { file }: Pick<FutexWord, "file">): FutexWaiters {
  return (file ?? process).futexes;
}

/** Whether anybody waits for a word. */
export function isAwaited(process: Process, word: FutexWord): boolean {
  return waitersIn(process, word).at(word.address).size > 0;
}

/**
 * Wake up to `most` of those who wait for a word with one of these bits, the longest first. How many; -EINVAL where one is met
 * that only FUTEX_CMP_REQUEUE_PI may move.
 */
export function wakeAt(process: Process, word: FutexWord, most: number, bits: number): number {
  const all = waitersIn(process, word);
  const waiters = all.at(word.address);
  const { scheduler } = process.kernel;
  if (waiters.size > CROWD) scheduler.laboured();
  let woken = 0;
  for (const waiter of waiters) {
    if (woken >= most) break;
    if (waiter.call.kind === "owned futex") return -EINVAL;
    if ((waiter.bits & bits) === 0) continue;
    all.delete(waiter);
    waiter.released = true;
    scheduler.interrupt(waiter.call);
    woken += 1;
  }
  return woken;
}

/** Stand among the waiters of each of its words that no wake has reached. */
export function standAt({ thread, words }: PendingFutex): void {
  for (const word of words) if (!word.released) waitersIn(thread.process, word).add(word);
}

/** Wait for none of its words any more. */
export function leaveWords({ thread, words }: PendingFutex): void {
  for (const word of words) if (!word.released) waitersIn(thread.process, word).delete(word);
}

/** A thread's number is cleared and one waiter woken: it has ended. */
export function clearNumber({ process, clearAddress }: Thread): void {
  if (clearAddress === 0 || !process.memory.contains(clearAddress, 4)) return;
  process.memory.view.setInt32(clearAddress, 0, true);
  wakeOne(process, clearAddress);
}

/** Wake one waiter, whether it waits for the word as its process's own or as everybody's. */
function wakeOne(process: Process, address: number): void {
  const shared = wordAt(process, address, false);
  if (shared.file !== undefined && wakeAt(process, shared, 1, -1) > 0) return;
  wakeAt(process, wordAt(process, address, true), 1, -1);
}

/** The lowest bit of a list's pointer says that the kernel hands the lock on (owned-futexes.ts), so it wakes nobody. */
const OWNED = 1;

/** Locks a thread holds as it ends are marked, so that who waits for one learns of it (get_robust_list(2)). */
export function releaseLocks(thread: Thread): void {
  const { memory } = thread.process;
  const { robustList: head } = thread;
  if (head === 0 || !memory.contains(head, 24)) return;
  const { view } = memory;
  const offset = view.getInt32(head + 8, true);
  const inWork = view.getUint32(head + 16, true);
  let link = view.getUint32(head, true);
  for (let i = 0; i < ROBUST_LIST_LIMIT; i++) {
    const entry = link - (link & OWNED);
    if (entry === head || !memory.contains(entry, 4)) break;
    const next = view.getUint32(entry, true);
    if (entry !== inWork - (inWork & OWNED)) orphan(thread, (entry + offset) >>> 0, link & OWNED, false);
    link = next;
  }
  const pending = inWork - (inWork & OWNED);
  if (pending !== 0) orphan(thread, (pending + offset) >>> 0, inWork & OWNED, true);
}

/** `inWork`: it was about to take or release the lock. Released already, the wake it owes is made up for. */
function orphan({ process, tid }: Thread, address: number, owned: number, inWork: boolean): void {
  if ((address & 3) !== 0 || !process.memory.contains(address, 4)) return;
  const { view } = process.memory;
  const word = view.getInt32(address, true);
  if (word === 0 && inWork && owned === 0) wakeOne(process, address);
  if ((word & FUTEX_TID_MASK) !== tid) return;
  view.setInt32(address, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED, true);
  if ((word & FUTEX_WAITERS) !== 0 && owned === 0) wakeOne(process, address);
}
