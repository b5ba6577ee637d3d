/**
 * Layer: kernel. POSIX message queues: mq_overview(7). A message goes straight to who waits for one, and who waits for room is
 * let in by who makes some, so that both are served in the order they came. It must not know memory of guests.
 */
import { EACCES, EINVAL, EMFILE, ENAMETOOLONG, ENOENT, ENOSPC } from "../../abi/errno.ts";
import { MESSAGE_OVERHEAD, MQ_PRIO_MAX, PRIORITY_OVERHEAD } from "../../abi/mqueue.ts";
import { POLLIN, POLLOUT } from "../../abi/poll.ts";
import { SI_MESGQ } from "../../abi/signal.ts";
import { S_IFREG } from "../../abi/stat.ts";
import { POSIX_QUEUE_BYTES, POSIX_QUEUES } from "../../limits.ts";
import type { Owner } from "../../vfs/contracts.ts";
import type { WaitQueue } from "../../wait/wait-queue.ts";
import type { OpenDescription } from "../descriptors.ts";
import { CounterFile } from "../events/counter-file.ts";
import type { Kernel } from "../kernel.ts";
import type { PendingQueueReceive, PendingQueueSend } from "../pending.ts";
import { StreamFile, type StreamInode } from "../pipefs.ts";
import type { Process } from "../process.ts";

export interface PosixMessage {
  /** 0 to MQ_PRIO_MAX - 1: the highest is received first. */
  readonly priority: number;
  readonly bytes: Uint8Array;
}

/** How many messages a queue holds, and bytes each. */
export interface QueueSize {
  readonly messages: number;
  readonly bytes: number;
}

/** Who is told once of a message that comes to an empty queue: mq_notify(3). */
export interface Notification {
  readonly pid: number;
  /** 0: nothing is sent. */
  readonly signal: number;
  readonly value: number;
  /** An event counter that is told instead: MESSAGE_CAME or NOTHING_COMES is added, once. It is held open until then. */
  readonly counter?: OpenDescription | undefined;
}

/** What a thread of the C library reads from its counter (libc/overlay/src/mq/mq_notify.c). */
const MESSAGE_CAME = 1n;
const NOTHING_COMES = 2n;

export interface NotificationState {
  readonly pid: number;
  readonly signal: number;
  readonly value: number;
  /** A description by number. */
  readonly counter: number | undefined;
}

export interface PosixQueueState {
  readonly name: string | undefined;
  readonly size: QueueSize;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly messages: readonly PosixMessage[];
  readonly notification: NotificationState | undefined;
}

const NAME_BYTES = 255;

export class PosixQueue {
  readonly inode: StreamInode;
  readonly size: QueueSize;
  /** undefined once it was unlinked. */
  name: string | undefined;
  #notification: Notification | undefined = undefined;
  /** Open file descriptions of it. */
  files = 0;
  /** Whoever polls. */
  readonly ready: WaitQueue;
  readonly receivers = new Set<PendingQueueReceive>();
  readonly senders = new Set<PendingQueueSend>();
  /** The next to be received is the last. */
  readonly messages: PosixMessage[] = [];
  readonly #kernel: Kernel;

  constructor(kernel: Kernel, name: string | undefined, size: QueueSize, mode: number, owner: Owner) {
    this.#kernel = kernel;
    this.name = name;
    this.size = size;
    this.inode = kernel.pipes.inode(S_IFREG, mode, 0, owner);
    this.inode.label = name === undefined ? "anon_inode:[mqueue]" : `/${name}`;
    this.ready = kernel.pipes.queue();
  }

  get full(): boolean {
    return this.messages.length >= this.size.messages;
  }

  /** What it may hold, with what the kernel keeps beside each message. */
  get reserved(): number {
    return reservation(this.size);
  }

  get notification(): Notification | undefined {
    return this.#notification;
  }

  /** Tell this one from now on; nobody else may have wished it. */
  tell(wish: Notification): void {
    this.#notification = wish;
    wish.counter?.acquire();
  }

  /** The wish of a process ends. */
  ignore(pid: number): void {
    if (this.#notification?.pid === pid) this.#settle(NOTHING_COMES);
  }

  /** There is no wish from now on; a counter learns why. */
  #settle(why: bigint): void {
    const counter = this.#notification?.counter;
    this.#notification = undefined;
    if (counter?.file instanceof CounterFile) counter.file.add(why);
    counter?.release();
  }

  /** Give a message to who waits longest, or keep it: there must be room. Whoever wanted to be told of one is. */
  put(message: PosixMessage, from: Process): void {
    const [receiver] = this.receivers;
    if (receiver !== undefined) {
      this.receivers.delete(receiver);
      receiver.message = message;
      this.#kernel.scheduler.interrupt(receiver);
      return;
    }
    this.#insert(message);
    if (this.messages.length === 1) this.#notify(from);
  }

  /** The next message; who waits longest for room has it. */
  take(): PosixMessage | undefined {
    const message = this.messages.pop();
    if (message === undefined) return undefined;
    const [sender] = this.senders;
    if (sender === undefined) this.ready.wakeAll();
    else {
      this.senders.delete(sender);
      sender.sent = true;
      this.#insert(sender.message);
      this.#kernel.scheduler.interrupt(sender);
    }
    return message;
  }

  #insert(message: PosixMessage): void {
    const { messages } = this;
    let [low, high] = [0, messages.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((messages[middle]?.priority ?? 0) < message.priority) low = middle + 1;
      else high = middle;
    }
    messages.splice(low, 0, message);
    this.ready.wakeAll();
  }

  #notify(from: Process): void {
    const notification = this.#notification;
    this.#settle(MESSAGE_CAME);
    const target = notification === undefined ? undefined : this.#kernel.process(notification.pid);
    if (notification === undefined || target === undefined || notification.signal === 0) return;
    const { signal, value } = notification;
    const { pid, userIdentity } = from;
    this.#kernel.signal(target, signal, { signal, code: SI_MESGQ, pid, uid: userIdentity.real, value, status: 0 });
  }
}

/** An open queue. */
export class QueueFile extends StreamFile {
  readonly queue: PosixQueue;
  readonly #queues: PosixQueues;

  constructor(queues: PosixQueues, queue: PosixQueue) {
    super(queue.inode, queue.ready);
    this.queue = queue;
    this.#queues = queues;
    queue.files += 1;
  }

  override read(): number {
    return -EINVAL;
  }

  override write(): number {
    return -EINVAL;
  }

  override readiness(): number {
    const { messages, full } = this.queue;
    return (messages.length > 0 ? POLLIN : 0) | (full ? 0 : POLLOUT);
  }

  override available(): number {
    return 0;
  }

  /** Closing any descriptor of it ends a process's wish to be told. */
  flush(pid: number): void {
    this.queue.ignore(pid);
  }

  override close(): void {
    this.queue.files -= 1;
    this.#queues.forget(this.queue);
  }
}

/** All of one kernel's POSIX queues: those with a name, and those somebody still has open. */
export class PosixQueues {
  readonly #kernel: Kernel;
  readonly #named = new Map<string, PosixQueue>();
  readonly #all = new Set<PosixQueue>();

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  get count(): number {
    return this.#all.size;
  }

  get(name: string): PosixQueue | undefined {
    return this.#named.get(name);
  }

  /** A new queue. -ENOSPC, -EMFILE where it could hold more than there is room for. `most`: bytes of its user's queues. */
  make(name: string, size: QueueSize, mode: number, owner: Owner, most: number): PosixQueue | number {
    if (this.#all.size >= POSIX_QUEUES) return -ENOSPC;
    let [own, all] = [reservation(size), reservation(size)];
    for (const { reserved, inode } of this.#all) {
      all += reserved;
      if (inode.uid === owner.uid) own += reserved;
    }
    if (own > most || all > POSIX_QUEUE_BYTES) return -EMFILE;
    return this.#add(new PosixQueue(this.#kernel, name, size, mode, owner));
  }

  /** Its name is free again; it stays as long as somebody has it open. */
  unlink(queue: PosixQueue): void {
    if (queue.name !== undefined) this.#named.delete(queue.name);
    queue.name = undefined;
    this.forget(queue);
  }

  /** Nobody can reach it any more, perhaps. */
  forget(queue: PosixQueue): void {
    if (queue.files === 0 && queue.name === undefined) this.#all.delete(queue);
  }

  #add(queue: PosixQueue): PosixQueue {
    this.#all.add(queue);
    if (queue.name !== undefined) this.#named.set(queue.name, queue);
    return queue;
  }

  /** Its place in what `state` tells. */
  indexOf(queue: PosixQueue): number {
    return [...this.#all].indexOf(queue);
  }

  at(index: number): PosixQueue | undefined {
    return [...this.#all][index];
  }

  state(numberOf: (description: OpenDescription) => number): PosixQueueState[] {
    return [...this.#all].map(({ name, size, inode: { mode, uid, gid }, messages, notification: wish }) => {
      const copies = messages.map(({ priority, bytes }) => ({ priority, bytes: bytes.slice() }));
      const counter = wish?.counter === undefined ? undefined : numberOf(wish.counter);
      const notification = wish === undefined ? undefined : { ...wish, counter };
      return { name, size: { ...size }, mode, uid, gid, messages: copies, notification };
    });
  }

  /** Take on what `state` told but for wishes to be told, before anybody has any of them open. False where that cannot be. */
  restore(states: readonly PosixQueueState[]): boolean {
    return states.every(({ name, size, mode, uid, gid, messages }) => {
      if (name !== undefined && (queueName(name) < 0 || this.#named.has(name))) return false;
      if (messages.length > size.messages || messages.some(({ bytes }) => bytes.length > size.bytes)) return false;
      const queue = this.#add(new PosixQueue(this.#kernel, name, { ...size }, mode, { uid, gid }));
      queue.messages.push(...messages.map(({ priority, bytes }) => ({ priority, bytes: bytes.slice() })));
      return true;
    });
  }

  /** The wishes `state` told of, in the same order. False where a counter is none. */
  restoreWishes(states: readonly PosixQueueState[], numbered: (index: number) => OpenDescription): boolean {
    return [...this.#all].every((queue, index) => {
      const wish = states[index]?.notification;
      if (wish === undefined) return true;
      const counter = wish.counter === undefined ? undefined : numbered(wish.counter);
      queue.tell({ ...wish, counter });
      return counter === undefined || counter.file instanceof CounterFile;
    });
  }
}

/** 0, or why a queue cannot be called so: -ENOENT, -EACCES, -ENAMETOOLONG. */
export function queueName(name: string): number {
  if (name === "") return -ENOENT;
  if (name === "." || name === ".." || name.includes("/")) return -EACCES;
  return name.length > NAME_BYTES ? -ENAMETOOLONG : 0;
}

function reservation({ messages, bytes }: QueueSize): number {
  return messages * (bytes + MESSAGE_OVERHEAD) + Math.min(messages, MQ_PRIO_MAX) * PRIORITY_OVERHEAD;
}
