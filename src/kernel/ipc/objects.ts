/**
 * Layer: kernel. What System V's segments, semaphore sets and message queues have in common: keys, numbers, owners and
 * permissions (svipc(7)). It must not know what they are for.
 */
import { EACCES, EEXIST, EINVAL, ENOENT, ENOSPC, EPERM } from "../../abi/errno.ts";
import { IPC_CREAT, IPC_EXCL, IPC_PRIVATE } from "../../abi/ipc.ts";
import type { Credentials } from "../../vfs/permissions.ts";

/** Numbers are a place in the table and how often the table gave one: an old number never means a new object. */
const PLACES = 32_768;
const SEQUENCES = 65_536;

/** Who it belongs to and who may use it. Times are seconds. */
export interface Ownership {
  readonly id: number;
  key: number;
  uid: number;
  gid: number;
  readonly cuid: number;
  readonly cgid: number;
  /** Permission bits, and what the kind adds. */
  mode: number;
  ctime: number;
}

export interface IpcObject {
  readonly owner: Ownership;
  /** Its number means nothing any more: who waits for it learns of that. */
  removed: boolean;
}

export const IPC_READ = 4;
export const IPC_WRITE = 2;

export class IpcTable<T extends IpcObject> {
  readonly #limit: number;
  readonly #places: (T | undefined)[] = [];
  sequence = 0;
  #count = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get count(): number {
    return this.#count;
  }

  /** One more than the highest place in use. */
  get end(): number {
    return this.#places.length;
  }

  get(id: number): T | undefined {
    const found = this.#places[id & (PLACES - 1)];
    return found?.owner.id === id ? found : undefined;
  }

  at(place: number): T | undefined {
    return place >= 0 ? this.#places[place] : undefined;
  }

  *[Symbol.iterator](): Iterable<T> & Iterator<T> {
    for (const one of this.#places) if (one !== undefined) yield one;
  }

  /**
   * The object of a key, as shmget(2), semget(2) and msgget(2) find or make it. -EEXIST, -EACCES, -ENOENT, -ENOSPC, what `fits`
   * and `make` answer.
   */
  open(
    key: number,
    flags: number,
    credentials: Credentials,
    now: number,
    fits: (found: T) => number,
    make: (owner: Ownership) => T | number,
  ): T | number {
    const found = key === IPC_PRIVATE ? undefined : this.#find(key);
    if (found !== undefined) {
      if ((flags & IPC_CREAT) !== 0 && (flags & IPC_EXCL) !== 0) return -EEXIST;
      const wanted = ((flags >> 6) | (flags >> 3) | flags) & 7;
      if (!mayUse(found.owner, credentials, wanted)) return -EACCES;
      const wrong = fits(found);
      return wrong < 0 ? wrong : found;
    }
    if (key !== IPC_PRIVATE && (flags & IPC_CREAT) === 0) return -ENOENT;
    if (this.#count >= this.#limit) return -ENOSPC;
    let place = this.#places.indexOf(undefined);
    if (place < 0) place = this.#places.length;
    const { uid, gid } = credentials;
    const owner = { key, uid, gid, cuid: uid, cgid: gid, mode: flags & 0o777, ctime: now };
    const made = make({ id: this.sequence * PLACES + place, ...owner });
    if (typeof made === "number") return made;
    this.sequence = (this.sequence + 1) % SEQUENCES;
    this.put(made);
    return made;
  }

  /** Put an object at the place its number says. False where that is taken. */
  put(object: T): boolean {
    const place = object.owner.id & (PLACES - 1);
    if (this.#places[place] !== undefined) return false;
    while (this.#places.length < place) this.#places.push(undefined);
    this.#places[place] = object;
    this.#count += 1;
    return true;
  }

  remove(object: T): void {
    const place = object.owner.id & (PLACES - 1);
    if (this.#places[place] !== object) return;
    this.#places[place] = undefined;
    this.#count -= 1;
    object.removed = true;
    while (this.#places.length > 0 && this.#places.at(-1) === undefined) this.#places.pop();
  }

  #find(key: number): T | undefined {
    return this.#places.find((one) => one !== undefined && one.owner.key === key);
  }
}

/** Whether somebody may use an object for all of `wanted`, IPC_READ and IPC_WRITE. */
export function mayUse(owner: Ownership, credentials: Credentials, wanted: number): boolean {
  const { uid, gid, groups } = credentials;
  if (uid === 0) return true;
  const has = (group: number): boolean => gid === group || groups.includes(group);
  let shift = 0;
  if (uid === owner.uid || uid === owner.cuid) shift = 6;
  else if (has(owner.gid) || has(owner.cgid)) shift = 3;
  return (wanted & ~(owner.mode >> shift) & 7) === 0;
}

/** 0, or -EPERM: only owner, creator and the superuser change or remove an object. */
export function mayChange(owner: Ownership, { uid }: Credentials): number {
  return uid === 0 || uid === owner.uid || uid === owner.cuid ? 0 : -EPERM;
}

/** What IPC_SET gives. */
export interface OwnershipChange {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** IPC_SET. -EINVAL for no user or group at all. */
export function changeOwner(owner: Ownership, { uid, gid, mode }: OwnershipChange, now: number): number {
  if (uid === 0xffff_ffff || gid === 0xffff_ffff) return -EINVAL;
  owner.uid = uid;
  owner.gid = gid;
  owner.mode = (owner.mode & ~0o777) | (mode & 0o777);
  owner.ctime = now;
  return 0;
}
