/**
 * Layer: kernel, operations. poll(2). It must not know encodings.
 */
import { EINVAL } from "../../abi/errno.ts";
import type { Outcome } from "../contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import { type PollItem, parked } from "../pending.ts";
import type { Thread } from "../process.ts";
import { scan } from "../readiness.ts";

export type { PollItem } from "../pending.ts";

/** Items of one poll at most. */
export const POLL_ITEMS = 1024;

/**
 * How many items are ready, their `revents` set; 0 when the deadline (monotonic nanoseconds; undefined is never) passed.
 * Parks while none is: what the numbers mean is then what it was at the call, and whoever encodes the end finds the items
 * in `thread.ended`. A number that is not open gets POLLNVAL, a negative one is left out. -EINVAL above POLL_ITEMS.
 */
export function poll(thread: Thread, items: readonly PollItem[], deadlineNs: number | undefined): Outcome {
  if (items.length > POLL_ITEMS) return -EINVAL;
  const { kernel, descriptors } = thread.process;
  const descriptions: (OpenDescription | undefined)[] = [];
  for (const item of items) descriptions.push(descriptors.get(item.fd)?.description);
  const ready = scan(items, descriptions, thread);
  if (ready > 0) return ready;
  const deadline = deadlineNs ?? Infinity;
  if (!(deadline > kernel.host.clock.monotonicNs())) return 0;
  for (const description of descriptions) description?.acquire();
  return kernel.scheduler.park({ ...parked(thread, deadline), kind: "poll", items, descriptions });
}
