/**
 * Layer: kernel. Futexes that have an owner (FUTEX_LOCK_PI): the word says who, the kernel hands it on. With one priority
 * for everybody there is nothing to inherit; what is left is the order, the deadlocks told and the owners that died. A
 * futex is here while somebody waits for it. It must not know how calls come in.
 */
import { FUTEX_OWNER_DIED, FUTEX_WAITERS } from "../abi/futex.ts";
import { type FutexWord, waitersIn } from "./futexes.ts";
import type { PendingOwnedFutex } from "./pending.ts";
import type { Process, Thread } from "./process.ts";
import type { SharedFile } from "./shared-file.ts";

/** include/linux/rtmutex.h, max_lock_depth: owners looked at one after the other. */
const DEPTH = 1024;

export class OwnedFutex {
  /** Whose word it is. */
  readonly place: Process | SharedFile;
  /** In that place: see FutexWord. */
  readonly address: number;
  /** undefined only while a snapshot is being read. */
  owner: Thread | undefined = undefined;
  /** In the order they came. */
  readonly waiters = new Set<PendingOwnedFutex>();

  constructor(place: Process | SharedFile, address: number) {
    this.place = place;
    this.address = address;
    place.ownedFutexes.set(address, this);
  }

  setOwner(owner: Thread): void {
    this.owner?.contended.delete(this);
    this.owner = owner;
    owner.contended.add(this);
  }

  leave(waiter: PendingOwnedFutex): void {
    if (!this.waiters.delete(waiter) || this.waiters.size > 0) return;
    this.place.ownedFutexes.delete(this.address);
    this.owner?.contended.delete(this);
  }
}

/** The futex of a word, where somebody waits for it. */
export function ownedAt(process: Process, word: FutexWord): OwnedFutex | undefined {
  return (word.file ?? process).ownedFutexes.get(word.address);
}

/** Whether its owner, or whom that waits for, and so on, is this thread: if it waited too, nobody would ever go on. */
export function leadsTo(owner: Thread | undefined, thread: Thread): boolean {
  let next = owner;
  for (let depth = 0; next !== undefined; depth++) {
    if (next === thread || depth === DEPTH) return true;
    const { pending } = next;
    next = pending?.kind === "owned futex" && pending.granted === "no" ? pending.futex?.owner : undefined;
  }
  return false;
}

/** Stand where a call waits: for its futex, or for the word it waits for first. */
export function standAtOwned(call: PendingOwnedFutex): void {
  if (call.futex !== undefined) call.futex.waiters.add(call);
  else if (call.word?.released === false) waitersIn(call.thread.process, call.word).add(call.word);
}

/** Wait for neither any more. */
export function leaveOwned(call: PendingOwnedFutex): void {
  if (call.word?.released === false) waitersIn(call.thread.process, call.word).delete(call.word);
  call.futex?.leave(call);
}

/** The word of who owns a futex others may wait for. */
export function ownedWord({ tid }: Thread): number {
  return tid | FUTEX_WAITERS;
}

/** Hand a futex to who waited longest. `died`: without its owner, so the next writes the word itself. */
export function handOn(futex: OwnedFutex, died: boolean): Thread | undefined {
  const [next] = futex.waiters;
  if (next === undefined) return undefined;
  next.granted = died ? "orphaned" : "yes";
  futex.setOwner(next.thread);
  next.thread.process.kernel.scheduler.interrupt(next);
  return next.thread;
}

/** A thread has ended: what others wait for goes to them, marked. */
export function handOnAll({ contended }: Thread): void {
  for (const futex of [...contended]) handOn(futex, true);
}

/** The waiter has the futex. Of an owner that died it marks the word, which is in its own memory. */
export function takeOver({ thread, at, granted }: PendingOwnedFutex): void {
  const { memory } = thread.process;
  if (granted !== "orphaned" || !memory.contains(at, 4)) return;
  memory.view.setInt32(at, ownedWord(thread) | FUTEX_OWNER_DIED, true);
}
