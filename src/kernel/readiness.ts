/**
 * Layer: kernel. Which of a list of open files are ready, as poll(2) counts them. It must not know waiting.
 */
import { POLLERR, POLLHUP, POLLNVAL } from "../abi/poll.ts";
import type { OpenDescription } from "./descriptors.ts";
import { SignalFile } from "./events/signal-file.ts";
import type { PollItem } from "./pending.ts";
import type { Thread } from "./process.ts";

/** Set every `revents`; answers how many are not zero. A negative fd is left out, as poll(2) says. */
export function scan(
  items: readonly PollItem[],
  descriptions: readonly (OpenDescription | undefined)[],
  thread: Thread,
): number {
  let ready = 0;
  for (let i = 0; i < items.length; i++) {
    const item = items[i];
    if (item === undefined) continue;
    const description = descriptions[i];
    if (item.fd < 0) item.revents = 0;
    else if (description === undefined) item.revents = POLLNVAL;
    else item.revents = readinessOf(description, thread) & (item.events | POLLERR | POLLHUP | POLLNVAL);
    if (item.revents !== 0) ready += 1;
  }
  return ready;
}

function readinessOf({ file }: OpenDescription, thread: Thread): number {
  return file instanceof SignalFile ? file.readinessFor(thread.process, thread) : file.readiness();
}
