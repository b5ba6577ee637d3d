/**
 * Layer: kernel. What O_PATH opens: a place and nothing more. Every operation on the file itself is -EBADF (open(2)). It must
 * not know who holds it.
 */
import { EBADF } from "../abi/errno.ts";
import { POLLNVAL } from "../abi/poll.ts";
import type { Inode, OpenFile } from "../vfs/contracts.ts";

export class PathFile implements OpenFile {
  readonly inode: Inode;
  readonly seekable = false;
  readonly waiters = undefined;

  constructor(inode: Inode) {
    this.inode = inode;
  }

  read(): number {
    return -EBADF;
  }

  write(): number {
    return -EBADF;
  }

  readiness(): number {
    return POLLNVAL;
  }

  available(): number {
    return 0;
  }

  entries(): number {
    return -EBADF;
  }

  sync(): number {
    return -EBADF;
  }

  allocate(): number {
    return -EBADF;
  }

  close(): void {}
}
