/**
 * Layer: wait. Who waits for an object to become ready. A queue holds data (waiters), never closures or promises, so
 * that kernel state can be written out. It must not know what a waiter is waiting to do.
 */

/** One parked call. `queues` are all queues it stands in; `woken` is set once, by the first wake. */
export interface Waiter {
  woken: boolean;
  readonly queues: WaitQueue[];
}

/** Receives each waiter exactly once when it is woken. The kernel's ready list is the only one in production. */
export interface WakeSink {
  wake(waiter: Waiter): void;
}

export class WaitQueue {
  readonly #sink: WakeSink;
  readonly #waiters = new Set<Waiter>();

  constructor(sink: WakeSink) {
    this.#sink = sink;
  }

  get size(): number {
    return this.#waiters.size;
  }

  add(waiter: Waiter): void {
    if (this.#waiters.has(waiter)) return;
    this.#waiters.add(waiter);
    waiter.queues.push(this);
  }

  /** Wake every waiter: each takes itself out of all its queues and reaches the sink once. */
  wakeAll(): void {
    if (this.#waiters.size === 0) return;
    for (const waiter of [...this.#waiters]) {
      leaveQueues(waiter);
      if (waiter.woken) continue;
      waiter.woken = true;
      this.#sink.wake(waiter);
    }
  }

  remove(waiter: Waiter): void {
    this.#waiters.delete(waiter);
  }
}

/** Take a waiter out of every queue it stands in: it was woken, timed out or killed. */
export function leaveQueues(waiter: Waiter): void {
  for (const queue of waiter.queues) queue.remove(waiter);
  waiter.queues.length = 0;
}
