/**
 * Layer: fs/memfs. Extended attributes: names and values kept with an inode and charged to the file system. It must not know
 * who may have which.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EINVAL, ENODATA, ENOSPC } from "../../abi/errno.ts";
import { XATTR_LIST_MAX } from "../../abi/fcntl.ts";
import type { ExtendedAttributes, Inode } from "../../vfs/contracts.ts";
import type { Budget } from "./budget.ts";
import { InodeBase } from "./inode.ts";

/** Bytes an attribute is charged at besides its name and value: what the engine keeps for a name, a value and an entry. */
const OVERHEAD = 320;

export class MemoryAttributes implements ExtendedAttributes {
  readonly #budget: Budget;
  readonly #changed: (inode: InodeBase) => void;

  constructor(budget: Budget, changed: (inode: InodeBase) => void) {
    this.#budget = budget;
    this.#changed = changed;
  }

  get(inode: Inode, name: ByteString): Uint8Array | number {
    const value = inode instanceof InodeBase ? inode.extended?.get(name) : undefined;
    return value?.slice() ?? -ENODATA;
  }

  set(inode: Inode, name: ByteString, value: Uint8Array): number {
    if (!(inode instanceof InodeBase)) return -EINVAL;
    const old = inode.extended?.get(name);
    if (old === undefined && namesBytes(inode) + name.length + 1 > XATTR_LIST_MAX) return -ENOSPC;
    const more = value.length - (old?.length ?? 0) + (old === undefined ? name.length + OVERHEAD : 0);
    if (more > 0 && !this.#budget.chargeBytes(more)) return -ENOSPC;
    if (more < 0) this.#budget.refundBytes(-more);
    inode.extended ??= new Map();
    inode.extended.set(name, value.slice());
    this.#changed(inode);
    return 0;
  }

  list(inode: Inode): readonly ByteString[] {
    return inode instanceof InodeBase ? [...(inode.extended?.keys() ?? [])] : [];
  }

  remove(inode: Inode, name: ByteString): number {
    const value = inode instanceof InodeBase ? inode.extended?.get(name) : undefined;
    if (!(inode instanceof InodeBase) || value === undefined) return -ENODATA;
    inode.extended?.delete(name);
    this.#budget.refundBytes(value.length + name.length + OVERHEAD);
    this.#changed(inode);
    return 0;
  }

  /** The inode is gone. */
  forget(inode: InodeBase): void {
    for (const [name, value] of inode.extended ?? []) this.#budget.refundBytes(value.length + name.length + OVERHEAD);
    inode.extended = undefined;
  }
}

/** What listxattr(2) tells of an inode: more than XATTR_LIST_MAX nobody could list. */
function namesBytes({ extended }: InodeBase): number {
  let bytes = 0;
  for (const name of extended?.keys() ?? []) bytes += name.length + 1;
  return bytes;
}
