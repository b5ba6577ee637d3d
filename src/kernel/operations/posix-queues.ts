/**
 * Layer: kernel, operations. POSIX message queues: mq_open(3), mq_unlink(3), mq_send(3), mq_receive(3), mq_notify(3),
 * mq_getattr(3). It must not know encodings.
 */
import { EAGAIN, EBADF, EBUSY, EEXIST, EINVAL, EMSGSIZE, ENOENT, ENOMEM, EPERM } from "../../abi/errno.ts";
import { O_ACCMODE, O_CREAT, O_EXCL, O_NONBLOCK, O_RDONLY, O_WRONLY, R_OK, W_OK } from "../../abi/fcntl.ts";
import { HARD_MSGMAX, HARD_MSGSIZEMAX, MQ_PRIO_MAX } from "../../abi/mqueue.ts";
import { RLIMIT_MSGQUEUE } from "../../abi/resource.ts";
import { QUEUE_MESSAGE_BYTES, QUEUE_MESSAGES, WAITING_BYTES } from "../../limits.ts";
import { mayAccess } from "../../vfs/permissions.ts";
import { receivedMessage } from "../continuation.ts";
import type { Outcome } from "../contracts.ts";
import { OpenDescription } from "../descriptors.ts";
import { CounterFile } from "../events/counter-file.ts";
import { type Notification, type PosixQueue, QueueFile, type QueueSize, queueName } from "../ipc/posix-queues.ts";
import { parked } from "../pending.ts";
import type { Process, Thread } from "../process.ts";
import { resourceLimit } from "../resource-limits.ts";
import { LONG_CALL_BYTES } from "../scheduler.ts";
import { SIGNALS } from "../signals.ts";

const DEFAULT_SIZE: QueueSize = { messages: QUEUE_MESSAGES, bytes: QUEUE_MESSAGE_BYTES };

/**
 * mq_open(3): a descriptor, closed by execve. `size` counts for a new queue alone. -ENOENT, -EEXIST, -EACCES, -EINVAL,
 * -ENAMETOOLONG, -ENOSPC, -EMFILE.
 */
export function openNamedQueue(thread: Thread, name: string, flags: number, mode: number, size?: QueueSize): Outcome {
  const { process } = thread;
  const { kernel, descriptors } = process;
  const wrong = queueName(name);
  if (wrong < 0) return wrong;
  const access = flags & O_ACCMODE;
  if (access === O_ACCMODE) return -EINVAL;
  const found = kernel.queues.get(name);
  let queue: PosixQueue | number;
  if (found === undefined) {
    if ((flags & O_CREAT) === 0) return -ENOENT;
    queue = makeQueue(process, name, mode, size ?? DEFAULT_SIZE);
  } else {
    if ((flags & O_CREAT) !== 0 && (flags & O_EXCL) !== 0) return -EEXIST;
    const wanted = (access === O_WRONLY ? 0 : R_OK) | (access === O_RDONLY ? 0 : W_OK);
    const denied = mayAccess(process, found.inode, wanted);
    queue = denied < 0 ? denied : found;
  }
  if (typeof queue === "number") return queue;
  const file = new QueueFile(kernel.queues, queue);
  const fd = descriptors.install(new OpenDescription(file, undefined, access | (flags & O_NONBLOCK)), true);
  if (fd < 0) file.close();
  return fd;
}

function makeQueue(process: Process, name: string, mode: number, size: QueueSize): PosixQueue | number {
  const { credentials, kernel, umask } = process;
  const superuser = credentials.uid === 0;
  const most = superuser ? HARD_MSGMAX : QUEUE_MESSAGES;
  const mostBytes = superuser ? HARD_MSGSIZEMAX : QUEUE_MESSAGE_BYTES;
  const { messages, bytes } = size;
  if (!(messages > 0 && messages <= most && bytes > 0 && bytes <= mostBytes)) return -EINVAL;
  const { soft } = resourceLimit(process, RLIMIT_MSGQUEUE);
  return kernel.queues.make(name, { messages, bytes }, mode & 0o777 & ~umask, credentials, soft);
}

/** mq_unlink(3), as in a directory with the sticky bit. -ENOENT, -EPERM, -EACCES, -ENAMETOOLONG. */
export function unlinkQueue({ process }: Thread, name: string): Outcome {
  const wrong = queueName(name);
  if (wrong < 0) return wrong;
  const { queues } = process.kernel;
  const queue = queues.get(name);
  if (queue === undefined) return -ENOENT;
  const { uid } = process.credentials;
  if (uid !== 0 && uid !== queue.inode.uid) return -EPERM;
  queues.unlink(queue);
  return 0;
}

interface OpenQueue {
  readonly description: OpenDescription;
  readonly queue: PosixQueue;
}

/** An open queue that may not be used for `forbidden`, O_RDONLY or O_WRONLY alone. -EBADF. */
function openQueue({ process }: Thread, fd: number, forbidden?: number): OpenQueue | number {
  const description = process.descriptors.get(fd)?.description;
  if (!(description?.file instanceof QueueFile)) return -EBADF;
  if ((description.flags & O_ACCMODE) === forbidden) return -EBADF;
  return { description, queue: description.file.queue };
}

/** What may be sent: 0, -EINVAL (the priority), -EBADF, -EMSGSIZE. Ask before the message is copied in. */
export function maySend(thread: Thread, fd: number, length: number, priority: number): number {
  if (priority >= MQ_PRIO_MAX) return -EINVAL;
  const open = openQueue(thread, fd, O_RDONLY);
  if (typeof open === "number") return open;
  return length > open.queue.size.bytes ? -EMSGSIZE : 0;
}

/** mq_timedsend(3): 0. Parks while the queue is full. -EAGAIN, -EINTR, -ETIMEDOUT, and as maySend. */
export function sendToQueue(
  thread: Thread,
  fd: number,
  bytes: Uint8Array,
  priority: number,
  deadlineNs: number,
): Outcome {
  const wrong = maySend(thread, fd, bytes.length, priority);
  if (wrong < 0) return wrong;
  const open = openQueue(thread, fd);
  if (typeof open === "number") return open;
  const { description, queue } = open;
  const message = { priority, bytes };
  if (bytes.length >= LONG_CALL_BYTES) thread.process.kernel.scheduler.laboured();
  if (!queue.full) {
    queue.put(message, thread.process);
    return 0;
  }
  if ((description.flags & O_NONBLOCK) !== 0) return -EAGAIN;
  const { scheduler } = thread.process.kernel;
  if (scheduler.waitingBytes + bytes.length > WAITING_BYTES) return -ENOMEM;
  description.acquire();
  return scheduler.park({
    ...parked(thread, deadlineNs),
    kind: "queue send",
    description,
    queue,
    message,
    sent: false,
  });
}

/**
 * mq_timedreceive(3): bytes of the message at `address`, its priority where `priorityAt` is not 0. Parks while there is none.
 * -EBADF, -EMSGSIZE (less room than a message may have), -EAGAIN, -EINTR, -ETIMEDOUT, -EFAULT (the message is gone).
 */
export function receiveFromQueue(
  thread: Thread,
  fd: number,
  address: number,
  length: number,
  priorityAt: number,
  deadlineNs: number,
): Outcome {
  const open = openQueue(thread, fd, O_WRONLY);
  if (typeof open === "number") return open;
  const { description, queue } = open;
  if (length < queue.size.bytes) return -EMSGSIZE;
  const message = queue.take();
  if (message !== undefined) return receivedMessage(thread.process, message, address, priorityAt);
  if ((description.flags & O_NONBLOCK) !== 0) return -EAGAIN;
  description.acquire();
  return thread.process.kernel.scheduler.park({
    ...parked(thread, deadlineNs),
    kind: "queue receive",
    description,
    queue,
    address,
    priorityAt,
    message: undefined,
  });
}

/** mq_notify(3): `signal` 0 tells nobody, but takes the place. -EBADF, -EINVAL (no such signal), -EBUSY (somebody's already). */
export function notifyOfQueue(thread: Thread, fd: number, signal: number, value: number): Outcome {
  if (!(signal >= 0 && signal <= SIGNALS)) return -EINVAL;
  return notify(thread, fd, { pid: thread.process.pid, signal, value });
}

/**
 * mq_notify(3) with SIGEV_THREAD, of which the kernel knows an event counter: 1 is added when a message came, 2 when the wish
 * has ended. -EBADF, -EINVAL (no counter), -EBUSY.
 */
export function notifyByCounter(thread: Thread, fd: number, counterFd: number): Outcome {
  const counter = thread.process.descriptors.get(counterFd)?.description;
  if (counter === undefined) return -EBADF;
  if (!(counter.file instanceof CounterFile)) return -EINVAL;
  return notify(thread, fd, { pid: thread.process.pid, signal: 0, value: 0, counter });
}

function notify(thread: Thread, fd: number, wish: Notification): Outcome {
  const open = openQueue(thread, fd);
  if (typeof open === "number") return open;
  if (open.queue.notification !== undefined) return -EBUSY;
  open.queue.tell(wish);
  return 0;
}

/** mq_notify(3) without a request: the caller's own ends. -EBADF. */
export function ignoreQueue(thread: Thread, fd: number): Outcome {
  const open = openQueue(thread, fd);
  if (typeof open === "number") return open;
  open.queue.ignore(thread.process.pid);
  return 0;
}

/** What mq_getattr(3) tells. `flags` is O_NONBLOCK or 0. */
export interface QueueAttributes extends QueueSize {
  readonly flags: number;
  readonly now: number;
}

/** mq_getattr(3), mq_setattr(3): what they were; `flags`, O_NONBLOCK or 0, are the new ones. -EBADF, -EINVAL. */
export function queueAttributes(thread: Thread, fd: number, flags?: number): QueueAttributes | number {
  if (flags !== undefined && (flags & ~O_NONBLOCK) !== 0) return -EINVAL;
  const open = openQueue(thread, fd);
  if (typeof open === "number") return open;
  const { description, queue } = open;
  const before = { ...queue.size, flags: description.flags & O_NONBLOCK, now: queue.messages.length };
  if (flags !== undefined) description.flags = (description.flags & ~O_NONBLOCK) | flags;
  return before;
}
