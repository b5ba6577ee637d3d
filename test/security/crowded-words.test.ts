/**
 * Words of memory with crowds around them, and lists of locks as long as a guest can make them: what one end of a process may
 * cost. When all waiters of one memory stood in one list this end took 17 s.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FUTEX_OWNER_DIED, FUTEX_WAITERS, ROBUST_LIST_LIMIT } from "../../src/abi/futex.ts";
import { BLOCKED } from "../../src/kernel/contracts.ts";
import { futexWait } from "../../src/kernel/operations/futexes.ts";
import { type Process, Thread } from "../../src/kernel/process.ts";
import { THREADS } from "../../src/limits.ts";
import { SharedWorld } from "../kernel/shared-world.ts";
import { processorMs } from "../processor-time.ts";

/** Milliseconds what is bounded takes at most, on a busy machine. */
const BOUNDED_MS = 1500;

function withThreads(process: Process, count: number): void {
  while (process.threads.length < count) {
    const { kernel } = process;
    new Thread(process, kernel.nextPid);
    kernel.nextPid += 1;
  }
}

/** As many threads as there may be in each of some processes, all waiting for one word of shared memory. */
function crowd(world: SharedWorld, parent: Process, processes: number, address: number): Process[] {
  return Array.from({ length: processes }, () => {
    const process = world.fork(parent);
    withThreads(process, THREADS);
    world.as(process, () => {
      for (const thread of process.threads) assert.equal(futexWait(thread, address, 0, -1, Infinity), BLOCKED);
    });
    return process;
  });
}

test("threads that end with lists of locks as long as can be, beside a crowd that waits in the same memory", () => {
  const world = new SharedWorld({ processes: 64 });
  const first = world.process();
  const locks = 200 * ROBUST_LIST_LIMIT * 8;
  const shared = world.map(first, -1, locks + 8192);
  const awaited = shared + locks + 4096;
  const process = world.fork(first);
  crowd(world, first, 20, awaited);
  withThreads(process, 200);
  world.as(process, () => {
    const { view } = process.memory;
    process.threads.forEach((thread, number) => {
      const begin = shared + number * ROBUST_LIST_LIMIT * 8;
      const head = 1024 + number * 24;
      view.setUint32(head, begin, true);
      view.setInt32(head + 8, 4, true);
      for (let at = begin; at < begin + ROBUST_LIST_LIMIT * 8; at += 8) {
        view.setUint32(at, at + 8, true);
        view.setInt32(at + 4, thread.tid | FUTEX_WAITERS, true);
      }
      thread.robustList = head;
    });
  });
  const start = processorMs();
  world.end(process);
  const took = processorMs() - start;
  world.as(first, () => {
    const word = first.memory.view.getInt32(shared + 4, true);
    assert.equal(word, FUTEX_WAITERS | FUTEX_OWNER_DIED);
  });
  assert.ok(took < BOUNDED_MS, `${took} ms`);
});
