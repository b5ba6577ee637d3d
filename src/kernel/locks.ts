/**
 * Layer: kernel. Locks on files: fcntl(2)'s records, of a process or of an open file description, and flock(2)'s. Plain data by
 * inode, with a queue for who waits. It must not know descriptors' numbers, nor encodings.
 *
 * A record's owner is a process, or with OFD an open file description; records of both kinds stand in each other's way. flock's
 * locks only mind each other.
 */
import { EAGAIN, EDEADLOCK, ENOLCK } from "../abi/errno.ts";
import { LOCKS } from "../limits.ts";
import type { FileSystem, Inode } from "../vfs/contracts.ts";
import { WaitQueue, type WakeSink } from "../wait/wait-queue.ts";
import type { OpenDescription } from "./descriptors.ts";
import type { Process } from "./process.ts";

export type LockKind = "process" | "description" | "flock";
export type LockOwner = Process | OpenDescription;

/** What is asked for: bytes [start, end) of a file; Infinity is beyond every end. flock's is always the whole file. */
export interface LockRange {
  readonly start: number;
  readonly end: number;
}

export interface Lock extends LockRange {
  readonly kind: LockKind;
  readonly owner: LockOwner;
  readonly exclusive: boolean;
  /** Who asked for it, as /proc/locks tells. */
  readonly pid: number;
}

/** How many holders are followed in search of a circle, as MAX_DEADLK_ITERATIONS of Linux's fs/locks.c. */
const DEADLOCK_STEPS = 10;

const NONE: ReadonlySet<Lock> = new Set();

/** Locks of one file. */
export class FileLocks {
  readonly inode: Inode;
  readonly waiters: WaitQueue;
  /** By start. */
  readonly #held: Lock[] = [];
  readonly #byOwner = new Map<LockOwner, Set<Lock>>();

  constructor(inode: Inode, sink: WakeSink) {
    this.inode = inode;
    this.waiters = new WaitQueue(sink);
  }

  /** By start. */
  get held(): readonly Lock[] {
    return this.#held;
  }

  /** A process that ends asks for each file it has open: whoever holds nothing must learn it at once. */
  ownedBy(owner: LockOwner): ReadonlySet<Lock> {
    return this.#byOwner.get(owner) ?? NONE;
  }

  /** The first lock that keeps this one from being had. */
  conflict({ kind, owner, exclusive, start, end }: Lock): Lock | undefined {
    for (const one of this.#held) {
      if (one.start >= end) break;
      if (one.end <= start || one.owner === owner || (one.kind === "flock") !== (kind === "flock")) continue;
      if (exclusive || one.exclusive) return one;
    }
    return undefined;
  }

  add(lock: Lock): void {
    const own = this.#byOwner.get(lock.owner);
    if (own === undefined) this.#byOwner.set(lock.owner, new Set([lock]));
    else own.add(lock);
    this.#held.splice(this.#firstFrom(lock.start), 0, lock);
  }

  delete(lock: Lock): void {
    const own = this.#byOwner.get(lock.owner);
    if (own?.delete(lock) !== true) return;
    if (own.size === 0) this.#byOwner.delete(lock.owner);
    this.#held.splice(this.#held.indexOf(lock, this.#firstFrom(lock.start)), 1);
  }

  /** The index of the first lock that begins there or later. */
  #firstFrom(start: number): number {
    let [low, high] = [0, this.#held.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#held[middle]?.start ?? Infinity) < start) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export class LockTable {
  readonly #sink: WakeSink;
  readonly #files = new Map<FileSystem, Map<string, FileLocks>>();
  #count = 0;

  constructor(sink: WakeSink) {
    this.#sink = sink;
  }

  /** Everything, for a snapshot and for /proc/locks. */
  *[Symbol.iterator](): IterableIterator<{ readonly inode: Inode; readonly lock: Lock }> {
    for (const files of this.#files.values()) {
      for (const { inode, held } of files.values()) for (const lock of held) yield { inode, lock };
    }
  }

  /** Whether there is any lock, or anybody waiting for one. */
  get idle(): boolean {
    return this.#files.size === 0;
  }

  of(inode: Inode): FileLocks | undefined {
    return this.#files.get(inode.fs)?.get(`${inode.ino}`);
  }

  /** Where those wait who want a lock on this file. */
  waitersOf(inode: Inode): WaitQueue {
    return this.#make(inode).waiters;
  }

  /** 0 when it is had; -EAGAIN while others hold what stands in its way; -ENOLCK. */
  take(inode: Inode, lock: Lock): number {
    const file = this.#make(inode);
    if (file.conflict(lock) !== undefined) {
      this.#forgetIfUnused(file);
      return -EAGAIN;
    }
    // Cutting a lock in two adds two at most.
    if (this.#count + 2 > LOCKS) {
      this.#forgetIfUnused(file);
      return -ENOLCK;
    }
    this.#replace(file, lock, lock);
    return 0;
  }

  /** Give up what an owner holds in a range. 0, or -ENOLCK when what is left would be one lock too many. */
  release(inode: Inode, kind: LockKind, owner: LockOwner, range: LockRange): number {
    const file = this.of(inode);
    if (file === undefined) return 0;
    const splits = [...file.ownedBy(owner)].some((one) => one.start < range.start && one.end > range.end);
    if (splits && this.#count + 1 > LOCKS) return -ENOLCK;
    this.#replace(file, { kind, owner, ...range }, undefined);
    return 0;
  }

  /** Everything an owner holds on a file goes: a process closed it, or nobody has the description open any more. */
  releaseAll(inode: Inode, owner: LockOwner): void {
    const file = this.of(inode);
    if (file !== undefined) this.#change(file, [...file.ownedBy(owner)], []);
  }

  /** Put a lock of a snapshot back. */
  restore(inode: Inode, lock: Lock): boolean {
    return this.take(inode, lock) === 0;
  }

  /** Nobody waits any more: what was kept for the file may go. */
  waitEnded(inode: Inode): void {
    const file = this.of(inode);
    if (file !== undefined) this.#forgetIfUnused(file);
  }

  #replace(
    file: FileLocks,
    { kind, owner, start, end }: Pick<Lock, "kind" | "owner" | "start" | "end">,
    added: Lock | undefined,
  ): void {
    const [gone, left]: [Lock[], Lock[]] = [[], []];
    let fresh = added;
    for (const one of file.ownedBy(owner)) {
      if (one.kind !== kind || one.start > end || one.end < start) continue;
      if (fresh !== undefined && one.exclusive === fresh.exclusive) {
        // Alike and touching: they become one.
        fresh = { ...fresh, start: Math.min(one.start, fresh.start), end: Math.max(one.end, fresh.end) };
      } else {
        if (one.start < start) left.push({ ...one, end: Math.min(one.end, start) });
        if (one.end > end) left.push({ ...one, start: Math.max(one.start, end) });
      }
      gone.push(one);
    }
    if (fresh !== undefined) left.push(fresh);
    this.#change(file, gone, left);
  }

  /** Whoever waits looks again where something was given up. */
  #change(file: FileLocks, gone: readonly Lock[], added: readonly Lock[]): void {
    for (const lock of gone) file.delete(lock);
    for (const lock of added) file.add(lock);
    this.#count += added.length - gone.length;
    if (gone.length > 0) file.waiters.wakeAll();
    this.#forgetIfUnused(file);
  }

  #make(inode: Inode): FileLocks {
    let files = this.#files.get(inode.fs);
    if (files === undefined) {
      files = new Map();
      this.#files.set(inode.fs, files);
    }
    let file = files.get(`${inode.ino}`);
    if (file === undefined) {
      file = new FileLocks(inode, this.#sink);
      files.set(`${inode.ino}`, file);
    }
    return file;
  }

  #forgetIfUnused({ inode, held, waiters }: FileLocks): void {
    if (held.length > 0 || waiters.size > 0) return;
    const files = this.#files.get(inode.fs);
    files?.delete(`${inode.ino}`);
    if (files?.size === 0) this.#files.delete(inode.fs);
  }
}

/** Who holds a lock through a description gives it up when that is closed; a process when it closes the file. */
export function remember(table: LockTable, { kind, owner }: Lock): void {
  if (kind === "process" && "threads" in owner) owner.holdsRecords = true;
  else if (!("threads" in owner)) owner.locks = table;
}

/**
 * Whether a process that began to wait for this lock would wait for itself: who holds what it wants waits, through others it may
 * be, for something it holds (fcntl(2), EDEADLK). Only records of processes count, as on Linux. 0 or -EDEADLK.
 */
export function deadlock(table: LockTable, inode: Inode, wanted: Lock): number {
  const seen = new Set<LockOwner>();
  const next: LockOwner[] = [];
  const add = (lock: Lock | undefined): void => {
    if (lock === undefined || seen.has(lock.owner)) return;
    seen.add(lock.owner);
    next.push(lock.owner);
  };
  add(table.of(inode)?.conflict(wanted));
  // A process may wait with many threads, and each may be in the way of a long list.
  let looks = DEADLOCK_STEPS;
  for (let owner = next.pop(); owner !== undefined && seen.size <= DEADLOCK_STEPS; owner = next.pop()) {
    if (owner === wanted.owner) return -EDEADLOCK;
    if (!("threads" in owner)) continue;
    for (const { pending } of owner.threads) {
      if (pending?.kind !== "lock" || pending.lock.kind !== "process") continue;
      if (looks-- <= 0) break;
      add(table.of(pending.description.file.inode)?.conflict(pending.lock));
    }
  }
  return 0;
}
