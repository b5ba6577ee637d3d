/**
 * Layer: vfs. What open files answer alike that nothing stores: devices, texts made when they are read. It must not know where
 * bytes come from.
 */
import { EINVAL, ENODEV, ENOTDIR } from "../abi/errno.ts";
import { POLLIN, POLLOUT } from "../abi/poll.ts";
import type { Inode, OpenFile } from "./contracts.ts";

/** Bytes are its own; it has no entries, never waits and has nothing to store. */
export abstract class OpenedFile<Kind extends Inode = Inode> implements OpenFile {
  readonly inode: Kind;
  readonly seekable: boolean = true;
  readonly waiters = undefined;

  constructor(inode: Kind) {
    this.inode = inode;
  }

  abstract read(position: number, into: Uint8Array, at: number, length: number): number;
  abstract write(position: number, from: Uint8Array, at: number, length: number): number;

  readiness(): number {
    return POLLIN | POLLOUT;
  }

  available(): number {
    return 0;
  }

  entries(): number {
    return -ENOTDIR;
  }

  sync(): number {
    return -EINVAL;
  }

  allocate(): number {
    return -ENODEV;
  }

  close(): void {}
}
