/**
 * Layer: wasi. sock_accept, sock_recv, sock_send, sock_shutdown. No descriptor of a WASI program is a socket yet, so each
 * answers what Linux answers for one that is none: BADF or NOTSOCK, whatever its other arguments are.
 */
import { S_IFSOCK } from "../abi/stat.ts";
import { ERRNO_BADF, ERRNO_NOTSOCK, ERRNO_NOTSUP } from "../abi/wasi-errno.ts";
import type { GuestCall } from "../kernel/contracts.ts";
import type { Thread } from "../kernel/process.ts";
import { wasiCall } from "./call.ts";

function noSocket(thread: Thread, fd: number): number {
  const inode = thread.process.descriptors.get(fd >>> 0)?.description.file.inode;
  if (inode === undefined) return ERRNO_BADF;
  return inode.type === S_IFSOCK ? ERRNO_NOTSUP : ERRNO_NOTSOCK;
}

export const SOCKET_CALLS: readonly GuestCall[] = [
  wasiCall("sock_accept", noSocket),
  wasiCall("sock_recv", noSocket),
  wasiCall("sock_send", noSocket),
  wasiCall("sock_shutdown", noSocket),
];
