/**
 * Layer: kernel. inotify(7): instances with their watches and the events that wait to be read, and who watches which inode. It
 * must not know descriptors' numbers.
 *
 * Deviations: a file whose last name goes is told deleted at once, even if it is still open; to IN_EXCL_UNLINK a file counts as
 * unlinked when its last name is gone.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EAGAIN, EBADF, EEXIST, EINVAL, ENOSPC } from "../abi/errno.ts";
import {
  EVENT_BYTES,
  IN_ALL_EVENTS,
  IN_DELETE_SELF,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_ONESHOT,
  IN_Q_OVERFLOW,
} from "../abi/inotify.ts";
import { POLLIN } from "../abi/poll.ts";
import { S_IFDIR, S_IFREG } from "../abi/stat.ts";
import { INOTIFY_EVENTS, INOTIFY_WATCHES } from "../limits.ts";
import { emptyStat, type FileSystem, type Inode } from "../vfs/contracts.ts";
import type { Location, MountTable } from "../vfs/mounts.ts";
import type { Watcher } from "../vfs/watcher.ts";
import type { Kernel } from "./kernel.ts";
import { StreamFile } from "./pipefs.ts";

export interface InotifyEvent {
  readonly wd: number;
  readonly mask: number;
  readonly cookie: number;
  readonly name: ByteString | "";
}

export interface Watch {
  readonly instance: InotifyFile;
  readonly wd: number;
  readonly place: Location;
  /** Events, and IN_ONESHOT and IN_EXCL_UNLINK. */
  mask: number;
}

/** An instance as an open file. */
export class InotifyFile extends StreamFile {
  readonly watches = new Map<number, Watch>();
  readonly events: InotifyEvent[] = [];
  nextWd = 1;
  readonly #registry: InotifyRegistry;

  constructor(kernel: Kernel) {
    const inode = kernel.pipes.inode(S_IFREG, 0o600, 0, { uid: 0, gid: 0 });
    inode.label = "anon_inode:inotify";
    super(inode, kernel.pipes.queue());
    this.#registry = kernel.inotify;
  }

  /** Queue an event; one just like the last is the same. */
  push(event: InotifyEvent): void {
    const last = this.events.at(-1);
    const { wd, mask, cookie, name } = event;
    if (last?.wd === wd && last.mask === mask && last.name === name && last.cookie === cookie) return;
    if (this.#registry.queued >= INOTIFY_EVENTS) {
      if (last?.mask === IN_Q_OVERFLOW) return;
      this.restoreEvent({ wd: -1, mask: IN_Q_OVERFLOW, cookie: 0, name: "" });
    } else this.restoreEvent({ wd, mask, cookie, name: flat(name) });
    this.waiters.wakeEnough(POLLIN);
  }

  /** Queue an event of a snapshot. */
  restoreEvent(event: InotifyEvent): void {
    this.events.push(event);
    this.#registry.queued += 1;
  }

  /** Whole events only. -EINVAL when there is no room for the first, -EAGAIN when there is none. */
  override read(_position: number, into: Uint8Array, at: number, length: number): number {
    const [first] = this.events;
    if (first === undefined) return -EAGAIN;
    if (eventBytes(first) > length) return -EINVAL;
    const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
    let used = 0;
    let taken = 0;
    for (const event of this.events) {
      const bytes = eventBytes(event);
      if (used + bytes > length) break;
      const start = at + used;
      view.setInt32(start, event.wd, true);
      view.setUint32(start + 4, event.mask, true);
      view.setUint32(start + 8, event.cookie, true);
      view.setUint32(start + 12, bytes - EVENT_BYTES, true);
      into.fill(0, start + EVENT_BYTES, start + bytes);
      for (let i = 0; i < event.name.length; i++) into[start + EVENT_BYTES + i] = event.name.charCodeAt(i);
      used += bytes;
      taken += 1;
    }
    this.events.splice(0, taken);
    this.#registry.queued -= taken;
    return used;
  }

  override write(): number {
    return -EBADF;
  }

  override readiness(): number {
    return this.events.length > 0 ? POLLIN : 0;
  }

  override available(): number {
    return this.events.reduce((sum, event) => sum + eventBytes(event), 0);
  }

  override close(): void {
    for (const watch of [...this.watches.values()]) this.#registry.drop(watch);
    this.#registry.queued -= this.events.length;
    this.events.length = 0;
  }
}

/** A copy that shares nothing: a name cut from a path would keep the whole path alive. */
function flat(name: ByteString | ""): ByteString | "" {
  const codes: number[] = [];
  for (let i = 0; i < name.length; i++) codes.push(name.charCodeAt(i));
  return String.fromCharCode(...codes) as ByteString;
}

/** With the name, its NUL, and zeros up to a multiple of EVENT_BYTES. */
function eventBytes({ name }: InotifyEvent): number {
  return name === "" ? EVENT_BYTES : EVENT_BYTES * (1 + Math.ceil((name.length + 1) / EVENT_BYTES));
}

const stat = emptyStat();

function isUnlinked(inode: Inode): boolean {
  return inode.fs.stat(inode, stat) === 0 && stat.nlink === 0;
}

const NOBODY: ReadonlySet<Watch> = new Set();

/** Who watches what. It listens to the mounts only while somebody does. */
export class InotifyRegistry implements Watcher {
  readonly #mounts: MountTable;
  /** One inode may have all the watches there are, and lose them at once. */
  readonly #byInode = new Map<FileSystem, Map<string, Set<Watch>>>();
  /** Events of all instances that nobody has read. */
  queued = 0;
  #count = 0;
  #cookie = 0;

  constructor(mounts: MountTable) {
    this.#mounts = mounts;
  }

  /** inotify_add_watch(2): the watch's number; an inode has one in each instance. -ENOSPC, -EEXIST (IN_MASK_CREATE). */
  add(instance: InotifyFile, place: Location, mask: number): number {
    const kept = mask & (IN_ALL_EVENTS | IN_ONESHOT | IN_EXCL_UNLINK);
    const old = [...this.#at(place.inode)].find((watch) => watch.instance === instance);
    if (old !== undefined) {
      if ((mask & IN_MASK_CREATE) !== 0) return -EEXIST;
      old.mask = (mask & IN_MASK_ADD) !== 0 ? old.mask | kept : kept;
      return old.wd;
    }
    if (this.#count >= INOTIFY_WATCHES) return -ENOSPC;
    const watch = { instance, wd: instance.nextWd, place, mask: kept };
    instance.nextWd += 1;
    this.enlist(watch);
    return watch.wd;
  }

  /** Take up a watch, also one of a snapshot. */
  enlist(watch: Watch): void {
    const { fs, ino } = watch.place.inode;
    let inodes = this.#byInode.get(fs);
    if (inodes === undefined) {
      inodes = new Map();
      this.#byInode.set(fs, inodes);
    }
    const there = inodes.get(`${ino}`);
    if (there === undefined) inodes.set(`${ino}`, new Set([watch]));
    else there.add(watch);
    watch.instance.watches.set(watch.wd, watch);
    this.#count += 1;
    this.#mounts.watcher = this;
  }

  /** inotify_rm_watch(2). -EINVAL. */
  remove(instance: InotifyFile, wd: number): number {
    const watch = instance.watches.get(wd);
    if (watch === undefined) return -EINVAL;
    this.#ignore(watch);
    return 0;
  }

  drop(watch: Watch): void {
    const { instance, wd, place } = watch;
    if (!instance.watches.delete(wd)) return;
    const inodes = this.#byInode.get(place.inode.fs);
    const there = inodes?.get(`${place.inode.ino}`);
    there?.delete(watch);
    if (there?.size === 0) inodes?.delete(`${place.inode.ino}`);
    if (inodes?.size === 0) this.#byInode.delete(place.inode.fs);
    this.#count -= 1;
    if (this.#count === 0) this.#mounts.watcher = undefined;
  }

  done(event: number, { inode, directory, name }: Location): void {
    const kind = inode.type === S_IFDIR ? IN_ISDIR : 0;
    const found = directory !== undefined && name !== undefined ? { directory, name } : inode.fs.nameOf?.(inode);
    if (found !== undefined) this.#tell(found.directory, event, kind, 0, found.name, inode);
    this.#tell(inode, event, kind, 0, "", inode);
  }

  named(event: number, directory: Inode, name: ByteString, child: Inode, cookie = 0): void {
    this.#tell(directory, event, child.type === S_IFDIR ? IN_ISDIR : 0, cookie, name);
  }

  self(event: number, inode: Inode): void {
    this.#tell(inode, event, 0, 0, "");
  }

  unlinked(inode: Inode, links: number): void {
    if (inode.type !== S_IFDIR && links > 1) return;
    this.self(IN_DELETE_SELF, inode);
    for (const watch of this.#at(inode)) this.#ignore(watch);
  }

  cookie(): number {
    this.#cookie = (this.#cookie + 1) >>> 0;
    return this.#cookie;
  }

  #at({ fs, ino }: Inode): ReadonlySet<Watch> {
    return this.#byInode.get(fs)?.get(`${ino}`) ?? NOBODY;
  }

  /** `open` is the file an event came from that is open, whose name may be gone. */
  #tell(at: Inode, event: number, kind: number, cookie: number, name: ByteString | "", open?: Inode): void {
    for (const watch of this.#at(at)) {
      if ((watch.mask & event) === 0) continue;
      if (open !== undefined && (watch.mask & IN_EXCL_UNLINK) !== 0 && isUnlinked(open)) continue;
      watch.instance.push({ wd: watch.wd, mask: event | kind, cookie, name });
      if ((watch.mask & IN_ONESHOT) !== 0) this.#ignore(watch);
    }
  }

  #ignore(watch: Watch): void {
    watch.instance.push({ wd: watch.wd, mask: IN_IGNORED, cookie: 0, name: "" });
    this.drop(watch);
  }
}
