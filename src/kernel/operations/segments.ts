/**
 * Layer: kernel, operations. System V shared memory: shmget(2), shmat(2), shmdt(2), shmctl(2). It must not know encodings.
 */
import { EACCES, EINVAL, EPERM } from "../../abi/errno.ts";
import { SHM_DEST, SHM_LOCKED, SHM_RDONLY, SHM_REMAP, SHM_RND } from "../../abi/ipc.ts";
import { PROT_READ, PROT_WRITE } from "../../abi/mman.ts";
import { SHARED_BYTES } from "../../limits.ts";
import { MAP_PAGE, pageUp } from "../address-space.ts";
import { GONE, type Outcome } from "../contracts.ts";
import { changeOwner, IPC_READ, IPC_WRITE, mayChange, mayUse, type OwnershipChange } from "../ipc/objects.ts";
import { Segment } from "../ipc/segments.ts";
import type { Thread } from "../process.ts";
import { drop, see } from "./memory.ts";

/** shmget(2): a segment's number. -EINVAL (size), -EEXIST, -ENOENT, -EACCES, -ENOSPC, -ENOMEM. */
export function openSegment(thread: Thread, key: number, size: number, flags: number): Outcome {
  const { process } = thread;
  const { systemV, shared } = process.kernel;
  const opened = systemV.segments.open(
    key,
    flags,
    process.credentials,
    systemV.now,
    (found) => (size > found.size ? -EINVAL : 0),
    (owner) => {
      if (size < 1 || size > SHARED_BYTES) return -EINVAL;
      const content = shared.unnamed(pageUp(size), 0o600, process.credentials);
      return typeof content === "number" ? content : new Segment(owner, size, content, process.pid);
    },
  );
  return typeof opened === "number" ? opened : opened.owner.id;
}

/** shmat(2): the address. -EINVAL, -EACCES, -ENOMEM. */
export function attachSegment(thread: Thread, id: number, address: number, flags: number): Outcome {
  const { process } = thread;
  const { systemV, shared } = process.kernel;
  const segment = systemV.segments.get(id);
  if (segment === undefined) return -EINVAL;
  const at = (flags & SHM_RND) !== 0 ? address - (address % MAP_PAGE) : address;
  if (at % MAP_PAGE !== 0 || (at === 0 && (flags & SHM_REMAP) !== 0)) return -EINVAL;
  const writable = (flags & SHM_RDONLY) === 0;
  if (!mayUse(segment.owner, process.credentials, writable ? IPC_READ | IPC_WRITE : IPC_READ)) return -EACCES;
  const length = pageUp(segment.size);
  const fixed = at !== 0;
  if (fixed && (flags & SHM_REMAP) === 0 && !process.space.isFree(at, length)) return -EINVAL;
  const file = shared.open(segment.content);
  if (typeof file === "number") return file;
  const protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  const start = see(thread, { address: at, length, fixed, protection }, { file, offset: 0, writable });
  if (start >= 0) {
    segment.atime = systemV.now;
    segment.lpid = process.pid;
  }
  return start;
}

/** shmdt(2). -EINVAL where no segment begins. */
export function detachSegment(thread: Thread, address: number): Outcome {
  const { space, kernel } = thread.process;
  const begin = space.sharedAt(address);
  const segment = [...kernel.systemV.segments].find(
    (one) => begin?.start === address && begin.view?.offset === 0 && one.isOf(begin.view.file),
  );
  if (begin?.view === undefined || segment === undefined) return -EINVAL;
  const { file } = begin.view;
  // What is left of it where parts were unmapped or covered.
  const parts = space
    .viewsOf(file)
    .filter(({ start, view }) => start - (view?.offset ?? 0) === address && start - address < pageUp(segment.size));
  drop(thread.process, parts);
  return thread.killed ? GONE : 0;
}

/** IPC_RMID: at once, or with its last mapping. -EINVAL, -EPERM. */
export function removeSegment(thread: Thread, id: number): Outcome {
  const { process } = thread;
  const { systemV } = process.kernel;
  const segment = systemV.segments.get(id);
  if (segment === undefined) return -EINVAL;
  const denied = mayChange(segment.owner, process.credentials);
  if (denied < 0) return denied;
  segment.owner.mode |= SHM_DEST;
  segment.owner.key = 0;
  if (segment.attachments(process.kernel.processes) === 0) systemV.removeSegment(segment);
  return 0;
}

/** IPC_SET. */
export function changeSegment(thread: Thread, id: number, change: OwnershipChange): Outcome {
  const { process } = thread;
  const { systemV } = process.kernel;
  const segment = systemV.segments.get(id);
  if (segment === undefined) return -EINVAL;
  return mayChange(segment.owner, process.credentials) || changeOwner(segment.owner, change, systemV.now);
}

/** SHM_LOCK, SHM_UNLOCK: noted; nothing is ever paged out. */
export function lockSegment(thread: Thread, id: number, lock: boolean): Outcome {
  const { process } = thread;
  const segment = process.kernel.systemV.segments.get(id);
  if (segment === undefined) return -EINVAL;
  if (mayChange(segment.owner, process.credentials) < 0) return -EPERM;
  if (lock) segment.owner.mode |= SHM_LOCKED;
  else segment.owner.mode &= ~SHM_LOCKED;
  return 0;
}
