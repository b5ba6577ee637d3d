/** What work costs, for tests that bound it: a busy machine makes a wall clock run on, and not these. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds of processor time that this thread has used (getrusage(2), RUSAGE_THREAD). */
export function processorMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Which part of a processor each gets that wants one now: 1 and less (proc(5), /proc/loadavg, the running of all). */
function share(): number {
  const running = Number(/ (\d+)\/\d+ /.exec(readFileSync("/proc/loadavg", "latin1"))?.[1] ?? 1);
  return Math.min(1, availableParallelism() / Math.max(1, running));
}

const LOOK_MS = 10;

/**
 * Waits until something has come to be, for as many milliseconds as it may take on a machine that has a processor for everybody:
 * where four want each of them, a second lasts four. Answers the milliseconds it took, counted so.
 */
export async function until(condition: () => boolean, milliseconds: number, what: string): Promise<number> {
  let passed = 0;
  for (let last = performance.now(); !condition(); ) {
    assert.ok(passed < milliseconds, `after ${milliseconds} ms still not: ${what}`);
    await sleep(LOOK_MS);
    const now = performance.now();
    passed += (now - last) * share();
    last = now;
  }
  return passed;
}

/** What a promise comes to, which it does within that time. */
export async function within<T>(promise: Promise<T>, milliseconds: number, what: string): Promise<T> {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  await until(() => settled, milliseconds, what);
  return promise;
}

/** What is ended when its time is over, with four times as much until it had come so far: on a busy machine programs begin late. */
export async function longEnough<T>(
  run: (ms: number) => Promise<T>,
  isFar: (end: T) => boolean,
  ms: number,
): Promise<T> {
  const end = await run(ms);
  return isFar(end) || ms > 60_000 ? end : longEnough(run, isFar, ms * 4);
}
