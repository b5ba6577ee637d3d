/**
 * Layer: kernel, operations. How a program ends itself and gives way: _exit(2), raise(3), sched_yield(2). It must not
 * know how a program is unwound.
 */
import { GONE, type Outcome } from "../contracts.ts";
import type { Thread } from "../process.ts";

/** exit_group(2): the low eight bits of `code` are the status. Always GONE. */
export function exit(thread: Thread, code: number): Outcome {
  const { kernel } = thread.process;
  kernel.end(thread.process, { code: code & 0xff, signal: 0 });
  return GONE;
}

/** raise(3). 0, -EINVAL, or GONE where the signal ends the process. */
export function raise(thread: Thread, signal: number): Outcome {
  const outcome = thread.process.kernel.signal(thread.process, signal);
  return thread.killed ? GONE : outcome;
}

/** sched_yield(2): 0, at once when nobody else is ready and the host's events are not due. */
export function yieldNow(thread: Thread): Outcome {
  const { scheduler } = thread.process.kernel;
  if (scheduler.ready === 0 && !scheduler.timeIsUp()) return 0;
  return scheduler.yieldThread(thread, 0);
}
