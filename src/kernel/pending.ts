/**
 * Layer: kernel. Blocked calls as plain data, and how each is continued. A record holds its open file and kernel copies
 * of its arguments, never a view, a closure or a descriptor number. It must not know when it is continued.
 */
import { EAGAIN, EBADF, ECHILD, EFAULT, EINTR, ENOMSG, EPIPE, ETIMEDOUT } from "../abi/errno.ts";

import { SIGPIPE } from "../abi/signal.ts";
import { VMIN } from "../abi/termios.ts";
import { TRANSFER_BYTES } from "../limits.ts";
import { sameInode } from "../vfs/mounts.ts";
import type { Timed } from "../wait/deadlines.ts";
import type { Waiter } from "../wait/wait-queue.ts";
import { type ChildSelection, takeChild } from "./children.ts";
import type { CloneWish } from "./cloning.ts";
import { BLOCKED, GONE, type Outcome, RESTART } from "./contracts.ts";
import { handlerWaits, restarts, takeFrom } from "./delivery.ts";
import type { OpenDescription } from "./descriptors.ts";
import type { EpollFile } from "./events/epoll-file.ts";
import { SignalFile } from "./events/signal-file.ts";
import type { FutexWaiter, FutexWord } from "./futexes.ts";
import type { Message, MessageQueue, MessageWish } from "./ipc/messages.ts";
import type { PosixMessage, PosixQueue } from "./ipc/posix-queues.ts";
import { operate, type SemaphoreOperation, type SemaphoreSet } from "./ipc/semaphores.ts";
import { inBackground } from "./job-control.ts";
import type { Kernel } from "./kernel.ts";
import { deadlock, type Lock, remember } from "./locks.ts";
import { attemptTransfer, gather, type PendingTransfer, type Ranges } from "./long-transfers.ts";
import { type OwnedFutex, takeOver } from "./owned-futexes.ts";
import { PipeReadEnd, PipeWriteEnd } from "./pipe.ts";
import type { Process, Thread } from "./process.ts";
import { scan } from "./readiness.ts";
import type { SignalSet } from "./signal-set.ts";
import { TerminalFile } from "./terminal.ts";

/** A message's type, a long, stands before its text. */
export const MESSAGE_TYPE_BYTES = 8;

export interface PendingCall extends Waiter, Timed {
  readonly thread: Thread;
  woken: boolean;
  /** Set when the deadline, not an event, ended the wait. */
  timedOut: boolean;
}

/** A read of a stream. The ranges are guest addresses, checked when the call was made; memory never shrinks. */
export interface PendingRead extends PendingCall {
  readonly kind: "read";
  /** Of a terminal with VTIME it moves with the input. */
  deadlineNs: number;
  readonly description: OpenDescription;
  readonly addresses: readonly number[];
  readonly lengths: readonly number[];
}

/** A write to a stream. `bytes` holds what the guest asked to write and the stream did not take at once, or a part of it. */
export interface PendingWrite extends PendingCall {
  readonly kind: "write";
  readonly description: OpenDescription;
  readonly bytes: Uint8Array;
  /** How many of `bytes` are to be written, and how many of them were since. */
  held: number;
  sent: number;
  /** Bytes the call had written before those. */
  before: number;
  /** All it was asked to write, where more follows. */
  readonly whole: (Ranges & { readonly total: number }) | undefined;
}

/** One descriptor of a poll. The caller owns the object and reads `revents` when the call ended. */
export interface PollItem {
  readonly fd: number;
  readonly events: number;
  revents: number;
}

export interface PendingPoll extends PendingCall {
  readonly kind: "poll";
  readonly items: readonly PollItem[];
  /** What `items[i].fd` meant when the call was made; undefined where it was not open. */
  readonly descriptions: readonly (OpenDescription | undefined)[];
}

export interface PendingSleep extends PendingCall {
  readonly kind: "sleep";
}

/** A call that is finished but whose thread gave way to others. */
export interface PendingYield extends PendingCall {
  readonly kind: "yield";
  readonly outcome: Outcome;
  /** Whether it had used up its time: nobody is entered after it before the host's events have had their turn. */
  readonly busy: boolean;
}

/** A long getrandom: a part each turn. */
export interface PendingRandom extends PendingCall {
  readonly kind: "random";
  readonly address: number;
  readonly length: number;
  filled: number;
}

/** wait4, waitid. */
export interface PendingWait extends PendingCall {
  readonly kind: "wait";
  readonly selection: ChildSelection;
}

/** sigtimedwait. */
export interface PendingSignalWait extends PendingCall {
  readonly kind: "signal wait";
  readonly set: SignalSet;
}

/** futex, futex_waitv: until a wake reaches one of the words. */
export interface PendingFutex extends PendingCall {
  readonly kind: "futex";
  readonly words: FutexWaiter[];
  /** The deadline is a time, not a span: the call may be made again after a handler. */
  readonly absolute: boolean;
}

/** FUTEX_LOCK_PI, FUTEX_WAIT_REQUEUE_PI: until the owner, or its end, hands the futex on. */
export interface PendingOwnedFutex extends PendingCall {
  readonly kind: "owned futex";
  /** undefined as long as `word` is waited for. */
  futex: OwnedFutex | undefined;
  /** FUTEX_WAIT_REQUEUE_PI: what was waited for first, and among whose waiters it stands while there is no futex. */
  word: FutexWaiter | undefined;
  /** The futex's. */
  readonly target: FutexWord;
  /** Address of the word in the caller's memory. */
  readonly at: number;
  /** "orphaned": the owner died, and the word does not say yet whose it is. */
  granted: "no" | "yes" | "orphaned";
}

/** semtimedop(2): woken at each change of the set. */
export interface PendingSemaphores extends PendingCall {
  readonly kind: "semaphores";
  readonly set: SemaphoreSet;
  readonly operations: readonly SemaphoreOperation[];
  /** Index of the operation that must wait. */
  blockedBy: number;
}

/** msgsnd(2). */
export interface PendingSend extends PendingCall {
  readonly kind: "send message";
  readonly queue: MessageQueue;
  readonly message: Message;
}

/** msgrcv(2): type and text go to `address`, checked when the call was made. */
export interface PendingReceive extends PendingCall {
  readonly kind: "receive message";
  readonly queue: MessageQueue;
  readonly wish: MessageWish;
  readonly address: number;
}

/** mq_timedsend: until somebody takes a message. */
export interface PendingQueueSend extends PendingCall {
  readonly kind: "queue send";
  readonly description: OpenDescription;
  readonly queue: PosixQueue;
  readonly message: PosixMessage;
  sent: boolean;
}

/** mq_timedreceive: until a message is handed over. */
export interface PendingQueueReceive extends PendingCall {
  readonly kind: "queue receive";
  readonly description: OpenDescription;
  readonly queue: PosixQueue;
  readonly address: number;
  /** 0: nobody asks. */
  readonly priorityAt: number;
  message: PosixMessage | undefined;
}

/** epoll_wait: events go to `thread.events`. */
export interface PendingEpoll extends PendingCall {
  readonly kind: "epoll";
  readonly description: OpenDescription;
  readonly epoll: EpollFile;
  readonly most: number;
}

/** pause and sigsuspend: only a handler ends it. */
export interface PendingPause extends PendingCall {
  readonly kind: "pause";
}

/** fork, while the engine takes the stack down. `unwound` once it is: then the process is copied, once. */
export interface PendingFork extends PendingCall {
  readonly kind: "fork";
  readonly wish: CloneWish;
  unwound: boolean;
}

/** What fresh memory at [address, address + length) is to hold: `done` bytes of it do. */
export interface Fill {
  readonly address: number;
  readonly length: number;
  done: number;
  /** Read from here at `position`, as far as the file goes. */
  readonly description: OpenDescription | undefined;
  readonly position: number;
  /** Else `copied` bytes come from `from` in the same memory. Everything after is zero. */
  readonly from: number;
  readonly copied: number;
}

/** A mapping being filled: a part each turn. */
export interface PendingFill extends PendingCall, Fill {
  readonly kind: "fill";
  done: number;
  readonly result: number;
}

/** open of a FIFO without a partner: the end is open already, and waits for one that comes. */
export interface PendingOpen extends PendingCall {
  readonly kind: "open";
  readonly description: OpenDescription;
  readonly closeOnExec: boolean;
  /** Partners seen when it was opened. */
  readonly seen: number;
}

/** flock, F_SETLKW: others hold what stands in the way. */
export interface PendingLock extends PendingCall {
  readonly kind: "lock";
  readonly description: OpenDescription;
  readonly lock: Lock;
}

/** A call that is made again once its file is ready for any of `events`. */
export interface PendingAgain extends PendingCall {
  readonly kind: "again";
  readonly description: OpenDescription;
  readonly events: number;
}

export type Pending =
  | PendingAgain
  | PendingLock
  | PendingOpen
  | PendingFill
  | PendingTransfer
  | PendingRead
  | PendingWrite
  | PendingPoll
  | PendingSleep
  | PendingYield
  | PendingRandom
  | PendingWait
  | PendingSignalWait
  | PendingPause
  | PendingFutex
  | PendingOwnedFutex
  | PendingSemaphores
  | PendingEpoll
  | PendingSend
  | PendingReceive
  | PendingQueueSend
  | PendingQueueReceive
  | PendingFork;

/** Whether a signal may end such a call before its time. */
export function interruptible({ kind }: Pending): boolean {
  return kind !== "yield" && kind !== "random" && kind !== "fill" && kind !== "transfer" && kind !== "fork";
}

/** The part every record starts with. */
export function parked(thread: Thread, deadlineNs = Infinity) {
  return { thread, deadlineNs, heapIndex: -1, woken: false, timedOut: false, queues: thread.queues };
}

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
