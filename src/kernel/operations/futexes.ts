/**
 * Layer: kernel, operations. futex(2), futex_waitv(2): waiting for words of memory, and waking who waits. It must not know
 * encodings.
 *
 * `own` everywhere: FUTEX_PRIVATE_FLAG, the word is no other process's, whatever it lies in.
 */
import { EAGAIN, EDEADLOCK, EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM, ESRCH } from "../../abi/errno.ts";
import * as abi from "../../abi/futex.ts";
import { FUTEX_WORDS, WAITING_BYTES } from "../../limits.ts";
import type { Outcome } from "../contracts.ts";
import { CROWD, type FutexWord, isAwaited, waitersIn, wakeAt, wordAt } from "../futexes.ts";
import { handOn, leadsTo, OwnedFutex, ownedAt, ownedWord } from "../owned-futexes.ts";
import { type PendingFutex, parked } from "../pending.ts";
import type { Thread } from "../process.ts";
import { WORD_BYTES } from "../scheduler.ts";

/**
 * FUTEX_WAIT: 0 when woken; parks while the word is `expected`. -EAGAIN (it is another already), -EINTR, -ETIMEDOUT. A wait
 * without a deadline is made again after a handler with SA_RESTART.
 */
export function futexWait(
  thread: Thread,
  address: number,
  expected: number,
  bits: number,
  deadlineNs: number,
  own = false,
): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  if (bits === 0 || (address & 3) !== 0) return -EINVAL;
  if (!memory.contains(address, 4)) return -EFAULT;
  if (memory.view.getInt32(address, true) !== (expected | 0)) return -EAGAIN;
  const call: PendingFutex = { ...parked(thread, deadlineNs), kind: "futex", absolute: false, words: [] };
  const { file, address: at } = wordAt(process, address, own);
  call.words.push({ file, address: at, bits, released: false, call });
  return kernel.scheduler.park(call);
}

/** One of the words of futex_waitv(2). */
export interface AwaitedWord {
  readonly address: number;
  readonly expected: number;
  readonly own: boolean;
}

/**
 * futex_waitv(2): the index of a word that was woken. -EAGAIN when one of them is not as expected, -EINTR, -ETIMEDOUT, -ENOMEM
 * (too many are waited for already).
 */
export function futexWaitAny(thread: Thread, words: readonly AwaitedWord[], deadlineNs: number): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  for (const { address } of words) {
    if ((address & 3) !== 0) return -EINVAL;
    if (!memory.contains(address, 4)) return -EFAULT;
  }
  for (const { address, expected } of words) {
    if (memory.view.getInt32(address, true) !== (expected | 0)) return -EAGAIN;
  }
  if (words.length > 1 && !mayAwait(thread, words)) return -ENOMEM;
  const call: PendingFutex = { ...parked(thread, deadlineNs), kind: "futex", absolute: true, words: [] };
  for (const { address, own } of words) {
    call.words.push({ ...wordAt(process, address, own), bits: -1, released: false, call });
  }
  return kernel.scheduler.park(call);
}

/** Whether so many words more may be waited for. */
function mayAwait({ process }: Thread, words: readonly AwaitedWord[]): boolean {
  const { scheduler } = process.kernel;
  if (scheduler.waitingBytes + words.length * WORD_BYTES > WAITING_BYTES) return false;
  return words.every(({ address, own }) => {
    return waitersIn(process, wordAt(process, address, own)).size + words.length <= FUTEX_WORDS;
  });
}

/** FUTEX_WAKE: how many of at most `most` waiters were woken, those that waited longest first. -EINVAL where one waits to own it. */
export function futexWake(thread: Thread, address: number, most: number, bits: number, own = false): Outcome {
  if (bits === 0 || (address & 3) !== 0) return -EINVAL;
  const { process } = thread;
  const word = wordAt(process, address, own);
  return ownedAt(process, word) === undefined ? wakeAt(process, word, most, bits) : -EINVAL;
}

/**
 * FUTEX_REQUEUE, FUTEX_CMP_REQUEUE: wake up to `most`, let up to `moved` others wait at `to`. How many were woken or, with
 * `expected`, touched. -EAGAIN when the word is not `expected`.
 */
export function futexRequeue(
  thread: Thread,
  address: number,
  most: number,
  to: number,
  moved: number,
  expected: number | undefined,
  own = false,
): Outcome {
  const { process } = thread;
  const { memory } = process;
  if (((address | to) & 3) !== 0 || most < 0 || moved < 0) return -EINVAL;
  if (!memory.contains(address, 4) || !memory.contains(to, 4)) return -EFAULT;
  if (expected !== undefined && memory.view.getInt32(address, true) !== (expected | 0)) return -EAGAIN;
  const from = wordAt(process, address, own);
  const target = wordAt(process, to, own);
  if (ownedAt(process, from) !== undefined) return -EINVAL;
  const woken = wakeAt(process, from, most, -1);
  if (woken < 0) return woken;
  let rest = moved;
  const all = waitersIn(process, from);
  const waiters = all.at(from.address);
  if (waiters.size > CROWD) process.kernel.scheduler.laboured();
  // Those that are put at the end of the same set are not met again: the count is of those that were there.
  for (const waiter of [...waiters]) {
    if (rest === 0) break;
    if (waiter.call.kind === "owned futex") return -EINVAL;
    all.delete(waiter);
    waiter.file = target.file;
    waiter.address = target.address;
    waitersIn(waiter.call.thread.process, target).add(waiter);
    rest -= 1;
  }
  return expected === undefined ? woken : woken + moved - rest;
}

/**
 * FUTEX_WAKE_OP: change the word at `other` as `encoded` says, wake `most` at `address` and, where the word was what
 * `encoded` asks for, `mostOther` there. How many. -ENOSYS for an operation or a comparison there is none of.
 */
export function futexWakeOperation(
  thread: Thread,
  address: number,
  most: number,
  other: number,
  mostOther: number,
  encoded: number,
  own = false,
): Outcome {
  const { process } = thread;
  const { memory } = process;
  if (((address | other) & 3) !== 0) return -EINVAL;
  if (!memory.contains(address, 4) || !memory.contains(other, 4)) return -EFAULT;
  const operand = (encoded << 8) >> 20;
  const argument = encoded < 0 ? 1 << (operand & 31) : operand;
  const before = memory.view.getInt32(other, true);
  const after = changed((encoded >>> 28) & 7, before, argument);
  if (after === undefined) return -ENOSYS;
  memory.view.setInt32(other, after, true);
  const asked = compared((encoded >>> 24) & 15, before, (encoded << 20) >> 20);
  if (asked === undefined) return -ENOSYS;
  const woken = futexWake(thread, address, most, -1, own);
  if (woken < 0 || !asked) return woken;
  const more = futexWake(thread, other, mostOther, -1, own);
  return more < 0 ? more : woken + more;
}

function changed(operation: number, before: number, argument: number): number | undefined {
  switch (operation) {
    case abi.FUTEX_OP_SET:
      return argument;
    case abi.FUTEX_OP_ADD:
      return before + argument;
    case abi.FUTEX_OP_OR:
      return before | argument;
    case abi.FUTEX_OP_ANDN:
      return before & ~argument;
    case abi.FUTEX_OP_XOR:
      return before ^ argument;
    default:
      return undefined;
  }
}

function compared(comparison: number, before: number, argument: number): boolean | undefined {
  switch (comparison) {
    case abi.FUTEX_OP_CMP_EQ:
      return before === argument;
    case abi.FUTEX_OP_CMP_NE:
      return before !== argument;
    case abi.FUTEX_OP_CMP_LT:
      return before < argument;
    case abi.FUTEX_OP_CMP_LE:
      return before <= argument;
    case abi.FUTEX_OP_CMP_GT:
      return before > argument;
    case abi.FUTEX_OP_CMP_GE:
      return before >= argument;
    default:
      return undefined;
  }
}

/**
 * FUTEX_LOCK_PI, FUTEX_TRYLOCK_PI (`waits` false): 0 once the word is the caller's. -EDEADLOCK (it, or somebody who waits for it,
 * has it already), -ESRCH (the word names no thread), -EINVAL (the word contradicts who waits for it), -ETIMEDOUT, -EAGAIN
 * (somebody has it, FUTEX_TRYLOCK_PI). A handler does not end it.
 */
export function futexLock(thread: Thread, address: number, deadlineNs: number, waits: boolean, own = false): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  if ((address & 3) !== 0) return -EINVAL;
  if (!memory.contains(address, 4)) return -EFAULT;
  const value = memory.view.getInt32(address, true);
  const holder = value & abi.FUTEX_TID_MASK;
  if (holder === thread.tid) return -EDEADLOCK;
  const word = wordAt(process, address, own);
  const found = ownedAt(process, word);
  if (found === undefined && holder === 0) {
    if (isAwaited(process, word)) return -EINVAL;
    memory.view.setInt32(address, (value & abi.FUTEX_OWNER_DIED) | thread.tid, true);
    return 0;
  }
  const owner = found === undefined ? claimed(thread, address, word, value) : agreed(found, value);
  if (typeof owner === "number") return owner;
  if (!waits) return -EAGAIN;
  if (leadsTo(owner, thread)) return -EDEADLOCK;
  const futex = found ?? new OwnedFutex(word.file ?? process, word.address);
  if (found === undefined) futex.setOwner(owner);
  return kernel.scheduler.park({
    ...parked(thread, deadlineNs),
    kind: "owned futex",
    futex,
    word: undefined,
    target: word,
    at: address,
    granted: "no",
  });
}

/** Who has a word that nobody waits for yet: a thread, -EINVAL, -ESRCH. The word says from now on that somebody does. */
export function claimed({ process }: Thread, address: number, word: FutexWord, value: number): Thread | number {
  if (isAwaited(process, word)) return -EINVAL;
  process.memory.view.setInt32(address, value | abi.FUTEX_WAITERS, true);
  return process.kernel.holder(value & abi.FUTEX_TID_MASK) ?? -ESRCH;
}

/** Who has a word that others wait for; what the word says must not contradict it, but where the owner has just died. */
export function agreed({ owner, waiters }: OwnedFutex, value: number): Thread | number {
  const holder = value & abi.FUTEX_TID_MASK;
  const abandoned = holder === 0 && (value & abi.FUTEX_OWNER_DIED) !== 0;
  const [first] = waiters;
  if (owner === undefined) return -EINVAL;
  return abandoned || holder === owner.tid || first?.granted === "orphaned" ? owner : -EINVAL;
}

/** FUTEX_UNLOCK_PI: 0, the word is the next one's or nobody's. -EPERM (not the caller's), -EINVAL (the word was forged). */
export function futexUnlock(thread: Thread, address: number, own = false): Outcome {
  const { process } = thread;
  const { memory } = process;
  if (!memory.contains(address, 4)) return -EFAULT;
  if ((memory.view.getInt32(address, true) & abi.FUTEX_TID_MASK) !== thread.tid) return -EPERM;
  if ((address & 3) !== 0) return -EINVAL;
  const word = wordAt(process, address, own);
  const futex = ownedAt(process, word);
  if (futex === undefined) {
    if (isAwaited(process, word)) return -EINVAL;
  } else if (futex.owner !== thread) return -EINVAL;
  const next = futex === undefined ? undefined : handOn(futex, false);
  memory.view.setInt32(address, next === undefined ? 0 : ownedWord(next), true);
  return 0;
}
