/**
 * Layer: kernel, operations. Threads of one process and what they wait on: clone(2) as pthreads use it, exit(2), futex(2),
 * robust lists. It must not know encodings.
 */
import { EAGAIN, EFAULT, EINVAL, ENOSYS } from "../../abi/errno.ts";
import { FUTEX_OWNER_DIED, FUTEX_TID_MASK, FUTEX_WAITERS, ROBUST_LIST_LIMIT } from "../../abi/futex.ts";
import { THREADS } from "../../limits.ts";
import { GONE, type Outcome } from "../contracts.ts";
import { type PendingFutex, parked } from "../pending.ts";
import { type Process, Thread } from "../process.ts";
import { exit } from "./lifecycle.ts";

/** A new thread, entered with its number and `argument` at the next dispatch: its number. -EAGAIN, -ENOSYS, -ENOMEM. */
export function spawnThread(thread: Thread, argument: number): Outcome {
  const { process } = thread;
  const { kernel, program } = process;
  if (program?.prepareThread === undefined) return -ENOSYS;
  if (process.threads.length >= THREADS) return -EAGAIN;
  const made = new Thread(process, kernel.nextPid);
  made.mask.set(thread.mask.low, thread.mask.high);
  made.argument = argument;
  const error = program.prepareThread(made);
  if (error < 0) {
    process.threads.pop();
    return error;
  }
  kernel.nextPid += 1;
  kernel.scheduler.startThread(made);
  return made.tid;
}

/** exit(2): this thread alone, and the process with its last. Always GONE. */
export function exitThread(thread: Thread, code: number): Outcome {
  const { process } = thread;
  if (process.threads.length <= 1 || thread.killed) return exit(thread, code);
  thread.killed = true;
  thread.exited = true;
  process.threads.splice(process.threads.indexOf(thread), 1);
  releaseLocks(thread);
  clearNumber(thread);
  return GONE;
}

/** set_tid_address(2): where 0 is written, and one waiter woken, when the thread ends. Its number. */
export function setClearAddress(thread: Thread, address: number): Outcome {
  thread.clearAddress = address;
  return thread.tid;
}

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
): Outcome {
  const { memory, kernel } = thread.process;
  if (bits === 0 || (address & 3) !== 0) return -EINVAL;
  if (!memory.contains(address, 4)) return -EFAULT;
  if (memory.view.getInt32(address, true) !== (expected | 0)) return -EAGAIN;
  return kernel.scheduler.park({ ...parked(thread, deadlineNs), kind: "futex", address, bits, released: false });
}

/** FUTEX_WAKE: how many of at most `most` waiters were woken, those that waited longest first. */
export function futexWake(thread: Thread, address: number, most: number, bits: number): Outcome {
  if (bits === 0 || (address & 3) !== 0) return -EINVAL;
  return wake(thread.process, address, most, bits);
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
): Outcome {
  const { process } = thread;
  const { memory } = process;
  if (((address | to) & 3) !== 0 || most < 0 || moved < 0) return -EINVAL;
  if (!memory.contains(address, 4) || !memory.contains(to, 4)) return -EFAULT;
  if (expected !== undefined && memory.view.getInt32(address, true) !== (expected | 0)) return -EAGAIN;
  const woken = wake(process, address, most, -1);
  let rest = moved;
  for (const waiter of process.futexes) {
    if (rest === 0) break;
    if (waiter.address !== address) continue;
    waiter.address = to;
    rest -= 1;
  }
  return expected === undefined ? woken : woken + moved - rest;
}

function wake(process: Process, address: number, most: number, bits: number): number {
  const found: PendingFutex[] = [];
  for (const waiter of process.futexes) {
    if (found.length >= most) break;
    if (waiter.address === address && (waiter.bits & bits) !== 0) found.push(waiter);
  }
  for (const waiter of found) {
    process.futexes.splice(process.futexes.indexOf(waiter), 1);
    waiter.released = true;
    process.kernel.scheduler.interrupt(waiter);
  }
  return found.length;
}

function clearNumber({ process, clearAddress }: Thread): void {
  if (clearAddress === 0 || !process.memory.contains(clearAddress, 4)) return;
  process.memory.view.setInt32(clearAddress, 0, true);
  wake(process, clearAddress, 1, -1);
}

/** Locks a thread holds as it ends are marked, so that who waits for one learns of it (get_robust_list(2)). */
function releaseLocks(thread: Thread): void {
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
  if ((word & FUTEX_WAITERS) !== 0) wake(process, address, 1, -1);
}
