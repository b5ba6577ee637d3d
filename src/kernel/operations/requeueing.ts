/**
 * Layer: kernel, operations. FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI of futex(2): waiting for a word and going on as the
 * owner of a futex, as a condition whose mutex inherits priorities needs it. It must not know encodings.
 */
import { EAGAIN, EDEADLOCK, EFAULT, EINVAL } from "../../abi/errno.ts";
import * as abi from "../../abi/futex.ts";
import type { Outcome } from "../contracts.ts";
import { CROWD, type FutexWaiter, type FutexWord, isAwaited, waitersIn, wordAt } from "../futexes.ts";
import { leadsTo, OwnedFutex, ownedAt } from "../owned-futexes.ts";
import { type PendingOwnedFutex, parked } from "../pending.ts";
import type { Thread } from "../process.ts";
import { agreed, claimed } from "./futexes.ts";

function isSame(one: FutexWord, other: FutexWord): boolean {
  return one.file === other.file && one.address === other.address;
}

/**
 * FUTEX_WAIT_REQUEUE_PI: 0 once the futex at `to` is the caller's; parks while the word at `address` is `expected` and nobody
 * moves the caller. -EAGAIN (it is another already; a handler ran after the move), -ETIMEDOUT, -EINVAL (one word for both).
 * A handler before the move has the call made again.
 */
export function futexWaitRequeue(
  thread: Thread,
  address: number,
  expected: number,
  to: number,
  deadlineNs: number,
  own = false,
): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  if (address === to || ((address | to) & 3) !== 0) return -EINVAL;
  if (!memory.contains(to, 4) || !memory.contains(address, 4)) return -EFAULT;
  if (memory.view.getInt32(address, true) !== (expected | 0)) return -EAGAIN;
  const [word, target] = [wordAt(process, address, own), wordAt(process, to, own)];
  if (isSame(word, target)) return -EINVAL;
  const call: PendingOwnedFutex = {
    ...parked(thread, deadlineNs),
    kind: "owned futex",
    futex: undefined,
    word: undefined,
    target,
    at: to,
    granted: "no",
  };
  call.word = { ...word, bits: -1, released: false, call };
  return kernel.scheduler.park(call);
}

/**
 * FUTEX_CMP_REQUEUE_PI: the futex at `to` for who has waited longest at `address`, or a place among its waiters, and such places
 * for up to `moved` others. How many. -EAGAIN (the word is not `expected`), -EINVAL (who waits there does not wait for this
 * futex), -EDEADLOCK (one of them has it already), -ESRCH (the word names no thread); those that were met before stay moved.
 */
export function futexRequeueOwned(
  thread: Thread,
  address: number,
  to: number,
  moved: number,
  expected: number,
  own = false,
): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  if (address === to || ((address | to) & 3) !== 0 || moved < 0) return -EINVAL;
  if (!memory.contains(address, 4) || !memory.contains(to, 4)) return -EFAULT;
  const [word, target] = [wordAt(process, address, own), wordAt(process, to, own)];
  if (isSame(word, target)) return -EINVAL;
  if (memory.view.getInt32(address, true) !== (expected | 0)) return -EAGAIN;
  const waiters = waitersIn(process, word).at(word.address);
  if (waiters.size > CROWD) kernel.scheduler.laboured();
  let met = 0;
  for (const waiter of [...waiters]) {
    if (met > moved) break;
    const outcome = moveOn(thread, waiter, to, target, moved > 0);
    if (outcome < 0) return outcome;
    met += 1;
  }
  return met;
}

/** 0: the waiter has the futex, or waits for it. `more`: others may follow, so its owner is to ask the kernel when it unlocks. */
function moveOn(thread: Thread, waiter: FutexWaiter, to: number, target: FutexWord, more: boolean): number {
  const { process } = thread;
  const { view } = process.memory;
  const { call } = waiter;
  if (call.kind !== "owned futex" || !isSame(call.target, target)) return -EINVAL;
  const { tid } = call.thread;
  const value = view.getInt32(to, true);
  const holder = value & abi.FUTEX_TID_MASK;
  if (holder === tid) return -EDEADLOCK;
  const found = ownedAt(process, target);
  if (found === undefined && holder === 0) {
    if (isAwaited(process, target)) return -EINVAL;
    view.setInt32(to, (value & abi.FUTEX_OWNER_DIED) | tid | (more ? abi.FUTEX_WAITERS : 0), true);
    call.granted = "yes";
    leave(waiter);
    process.kernel.scheduler.interrupt(call);
    return 0;
  }
  const owner = found === undefined ? claimed(thread, to, target, value) : agreed(found, value);
  if (typeof owner === "number") return owner;
  if (leadsTo(owner, call.thread)) return -EDEADLOCK;
  const futex = found ?? new OwnedFutex(target.file ?? process, target.address);
  if (found === undefined) futex.setOwner(owner);
  leave(waiter);
  call.futex = futex;
  futex.waiters.add(call);
  return 0;
}

/** It waits for its first word no more. */
function leave(waiter: FutexWaiter): void {
  waitersIn(waiter.call.thread.process, waiter).delete(waiter);
  waiter.released = true;
}
