/**
 * Layer: lockdown, launch. Boots the thread that will be a launcher thread. Alone in its file, so that a command whose
 * start is waited for can boot it before it loads anything else. It must not know plans and orders.
 */
import { Worker } from "node:worker_threads";

/** The thread's main stands beside this file, as source and as a bundle. */
function threadFile(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./launcher-thread.ts" : "./launcher-thread.js", import.meta.url);
}

/** A thread that waits for its plan. It can do nothing for the caller before it is locked as planned. */
export function bootThread(): Worker {
  // Options, preloads and environment of the caller (--inspect, --import, NODE_OPTIONS) stay with the caller.
  return new Worker(threadFile(), {
    execArgv: [],
    env: {},
    name: "linden launcher",
    // Descriptors made through FFI are closed by hand; the thread would warn that it never opened them.
    trackUnmanagedFds: false,
  });
}
