/**
 * Layer: lockdown. Workers that lock themselves, each with a context of its own, and run functions of a module. It must not
 * know what a context allows.
 */
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { MessageChannel, MessagePort, Worker } from "node:worker_threads";
import { LockdownError, WorkerFailed } from "./errors.ts";
import type { LockReport } from "./report.ts";
import { demandNoRings } from "./rings.ts";
import type { SafetyContext } from "./safety-context.ts";
import { errorOf, type WorkerNews, type WorkerOrder, type WorkerStart } from "./worker-messages.ts";

/** One Worker: its context, and the module whose functions it will run. */
export type WorkerPlan = {
  readonly context: SafetyContext;
  /** A URL such as new URL("./job.ts", import.meta.url), or an absolute path. Loaded before the lock. */
  readonly module: URL | string;
  /** Shown in error messages and by debuggers. */
  readonly name?: string;
};

type Pending = PromiseWithResolvers<unknown>;

/** A Worker behind its lock. Ends with close(), or with `await using`. */
export class LockedWorker {
  readonly name: string;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #calls = new Map<number, Pending>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #locked = Promise.withResolvers<LockReport>();
  #report: LockReport | undefined;
  #next = 1;
  #gone: Error | undefined;

  private constructor({ context, module, name = "locked Worker" }: WorkerPlan, location: string) {
    const { port1, port2 } = new MessageChannel();
    const workerData: WorkerStart = { port: port2, context: context.toData(), module: location };
    this.name = name;
    this.#port = port1;
    this.#worker = new Worker(mainFile(), {
      workerData,
      transferList: [port2],
      name,
      // What says how to read a program given with --eval: the Worker's is a file.
      execArgv: process.execArgv.filter((option) => !option.startsWith("--input-type")),
      // Descriptors that a lock opens and closes through FFI are not the engine's to warn about.
      trackUnmanagedFds: false,
    });
    for (const wait of [this.#ready.promise, this.#locked.promise]) wait.catch(() => {});
    port1.on("message", (news: WorkerNews) => this.#hear(news));
    this.#worker.once("error", (error) => this.#end(new WorkerFailed(this.name, `failed: ${String(error)}`)));
    this.#worker.once("exit", () => this.#end(new WorkerFailed(this.name, `of ${String(module)} has ended`)));
  }

  /**
   * Starts Workers that may talk to each other: all of them are there before the first one locks. A lock knows the wake-up
   * descriptors of the threads that exist, so post no message from a locked Worker straight to one that was started later.
   */
  static async start(plans: readonly WorkerPlan[]): Promise<LockedWorker[]> {
    checkPlans(plans);
    const locations = plans.map(({ module }) => moduleUrl(module));
    for (const { context } of plans) context.demandForThread();
    demandNoRings();
    const workers: LockedWorker[] = [];
    try {
      plans.forEach((plan, index) => {
        workers.push(new LockedWorker(plan, locations[index] ?? ""));
      });
      await Promise.all(workers.map((worker) => worker.#ready.promise));
      for (const worker of workers) worker.#order({ kind: "lock" });
      await Promise.all(workers.map((worker) => worker.#locked.promise));
      return workers;
    } catch (error) {
      await Promise.all(workers.map((worker) => worker.close()));
      throw error;
    }
  }

  /** What is in force in this Worker's thread. */
  get report(): LockReport {
    if (this.#report === undefined) throw new LockdownError(`${this.name} is not locked`);
    return this.#report;
  }

  /**
   * Calls an exported function of the module behind the lock and answers what it returns. Arguments and result are copied
   * as structuredClone does it; MessagePorts among the arguments are handed over. Rejects with what the function threw.
   */
  call(name: string, ...args: readonly unknown[]): Promise<unknown> {
    if (this.#gone !== undefined) return Promise.reject(this.#gone);
    const id = this.#next++;
    const pending: Pending = Promise.withResolvers();
    this.#calls.set(id, pending);
    try {
      this.#order(
        { kind: "call", id, name, args },
        args.filter((arg) => arg instanceof MessagePort),
      );
    } catch (error) {
      this.#calls.delete(id);
      pending.reject(error);
    }
    return pending.promise;
  }

  /** Ends the Worker, whatever it does. */
  async close(): Promise<void> {
    this.#gone ??= new WorkerFailed(this.name, "was closed");
    await this.#worker.terminate();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #order(order: WorkerOrder, transfer: MessagePort[] = []): void {
    this.#port.postMessage(order, transfer);
  }

  #hear(news: WorkerNews): void {
    if (news.kind === "ready") this.#ready.resolve();
    else if (news.kind === "locked") {
      this.#report = news.report;
      this.#locked.resolve(news.report);
    } else if (news.kind === "failed") {
      const { step, error } = news;
      this.#end(new WorkerFailed(this.name, `failed at ${step}: ${error.name}: ${error.message}`, error.inForce));
    } else {
      const pending = this.#calls.get(news.id);
      this.#calls.delete(news.id);
      if (news.kind === "returned") pending?.resolve(news.value);
      else pending?.reject(errorOf(news.error));
    }
  }

  #end(reason: Error): void {
    this.#gone ??= reason;
    this.#ready.reject(this.#gone);
    this.#locked.reject(this.#gone);
    for (const pending of this.#calls.values()) pending.reject(this.#gone);
    this.#calls.clear();
    this.#port.close();
  }
}

/** Runs one function in a Worker of its own, and ends the Worker. */
export async function runLocked(
  context: SafetyContext,
  module: URL | string,
  name: string,
  args: readonly unknown[],
): Promise<unknown> {
  const [worker] = await LockedWorker.start([{ context, module }]);
  if (worker === undefined) throw new LockdownError("no Worker was started");
  try {
    return await worker.call(name, ...args);
  } finally {
    await worker.close();
  }
}

/** A module whose default export is this function. It sees its arguments and globals, and nothing around it. */
export function moduleOfFunction(given: (...args: never[]) => unknown): URL {
  const text = Function.prototype.toString.call(given);
  if (/\{\s*\[native code\]\s*\}$/.test(text)) {
    throw new LockdownError("run: a bound or native function has no text of its own; wrap it in an arrow function");
  }
  if (!/^(async\s*)?(function\b|\(|[\p{ID_Start}$_][\p{ID_Continue}$]*\s*=>)/u.test(text)) {
    throw new LockdownError("run: expected an arrow function or a function expression, not a method or a class");
  }
  return new URL(`data:text/javascript,${encodeURIComponent(`export default ${text}`)}`);
}

function checkPlans(plans: unknown): asserts plans is readonly WorkerPlan[] {
  if (!Array.isArray(plans)) {
    throw new LockdownError("LockedWorker.start: expected a list of plans: [{ context, module }]");
  }
  plans.forEach((plan: Partial<WorkerPlan> | null | undefined, index) => {
    if (typeof plan?.context?.demandForThread === "function") return;
    throw new LockdownError(`LockedWorker.start: plans[${index}].context: expected a SafetyContext`);
  });
}

function moduleUrl(module: URL | string): string {
  if (module instanceof URL) return module.href;
  if (typeof module === "string" && isAbsolute(module)) return pathToFileURL(module).href;
  if (typeof module === "string" && URL.canParse(module)) return module;
  throw new LockdownError(
    `expected the URL of a module, such as new URL("./job.ts", import.meta.url), or an absolute path; got ${JSON.stringify(module)}`,
  );
}

/** The Worker's main stands beside this file, as source and as a bundle. */
function mainFile(): string {
  return join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "worker-main.ts" : "lockdown-worker.js");
}
