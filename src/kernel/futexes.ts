/**
 * Layer: kernel. Futexes: who waits for which word, and what a thread's end does to the words it leaves behind
 * (get_robust_list(2), set_tid_address(2)). It must not know how calls come in.
 */
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT } from "../abi/futex.ts";
import type { PendingFutex } from "./pending.ts";
import type { Process, Thread } from "./process.ts";
import type { SharedFile } from "./shared-file.ts";

/** A word futexes are about: an address of one process's or, in memory it shares, a position in the file. */
export interface FutexWord {
  readonly file: SharedFile | undefined;
  readonly address: number;
}

/** The word at an address. `own`: the caller says that nobody else's (FUTEX_PRIVATE_FLAG). */
export function wordAt(process: Process, address: number, own: boolean): FutexWord {
  if (!own && process.shares.length > 0) {
    for (const { start, end, view } of process.space.shared) {
      if (view !== undefined && start <= address && address < end) {
        return { file: view.file, address: view.offset + address - start };
      }
    }
  }
  return { file: undefined, address };
}

/** Where waits for a word stand. */
export function waitersAt(process: Process, { file }: Pick<FutexWord, "file">): PendingFutex[] {
  return (file ?? process).futexes;
}

/** Wake up to `most` of those who wait for a word with one of these bits, the longest first. How many. */
export function wakeAt(process: Process, word: FutexWord, most: number, bits: number): number {
  const waiters = waitersAt(process, word);
  const found: PendingFutex[] = [];
  for (const waiter of waiters) {
    if (found.length >= most) break;
    if (waiter.address === word.address && (waiter.bits & bits) !== 0) found.push(waiter);
  }
  for (const waiter of found) {
    waiters.splice(waiters.indexOf(waiter), 1);
    waiter.released = true;
    process.kernel.scheduler.interrupt(waiter);
  }
  return found.length;
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

/** Locks a thread holds as it ends are marked, so that who waits for one learns of it (get_robust_list(2)). */
export function releaseLocks(thread: Thread): void {
  const { memory } = thread.process;
  const { robustList: head } = thread;
  if (head === 0 || !memory.contains(head, 24)) return;
  const { view } = memory;
  const offset = view.getInt32(head + 8, true);
  const inWork = view.getUint32(head + 16, true);
  let entry = view.getUint32(head, true);
  for (let i = 0; i < ROBUST_LIST_LIMIT && entry !== head && memory.contains(entry, 4); i++) {
    const next = view.getUint32(entry, true);
    if (entry !== inWork) orphan(thread, (entry + offset) >>> 0);
    entry = next;
  }
  if (inWork !== 0) orphan(thread, (inWork + offset) >>> 0);
}

function orphan({ process, tid }: Thread, address: number): void {
  if ((address & 3) !== 0 || !process.memory.contains(address, 4)) return;
  const { view } = process.memory;
  const word = view.getInt32(address, true);
  if ((word & FUTEX_TID_MASK) !== tid) return;
  view.setInt32(address, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED, true);
  if ((word & FUTEX_WAITERS) !== 0) wakeOne(process, address);
}
