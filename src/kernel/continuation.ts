/**
 * Layer: kernel. How each blocked call is continued: tried again when it was woken, or ended by a signal's handler. It must
 * not know when (scheduler.ts), nor leave anything that lasts but the records (pending.ts).
 */
import { EAGAIN, EBADF, ECHILD, EFAULT, EINTR, ENOMSG, EPIPE, ETIMEDOUT } from "../abi/errno.ts";
import { SIGPIPE } from "../abi/signal.ts";
import { VMIN } from "../abi/termios.ts";
import { TRANSFER_BYTES } from "../limits.ts";
import { sameInode } from "../vfs/mounts.ts";
import { takeChild } from "./children.ts";
import { BLOCKED, GONE, type Outcome, RESTART } from "./contracts.ts";
import { handlerWaits, restarts, takeFrom } from "./delivery.ts";
import { SignalFile } from "./events/signal-file.ts";
import type { PosixMessage } from "./ipc/posix-queues.ts";
import { operate } from "./ipc/semaphores.ts";
import { inBackground } from "./job-control.ts";
import type { Kernel } from "./kernel.ts";
import { deadlock, remember } from "./locks.ts";
import { attemptTransfer, gather } from "./long-transfers.ts";
import { takeOver } from "./owned-futexes.ts";
import {
  interruptible,
  type Pending,
  type PendingEpoll,
  type PendingFill,
  type PendingLock,
  type PendingOpen,
  type PendingRandom,
  type PendingRead,
  type PendingReceive,
  type PendingSend,
  type PendingSignalWait,
  type PendingWait,
  type PendingWrite,
} from "./pending.ts";
import { PipeReadEnd, PipeWriteEnd } from "./pipe.ts";
import type { Process, Thread } from "./process.ts";
import { scan } from "./readiness.ts";
import { TerminalFile } from "./terminal.ts";

/** A message's type, a long, stands before its text. */
const MESSAGE_TYPE_BYTES = 8;

/**
 * Try a woken call again. BLOCKED when it was woken in vain and is parked once more, GONE when the try ended its thread
 * (SIGPIPE), else the outcome. Only the scheduler calls this.
 */
export function continuePending(kernel: Kernel, thread: Thread): Outcome {
  const pending = thread.pending;
  if (pending === undefined) return GONE;
  let outcome = attempt(kernel, pending);
  if (outcome === BLOCKED && interruptible(pending) && handlerWaits(thread)) outcome = interruption(pending);
  if (outcome !== BLOCKED) {
    if (thread.pending === pending) {
      kernel.scheduler.unpark(pending);
      thread.pending = undefined;
      thread.ended = pending.kind === "poll" || pending.kind === "sleep" ? pending : undefined;
    }
    return thread.killed ? GONE : outcome;
  }
  kernel.scheduler.repark(pending);
  return BLOCKED;
}

function attempt(kernel: Kernel, pending: Pending): Outcome {
  switch (pending.kind) {
    case "open":
      return attemptOpen(pending);
    case "lock":
      return attemptLock(pending);
    case "again":
      return (pending.description.file.readiness() & pending.events) !== 0 ? RESTART : BLOCKED;
    case "read":
      if (pending.description.file instanceof SignalFile) return attemptSignals(pending, pending.description.file);
      return pending.description.file instanceof TerminalFile
        ? attemptTerminal(kernel, pending, pending.description.file)
        : attemptRead(pending);
    case "write":
      return attemptWrite(kernel, pending);
    case "poll": {
      const ready = scan(pending.items, pending.descriptions, pending.thread);
      return ready > 0 || pending.timedOut ? ready : BLOCKED;
    }
    case "sleep":
      return pending.timedOut ? 0 : BLOCKED;
    case "yield":
      return pending.outcome;
    case "random":
      return attemptRandom(kernel, pending);
    case "fill":
      return attemptFill(pending);
    case "transfer":
      return attemptTransfer(pending);
    case "wait":
      return attemptWait(pending);
    case "signal wait":
      return attemptSignalWait(pending);
    case "pause":
      return BLOCKED;
    case "futex": {
      // Of several words the last that was woken, as Linux counts them.
      const { words } = pending;
      let woken = words.length - 1;
      while (woken >= 0 && words[woken]?.released !== true) woken -= 1;
      if (woken >= 0) return woken;
      return pending.timedOut ? -ETIMEDOUT : BLOCKED;
    }
    case "owned futex":
      if (pending.granted === "no") return pending.timedOut ? -ETIMEDOUT : BLOCKED;
      takeOver(pending);
      return 0;
    case "epoll":
      return attemptEpoll(pending);
    case "semaphores": {
      const { set, operations, thread } = pending;
      const tried = operate(set, operations, thread.process, kernel.systemV.now);
      pending.blockedBy = tried.blockedBy;
      return tried.outcome === BLOCKED && pending.timedOut ? -EAGAIN : tried.outcome;
    }
    case "send message":
      return attemptSend(pending);
    case "receive message":
      return attemptReceive(pending);
    case "queue send":
      if (pending.sent) return 0;
      return pending.timedOut ? -ETIMEDOUT : BLOCKED;
    case "queue receive":
      if (pending.message !== undefined) {
        return receivedMessage(pending.thread.process, pending.message, pending.address, pending.priorityAt);
      }
      return pending.timedOut ? -ETIMEDOUT : BLOCKED;
    case "fork":
      return pending.unwound ? kernel.forkNow(pending.thread, pending.wish) : BLOCKED;
  }
}

/** How many events there are now; 0 when the time is over. */
export function attemptEpoll({ thread, epoll, most, timedOut }: PendingEpoll): Outcome {
  const events = epoll.harvest(most);
  if (events.length === 0) return timedOut ? 0 : BLOCKED;
  thread.events = events;
  return events.length;
}

/** 0, BLOCKED while the queue is full, -EIDRM. */
export function attemptSend({ thread, queue, message }: PendingSend): Outcome {
  const { pid, kernel } = thread.process;
  const sent = queue.send(message, pid, kernel.systemV.now);
  if (typeof sent === "number") return sent;
  return sent ? 0 : BLOCKED;
}

/** Bytes of text, BLOCKED while there is no such message, -E2BIG, -EIDRM, -EFAULT. */
export function attemptReceive({ thread, queue, wish, address }: PendingReceive): Outcome {
  const { pid, kernel, memory } = thread.process;
  if (!memory.contains(address, MESSAGE_TYPE_BYTES + wish.most)) return -EFAULT;
  const message = queue.receive(wish, pid, kernel.systemV.now);
  if (message === -ENOMSG) return BLOCKED;
  if (typeof message === "number") return message;
  const length = Math.min(message.bytes.length, wish.most);
  memory.putU64(address, message.type);
  memory.bytes.set(message.bytes.subarray(0, length), address + MESSAGE_TYPE_BYTES);
  return length;
}

/** The clock is read after a copy of as many bytes. */
const LONG_MESSAGE = 65_536;

/** A message of a POSIX queue goes to its receiver: its bytes, -EFAULT. */
export function receivedMessage(
  { memory, kernel }: Process,
  { bytes, priority }: PosixMessage,
  address: number,
  priorityAt: number,
): Outcome {
  if (!memory.contains(address, bytes.length) || (priorityAt !== 0 && !memory.contains(priorityAt, 4))) return -EFAULT;
  memory.bytes.set(bytes, address);
  if (bytes.length >= LONG_MESSAGE) kernel.scheduler.laboured();
  if (priorityAt !== 0) memory.view.setUint32(priorityAt, priority, true);
  return bytes.length;
}

/** Fill one part. BLOCKED while there is more; what the file answers when it cannot be read: the mapping is gone then. */
export function attemptFill(pending: PendingFill): Outcome {
  const { process } = pending.thread;
  const { address, length, description, position, from, copied } = pending;
  if (!process.memory.contains(address, length)) return -EFAULT;
  const { bytes } = process.memory;
  const start = address + pending.done;
  const part = Math.min(length - pending.done, TRANSFER_BYTES);
  let filled = 0;
  if (description !== undefined) {
    filled = description.file.read(position + pending.done, bytes, start, part);
    if (filled < 0) {
      process.space.unmap(address, length);
      return filled;
    }
  } else if (pending.done < copied) {
    filled = Math.min(part, copied - pending.done);
    bytes.copyWithin(start, from + pending.done, from + pending.done + filled);
  }
  bytes.fill(0, start + filled, start + part);
  pending.done += part;
  return pending.done === length ? pending.result : BLOCKED;
}

/** What a call answers that a handler ends: what it has done, a second try where SA_RESTART asks for it, or EINTR. */
function interruption(pending: Pending): Outcome {
  switch (pending.kind) {
    case "write": {
      const written = pending.before + pending.sent;
      if (written > 0) return written;
      break;
    }
    case "futex":
      if (pending.deadlineNs !== Infinity && !pending.absolute) return -EINTR;
      break;
    case "owned futex":
      // Who was moved would find its first word changed.
      return pending.word === undefined || pending.futex === undefined ? RESTART : -EAGAIN;
    case "again":
    case "open":
    case "lock":
    case "queue send":
    case "queue receive":
    case "read":
    case "wait":
      break;
    default:
      return -EINTR;
  }
  return restarts(pending.thread) ? RESTART : -EINTR;
}

function attemptLock({ thread, description, lock }: PendingLock): Outcome {
  const { kernel, descriptors } = thread.process;
  const { inode } = description.file;
  // Nobody could give it up any more: another thread closed the file meanwhile.
  const open =
    lock.kind !== "process" || [...descriptors].some(([, one]) => sameInode(one.description.file.inode, inode));
  if (!open) return -EBADF;
  const outcome = kernel.locks.take(inode, lock);
  if (outcome === 0) remember(kernel.locks, lock);
  if (outcome !== -EAGAIN) return outcome;
  // Another stands in the way than when it began to wait, and that one may wait for this.
  return (lock.kind === "process" && deadlock(kernel.locks, inode, lock)) || BLOCKED;
}

function attemptOpen({ thread, description, closeOnExec, seen }: PendingOpen): Outcome {
  const { file } = description;
  if (file instanceof PipeReadEnd && file.pipe.writersSeen === seen) return BLOCKED;
  if (file instanceof PipeWriteEnd && file.pipe.readersSeen === seen) return BLOCKED;
  return thread.process.descriptors.install(description, closeOnExec);
}

function attemptWait(pending: PendingWait): Outcome {
  const { thread } = pending;
  const found = takeChild(thread.process, pending.selection);
  if (found === "none") return BLOCKED;
  if (found === "no child") return -ECHILD;
  thread.child = found;
  return found.pid;
}

function attemptSignalWait(pending: PendingSignalWait): Outcome {
  const { thread } = pending;
  thread.caught = takeFrom(thread, pending.set);
  if (thread.caught !== undefined) return thread.caught.signal;
  return pending.timedOut ? -EAGAIN : BLOCKED;
}

function attemptRandom(kernel: Kernel, pending: PendingRandom): Outcome {
  const { memory } = pending.thread.process;
  if (!memory.contains(pending.address, pending.length)) return -EFAULT;
  const part = Math.min(pending.length - pending.filled, TRANSFER_BYTES);
  kernel.host.random(memory.bytes, pending.address + pending.filled, part);
  kernel.scheduler.laboured();
  pending.filled += part;
  return pending.filled === pending.length ? pending.length : BLOCKED;
}

function attemptRead(pending: PendingRead): Outcome {
  const bytes = pending.thread.process.memory.bytes;
  const { addresses, lengths } = pending;
  let total = 0;
  for (let i = 0; i < addresses.length; i++) {
    const address = addresses[i] ?? 0;
    const length = lengths[i] ?? 0;
    if (length === 0) continue;
    if (address + length > bytes.length) return total > 0 ? total : -EFAULT;
    const moved = pending.description.file.read(0, bytes, address, length);
    if (moved < 0) {
      if (total > 0) return total;
      return moved === -EAGAIN ? BLOCKED : moved;
    }
    total += moved;
    if (moved < length) break;
  }
  return total;
}

/** Records go to the first range alone. */
function attemptSignals({ thread, addresses, lengths }: PendingRead, file: SignalFile): Outcome {
  const { memory } = thread.process;
  const [address = 0] = addresses;
  const [length = 0] = lengths;
  if (!memory.contains(address, length)) return -EFAULT;
  const moved = file.readFor(thread, memory.bytes, address, length);
  return moved === -EAGAIN ? BLOCKED : moved;
}

/** Who was moved to the background meanwhile makes the call again, which finds that out. */
function attemptTerminal(kernel: Kernel, pending: PendingRead, file: TerminalFile): Outcome {
  const { terminal } = file;
  if (inBackground(pending.thread.process, terminal)) return RESTART;
  const outcome = attemptRead(pending);
  if (outcome !== BLOCKED) return outcome;
  if (pending.timedOut) {
    pending.timedOut = false;
    const [address = 0] = pending.addresses;
    const [length = 0] = pending.lengths;
    const moved = file.readNow(pending.thread.process.memory.bytes, address, length);
    if (moved !== -EAGAIN) return moved;
    if (terminal.settings.characters[VMIN] === 0) return 0;
  }
  if (terminal.settings.characters[VMIN] !== 0) kernel.scheduler.postpone(pending, terminal.readDeadline());
  return BLOCKED;
}

function attemptWrite(kernel: Kernel, pending: PendingWrite): Outcome {
  const { bytes } = pending;
  while (pending.sent < pending.held || refill(pending)) {
    const moved = pending.description.file.write(0, bytes, pending.sent, pending.held - pending.sent);
    if (moved === -EAGAIN || moved === 0) return BLOCKED;
    if (moved < 0) {
      if (moved === -EPIPE) kernel.signal(pending.thread.process, SIGPIPE);
      const written = pending.before + pending.sent;
      return written > 0 ? written : moved;
    }
    pending.sent += moved;
  }
  return pending.before + pending.sent;
}

/** Take over the next part of what is to be written. False where there is none. */
function refill(pending: PendingWrite): boolean {
  const { whole, bytes, thread } = pending;
  pending.before += pending.sent;
  pending.sent = 0;
  pending.held = 0;
  if (whole === undefined) return false;
  const { addresses, lengths, total } = whole;
  const most = Math.min(bytes.length, total - pending.before);
  const vector = { addresses, lengths, count: addresses.length };
  pending.held = gather(thread.process.memory.bytes, vector, pending.before, bytes, most);
  return pending.held > 0;
}
