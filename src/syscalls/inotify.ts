/**
 * Layer: syscalls. Watching files: inotify_init, inotify_add_watch, inotify_rm_watch.
 */
import { EINVAL } from "../abi/errno.ts";
import { O_CLOEXEC, O_NONBLOCK } from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { addWatch, makeInotify, removeWatch } from "../kernel/operations/inotify.ts";
import type { Thread } from "../kernel/process.ts";
import { pathAt } from "./call.ts";

export function sys_inotify_init(thread: Thread): Outcome {
  return makeInotify(thread, false, false);
}

/** IN_NONBLOCK and IN_CLOEXEC are O_NONBLOCK and O_CLOEXEC. */
export function sys_inotify_init1(thread: Thread, flags: number): Outcome {
  if ((flags & ~(O_NONBLOCK | O_CLOEXEC)) !== 0) return -EINVAL;
  return makeInotify(thread, (flags & O_NONBLOCK) !== 0, (flags & O_CLOEXEC) !== 0);
}

export function sys_inotify_add_watch(thread: Thread, fd: number, path: number, mask: number): Outcome {
  const name = pathAt(thread.process, path);
  return typeof name === "number" ? name : addWatch(thread, fd, name, mask >>> 0);
}

export function sys_inotify_rm_watch(thread: Thread, fd: number, wd: number): Outcome {
  return removeWatch(thread, fd, wd);
}
