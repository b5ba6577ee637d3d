/**
 * Layer: kernel. Who runs next: woken threads, deadlines, and giving way. It enters guests, and nothing else does. It
 * must not know what a call does.
 *
 * Synchronous answers never return to the host's event loop, and neither do threads that only wake each other. So time
 * is counted from the last turn of that loop (`#turn`), whoever ran since; past YIELD_NS the loop has its turn first.
 */
import { EPOLLEXCLUSIVE } from "../abi/epoll.ts";
import { RLIMIT_CPU } from "../abi/resource.ts";
import { SIGKILL, SIGXCPU } from "../abi/signal.ts";
import { YIELD_NS } from "../limits.ts";
import { Deadlines } from "../wait/deadlines.ts";
import { type Claim, leaveQueues, type Waiter, type WakeSink } from "../wait/wait-queue.ts";
import { continuePending } from "./continuation.ts";
import { BLOCKED, type Countdown, GONE, type Host, type Outcome } from "./contracts.ts";
import type { OpenDescription } from "./descriptors.ts";
import type { Watch } from "./events/epoll-file.ts";
import type { FileTimer } from "./events/timer-file.ts";
import { leaveWords, standAt } from "./futexes.ts";
import type { Kernel } from "./kernel.ts";
import { leaveOwned, standAtOwned } from "./owned-futexes.ts";
import { interruptible, type Pending, type PendingRead, parked } from "./pending.ts";
import type { Process, Thread } from "./process.ts";
import { fire, type Timer } from "./timers.ts";

/** A call that moves as many bytes is a long one. */
export const LONG_CALL_BYTES = 65_536;
/** Guests entered in one dispatch at most; the rest wait for the next. */
const DISPATCH_ENTRIES = 64;
/** The clock is read once in this many calls, and in this many entries. */
const CALLS_PER_LOOK = 64;
const ENTRIES_PER_LOOK = 8;
const NS = 1e9;

/** Something dispatch has to do: enter a program, end one, or continue a parked call. */
export type Ready =
  | { readonly kind: "start"; readonly process: Process }
  | { readonly kind: "end"; readonly process: Process }
  | { readonly kind: "thread"; readonly thread: Thread }
  | Pending;

type Scheduled = "no" | "soon" | "past events";

export class Scheduler implements WakeSink {
  readonly #kernel: Kernel;
  readonly #host: Host;
  readonly #deadlines = new Deadlines<Pending | Timer | FileTimer>();
  #ready: Ready[] = [];
  /** Index of the first of `#ready` not yet taken. */
  #next = 0;
  #scheduled: Scheduled = "no";
  #dispatching = false;
  /** Calls until the clock is read again: whoever makes one takes it off. */
  readonly countdown: Countdown;
  /** Bytes of blocked calls: see WAITING_BYTES. */
  waitingBytes = 0;
  /** How often a guest was entered or continued. */
  entered = 0;
  /** Since when whoever runs now has been running: what the guest before it used is charged. */
  #since: number;
  /** Whose CPU time is to be compared with its limit. */
  readonly #overdue = new Set<Process>();
  /** When the host's event loop last had its turn, in monotonic nanoseconds. */
  #turn: number;
  #alarm: number | undefined = undefined;

  constructor(kernel: Kernel, host: Host) {
    this.#kernel = kernel;
    this.#host = host;
    this.#turn = host.clock.monotonicNs();
    this.#since = this.#turn;
    this.countdown = kernel.loader.countdown ?? { left: 0 };
    this.countdown.left = CALLS_PER_LOOK;
  }

  /** Entries that wait for dispatch. */
  get ready(): number {
    return this.#ready.length - this.#next;
  }

  /** Records with a deadline. */
  get deadlines(): number {
    return this.#deadlines.size;
  }

  /** The host calls in from its event loop: guests have had no time since. */
  eventsTurned(): void {
    this.#turn = this.#host.clock.monotonicNs();
    this.#since = this.#turn;
  }

  /** A process, or one thread of it, stops running, for now or for ever: the time since the last such moment was its own. */
  charge(process: Process, thread?: Thread): void {
    const now = this.#host.clock.monotonicNs();
    process.cpuNs += now - this.#since;
    if (thread !== undefined) thread.cpuNs += now - this.#since;
    if (process.limits[RLIMIT_CPU] !== undefined && process.cpuNs >= process.cpuSignalNs) this.#overdue.add(process);
    this.#since = now;
  }

  /** RLIMIT_CPU: SIGXCPU at the soft limit and each second after it, SIGKILL at the hard one. */
  #limitCpu(): void {
    for (const process of this.#overdue) {
      const { limits, cpuNs } = process;
      const limit = limits[RLIMIT_CPU];
      this.#overdue.delete(process);
      if (limit === undefined || process.ending !== undefined) continue;
      const [soft, hard] = [limit.soft * NS, limit.hard * NS];
      if (cpuNs >= hard) this.#kernel.signal(process, SIGKILL);
      else if (cpuNs >= soft) this.#kernel.signal(process, SIGXCPU);
      process.cpuSignalNs = Math.min(hard, cpuNs < soft ? soft : cpuNs + NS);
    }
  }

  /** Whether a guest has run long enough without the event loop; it is cheap to ask while calls are left. */
  shouldYield(): boolean {
    if (this.countdown.left > 0) return false;
    this.countdown.left = CALLS_PER_LOOK;
    return this.timeIsUp();
  }

  /** A call was long: the clock is read after it, because 64 such calls may take a second. */
  laboured(): void {
    this.countdown.left = 0;
  }

  timeIsUp(): boolean {
    return this.#host.clock.monotonicNs() - this.#turn > YIELD_NS;
  }

  /** The same when the last guest was put aside or ended, which is when its time was charged: nobody ran since. */
  #timeWasUp(): boolean {
    return this.#since - this.#turn > YIELD_NS;
  }

  /** Enter the program of a new process at the next dispatch. */
  start(process: Process): void {
    this.#push({ kind: "start", process });
  }

  /** Enter a new thread of a running program at the next dispatch. */
  startThread(thread: Thread): void {
    this.#push({ kind: "thread", thread });
  }

  /** Unwind a program at the next dispatch, when it has left its stack. */
  end(process: Process): void {
    this.#push({ kind: "end", process });
  }

  /** Park a thread: it stands in its queues and its deadline is set. BLOCKED, or GONE when its process is ending. */
  park(pending: Pending): Outcome {
    this.waitingBytes += bytesOf(pending);
    if (pending.thread.killed) {
      this.unpark(pending);
      return GONE;
    }
    pending.thread.pending = pending;
    this.charge(pending.thread.process, pending.thread);
    this.repark(pending);
    if (pending.thread.attention) this.interrupt(pending);
    return BLOCKED;
  }

  /** A signal may end this call: let it be tried once more, which decides. */
  interrupt(pending: Pending): void {
    if (pending.woken || !interruptible(pending)) return;
    leaveQueues(pending);
    this.wake(pending);
  }

  /** Set when a timer fires next; Infinity disarms it. */
  arm(timer: Timer | FileTimer, deadlineNs: number): void {
    this.#deadlines.remove(timer);
    timer.deadlineNs = deadlineNs;
    if (deadlineNs !== Infinity) this.#deadlines.add(timer);
    this.#setAlarm();
  }

  disarm(timer: Timer): void {
    this.arm(timer, Infinity);
  }

  /** Move the deadline of a read that is about to be parked again. */
  postpone(pending: PendingRead, deadlineNs: number): void {
    this.#deadlines.remove(pending);
    pending.deadlineNs = deadlineNs;
    this.#setAlarm();
  }

  /** A stopped process continues: what became ready meanwhile has its turn. */
  release(process: Process): void {
    for (const ready of process.held.splice(0)) this.#push(ready);
  }

  /** Put a record that was woken in vain, or read from a snapshot, back where it waits. */
  repark(pending: Pending): void {
    pending.woken = false;
    switch (pending.kind) {
      case "lock":
        this.#kernel.locks.waitersOf(pending.description.file.inode).add(pending);
        break;
      case "again":
      case "open":
      case "read":
      case "write":
        standIn(pending.description, pending);
        break;
      case "poll":
        for (const description of pending.descriptions) if (description !== undefined) standIn(description, pending);
        break;
      case "wait":
        pending.thread.process.childEvents.add(pending);
        break;
      case "futex":
        standAt(pending);
        break;
      case "owned futex":
        standAtOwned(pending);
        break;
      case "epoll":
        pending.epoll.waiters.add(pending);
        break;
      case "semaphores":
        pending.set.waiters.add(pending);
        break;
      case "queue send":
        if (!pending.sent) pending.queue.senders.add(pending);
        break;
      case "queue receive":
        if (pending.message === undefined) pending.queue.receivers.add(pending);
        break;
      case "send message":
        pending.queue.toSend.add(pending);
        break;
      case "receive message":
        pending.queue.toReceive.add(pending);
        break;
      case "yield":
      case "random":
      case "fill":
      case "transfer":
        this.wake(pending);
        return;
    }
    if (pending.deadlineNs !== Infinity) {
      this.#deadlines.add(pending);
      this.#setAlarm();
    }
  }

  /** Forget a record: it leaves its queues and the heap, and gives back its open files. */
  unpark(pending: Pending): void {
    this.waitingBytes -= bytesOf(pending);
    leaveQueues(pending);
    if (pending.heapIndex >= 0) {
      this.#deadlines.remove(pending);
      this.#setAlarm();
    }
    switch (pending.kind) {
      case "lock":
        this.#kernel.locks.waitEnded(pending.description.file.inode);
        pending.description.release();
        break;
      case "queue send":
        pending.queue.senders.delete(pending);
        pending.description.release();
        break;
      case "queue receive":
        pending.queue.receivers.delete(pending);
        pending.description.release();
        break;
      case "again":
      case "open":
      case "epoll":
      case "read":
      case "write":
      case "transfer":
        pending.description.release();
        break;
      case "poll":
        for (const description of pending.descriptions) description?.release();
        break;
      case "futex":
        leaveWords(pending);
        break;
      case "owned futex":
        leaveOwned(pending);
        break;
      case "fill":
        pending.description?.release();
        break;
    }
  }

  /** A thread that is not waiting for anything gives way; `outcome` is what its call will answer. BLOCKED, or GONE. */
  yieldThread(thread: Thread, outcome: Outcome): Outcome {
    if (thread.killed) return GONE;
    this.charge(thread.process, thread);
    const busy = this.#timeWasUp();
    const pending: Pending = { ...parked(thread), kind: "yield", outcome, busy };
    thread.pending = pending;
    pending.woken = true;
    this.#push(pending, busy);
    return BLOCKED;
  }

  /** Every waiter of this kernel's queues is one of its own pending records, or a watch of epoll(7). */
  wake(waiter: Waiter): void {
    const one = waiter as Pending | Watch;
    if (one.kind === "watch") {
      one.epoll.notify(one);
      return;
    }
    waiter.woken = true;
    this.#push(waiter as Pending);
  }

  /** Of watches with EPOLLEXCLUSIVE one is enough, if a thread waits for its list. */
  claim(waiter: Waiter, events: number): Claim {
    const one = waiter as Pending | Watch;
    if (one.kind !== "watch" || (one.events & EPOLLEXCLUSIVE) === 0) return "always";
    if ((one.events & events) === 0) return "never";
    return one.epoll.waiters.size > 0 ? "enough" : "more";
  }

  /** The host's alarm rang: wake whoever's deadline has passed. */
  expire(): void {
    this.eventsTurned();
    this.#alarm = undefined;
    for (let first = this.#deadlines.first; first !== undefined; first = this.#deadlines.first) {
      if (first.deadlineNs > this.#turn) break;
      this.#deadlines.remove(first);
      if (first.kind === "file timer") {
        first.file.fire(this.#turn);
        continue;
      }
      if (first.kind === "timer") {
        fire(first, this.#turn);
        continue;
      }
      first.timedOut = true;
      if (!first.woken) this.wake(first);
    }
    this.#setAlarm();
  }

  /** Continue and enter what is ready, for a bounded time. The host calls this after `defer` or `deferPastEvents`. */
  dispatch(): void {
    if (this.#dispatching) return;
    const scheduled = this.#scheduled;
    this.#scheduled = "no";
    if (scheduled !== "soon") this.eventsTurned();
    else if (this.#timeWasUp()) {
      this.#schedule(true);
      return;
    }
    let busy = false;
    this.#dispatching = true;
    try {
      if (this.#overdue.size > 0) this.#limitCpu();
      for (let entries = 0; entries < DISPATCH_ENTRIES; entries++) {
        const ready = this.#take();
        if (ready === undefined) break;
        this.#enter(ready);
        // It will run, when this returns, for as long as it may. Two of its kind would share that, and always alike.
        busy = ready.kind === "yield" && ready.busy;
        if (busy) break;
        const look = entries % ENTRIES_PER_LOOK === ENTRIES_PER_LOOK - 1 || this.countdown.left <= 0;
        if (look && this.timeIsUp()) break;
      }
    } finally {
      this.#dispatching = false;
    }
    if (this.ready > 0) this.#schedule(busy || this.timeIsUp());
  }

  #enter(ready: Ready): void {
    if (ready.kind === "end") {
      if (ready.process.status !== undefined) return;
      this.#kernel.partFromShared(ready.process);
      ready.process.program?.kill();
      return;
    }
    this.entered += 1;
    const process = ready.kind === "start" ? ready.process : ready.thread.process;
    if (process.stopped !== 0) {
      process.held.push(ready);
      return;
    }
    if (ready.kind === "start") {
      if (process.ending !== undefined || process.entered) return;
      process.entered = true;
      process.program?.start();
      return;
    }
    if (ready.kind === "thread") {
      const { thread: made } = ready;
      if (made.killed) return;
      process.program?.startThread?.(made);
      made.argument = undefined;
      return;
    }
    const thread = ready.thread;
    // Killed or already continued since it was woken.
    if (thread.pending !== ready) return;
    if (process.shares.length > 0) this.#kernel.shared.enter(process);
    const outcome = continuePending(this.#kernel, thread);
    if (outcome === BLOCKED || outcome === GONE) return;
    thread.process.program?.resume(thread, outcome);
  }

  #take(): Ready | undefined {
    const ready = this.#ready[this.#next];
    if (ready === undefined) return undefined;
    this.#next += 1;
    if (this.#ready.length === 1) {
      // Unlike a length of 0, pop keeps the storage.
      this.#ready.pop();
      this.#next = 0;
    } else if (this.#next === this.#ready.length) {
      this.#ready.length = 0;
      this.#next = 0;
    } else if (this.#next >= 1024) {
      this.#ready = this.#ready.slice(this.#next);
      this.#next = 0;
    }
    return ready;
  }

  #push(ready: Ready, pastEvents = false): void {
    this.#ready.push(ready);
    this.#schedule(pastEvents);
  }

  #schedule(pastEvents: boolean): void {
    if (this.#dispatching || this.#scheduled !== "no") return;
    this.#scheduled = pastEvents ? "past events" : "soon";
    if (pastEvents) this.#host.deferPastEvents();
    else this.#host.defer();
  }

  #setAlarm(): void {
    const at = this.#deadlines.first?.deadlineNs;
    if (at === this.#alarm) return;
    this.#alarm = at;
    this.#host.alarm(at);
  }
}

/** Stand in all queues of an open file. */
function standIn({ file }: OpenDescription, waiter: Waiter): void {
  file.waiters?.add(waiter);
  file.moreWaiters?.add(waiter);
}

/** What one of several awaited words takes. */
export const WORD_BYTES = 128;

/** What a blocked call keeps of what it is to hand over. */
export function bytesOf(pending: Pending): number {
  switch (pending.kind) {
    case "write":
      return pending.bytes.length;
    case "send message":
    case "queue send":
      return pending.message.bytes.length;
    case "futex":
      return pending.words.length > 1 ? pending.words.length * WORD_BYTES : 0;
    default:
      return 0;
  }
}
