/**
 * Layer: kernel. A read-only file of bytes the kernel made for one process, as those of /proc are. It must not know what the
 * bytes say.
 */
import { EBADF } from "../abi/errno.ts";
import { S_IFREG } from "../abi/stat.ts";
import { OpenedFile } from "../vfs/opened-file.ts";
import type { Kernel } from "./kernel.ts";
import type { StreamInode } from "./pipefs.ts";

export class BytesFile extends OpenedFile<StreamInode> {
  readonly content: Uint8Array;

  constructor(kernel: Kernel, content: Uint8Array) {
    super(kernel.pipes.inode(S_IFREG, 0o400, 0, { uid: 0, gid: 0 }));
    this.content = content;
  }

  read(position: number, into: Uint8Array, at: number, length: number): number {
    const part = this.content.subarray(position, position + length);
    into.set(part, at);
    return part.length;
  }

  write(): number {
    return -EBADF;
  }

  override available(): number {
    return this.content.length;
  }
}
