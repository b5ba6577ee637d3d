/**
 * Layer: syscalls. System V shared memory, semaphores and messages: structures of include/uapi/asm-generic/{shm,sem,msg}buf.h
 * with 64-bit longs.
 */
import { EACCES, EFAULT, EINVAL } from "../abi/errno.ts";
import * as ipc from "../abi/ipc.ts";
import type { Outcome } from "../kernel/contracts.ts";
import type { MessageQueue } from "../kernel/ipc/messages.ts";
import {
  IPC_READ,
  IPC_WRITE,
  type IpcObject,
  type IpcTable,
  mayUse,
  type Ownership,
  type OwnershipChange,
} from "../kernel/ipc/objects.ts";
import type { Segment } from "../kernel/ipc/segments.ts";
import type { SemaphoreOperation, SemaphoreSet } from "../kernel/ipc/semaphores.ts";
import * as messages from "../kernel/operations/messages.ts";
import * as segments from "../kernel/operations/segments.ts";
import * as semaphores from "../kernel/operations/semaphores.ts";
import type { Process, Thread } from "../kernel/process.ts";
import * as limits from "../limits.ts";
import type { WallTime } from "../wait/clock.ts";
import { deadlineAfter, long, timespecAt } from "./call.ts";

const PERM_BYTES = 48;
const SHMID_BYTES = 112;
const SEMID_BYTES = 104;
const MSQID_BYTES = 120;
const SEMBUF_BYTES = 6;
/** struct shminfo, shm_info, seminfo and msginfo are no longer. */
const INFO_BYTES = 72;
const TYPE_BYTES = 8;

const time: WallTime = { seconds: 0, nanoseconds: 0 };

function putOwner({ memory }: Process, at: number, { id, key, uid, gid, cuid, cgid, mode }: Ownership): void {
  const { view } = memory;
  memory.bytes.fill(0, at, at + PERM_BYTES);
  view.setInt32(at, key, true);
  [uid, gid, cuid, cgid, mode].forEach((word, i) => {
    view.setUint32(at + 4 + i * 4, word, true);
  });
  view.setUint16(at + 24, id >>> 15, true);
}

function changeAt({ memory }: Process, at: number): OwnershipChange {
  const { view } = memory;
  return {
    uid: view.getUint32(at + 4, true),
    gid: view.getUint32(at + 8, true),
    mode: view.getUint32(at + 20, true),
  };
}

/** For IPC_STAT an object by number, for the _STAT commands by its place; -EINVAL, -EACCES. */
function asked<T extends IpcObject>(
  { credentials }: Process,
  table: IpcTable<T>,
  id: number,
  command: number,
  anybody: number,
): T | number {
  const found = command === ipc.IPC_STAT ? table.get(id) : table.at(id);
  if (found === undefined) return -EINVAL;
  return command === anybody || mayUse(found.owner, credentials, IPC_READ) ? found : -EACCES;
}

/** The highest place in use, as the _INFO commands answer. */
function highest<T extends IpcObject>(table: IpcTable<T>): number {
  return Math.max(0, table.end - 1);
}

function putInts({ memory }: Process, at: number, values: readonly number[]): void {
  values.forEach((value, i) => {
    memory.view.setInt32(at + i * 4, value, true);
  });
}

// Shared memory.

export function sys_shmget(thread: Thread, key: number, size: number, flags: number): Outcome {
  return segments.openSegment(thread, key, size >>> 0, flags);
}

export function sys_shmat(thread: Thread, id: number, address: number, flags: number): Outcome {
  return segments.attachSegment(thread, id, address >>> 0, flags);
}

export function sys_shmdt(thread: Thread, address: number): Outcome {
  return segments.detachSegment(thread, address >>> 0);
}

export function sys_shmctl(thread: Thread, id: number, commandWord: number, address: number): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  const table = kernel.systemV.segments;
  const command = commandWord & ~ipc.IPC_64;
  const at = address >>> 0;
  switch (command) {
    case ipc.IPC_RMID:
      return segments.removeSegment(thread, id);
    case ipc.SHM_LOCK:
    case ipc.SHM_UNLOCK:
      return segments.lockSegment(thread, id, command === ipc.SHM_LOCK);
    case ipc.IPC_SET:
      return memory.contains(at, SHMID_BYTES) ? segments.changeSegment(thread, id, changeAt(process, at)) : -EFAULT;
    case ipc.IPC_INFO:
    case ipc.SHM_INFO:
      if (!memory.contains(at, INFO_BYTES)) return -EFAULT;
      putShmInfo(thread, at, command === ipc.SHM_INFO);
      return highest(table);
    case ipc.IPC_STAT:
    case ipc.SHM_STAT:
    case ipc.SHM_STAT_ANY: {
      const found = asked(process, table, id, command, ipc.SHM_STAT_ANY);
      if (typeof found === "number") return found;
      if (!memory.contains(at, SHMID_BYTES)) return -EFAULT;
      putSegment(process, at, found);
      return command === ipc.IPC_STAT ? 0 : found.owner.id;
    }
    default:
      return -EINVAL;
  }
}

function putSegment(process: Process, at: number, segment: Segment): void {
  const { memory, kernel } = process;
  putOwner(process, at, segment.owner);
  memory.bytes.fill(0, at + PERM_BYTES, at + SHMID_BYTES);
  memory.putU64(at + 48, segment.size);
  memory.putU64(at + 56, segment.atime);
  memory.putU64(at + 64, segment.dtime);
  memory.putU64(at + 72, segment.owner.ctime);
  putInts(process, at + 80, [segment.cpid, segment.lpid]);
  memory.putU64(at + 88, segment.attachments(kernel.processes));
}

function putShmInfo({ process }: Thread, at: number, usage: boolean): void {
  const { memory, kernel } = process;
  const table = kernel.systemV.segments;
  memory.bytes.fill(0, at, at + INFO_BYTES);
  if (usage) {
    let pages = 0;
    for (const { size } of table) pages += Math.ceil(size / 4096);
    memory.view.setInt32(at, table.count, true);
    memory.putU64(at + 8, pages);
    memory.putU64(at + 16, pages);
    return;
  }
  const { SHARED_BYTES, SHARED_FILES } = limits;
  [SHARED_BYTES, 1, SHARED_FILES, SHARED_FILES, SHARED_BYTES / 4096].forEach((value, i) => {
    memory.putU64(at + i * 8, value);
  });
}

// Semaphores.

export function sys_semget(thread: Thread, key: number, count: number, flags: number): Outcome {
  return semaphores.openSemaphores(thread, key, count, flags);
}

export function sys_semop(thread: Thread, id: number, operationsAt: number, count: number): Outcome {
  return sys_semtimedop(thread, id, operationsAt, count, 0);
}

export function sys_semtimedop(
  thread: Thread,
  id: number,
  operationsAt: number,
  count: number,
  timeout: number,
): Outcome {
  const { process } = thread;
  const { memory } = process;
  const at = operationsAt >>> 0;
  const wrong = semaphores.maySemop(count >>> 0);
  if (wrong < 0) return wrong;
  if (id < 0) return -EINVAL;
  if (!memory.contains(at, count * SEMBUF_BYTES)) return -EFAULT;
  let deadline = Infinity;
  if (timeout !== 0) {
    const error = timespecAt(process, timeout >>> 0, time);
    if (error < 0) return error;
    if (time.seconds < 0) return -EINVAL;
    deadline = deadlineAfter(thread, time);
  }
  const operations: SemaphoreOperation[] = [];
  for (let i = 0; i < count; i++) {
    const from = at + i * SEMBUF_BYTES;
    operations.push({
      number: memory.view.getUint16(from, true),
      change: memory.view.getInt16(from + 2, true),
      flags: memory.view.getInt16(from + 4, true),
    });
  }
  return semaphores.semop(thread, id, operations, deadline);
}

export function sys_semctl(thread: Thread, id: number, number: number, commandWord: number, argument: number): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  const table = kernel.systemV.sets;
  const command = commandWord & ~ipc.IPC_64;
  const at = argument >>> 0;
  switch (command) {
    case ipc.IPC_RMID:
      return semaphores.removeSemaphores(thread, id);
    case ipc.IPC_SET:
      return memory.contains(at, SEMID_BYTES)
        ? semaphores.changeSemaphores(thread, id, changeAt(process, at))
        : -EFAULT;
    case ipc.IPC_INFO:
    case ipc.SEM_INFO: {
      if (!memory.contains(at, INFO_BYTES)) return -EFAULT;
      const { SEMAPHORES, SEMAPHORE_SETS } = limits;
      const used = command === ipc.SEM_INFO ? [table.count, kernel.systemV.semaphores] : [20, ipc.SEMVMX];
      const { SEMOPM, SEMVMX } = ipc;
      const [sets = 0, all = 0] = used;
      const most = [SEMAPHORES, SEMAPHORE_SETS, SEMAPHORES, SEMAPHORES, SEMAPHORES, SEMOPM, SEMOPM];
      putInts(process, at, [...most, sets, SEMVMX, all]);
      return highest(table);
    }
    case ipc.IPC_STAT:
    case ipc.SEM_STAT:
    case ipc.SEM_STAT_ANY: {
      const found = asked(process, table, id, command, ipc.SEM_STAT_ANY);
      if (typeof found === "number") return found;
      if (!memory.contains(at, SEMID_BYTES)) return -EFAULT;
      putOwner(process, at, found.owner);
      memory.bytes.fill(0, at + PERM_BYTES, at + SEMID_BYTES);
      memory.putU64(at + 48, found.otime);
      memory.putU64(at + 64, found.owner.ctime);
      memory.putU64(at + 80, found.values.length);
      return command === ipc.IPC_STAT ? 0 : found.owner.id;
    }
    default:
      return onValues(thread, id, number, command, argument);
  }
}

function onValues(thread: Thread, id: number, number: number, command: number, argument: number): Outcome {
  const sets = command === ipc.SETVAL || command === ipc.SETALL;
  if (!sets && (command < ipc.GETPID || command > ipc.GETZCNT)) return -EINVAL;
  const found = semaphores.semaphoresFor(thread, id, sets ? IPC_WRITE : IPC_READ);
  if (typeof found === "number") return found;
  const { memory } = thread.process;
  const { values, pids } = found;
  const at = argument >>> 0;
  if (command === ipc.GETALL || command === ipc.SETALL) {
    if (!memory.contains(at, values.length * 2)) return -EFAULT;
    const { view } = memory;
    if (command === ipc.SETALL) {
      return semaphores.setValues(
        thread,
        found,
        -1,
        values.map((_, i) => view.getUint16(at + i * 2, true)),
      );
    }
    values.forEach((value, i) => {
      view.setUint16(at + i * 2, value, true);
    });
    return 0;
  }
  if (number < 0 || number >= values.length) return -EINVAL;
  if (command === ipc.SETVAL) return semaphores.setValues(thread, found, number, [argument]);
  return told(thread, found, number, command, pids);
}

function told(thread: Thread, set: SemaphoreSet, number: number, command: number, pids: readonly number[]): Outcome {
  if (command === ipc.GETVAL) return set.values[number] ?? 0;
  if (command === ipc.GETPID) return pids[number] ?? 0;
  return semaphores.countWaiters(thread, set, number, command === ipc.GETZCNT);
}

// Messages.

export function sys_msgget(thread: Thread, key: number, flags: number): Outcome {
  return messages.openQueue(thread, key, flags);
}

export function sys_msgsnd(thread: Thread, id: number, address: number, size: number, flags: number): Outcome {
  const { memory } = thread.process;
  const [at, length] = [address >>> 0, size >>> 0];
  if (length > limits.MESSAGE_BYTES || id < 0) return -EINVAL;
  if (!memory.contains(at, TYPE_BYTES + length)) return -EFAULT;
  const type = memory.i64(at);
  if (!Number.isSafeInteger(type)) return -EINVAL;
  const bytes = memory.bytes.slice(at + TYPE_BYTES, at + TYPE_BYTES + length);
  return messages.sendMessage(thread, id, { type, bytes }, flags);
}

export function sys_msgrcv(
  thread: Thread,
  id: number,
  address: number,
  size: number,
  low: number,
  high: number,
  flags: number,
): Outcome {
  if (size < 0 || id < 0) return -EINVAL;
  const most = Math.min(size >>> 0, limits.MESSAGE_BYTES);
  return messages.receiveMessage(thread, id, { type: long(low, high), most, flags }, address >>> 0);
}

export function sys_msgctl(thread: Thread, id: number, commandWord: number, address: number): Outcome {
  const { process } = thread;
  const { memory, kernel } = process;
  const table = kernel.systemV.queues;
  const command = commandWord & ~ipc.IPC_64;
  const at = address >>> 0;
  switch (command) {
    case ipc.IPC_RMID:
      return messages.removeQueue(thread, id);
    case ipc.IPC_SET:
      if (!memory.contains(at, MSQID_BYTES)) return -EFAULT;
      return messages.changeQueue(thread, id, changeAt(process, at), memory.i64(at + 88));
    case ipc.IPC_INFO:
    case ipc.MSG_INFO: {
      if (!memory.contains(at, INFO_BYTES)) return -EFAULT;
      const { MESSAGE_BYTES, MESSAGE_QUEUE_BYTES, MESSAGE_QUEUES, MESSAGES } = limits;
      const usage = command === ipc.MSG_INFO;
      let bytes = 0;
      for (const queue of table) bytes += queue.bytes;
      const [pool, map, all] = usage ? [table.count, kernel.systemV.messages, bytes] : [0, MESSAGES, MESSAGES];
      memory.bytes.fill(0, at, at + 32);
      putInts(process, at, [pool ?? 0, map ?? 0, MESSAGE_BYTES, MESSAGE_QUEUE_BYTES, MESSAGE_QUEUES, 16, all ?? 0]);
      return highest(table);
    }
    case ipc.IPC_STAT:
    case ipc.MSG_STAT:
    case ipc.MSG_STAT_ANY: {
      const found = asked(process, table, id, command, ipc.MSG_STAT_ANY);
      if (typeof found === "number") return found;
      if (!memory.contains(at, MSQID_BYTES)) return -EFAULT;
      putQueue(process, at, found);
      return command === ipc.IPC_STAT ? 0 : found.owner.id;
    }
    default:
      return -EINVAL;
  }
}

function putQueue(process: Process, at: number, queue: MessageQueue): void {
  const { memory } = process;
  putOwner(process, at, queue.owner);
  memory.bytes.fill(0, at + PERM_BYTES, at + MSQID_BYTES);
  const { stime, rtime, owner, bytes, messages: all, mostBytes, lspid, lrpid } = queue;
  [stime, rtime, owner.ctime, bytes, all.length, mostBytes].forEach((value, i) => {
    memory.putU64(at + 48 + i * 8, value);
  });
  putInts(process, at + 96, [lspid, lrpid]);
}
