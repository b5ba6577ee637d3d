/**
 * Layer: kernel, operations. System V semaphores: semget(2), semtimedop(2), semctl(2). It must not know encodings.
 */
import { E2BIG, EACCES, EFBIG, EINVAL, ENOSPC, ERANGE } from "../../abi/errno.ts";
import { SEMOPM, SEMVMX } from "../../abi/ipc.ts";
import { SEMAPHORES } from "../../limits.ts";
import { BLOCKED, type Outcome } from "../contracts.ts";
import { changeOwner, IPC_READ, IPC_WRITE, mayChange, mayUse, type OwnershipChange } from "../ipc/objects.ts";
import { forgetUndo, operate, type SemaphoreOperation, type SemaphoreSet, waitersFor } from "../ipc/semaphores.ts";
import { type PendingSemaphores, parked } from "../pending.ts";
import type { Thread } from "../process.ts";

/** semget(2): a set's number. -EINVAL, -ENOSPC, -EEXIST, -ENOENT, -EACCES. */
export function openSemaphores(thread: Thread, key: number, count: number, flags: number): Outcome {
  const { credentials, kernel } = thread.process;
  const { systemV } = kernel;
  if (count < 0 || count > SEMAPHORES) return -EINVAL;
  const opened = systemV.sets.open(
    key,
    flags,
    credentials,
    systemV.now,
    (found) => (count > found.values.length ? -EINVAL : 0),
    (owner) => {
      if (count === 0) return -EINVAL;
      return systemV.semaphores + count > SEMAPHORES ? -ENOSPC : systemV.set(owner, count);
    },
  );
  return typeof opened === "number" ? opened : opened.owner.id;
}

/** 0, or -errno: whether a semop(2) of so many operations on this set may be thought of. */
export function maySemop(count: number): number {
  if (count < 1) return -EINVAL;
  return count > SEMOPM ? -E2BIG : 0;
}

/** semtimedop(2): 0. Parks. -EINVAL, -EACCES, -EFBIG, -ERANGE, -EAGAIN (time or IPC_NOWAIT), -EIDRM, -EINTR. */
export function semop(
  thread: Thread,
  id: number,
  operations: readonly SemaphoreOperation[],
  deadlineNs: number,
): Outcome {
  const { process } = thread;
  const { systemV, scheduler } = process.kernel;
  const set = systemV.sets.get(id);
  if (set === undefined) return -EINVAL;
  if (operations.some(({ number }) => number >= set.values.length)) return -EFBIG;
  const wanted = operations.some(({ change }) => change !== 0) ? IPC_WRITE : IPC_READ;
  if (!mayUse(set.owner, process.credentials, wanted)) return -EACCES;
  const { outcome, blockedBy } = operate(set, operations, process, systemV.now);
  if (outcome !== BLOCKED) return outcome;
  return scheduler.park({ ...parked(thread, deadlineNs), kind: "semaphores", set, operations, blockedBy });
}

/** A set the caller may read or change. -EINVAL, -EACCES. */
export function semaphoresFor(thread: Thread, id: number, wanted: number): SemaphoreSet | number {
  const { credentials, kernel } = thread.process;
  const set = kernel.systemV.sets.get(id);
  if (set === undefined) return -EINVAL;
  return mayUse(set.owner, credentials, wanted) ? set : -EACCES;
}

/** GETNCNT, GETZCNT. */
export function countWaiters(thread: Thread, set: SemaphoreSet, number: number, zero: boolean): number {
  const pending: PendingSemaphores[] = [];
  for (const { threads } of thread.process.kernel.processes) {
    for (const one of threads) if (one.pending?.kind === "semaphores") pending.push(one.pending);
  }
  return waitersFor(set, number, zero, pending);
}

/** SETVAL, and SETALL with `number` -1. -EINVAL (no such semaphore), -ERANGE. */
export function setValues(thread: Thread, set: SemaphoreSet, number: number, values: readonly number[]): Outcome {
  const { process } = thread;
  const { kernel } = process;
  if (number >= set.values.length) return -EINVAL;
  if (values.some((value) => !(value >= 0 && value <= SEMVMX))) return -ERANGE;
  values.forEach((value, i) => {
    const at = number < 0 ? i : number;
    set.values[at] = value;
    set.pids[at] = process.pid;
  });
  forgetUndo(kernel.processes, set, number);
  set.owner.ctime = kernel.systemV.now;
  set.waiters.wakeAll();
  return 0;
}

/** IPC_RMID: who waits gets -EIDRM. -EINVAL, -EPERM. */
export function removeSemaphores(thread: Thread, id: number): Outcome {
  const { credentials, kernel } = thread.process;
  const set = kernel.systemV.sets.get(id);
  if (set === undefined) return -EINVAL;
  const denied = mayChange(set.owner, credentials);
  if (denied < 0) return denied;
  kernel.systemV.sets.remove(set);
  set.waiters.wakeAll();
  return 0;
}

/** IPC_SET. */
export function changeSemaphores(thread: Thread, id: number, change: OwnershipChange): Outcome {
  const { credentials, kernel } = thread.process;
  const set = kernel.systemV.sets.get(id);
  if (set === undefined) return -EINVAL;
  return mayChange(set.owner, credentials) || changeOwner(set.owner, change, kernel.systemV.now);
}
