/** Layer: lockdown. What Node opens and starts lazily, opened and started while that is still possible. */
import { randomFill } from "node:crypto";
import { isMainThread } from "node:worker_threads";

/**
 * Starts libuv's thread pool, which aborts the process where it cannot make its threads later, and opens the standard
 * streams. The work handed to the pool makes no call that a filter could refuse.
 */
export function warmUp(readsStandardInput: boolean): void {
  randomFill(new Uint8Array(1), () => {});
  new Date(0).getTimezoneOffset(); // the engine reads the time zone's file when it is first asked for a local time
  if (!isMainThread) return; // a Worker's streams are messages to the main thread
  touch(() => process.stdout);
  touch(() => process.stderr);
  if (readsStandardInput) touch(() => process.stdin);
}

/** A stream on a closed descriptor throws when it is made; it is not there before the lock nor after. */
function touch(stream: () => unknown): void {
  try {
    stream();
  } catch {
    // nothing to open
  }
}
