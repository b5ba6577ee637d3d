/** Layer: lockdown. What a locked Worker and the thread that started it say to each other. Types and errors as data only. */
import type { MessagePort } from "node:worker_threads";
import { LockIncomplete } from "./errors.ts";
import type { LockReport } from "./report.ts";
import type { ContextData } from "./safety-context.ts";

/** What the Worker finds as its workerData. */
export type WorkerStart = {
  readonly port: MessagePort;
  readonly context: ContextData;
  /** URL of the module whose exports will be called; a function's own text is a data: URL. */
  readonly module: string;
};

export type WorkerOrder =
  /** Everyone who may ever wake this Worker exists: lock. */
  | { readonly kind: "lock" }
  | {
      readonly kind: "call";
      readonly id: number;
      readonly name: string;
      readonly args: readonly unknown[];
    };

export type WorkerNews =
  | { readonly kind: "ready" }
  | { readonly kind: "locked"; readonly report: LockReport }
  | { readonly kind: "failed"; readonly step: "loading its module" | "locking itself"; readonly error: ErrorData }
  | { readonly kind: "returned"; readonly id: number; readonly value: unknown }
  | { readonly kind: "threw"; readonly id: number; readonly error: ErrorData };

/** An error as it crosses threads: structuredClone would drop its name and code. */
export type ErrorData = {
  readonly name: string;
  readonly message: string;
  readonly stack: string | undefined;
  readonly code: string | undefined;
  /** Of a LockIncomplete: what holds in the Worker's thread. */
  readonly inForce: LockReport | undefined;
};

export function errorData(error: unknown): ErrorData {
  if (!(error instanceof Error)) {
    return { name: "Error", message: `threw ${String(error)}`, stack: undefined, code: undefined, inForce: undefined };
  }
  const { name, message, stack } = error;
  return {
    name,
    message,
    stack,
    code: "code" in error && typeof error.code === "string" ? error.code : undefined,
    inForce: error instanceof LockIncomplete ? error.inForce : undefined,
  };
}

/** An error with the name, message, code and stack that it had in the Worker. */
export function errorOf(data: ErrorData): Error {
  const error = new Error(data.message);
  Object.defineProperty(error, "name", { value: data.name, configurable: true, writable: true });
  if (data.stack !== undefined) error.stack = data.stack;
  return data.code === undefined ? error : Object.assign(error, { code: data.code });
}
