/** Layer: vfs. File systems whose names come and go by other ways than by making and removing them. */
import type { ByteString } from "../abi/byte-string.ts";
import { EINVAL, EPERM } from "../abi/errno.ts";
import type { AttributeChanges, FileSystem, FileSystemStatistics, Inode, OpenFile, Stat } from "./contracts.ts";

/** Nothing can be made, removed or changed in it: -EPERM. */
export abstract class FixedFileSystem implements FileSystem {
  abstract readonly type: string;
  abstract readonly root: Inode;
  readonly dev: number;

  constructor(dev: number) {
    this.dev = dev;
  }

  abstract lookup(directory: Inode, name: ByteString): Inode | number;
  abstract open(inode: Inode, flags: number): OpenFile | number;
  abstract stat(inode: Inode, out: Stat): number;
  abstract statistics(): FileSystemStatistics;

  /** Times given to touch(1) are no error, and forgotten. */
  setattr(_inode: Inode, { mode, uid, gid, size }: AttributeChanges): number {
    return mode === undefined && uid === undefined && gid === undefined && size === undefined ? 0 : -EPERM;
  }

  parent(_directory: Inode): Inode | number {
    return this.root;
  }

  readlink(_link: Inode): ByteString | number {
    return -EINVAL;
  }

  create(): number {
    return -EPERM;
  }

  mkdir(): number {
    return -EPERM;
  }

  symlink(): number {
    return -EPERM;
  }

  link(): number {
    return -EPERM;
  }

  unlink(): number {
    return -EPERM;
  }

  rmdir(): number {
    return -EPERM;
  }

  rename(): number {
    return -EPERM;
  }
}
