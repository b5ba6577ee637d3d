/**
 * Layer: lockdown. Main of a locked Worker: loads its module, locks its own thread, then calls the module's functions as it
 * is told. It must not know who asks.
 */
import { MessagePort, workerData } from "node:worker_threads";
import { LockdownError } from "./errors.ts";
import { SafetyContext } from "./safety-context.ts";
import { errorData, type WorkerNews, type WorkerOrder, type WorkerStart } from "./worker-messages.ts";

const { port, context, module } = workerData as WorkerStart;

function tell(news: WorkerNews): void {
  const ports = news.kind === "returned" && news.value instanceof MessagePort ? [news.value] : [];
  port.postMessage(news, ports);
}

async function call(
  exports: Record<string, unknown>,
  { id, name, args }: Extract<WorkerOrder, { kind: "call" }>,
): Promise<void> {
  try {
    const chosen = Object.hasOwn(exports, name) ? exports[name] : undefined;
    if (typeof chosen !== "function") {
      const there = Object.keys(exports).filter((each) => typeof exports[each] === "function");
      throw new LockdownError(`the module has no function "${name}"; it exports ${there.join(", ") || "none"}`);
    }
    tell({ kind: "returned", id, value: await chosen(...args) });
  } catch (error) {
    tell({ kind: "threw", id, error: errorData(error) });
  }
}

function lock(): void {
  try {
    tell({ kind: "locked", report: SafetyContext.fromData(context).applyToCurrentThread() });
  } catch (error) {
    tell({ kind: "failed", step: "locking itself", error: errorData(error) });
  }
}

async function live(): Promise<void> {
  let exports: Record<string, unknown> = {};
  // From the start: a thread that listens to nothing would end before its news has arrived.
  port.on("message", (order: WorkerOrder) => {
    if (order.kind === "lock") lock();
    else void call(exports, order);
  });
  try {
    exports = await import(module);
    tell({ kind: "ready" });
  } catch (error) {
    tell({ kind: "failed", step: "loading its module", error: errorData(error) });
  }
}

void live();
