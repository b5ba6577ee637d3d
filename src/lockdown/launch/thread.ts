/**
 * Layer: lockdown, launch. The caller's side of a launcher thread: starts it, waits until it is locked, sends it orders.
 * It must not know what is launched.
 */
import { Worker } from "node:worker_threads";
import { LockFailed } from "../failure.ts";
import type { News, Order, SpawnOrder, ThreadPlan, ThreadReport } from "./plan.ts";

export type ExitStatus = { readonly code: number | null; readonly signal: string | null };

/** A child that could not be started, or a launcher thread that is gone. */
export class LaunchFailed extends Error {
  override readonly name = "LaunchFailed";
}

type Child = {
  readonly spawned: PromiseWithResolvers<number>;
  readonly exited: PromiseWithResolvers<ExitStatus>;
};

/** The thread's main stands beside this file, as source and as a bundle. */
function threadFile(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./launcher-thread.ts" : "./launcher-thread.js", import.meta.url);
}

export class LauncherThread {
  readonly report: ThreadReport;
  readonly #worker: Worker;
  readonly #children = new Map<number, Child>();
  readonly #witnesses = new Map<number, PromiseWithResolvers<readonly number[]>>();
  #next = 1;
  #holds = 0;
  #gone: LaunchFailed | undefined;

  private constructor(worker: Worker, report: ThreadReport) {
    this.#worker = worker;
    this.report = report;
    worker.on("message", (news: News) => this.#hear(news));
    worker.on("error", (error) => this.#end(`the launcher thread failed: ${String(error)}`));
    worker.on("exit", () => this.#end("the launcher thread has ended"));
    worker.unref();
  }

  /**
   * Starts a thread and waits until it has locked itself as planned. Throws LockFailed naming the step, or what `prepare`
   * throws. The plan is prepared while the thread boots.
   */
  static async start(prepare: () => ThreadPlan | Promise<ThreadPlan>): Promise<LauncherThread> {
    // Options, preloads and environment of the caller (--inspect, --import, NODE_OPTIONS) stay with the caller.
    const worker = new Worker(threadFile(), {
      execArgv: [],
      env: {},
      name: "linden launcher",
      // Descriptors made through FFI are closed by hand; the thread would warn that it never opened them.
      trackUnmanagedFds: false,
    });
    const report = Promise.withResolvers<ThreadReport>();
    const fail = (step: string, message: string): void => report.reject(new LockFailed(step, message));
    const failed = (error: unknown): void => fail("launcher thread", String(error));
    const ended = (): void => fail("launcher thread", "it ended before it was locked");
    worker.once("error", failed);
    worker.once("exit", ended);
    worker.once("message", (news: News) => {
      if (news.kind === "locked") report.resolve(news.report);
      else if (news.kind === "failed") fail(news.step, news.message);
      else fail("launcher thread", `it said "${news.kind}" before it was locked`);
    });
    try {
      const [, locked] = await Promise.all([(async () => worker.postMessage(await prepare()))(), report.promise]);
      return new LauncherThread(worker, locked);
    } catch (error) {
      void worker.terminate();
      throw error;
    } finally {
      worker.off("error", failed);
      worker.off("exit", ended);
    }
  }

  /** Spawns a child. Throws LaunchFailed when it cannot be executed. */
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

  /** The kernel kills the children of a thread that ends: what was waiting on them hears it from here. */
  #end(reason: string): void {
    this.#gone ??= new LaunchFailed(reason);
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
