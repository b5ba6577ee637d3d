/**
 * Layer: lockdown, launch. Boots the thread that will be a launcher thread. It must not know plans and orders.
 */
import { access } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

/** A thread that waits for its plan. It can do nothing for the caller before it is locked as planned. */
export type BootingThread = {
  readonly worker: Worker;
  /** Resolves when libuv's pool runs. No plan may be given before: see startThreadPool. */
  readonly pool: Promise<void>;
};

export function bootThread(): BootingThread {
  const pool = startThreadPool();
  // Options, preloads and environment of the caller (--inspect, --import, NODE_OPTIONS) stay with the caller.
  const worker = new Worker(threadFile(), {
    execArgv: [],
    env: {},
    name: "linden launcher",
    // It says nothing; joined to the caller's streams it would make these.
    stdout: true,
    stderr: true,
    // Descriptors made through FFI are closed by hand; the thread would warn that it never opened them.
    trackUnmanagedFds: false,
  });
  return { worker, pool };
}

/** The thread's main stands beside this file, as source and as a bundle. */
function threadFile(): string {
  return join(import.meta.dirname, import.meta.filename.endsWith(".ts") ? "launcher-thread.ts" : "launcher-thread.cjs");
}

/**
 * Starts libuv's pool from this thread. Its threads inherit the locks of whichever thread starts them: were that one that
 * launches, every asynchronous file access of the caller would be refused from then on. access(2) is among the calls
 * that libuv always makes in the pool, never through a ring. The threads are there when this returns (uv_queue_work starts
 * them all before it queues).
 */
export function startThreadPool(): Promise<void> {
  return new Promise((resolve) => access("/", () => resolve()));
}
