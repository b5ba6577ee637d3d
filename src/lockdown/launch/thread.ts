/**
 * Layer: lockdown, launch. The caller's side of a thread that launches: gives it its plan, hears whether it is locked, sends
 * it orders. It must not know what is launched.
 */
import { LockFailed } from "../failure.ts";
import type { News, Order, SpawnPlan, ThreadPlan, ThreadReport } from "./plan.ts";
import { type BootingThread, bootThread } from "./thread-boot.ts";

/** A process that could not be started, or a launching thread that is gone. */
export class LaunchFailed extends Error {
  override readonly name = "LaunchFailed";
}

/** The other thread, as a port to it. */
export interface Peer {
  postMessage(message: ThreadPlan | Order): void;
  /** Whether waiting for it keeps this thread's event loop running. */
  ref(): void;
  unref(): void;
  terminate(): unknown;
}

export class LauncherThread {
  /** What the thread measured of its lock, once it is locked. Rejects with LockFailed naming the step. */
  readonly locked: Promise<ThreadReport>;
  readonly #peer: Peer;
  readonly #report = Promise.withResolvers<ThreadReport>();
  readonly #spawns = new Map<number, PromiseWithResolvers<number>>();
  readonly #witnesses = new Map<number, PromiseWithResolvers<readonly number[]>>();
  #isLocked = false;
  #next = 1;
  #waits = 0;
  #gone: Error | undefined;

  /** Whoever makes one brings it every message of the peer, by `hear`, and its end, by `end`. */
  constructor(peer: Peer) {
    this.#peer = peer;
    this.locked = this.#report.promise;
    this.#hold();
    this.locked.then(
      () => this.#release(),
      () => void peer.terminate(),
    );
  }

  /**
   * Gives a thread its plan, which is prepared while the thread boots. It locks itself before it looks at any order, so
   * orders may be sent at once. Throws what `prepare` throws; a lock that fails shows in `locked` and in every order.
   */
  static async start(prepare: () => ThreadPlan): Promise<LauncherThread> {
    const { worker, pool }: BootingThread = bootThread();
    const thread = new LauncherThread(worker);
    worker.on("message", (news: News) => thread.hear(news));
    worker.on("error", (error) => thread.end(`the launcher thread failed: ${String(error)}`));
    worker.on("exit", () => thread.end("the launcher thread has ended"));
    try {
      const plan = prepare();
      await pool;
      worker.postMessage(plan);
      return thread;
    } catch (error) {
      thread.#fail(new LaunchFailed("the launcher thread got no plan"));
      throw error;
    }
  }

  /** Spawns a process, from the locked thread: its number. Throws LockFailed, or LaunchFailed when it cannot be executed. */
  spawn(plan: SpawnPlan): Promise<number> {
    return this.#ask(this.#spawns, (id) => ({ kind: "spawn", id, plan }));
  }

  /** Which of a process's tasks are not inside this thread's Landlock domain, as the kernel sees it. */
  witness(pid: number, tasks: readonly number[], user: number | undefined): Promise<readonly number[]> {
    const whose = user === undefined ? {} : { user };
    return this.#ask(this.#witnesses, (id) => ({ kind: "witness", id, pid, tasks, ...whose }));
  }

  /** Ends the thread; the kernel kills what it spawned. */
  async close(): Promise<void> {
    await this.#peer.terminate();
  }

  hear(news: News): void {
    if (!this.#isLocked) {
      this.#hearOfLock(news);
      return;
    }
    if (news.kind === "witnessed") this.#witnesses.get(news.id)?.resolve(news.outside);
    else if (news.kind === "spawned") this.#spawns.get(news.id)?.resolve(news.pid);
    else if (news.kind === "refused") {
      this.#spawns.get(news.id)?.reject(new LaunchFailed(`the engine could not be started: ${news.message}`));
    }
  }

  end(reason: string): void {
    this.#fail(this.#isLocked ? new LaunchFailed(reason) : new LockFailed("launcher thread", reason));
  }

  async #ask<T>(questions: Map<number, PromiseWithResolvers<T>>, order: (id: number) => Order): Promise<T> {
    if (this.#gone !== undefined) throw this.#gone;
    const id = this.#next++;
    const answer = Promise.withResolvers<T>();
    questions.set(id, answer);
    this.#hold();
    try {
      this.#peer.postMessage(order(id));
      return await answer.promise;
    } finally {
      questions.delete(id);
      this.#release();
    }
  }

  /** Keeps the caller's event loop running until released as often. */
  #hold(): void {
    if (this.#waits++ === 0) this.#peer.ref();
  }

  #release(): void {
    if (--this.#waits === 0) this.#peer.unref();
  }

  #hearOfLock(news: News): void {
    if (news.kind === "locked") {
      this.#isLocked = true;
      this.#report.resolve(news.report);
      return;
    }
    const failed = news.kind === "failed";
    const reason = failed ? news.message : `it said "${news.kind}" before it was locked`;
    this.#fail(new LockFailed(failed ? news.step : "launcher thread", reason));
  }

  #fail(reason: Error): void {
    this.#gone ??= reason;
    this.#report.reject(this.#gone);
    for (const waiting of [...this.#spawns.values(), ...this.#witnesses.values()]) waiting.reject(this.#gone);
  }
}
