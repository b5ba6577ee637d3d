/**
 * Layer: syscalls. Sockets: no family of them is there yet, and no descriptor is one.
 */
import { EAFNOSUPPORT, ENOTSOCK, EOPNOTSUPP } from "../abi/errno.ts";
import type { Outcome } from "../kernel/contracts.ts";
import { checkOpen } from "../kernel/operations/descriptors.ts";
import type { Thread } from "../kernel/process.ts";

/** socket(2), socketpair(2). */
export function sys_socket(): Outcome {
  return -EAFNOSUPPORT;
}

/** Every call on a socket, whatever its other arguments: -EBADF or -ENOTSOCK. */
export function notSocket(thread: Thread, fd: number): Outcome {
  const closed = checkOpen(thread, fd);
  return closed < 0 ? closed : -ENOTSOCK;
}

/** Extended attributes: no file system keeps any. */
export function noAttributes(): Outcome {
  return -EOPNOTSUPP;
}
