/**
 * Layer: syscalls. POSIX message queues: mq_open, mq_unlink, mq_timedsend, mq_timedreceive, mq_notify, mq_getsetattr. A name
 * comes without the slash the C library takes off.
 */
import { EFAULT, EINVAL } from "../abi/errno.ts";
import * as abi from "../abi/mqueue.ts";
import type { Outcome } from "../kernel/contracts.ts";
import type { QueueSize } from "../kernel/ipc/posix-queues.ts";
import {
  ignoreQueue,
  maySend,
  notifyByCounter,
  notifyOfQueue,
  openNamedQueue,
  queueAttributes,
  receiveFromQueue,
  sendToQueue,
  unlinkQueue,
} from "../kernel/operations/posix-queues.ts";
import type { Thread } from "../kernel/process.ts";
import type { WallTime } from "../wait/clock.ts";
import { deadlineAt, pathAt, timespecAt } from "./call.ts";

/** Good until the end of one call. */
const time: WallTime = { seconds: 0, nanoseconds: 0 };

export function sys_mq_open(thread: Thread, nameAt: number, flags: number, mode: number, sizeAt: number): Outcome {
  const { process } = thread;
  const { memory } = process;
  const at = sizeAt >>> 0;
  let size: QueueSize | undefined;
  if (at !== 0) {
    if (!memory.contains(at, abi.MQ_ATTR_BYTES)) return -EFAULT;
    size = { messages: memory.i64(at + 8), bytes: memory.i64(at + 16) };
  }
  const name = pathAt(process, nameAt);
  return typeof name === "number" ? name : openNamedQueue(thread, name, flags, mode, size);
}

export function sys_mq_unlink(thread: Thread, nameAt: number): Outcome {
  const name = pathAt(thread.process, nameAt);
  return typeof name === "number" ? name : unlinkQueue(thread, name);
}

/** Monotonic nanoseconds; -EFAULT, -EINVAL. Asked first of all, also where nothing is waited for. */
function deadlineOf(thread: Thread, timeoutAt: number): number {
  if (timeoutAt === 0) return Infinity;
  const error = timespecAt(thread.process, timeoutAt, time);
  if (error < 0) return error;
  return time.seconds < 0 ? -EINVAL : Math.max(0, deadlineAt(thread, time));
}

export function sys_mq_timedsend(
  thread: Thread,
  fd: number,
  textAt: number,
  length: number,
  priority: number,
  timeoutAt: number,
): Outcome {
  const { memory } = thread.process;
  const deadline = deadlineOf(thread, timeoutAt >>> 0);
  if (deadline < 0) return deadline;
  const [at, bytes] = [textAt >>> 0, length >>> 0];
  const wrong = maySend(thread, fd, bytes, priority >>> 0);
  if (wrong < 0) return wrong;
  if (!memory.contains(at, bytes)) return -EFAULT;
  return sendToQueue(thread, fd, memory.bytes.slice(at, at + bytes), priority >>> 0, deadline);
}

export function sys_mq_timedreceive(
  thread: Thread,
  fd: number,
  textAt: number,
  length: number,
  priorityAt: number,
  timeoutAt: number,
): Outcome {
  const deadline = deadlineOf(thread, timeoutAt >>> 0);
  if (deadline < 0) return deadline;
  return receiveFromQueue(thread, fd, textAt >>> 0, length >>> 0, priorityAt >>> 0, deadline);
}

/** mq_notify(3). Deviation: SIGEV_THREAD names an event counter where Linux wants a socket of AF_NETLINK (decision 44). */
export function sys_mq_notify(thread: Thread, fd: number, eventAt: number): Outcome {
  const { memory } = thread.process;
  const at = eventAt >>> 0;
  if (at === 0) return ignoreQueue(thread, fd);
  if (!memory.contains(at, abi.SIGEVENT_BYTES)) return -EFAULT;
  const { view } = memory;
  switch (view.getInt32(at + 8, true)) {
    case abi.SIGEV_NONE:
      return notifyOfQueue(thread, fd, 0, 0);
    case abi.SIGEV_SIGNAL:
      return notifyOfQueue(thread, fd, view.getInt32(at + 4, true), view.getInt32(at, true));
    case abi.SIGEV_THREAD:
      return notifyByCounter(thread, fd, view.getInt32(at + 4, true));
    default:
      return -EINVAL;
  }
}

export function sys_mq_getsetattr(thread: Thread, fd: number, newAt: number, oldAt: number): Outcome {
  const { memory } = thread.process;
  const [from, to] = [newAt >>> 0, oldAt >>> 0];
  let flags: number | undefined;
  if (from !== 0) {
    if (!memory.contains(from, abi.MQ_ATTR_BYTES)) return -EFAULT;
    const wanted = memory.i64(from);
    flags = Number.isSafeInteger(wanted) && wanted >= 0 && wanted <= 0x7fff_ffff ? wanted : -1;
  }
  const before = queueAttributes(thread, fd, flags);
  if (typeof before === "number") return before;
  if (to === 0) return 0;
  if (!memory.contains(to, abi.MQ_ATTR_BYTES)) return -EFAULT;
  memory.bytes.fill(0, to, to + abi.MQ_ATTR_BYTES);
  [before.flags, before.messages, before.bytes, before.now].forEach((value, i) => {
    memory.putU64(to + i * 8, value);
  });
  return 0;
}
