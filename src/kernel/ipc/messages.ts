/**
 * Layer: kernel. Queues of System V messages: msgsnd(2), msgrcv(2). It must not know memory of guests.
 */
import { E2BIG, EIDRM, ENOMSG } from "../../abi/errno.ts";
import { MSG_EXCEPT, MSG_NOERROR } from "../../abi/ipc.ts";
import { MESSAGE_QUEUE_BYTES, MESSAGES } from "../../limits.ts";
import type { WaitQueue } from "../../wait/wait-queue.ts";
import type { IpcObject, Ownership } from "./objects.ts";

export interface Message {
  /** Above zero. */
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** What msgrcv(2) asks for. */
export interface MessageWish {
  readonly type: number;
  /** Bytes of text at most. */
  readonly most: number;
  readonly flags: number;
}

/** Messages of all queues of one kernel. */
export interface MessageCount {
  messages: number;
}

export class MessageQueue implements IpcObject {
  readonly owner: Ownership;
  removed = false;
  readonly messages: Message[] = [];
  bytes = 0;
  mostBytes = MESSAGE_QUEUE_BYTES;
  /** Seconds, and who, of the last msgsnd(2) and msgrcv(2). */
  stime = 0;
  rtime = 0;
  lspid = 0;
  lrpid = 0;
  readonly toSend: WaitQueue;
  readonly toReceive: WaitQueue;
  readonly #count: MessageCount;

  constructor(owner: Ownership, count: MessageCount, queue: () => WaitQueue) {
    this.owner = owner;
    this.#count = count;
    this.toSend = queue();
    this.toReceive = queue();
  }

  /** Whether it was taken; -EIDRM. */
  send(message: Message, pid: number, now: number): boolean | number {
    if (this.removed) return -EIDRM;
    const fits = this.bytes + message.bytes.length <= this.mostBytes && this.messages.length < this.mostBytes;
    if (!fits || this.#count.messages >= MESSAGES) return false;
    this.add(message);
    this.lspid = pid;
    this.stime = now;
    this.toReceive.wakeAll();
    return true;
  }

  add(message: Message): void {
    this.messages.push(message);
    this.bytes += message.bytes.length;
    this.#count.messages += 1;
  }

  /** Take what is wished for. -ENOMSG, -E2BIG, -EIDRM. */
  receive(wish: MessageWish, pid: number, now: number): Message | number {
    if (this.removed) return -EIDRM;
    const index = this.#find(wish);
    const message = this.messages[index];
    if (message === undefined) return -ENOMSG;
    if (message.bytes.length > wish.most && (wish.flags & MSG_NOERROR) === 0) return -E2BIG;
    this.messages.splice(index, 1);
    this.bytes -= message.bytes.length;
    this.#count.messages -= 1;
    this.lrpid = pid;
    this.rtime = now;
    this.toSend.wakeAll();
    return message;
  }

  /** Who waits learns that it is gone. */
  clear(): void {
    this.#count.messages -= this.messages.length;
    this.messages.length = 0;
    this.bytes = 0;
    this.toSend.wakeAll();
    this.toReceive.wakeAll();
  }

  #find({ type, flags }: MessageWish): number {
    const { messages } = this;
    if (type === 0) return messages.length > 0 ? 0 : -1;
    if (type > 0) {
      const except = (flags & MSG_EXCEPT) !== 0;
      return messages.findIndex((message) => (message.type === type) !== except);
    }
    let best = -1;
    let lowest = -type + 1;
    messages.forEach((message, index) => {
      if (message.type >= lowest) return;
      lowest = message.type;
      best = index;
    });
    return best;
  }
}
