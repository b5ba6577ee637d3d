/**
 * Layer: lockdown, launch. The caller's side of a launcher thread: starts it, waits until it is locked, sends it orders.
 * It must not know what is launched.
 */
import type { Worker } from "node:worker_threads";
import { LockFailed } from "../failure.ts";
import type { News, Order, SpawnOrder, ThreadPlan, ThreadReport } from "./plan.ts";
import { type BootingThread, bootThread } from "./thread-boot.ts";

export type ExitStatus = { readonly code: number | null; readonly signal: string | null };

/** A child that could not be started, or a launcher thread that is gone. */
export class LaunchFailed extends Error {
  override readonly name = "LaunchFailed";
}

type Child = {
  readonly spawned: PromiseWithResolvers<number>;
  readonly exited: PromiseWithResolvers<ExitStatus>;
};

export class LauncherThread {
  /** What the thread measured of its lock, once it is locked. Rejects with LockFailed naming the step. */
  readonly locked: Promise<ThreadReport>;
  readonly #worker: Worker;
  readonly #report = Promise.withResolvers<ThreadReport>();
  readonly #children = new Map<number, Child>();
  readonly #witnesses = new Map<number, PromiseWithResolvers<readonly number[]>>();
  #isLocked = false;
  #next = 1;
  #holds = 0;
  #gone: Error | undefined;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.locked = this.#report.promise;
    this.locked.then(
      () => this.release(),
      () => void worker.terminate(),
    );
    worker.on("message", (news: News) => this.#hear(news));
    worker.on("error", (error) => this.#end(`the launcher thread failed: ${String(error)}`));
    worker.on("exit", () => this.#end("the launcher thread has ended"));
    this.hold();
  }

  /**
   * Gives a thread its plan, which is prepared while the thread boots. It locks itself before it looks at any order, so
   * orders may be sent at once. Throws what `prepare` throws; a lock that fails shows in `locked` and in every order.
   */
  static async start(
    prepare: () => ThreadPlan,
    { worker, pool }: BootingThread = bootThread(),
  ): Promise<LauncherThread> {
    const thread = new LauncherThread(worker);
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

  /** Spawns a child, from the locked thread. Throws LockFailed, or LaunchFailed when it cannot be executed. */
  async spawn(order: Omit<SpawnOrder, "kind" | "id">): Promise<LaunchedChild> {
    if (this.#gone !== undefined) throw this.#gone;
    const id = this.#next++;
    const child: Child = { spawned: Promise.withResolvers(), exited: Promise.withResolvers() };
    this.#children.set(id, child);
    this.hold();
    try {
      this.#order({ ...order, kind: "spawn", id });
      const pid = await child.spawned.promise;
      return { id, pid, exited: child.exited.promise };
    } finally {
      this.release();
    }
  }

  /** Kills a child, if it still lives; by the thread that reaps it, so the number cannot be another process's by then. */
  kill(child: number): void {
    if (this.#children.has(child)) this.#order({ kind: "kill", id: child });
  }

  /** Which of a process's tasks are not inside this thread's Landlock domain, as the kernel sees it. */
  async witness(pid: number, tasks: readonly number[], user: number | undefined): Promise<readonly number[]> {
    if (this.#gone !== undefined) throw this.#gone;
    const id = this.#next++;
    const answer = Promise.withResolvers<readonly number[]>();
    this.#witnesses.set(id, answer);
    this.hold();
    try {
      this.#order({ kind: "witness", id, pid, tasks, ...(user === undefined ? {} : { user }) });
      return await answer.promise;
    } finally {
      this.release();
    }
  }

  /** Keeps the caller's event loop running until released as often. */
  hold(): void {
    if (this.#holds++ === 0) this.#worker.ref();
  }

  release(): void {
    if (--this.#holds === 0) this.#worker.unref();
  }

  /** Kills every child, waits until they are reaped, ends the thread. */
  async close(): Promise<void> {
    if (this.#gone === undefined) {
      this.hold();
      const exits = [...this.#children.values()].map((child) => child.exited.promise);
      for (const id of this.#children.keys()) this.#order({ kind: "kill", id });
      await Promise.all(exits);
    }
    await this.#worker.terminate();
  }

  #order(order: Order): void {
    this.#worker.postMessage(order);
  }

  #hear(news: News): void {
    if (!this.#isLocked) {
      this.#hearOfLock(news);
      return;
    }
    if (news.kind === "witnessed") {
      this.#witnesses.get(news.id)?.resolve(news.outside);
      this.#witnesses.delete(news.id);
      return;
    }
    if (news.kind === "locked" || news.kind === "failed") return;
    const child = this.#children.get(news.id);
    if (child === undefined) return;
    if (news.kind === "spawned") {
      child.spawned.resolve(news.pid);
      return;
    }
    this.#children.delete(news.id);
    const exited = news.kind === "exited";
    if (!exited) child.spawned.reject(new LaunchFailed(`the engine could not be started: ${news.message}`));
    child.exited.resolve(exited ? { code: news.code, signal: news.signal } : { code: null, signal: null });
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

  #end(reason: string): void {
    this.#fail(this.#isLocked ? new LaunchFailed(reason) : new LockFailed("launcher thread", reason));
  }

  /** The kernel kills the children of a thread that ends: what was waiting on them hears it from here. */
  #fail(reason: Error): void {
    this.#gone ??= reason;
    this.#report.reject(this.#gone);
    for (const child of this.#children.values()) {
      child.spawned.reject(this.#gone);
      child.exited.resolve({ code: null, signal: "SIGKILL" });
    }
    for (const witness of this.#witnesses.values()) witness.reject(this.#gone);
    this.#children.clear();
    this.#witnesses.clear();
  }
}

export type LaunchedChild = { readonly id: number; readonly pid: number; readonly exited: Promise<ExitStatus> };
