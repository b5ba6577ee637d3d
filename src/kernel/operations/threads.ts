/**
 * Layer: kernel, operations. Threads of one process and what they wait on: clone(2) as pthreads use it, exit(2), futex(2),
 * robust lists. It must not know encodings.
 */
import { EAGAIN, EFAULT, EINVAL, ENOSYS } from "../../abi/errno.ts";
import { THREADS } from "../../limits.ts";
import { GONE, type Outcome } from "../contracts.ts";
import { clearNumber, releaseLocks, waitersAt, wakeAt, wordAt } from "../futexes.ts";
import { parked } from "../pending.ts";
import { Thread } from "../process.ts";
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
  made.name = thread.name;
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
  process.kernel.scheduler.charge(process);
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
 * `own`: FUTEX_PRIVATE_FLAG, the word is no other process's, whatever it lies in.
 *
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
  const { memory, kernel } = thread.process;
  if (bits === 0 || (address & 3) !== 0) return -EINVAL;
  if (!memory.contains(address, 4)) return -EFAULT;
  if (memory.view.getInt32(address, true) !== (expected | 0)) return -EAGAIN;
  const word = wordAt(thread.process, address, own);
  return kernel.scheduler.park({ ...parked(thread, deadlineNs), kind: "futex", ...word, bits, released: false });
}

/** FUTEX_WAKE: how many of at most `most` waiters were woken, those that waited longest first. */
export function futexWake(thread: Thread, address: number, most: number, bits: number, own = false): Outcome {
  if (bits === 0 || (address & 3) !== 0) return -EINVAL;
  return wakeAt(thread.process, wordAt(thread.process, address, own), most, bits);
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
  const woken = wakeAt(process, from, most, -1);
  let rest = moved;
  const waiters = waitersAt(process, from);
  for (const waiter of [...waiters]) {
    if (rest === 0) break;
    if (waiter.address !== from.address) continue;
    if (target.file !== from.file) {
      waiters.splice(waiters.indexOf(waiter), 1);
      waitersAt(waiter.thread.process, target).push(waiter);
    }
    waiter.file = target.file;
    waiter.address = target.address;
    rest -= 1;
  }
  return expected === undefined ? woken : woken + moved - rest;
}
