/**
 * Layer: kernel, operations. Threads of one process and what they wait on: clone(2) as pthreads use it, exit(2). It must not know encodings.
 */
import { EAGAIN, ENOSYS } from "../../abi/errno.ts";
import { THREADS } from "../../limits.ts";
import { GONE, type Outcome } from "../contracts.ts";
import { clearNumber, releaseLocks } from "../futexes.ts";
import { handOnAll } from "../owned-futexes.ts";
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
  process.kernel.scheduler.charge(process, thread);
  process.threads.splice(process.threads.indexOf(thread), 1);
  releaseLocks(thread);
  handOnAll(thread);
  clearNumber(thread);
  thread.signals.clear();
  process.kernel.ends.ended(thread.tid);
  return GONE;
}

/** set_tid_address(2): where 0 is written, and one waiter woken, when the thread ends. Its number. */
export function setClearAddress(thread: Thread, address: number): Outcome {
  thread.clearAddress = address;
  return thread.tid;
}
