/**
 * Layer: kernel. All of one kernel's System V objects: the tables, and their state as plain data. It must not know calls.
 */
import { MESSAGE_QUEUES, SEMAPHORE_SETS, SHARED_FILES } from "../../limits.ts";
import type { WallTime } from "../../wait/clock.ts";
import type { OpenDescription } from "../descriptors.ts";
import type { Kernel } from "../kernel.ts";
import type { Process } from "../process.ts";
import type { SharedFile } from "../shared-file.ts";
import { type Message, type MessageCount, MessageQueue } from "./messages.ts";
import { IpcTable, type Ownership } from "./objects.ts";
import { Segment } from "./segments.ts";
import { SemaphoreSet } from "./semaphores.ts";

export interface SegmentState {
  readonly owner: Ownership;
  readonly size: number;
  /** A description by number. */
  readonly content: number;
  readonly cpid: number;
  readonly lpid: number;
  readonly atime: number;
  readonly dtime: number;
}

export interface SemaphoreSetState {
  readonly owner: Ownership;
  readonly values: readonly number[];
  readonly pids: readonly number[];
  readonly otime: number;
}

export interface MessageQueueState {
  readonly owner: Ownership;
  readonly messages: readonly Message[];
  readonly mostBytes: number;
  readonly stime: number;
  readonly rtime: number;
  readonly lspid: number;
  readonly lrpid: number;
}

export interface SystemVState {
  /** Of segments, sets and queues. */
  readonly sequences: readonly number[];
  readonly segments: readonly SegmentState[];
  readonly sets: readonly SemaphoreSetState[];
  readonly queues: readonly MessageQueueState[];
}

export class SystemV implements MessageCount {
  readonly segments = new IpcTable<Segment>(SHARED_FILES);
  readonly sets = new IpcTable<SemaphoreSet>(SEMAPHORE_SETS);
  readonly queues = new IpcTable<MessageQueue>(MESSAGE_QUEUES);
  messages = 0;
  readonly #kernel: Kernel;
  readonly #time: WallTime = { seconds: 0, nanoseconds: 0 };

  constructor(kernel: Kernel) {
    this.#kernel = kernel;
  }

  /** Seconds since the epoch. */
  get now(): number {
    this.#kernel.host.clock.wallTime(this.#time);
    return this.#time.seconds;
  }

  /** Semaphores of all sets. */
  get semaphores(): number {
    let count = 0;
    for (const { values } of this.sets) count += values.length;
    return count;
  }

  /** A process has no part in a shared file any more; `last` when nobody has. */
  parted(process: Process, file: SharedFile, last: boolean): void {
    if (this.segments.count === 0) return;
    for (const segment of this.segments) {
      if (!segment.isOf(file)) continue;
      segment.dtime = this.now;
      segment.lpid = process.pid;
      if (last && segment.doomed) this.removeSegment(segment);
      return;
    }
  }

  removeSegment(segment: Segment): void {
    this.segments.remove(segment);
    segment.content.release();
  }

  queue(owner: Ownership): MessageQueue {
    return new MessageQueue(owner, this, () => this.#kernel.pipes.queue());
  }

  set(owner: Ownership, count: number): SemaphoreSet {
    return new SemaphoreSet(owner, count, this.#kernel.pipes.queue());
  }

  /** Everything as plain data; `numberOf` tells a description's number. */
  state(numberOf: (description: OpenDescription) => number): SystemVState {
    return {
      sequences: [this.segments.sequence, this.sets.sequence, this.queues.sequence],
      segments: [...this.segments].map(({ owner, size, content, cpid, lpid, atime, dtime }) => {
        return { owner: { ...owner }, size, content: numberOf(content), cpid, lpid, atime, dtime };
      }),
      sets: [...this.sets].map(({ owner, values, pids, otime }) => {
        return { owner: { ...owner }, values: [...values], pids: [...pids], otime };
      }),
      queues: [...this.queues].map(({ owner, messages, mostBytes, stime, rtime, lspid, lrpid }) => {
        const copies = messages.map(({ type, bytes }) => ({ type, bytes: bytes.slice() }));
        return { owner: { ...owner }, messages: copies, mostBytes, stime, rtime, lspid, lrpid };
      }),
    };
  }

  /** Take on what `state` told. False where two objects have one number. */
  restore(state: SystemVState, numbered: (description: number) => OpenDescription): boolean {
    const [segments = 0, sets = 0, queues = 0] = state.sequences;
    this.segments.sequence = segments;
    this.sets.sequence = sets;
    this.queues.sequence = queues;
    const ok: boolean[] = [];
    for (const { owner, size, content, cpid, lpid, atime, dtime } of state.segments) {
      const made = new Segment({ ...owner }, size, numbered(content), cpid);
      Object.assign(made, { lpid, atime, dtime });
      ok.push(this.segments.put(made));
    }
    for (const { owner, values, pids, otime } of state.sets) {
      const made = this.set({ ...owner }, 0);
      made.values.push(...values);
      made.pids.push(...pids);
      made.otime = otime;
      ok.push(this.sets.put(made));
    }
    for (const { owner, messages, mostBytes, stime, rtime, lspid, lrpid } of state.queues) {
      const made = this.queue({ ...owner });
      for (const { type, bytes } of messages) made.add({ type, bytes: bytes.slice() });
      Object.assign(made, { mostBytes, stime, rtime, lspid, lrpid });
      ok.push(this.queues.put(made));
    }
    return ok.every((one) => one);
  }
}
