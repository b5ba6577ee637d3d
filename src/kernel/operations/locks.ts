/**
 * Layer: kernel, operations. Locks on files: flock(2), and fcntl(2)'s F_SETLK, F_SETLKW, F_GETLK and their OFD kin. It must not
 * know encodings.
 */
import { EAGAIN, EBADF } from "../../abi/errno.ts";
import { O_PATH } from "../../abi/fcntl.ts";
import type { Outcome } from "../contracts.ts";
import type { OpenDescription } from "../descriptors.ts";
import { deadlock, type Lock, type LockKind, type LockRange, remember } from "../locks.ts";
import { parked } from "../pending.ts";
import type { Thread } from "../process.ts";

/** A record as fcntl(2) asks for it; `how` "none" unlocks. */
export interface RecordRequest extends LockRange {
  readonly kind: Exclude<LockKind, "flock">;
  readonly how: "shared" | "exclusive" | "none";
}

const WHOLE: LockRange = { start: 0, end: Infinity };

/** flock(2). 0; parks while others hold what stands in the way, unless `mayWait` is false: -EAGAIN. -EBADF, -ENOLCK. */
export function lockFile(thread: Thread, fd: number, how: RecordRequest["how"], mayWait: boolean): Outcome {
  const description = opened(thread, fd);
  if (description === undefined) return -EBADF;
  const { locks } = thread.process.kernel;
  const { inode } = description.file;
  const own = [...(locks.of(inode)?.ownedBy(description) ?? [])].find((one) => one.kind === "flock");
  if (how !== "none" && own?.exclusive === (how === "exclusive")) return 0;
  // As on Linux another kind of lock is not had before the old one is gone, which somebody else may then take.
  if (own !== undefined) locks.release(inode, "flock", description, WHOLE);
  return how === "none"
    ? 0
    : take(thread, description, lockOf(thread, description, { kind: "flock", how, ...WHOLE }), mayWait);
}

/**
 * F_SETLK; with `mayWait` F_SETLKW, which parks. -EBADF (not open, or not for what the lock protects), -EAGAIN, -ENOLCK,
 * -EDEADLK.
 */
export function lockRecord(thread: Thread, fd: number, request: RecordRequest, mayWait: boolean): Outcome {
  const description = opened(thread, fd);
  if (description === undefined) return -EBADF;
  const { how, kind } = request;
  if (how === "none") {
    const owner = kind === "process" ? thread.process : description;
    return thread.process.kernel.locks.release(description.file.inode, kind, owner, request);
  }
  if (how === "shared" ? !description.readable : !description.writable) return -EBADF;
  return take(thread, description, lockOf(thread, description, request), mayWait);
}

/** F_GETLK: what would stand in the way; undefined for nothing. -EBADF. */
export function findLock(thread: Thread, fd: number, request: RecordRequest): Lock | undefined | number {
  const description = opened(thread, fd);
  if (description === undefined) return -EBADF;
  return thread.process.kernel.locks.of(description.file.inode)?.conflict(lockOf(thread, description, request));
}

/** Bytes SEEK_CUR and SEEK_END count from; -EBADF, or what the file system answers. */
export function lockOrigin(thread: Thread, fd: number, fromEnd: boolean): number {
  const description = opened(thread, fd);
  if (description === undefined) return -EBADF;
  if (!fromEnd) return description.offset;
  const { stat } = thread.process.kernel;
  const error = description.file.inode.fs.stat(description.file.inode, stat);
  return error < 0 ? error : stat.size;
}

function take(thread: Thread, description: OpenDescription, lock: Lock, mayWait: boolean): Outcome {
  const { kernel } = thread.process;
  const { inode } = description.file;
  const outcome = kernel.locks.take(inode, lock);
  if (outcome === 0) remember(kernel.locks, lock);
  if (outcome !== -EAGAIN || !mayWait) return outcome;
  if (lock.kind === "process") {
    const stuck = deadlock(kernel.locks, inode, lock);
    if (stuck < 0) return stuck;
  }
  description.acquire();
  return kernel.scheduler.park({ ...parked(thread), kind: "lock", description, lock });
}

function lockOf(thread: Thread, description: OpenDescription, { kind, how, start, end }: RequestOf): Lock {
  const { process } = thread;
  const owner = kind === "process" ? process : description;
  const pid = kind === "description" ? -1 : process.pid;
  return { kind, owner, exclusive: how === "exclusive", start, end, pid };
}

type RequestOf = LockRange & { readonly kind: LockKind; readonly how: RecordRequest["how"] };

function opened(thread: Thread, fd: number): OpenDescription | undefined {
  const description = thread.process.descriptors.get(fd)?.description;
  return description === undefined || (description.flags & O_PATH) !== 0 ? undefined : description;
}
