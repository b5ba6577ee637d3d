/**
 * Layer: kernel. Segments of System V shared memory (shmget(2)): files without a name in the hidden file system, mapped as any
 * shared file is. It must not know addresses.
 */
import { SHM_DEST } from "../../abi/ipc.ts";
import type { Inode } from "../../vfs/contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import type { Process } from "../process.ts";
import type { SharedFile } from "../shared-file.ts";
import type { IpcObject, Ownership } from "./objects.ts";

export class Segment implements IpcObject {
  readonly owner: Ownership;
  /** Bytes, as asked for. */
  readonly size: number;
  /** Held open while the segment lives. */
  readonly content: OpenDescription;
  removed = false;
  readonly cpid: number;
  lpid = 0;
  /** Seconds of the last shmat(2) and shmdt(2); 0 before. */
  atime = 0;
  dtime = 0;

  constructor(owner: Ownership, size: number, content: OpenDescription, cpid: number) {
    this.owner = owner;
    this.size = size;
    this.content = content;
    this.cpid = cpid;
    content.acquire();
  }

  /** Whether it ends with its last mapping. */
  get doomed(): boolean {
    return (this.owner.mode & SHM_DEST) !== 0;
  }

  isOf(file: SharedFile): boolean {
    return file.inode === this.content.file.inode;
  }

  /** How often it is mapped: shm_nattch. */
  attachments(processes: readonly Process[]): number {
    let count = 0;
    for (const { shares, space } of processes) {
      const share = shares.find(({ file }) => this.isOf(file));
      if (share !== undefined) count += space.viewsOf(share.file).length;
    }
    return count;
  }
}

/** How often each shared file is mapped by these processes, in one look at them: thousands of segments are listed at once. */
export function attachmentsOfAll(processes: readonly Process[]): ReadonlyMap<Inode, number> {
  const counts = new Map<Inode, number>();
  for (const { shares, space } of processes) {
    for (const { file } of shares) {
      counts.set(file.inode, (counts.get(file.inode) ?? 0) + space.viewsOf(file).length);
    }
  }
  return counts;
}
