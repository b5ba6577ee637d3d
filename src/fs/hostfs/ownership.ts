/**
 * Layer: fs/hostfs. Whose a host file is, seen from inside: the file server's own are the owner's, others nobody's, and a
 * chown(2) is remembered. Bounded: the change remembered longest is forgotten.
 */
import { HOST_INODES } from "../../limits.ts";
import type { AttributeChanges, Owner, Stat } from "../../vfs/contracts.ts";
import type { HostAttributes } from "./host-directory.ts";

/** The overflow user and group of Linux (include/linux/highuid.h). */
const NOBODY = 65_534;

export class Ownership {
  readonly #owner: Owner;
  /** By inode number, which the host chooses. */
  readonly #changed = new Map<number, { uid: number | undefined; gid: number | undefined }>();

  constructor(owner: Owner) {
    this.#owner = owner;
  }

  tell(attributes: HostAttributes, out: Stat): void {
    const changed = this.#changed.get(attributes.ino);
    out.uid = changed?.uid ?? (attributes.owned ? this.#owner.uid : NOBODY);
    out.gid = changed?.gid ?? (attributes.grouped ? this.#owner.gid : NOBODY);
  }

  /** A file was made by this user. */
  made(attributes: HostAttributes, by: Owner): void {
    this.#changed.delete(attributes.ino);
    const uid = attributes.owned && by.uid === this.#owner.uid ? undefined : by.uid;
    const gid = attributes.grouped && by.gid === this.#owner.gid ? undefined : by.gid;
    if (uid !== undefined || gid !== undefined) this.change(attributes.ino, { ...by });
  }

  change(ino: number, { uid, gid }: AttributeChanges): void {
    if (uid === undefined && gid === undefined) return;
    const before = this.#changed.get(ino);
    this.#changed.delete(ino);
    if (this.#changed.size >= HOST_INODES) {
      const [oldest] = this.#changed.keys();
      if (oldest !== undefined) this.#changed.delete(oldest);
    }
    this.#changed.set(ino, { uid: uid ?? before?.uid, gid: gid ?? before?.gid });
  }

  forget(ino: number): void {
    this.#changed.delete(ino);
  }
}
