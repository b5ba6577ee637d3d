/**
 * Layer: kernel, operations. System V messages: msgget(2), msgsnd(2), msgrcv(2), msgctl(2). It must not know encodings.
 */
import { EACCES, EAGAIN, EINVAL, ENOMEM, ENOMSG, ENOSYS, EPERM } from "../../abi/errno.ts";
import { IPC_NOWAIT, MSG_COPY } from "../../abi/ipc.ts";
import { MESSAGE_BYTES, MESSAGE_QUEUE_BYTES, WAITING_BYTES } from "../../limits.ts";
import { attemptReceive, attemptSend } from "../continuation.ts";
import { BLOCKED, type Outcome } from "../contracts.ts";
import type { Message, MessageWish } from "../ipc/messages.ts";
import { changeOwner, IPC_READ, IPC_WRITE, mayChange, mayUse, type OwnershipChange } from "../ipc/objects.ts";
import { type PendingReceive, type PendingSend, parked } from "../pending.ts";
import type { Thread } from "../process.ts";

/** msgget(2): a queue's number. -EEXIST, -ENOENT, -EACCES, -ENOSPC. */
export function openQueue(thread: Thread, key: number, flags: number): Outcome {
  const { credentials, kernel } = thread.process;
  const { systemV } = kernel;
  const opened = systemV.queues.open(
    key,
    flags,
    credentials,
    systemV.now,
    () => 0,
    (owner) => systemV.queue(owner),
  );
  return typeof opened === "number" ? opened : opened.owner.id;
}

/** msgsnd(2): 0. Parks while the queue is full. -EINVAL, -EACCES, -EAGAIN (IPC_NOWAIT), -ENOMEM, -EIDRM, -EINTR. */
export function sendMessage(thread: Thread, id: number, message: Message, flags: number): Outcome {
  const { credentials, kernel } = thread.process;
  if (message.bytes.length > MESSAGE_BYTES || !(message.type > 0)) return -EINVAL;
  const queue = kernel.systemV.queues.get(id);
  if (queue === undefined) return -EINVAL;
  if (!mayUse(queue.owner, credentials, IPC_WRITE)) return -EACCES;
  const pending: PendingSend = { ...parked(thread), kind: "send message", queue, message };
  const outcome = attemptSend(pending);
  if (outcome !== BLOCKED) return outcome;
  if ((flags & IPC_NOWAIT) !== 0) return -EAGAIN;
  const { scheduler } = kernel;
  return scheduler.waitingBytes + message.bytes.length > WAITING_BYTES ? -ENOMEM : scheduler.park(pending);
}

/**
 * msgrcv(2): bytes of text, put with the message's type to `address`, where there must be room. Parks. -EINVAL, -EACCES, -E2BIG,
 * -ENOMSG (IPC_NOWAIT), -EIDRM, -EINTR. MSG_COPY is -ENOSYS, as on kernels without checkpoints.
 */
export function receiveMessage(thread: Thread, id: number, wish: MessageWish, address: number): Outcome {
  const { credentials, kernel } = thread.process;
  if ((wish.flags & MSG_COPY) !== 0) return -ENOSYS;
  const queue = kernel.systemV.queues.get(id);
  if (queue === undefined) return -EINVAL;
  if (!mayUse(queue.owner, credentials, IPC_READ)) return -EACCES;
  const pending: PendingReceive = { ...parked(thread), kind: "receive message", queue, wish, address };
  const outcome = attemptReceive(pending);
  if (outcome !== BLOCKED) return outcome;
  return (wish.flags & IPC_NOWAIT) !== 0 ? -ENOMSG : kernel.scheduler.park(pending);
}

/** IPC_RMID: who waits gets -EIDRM. -EINVAL, -EPERM. */
export function removeQueue(thread: Thread, id: number): Outcome {
  const { credentials, kernel } = thread.process;
  const queue = kernel.systemV.queues.get(id);
  if (queue === undefined) return -EINVAL;
  const denied = mayChange(queue.owner, credentials);
  if (denied < 0) return denied;
  kernel.systemV.queues.remove(queue);
  queue.clear();
  return 0;
}

/** IPC_SET; more bytes than by default are the superuser's to give, and nobody's here. -EINVAL, -EPERM. */
export function changeQueue(thread: Thread, id: number, change: OwnershipChange, mostBytes: number): Outcome {
  const { credentials, kernel } = thread.process;
  const queue = kernel.systemV.queues.get(id);
  if (queue === undefined) return -EINVAL;
  const denied = mayChange(queue.owner, credentials);
  if (denied < 0) return denied;
  if (mostBytes > MESSAGE_QUEUE_BYTES) return -EPERM;
  const wrong = changeOwner(queue.owner, change, kernel.systemV.now);
  if (wrong < 0) return wrong;
  queue.mostBytes = mostBytes;
  queue.toSend.wakeAll();
  return 0;
}
