/**
 * Layer: kernel. Sets of semaphores: semop(2), and what a process's end takes back (SEM_UNDO). It must not know how operations
 * are encoded.
 */
import { EAGAIN, EFBIG, EIDRM, ERANGE } from "../../abi/errno.ts";
import { IPC_NOWAIT, SEM_UNDO, SEMVMX } from "../../abi/ipc.ts";
import type { WaitQueue } from "../../wait/wait-queue.ts";
import { BLOCKED, type Outcome } from "../contracts.ts";
import type { PendingSemaphores } from "../pending.ts";
import type { Process } from "../process.ts";
import type { IpcObject, Ownership } from "./objects.ts";

/** struct sembuf. */
export interface SemaphoreOperation {
  readonly number: number;
  readonly change: number;
  readonly flags: number;
}

/** What a process's end adds to the semaphores of one set. */
export interface SemaphoreUndo {
  readonly set: SemaphoreSet;
  readonly adjustments: number[];
}

export class SemaphoreSet implements IpcObject {
  readonly owner: Ownership;
  removed = false;
  readonly values: number[];
  /** Who operated on each last. */
  readonly pids: number[];
  /** Seconds of the last semop(2); 0 before. */
  otime = 0;
  /** Woken at each change. */
  readonly waiters: WaitQueue;

  constructor(owner: Ownership, count: number, waiters: WaitQueue) {
    this.owner = owner;
    this.values = new Array<number>(count).fill(0);
    this.pids = new Array<number>(count).fill(0);
    this.waiters = waiters;
  }
}

/**
 * Do all operations or none. 0; BLOCKED with `blockedBy` the index of the one that must wait; -EAGAIN where that one must not,
 * -EIDRM, -EFBIG, -ERANGE.
 */
export function operate(
  set: SemaphoreSet,
  operations: readonly SemaphoreOperation[],
  process: Process,
  now: number,
): { readonly outcome: Outcome; readonly blockedBy: number } {
  if (set.removed) return { outcome: -EIDRM, blockedBy: -1 };
  const { values } = set;
  if (operations.some(({ number }) => number >= values.length)) return { outcome: -EFBIG, blockedBy: -1 };
  const undo = operations.some(({ flags }) => (flags & SEM_UNDO) !== 0) ? undoOf(process, set) : undefined;
  const before = values.slice();
  const undoBefore = undo?.adjustments.slice();
  let outcome = 0;
  let at = 0;
  for (; at < operations.length && outcome === 0; at++) {
    const { number, change, flags } = operations[at] as SemaphoreOperation;
    const value = (values[number] ?? 0) + change;
    if (change === 0 ? value !== 0 : value < 0) outcome = (flags & IPC_NOWAIT) !== 0 ? -EAGAIN : BLOCKED;
    else if (value > SEMVMX) outcome = -ERANGE;
    else {
      values[number] = value;
      if (undo === undefined || (flags & SEM_UNDO) === 0) continue;
      const back = (undo.adjustments[number] ?? 0) - change;
      if (Math.abs(back) > SEMVMX) outcome = -ERANGE;
      undo.adjustments[number] = back;
    }
  }
  if (outcome !== 0) {
    before.forEach((value, i) => {
      values[i] = value;
    });
    undoBefore?.forEach((value, i) => {
      if (undo !== undefined) undo.adjustments[i] = value;
    });
    return { outcome, blockedBy: at - 1 };
  }
  for (const { number } of operations) set.pids[number] = process.pid;
  set.otime = now;
  if (operations.some(({ change }) => change !== 0)) set.waiters.wakeAll();
  return { outcome: 0, blockedBy: -1 };
}

/** How many wait for a semaphore to grow (`zero` false) or to become zero. */
export function waitersFor(
  set: SemaphoreSet,
  number: number,
  zero: boolean,
  pending: readonly PendingSemaphores[],
): number {
  return pending.filter((one) => {
    const by = one.operations[one.blockedBy];
    return one.set === set && by?.number === number && (by.change === 0) === zero;
  }).length;
}

/** The end of a process: its undone operations are taken back, as far as values go. */
export function undoAll(process: Process, now: number): void {
  for (const { set, adjustments } of process.semaphoreUndo.splice(0)) {
    if (set.removed) continue;
    adjustments.forEach((adjustment, number) => {
      if (adjustment === 0) return;
      const value = (set.values[number] ?? 0) + adjustment;
      set.values[number] = Math.min(Math.max(value, 0), SEMVMX);
      set.pids[number] = process.pid;
    });
    set.otime = now;
    set.waiters.wakeAll();
  }
}

/** SETVAL and SETALL: nobody's end changes this semaphore any more; -1 for all of the set. */
export function forgetUndo(processes: readonly Process[], set: SemaphoreSet, number: number): void {
  for (const { semaphoreUndo } of processes) {
    for (const { set: other, adjustments } of semaphoreUndo) {
      if (other !== set) continue;
      if (number < 0) adjustments.fill(0);
      else adjustments[number] = 0;
    }
  }
}

function undoOf(process: Process, set: SemaphoreSet): SemaphoreUndo {
  const { semaphoreUndo } = process;
  const known = semaphoreUndo.find((undo) => undo.set === set);
  if (known !== undefined) return known;
  const alive = semaphoreUndo.filter((undo) => !undo.set.removed);
  const made = { set, adjustments: new Array<number>(set.values.length).fill(0) };
  process.semaphoreUndo = [...alive, made];
  return made;
}
