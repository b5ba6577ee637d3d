/**
 * Layer: vfs. From a path to a place: path_resolution(7). It must not know what is done there afterwards, nor any
 * particular file system.
 *
 * The walk is a loop: symbolic links push what remains of the path on a stack that MAXSYMLINKS bounds.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EACCES, ELOOP, ENAMETOOLONG, ENOTDIR, EXDEV } from "../abi/errno.ts";
import { MAXSYMLINKS, NAME_MAX, X_OK } from "../abi/fcntl.ts";
import { S_IFDIR, S_IFLNK } from "../abi/stat.ts";
import type { Inode, PersonalInode } from "./contracts.ts";
import type { Location, Mount } from "./mounts.ts";
import { sameInode, sameLocation } from "./mounts.ts";
import type { PathName } from "./path-parts.ts";
import type { WalkContext } from "./permissions.ts";
import { mayAccess } from "./permissions.ts";

/** Follow a symbolic link that is the last component. A trailing slash follows it in any case. */
export const FOLLOW = 1;
/**
 * Never leave `from`, as openat2(2) RESOLVE_BENEATH: `..` above it, an absolute path or an absolute link is -EXDEV. Only
 * when `from` is the process's root do absolute links resolve inside it.
 */
export const BENEATH = 2;

/** openat2(2) RESOLVE_NO_XDEV: going over to another mount is -EXDEV. Asked of `crossed` by whoever opens. */
export const NO_XDEV = 4;
/** RESOLVE_NO_MAGICLINKS: links of /proc that lead to a place are -ELOOP. */
export const NO_MAGIC_LINKS = 8;
/** RESOLVE_NO_SYMLINKS: any link that would be followed is -ELOOP. */
export const NO_LINKS = 16;
/** With BENEATH as openat2(2) means it: no absolute link, even where `from` is the root, and no link of /proc that jumps. */
export const STRICTLY = 32;

/** Where a name is or would be: the directory (searchable by the caller) and the last component. */
export interface ParentLocation {
  readonly location: Location;
  /** A single component; ".", ".." or "" (the path was only slashes) where `special` is true. */
  readonly name: ByteString;
  readonly special: boolean;
  /** The path ended in a slash. */
  readonly mustBeDirectory: boolean;
}

/** The place a path leads to. -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG, -EINVAL (NUL), -EXDEV (BENEATH). */
export function walk(context: WalkContext, from: Location, path: ByteString, flags: number): Location | number {
  const way = new PathWalk(context, flags);
  let error = way.begin(from, path);
  if (error < 0) return error;
  error = way.toEnd((flags & FOLLOW) !== 0);
  return error < 0 ? error : way.location;
}

/** As walk(), for whoever does not ask where it stands. */
export function walkToInode(context: WalkContext, from: Location, path: ByteString, flags: number): Inode | number {
  const way = new PathWalk(context, flags);
  let error = way.begin(from, path);
  if (error < 0) return error;
  error = way.toEnd((flags & FOLLOW) !== 0);
  return error < 0 ? error : way.inode;
}

/** The directory that holds the last component, which need not exist. Errors as walk(). */
export function walkParent(
  context: WalkContext,
  from: Location,
  path: ByteString,
  flags: number,
): ParentLocation | number {
  const way = new PathWalk(context, flags);
  let error = way.begin(from, path);
  if (error < 0) return error;
  error = way.toLast();
  if (error < 0) return error;
  return { location: way.location, name: way.name, special: way.special, mustBeDirectory: way.trailingSlash };
}

/** What the name of a ParentLocation is now, not looking under mounts: -ENOENT if nothing. */
export function lookupName(place: ParentLocation): Inode | number {
  if (place.name.length > NAME_MAX) return -ENAMETOOLONG;
  return place.location.mount.fs.lookup(place.location.inode, place.name);
}

/** A directory gone through, and the one before it. */
interface Step extends Location {
  readonly before: Step | undefined;
}

/** A path in the middle of which a link is followed. */
interface Rest {
  readonly next: PathName | undefined;
  readonly around: Rest | undefined;
}

/** The state of one resolution. Methods answer 0 or -errno; the place reached is `mount` and `inode`. */
export class PathWalk {
  mount: Mount;
  inode: Inode;
  /** After toLast(): the last component, not yet entered. */
  name = "" as ByteString;
  /** The directory in which what is no directory was found. */
  #above: Inode | undefined;
  /** Where a link of /proc led, as long as the walk stands there. */
  #jump: Location | undefined;
  trailingSlash = false;
  readonly #context: WalkContext;
  readonly #beneath: boolean;
  readonly #flags: number;
  /** It went over to another mount on its way. */
  crossed = false;
  /** BENEATH: the directories between `from` and here, so that `..` returns the way it came whoever renames meanwhile. */
  #trail: Step | undefined;
  #fromRoot = false;
  #links = 0;
  /** What is left of the path, or of the link being followed. */
  #next: PathName | undefined;
  /** What is left of the paths around that link. */
  #rest: Rest | undefined;

  constructor(context: WalkContext, flags: number) {
    this.#context = context;
    this.#beneath = (flags & BENEATH) !== 0;
    this.#flags = flags;
    this.mount = context.root.mount;
    this.inode = context.root.inode;
  }

  get location(): Location {
    const { mount, inode } = this;
    if (inode.type === S_IFDIR) return { mount, inode };
    if (this.#jump?.inode === inode) return this.#jump;
    return this.#above === undefined ? { mount, inode } : { mount, inode, directory: this.#above, name: this.name };
  }

  /** Whether `name` is ".", ".." or missing, so that nothing can be made or removed by it. */
  get special(): boolean {
    return this.name.length <= 2 && (this.name === "" || this.name === "." || this.name === "..");
  }

  begin(from: Location, path: ByteString): number {
    const parts = this.#context.mounts.paths.parts(path);
    if (parts.error < 0) return parts.error;
    this.#next = parts.names;
    const strictly = (this.#flags & STRICTLY) !== 0;
    if (this.#beneath && !strictly) this.#fromRoot = sameLocation(from, this.#context.root);
    if (parts.absolute) return this.#beneath ? -EXDEV : 0;
    if (from.inode.type !== S_IFDIR) return -ENOTDIR;
    this.mount = from.mount;
    this.inode = from.inode;
    return 0;
  }

  /** Walk all components but the last, which is left in `name`. */
  toLast(): number {
    for (;;) {
      const at = this.#next;
      if (at === undefined) {
        // A link to "/" ends where it jumped; the rest of the path around it goes on from there.
        if (this.#resume()) continue;
        this.name = "" as ByteString;
        return 0;
      }
      const denied = mayAccess(this.#context, this.inode, X_OK);
      if (denied < 0) return denied;
      this.#next = at.next;
      if (at.next === undefined && !this.#resume()) {
        this.name = at.name;
        this.trailingSlash = at.slash;
        return 0;
      }
      const error = this.#through(at.name);
      if (error < 0) return error;
    }
  }

  /** Walk to the end. The last link is followed if `follow`; a trailing slash asks for a directory. */
  toEnd(follow: boolean): number {
    let mustBeDirectory = false;
    for (;;) {
      const error = this.toLast();
      if (error < 0) return error;
      if (this.special) {
        const refused = this.enterSpecial();
        return refused === 0 && mustBeDirectory && this.inode.type !== S_IFDIR ? -ENOTDIR : refused;
      }
      if (this.trailingSlash) mustBeDirectory = true;
      const child = this.lookupLast();
      if (typeof child === "number") return child;
      if (child.type !== S_IFLNK || !(follow || mustBeDirectory)) {
        this.enter(child);
        return mustBeDirectory && this.inode.type !== S_IFDIR ? -ENOTDIR : 0;
      }
      const broken = this.followLink(child);
      if (broken < 0) return broken;
    }
  }

  /** What `name` is in the directory reached. */
  lookupLast(): Inode | number {
    return this.#lookup(this.name);
  }

  /** After toLast() with a special name: go where it leads. */
  enterSpecial(): number {
    return this.name === ".." ? this.#up() : 0;
  }

  /** Step into a child of the directory reached, over mounts. */
  enter(child: Inode): void {
    if (child.type !== S_IFDIR) {
      this.#above = this.inode;
      this.inode = child;
      return;
    }
    if (this.#beneath) this.#trail = { mount: this.mount, inode: this.inode, before: this.#trail };
    this.inode = child;
    this.#crossDown();
  }

  /** Go on with a link's target, from the directory that holds the link. */
  followLink(link: Inode): number {
    if (this.#links >= MAXSYMLINKS || (this.#flags & NO_LINKS) !== 0) return -ELOOP;
    this.#links++;
    const { personal } = link;
    const target = personal?.target === undefined ? link.fs.readlink(link) : this.#ask(personal);
    if (typeof target === "number") return target;
    if (typeof target === "object") return this.#jumpTo(target);
    const parts = this.#context.mounts.paths.parts(target);
    if (parts.error < 0) return parts.error;
    if (parts.absolute) {
      if (this.#beneath && !this.#fromRoot) return -EXDEV;
      this.#trail = undefined;
      if (this.mount !== this.#context.root.mount) this.crossed = true;
      this.mount = this.#context.root.mount;
      this.inode = this.#context.root.inode;
    }
    this.#next = parts.names;
    return 0;
  }

  #ask(link: PersonalInode): Location | ByteString | number {
    const denied = link.admit(this.#context);
    return denied < 0 ? denied : (link.target?.(this.#context) ?? -EACCES);
  }

  /** A place reached by no path. Beneath a directory that is not the root, such a link would lead out. */
  #jumpTo(place: Location): number {
    if ((this.#flags & NO_MAGIC_LINKS) !== 0) return -ELOOP;
    if ((this.#flags & STRICTLY) !== 0 || (this.#beneath && !this.#fromRoot)) return -EXDEV;
    this.#trail = undefined;
    if (this.mount !== place.mount) this.crossed = true;
    this.mount = place.mount;
    this.inode = place.inode;
    this.#jump = place;
    this.#next = undefined;
    return 0;
  }

  #lookup(name: ByteString): Inode | number {
    if (name.length > NAME_MAX) return -ENAMETOOLONG;
    return this.mount.fs.lookup(this.inode, name);
  }

  /** Pass through a component that is not the last. */
  #through(name: ByteString): number {
    if (name.length <= 2) {
      if (name === ".") return 0;
      if (name === "..") return this.#up();
    }
    const child = this.#lookup(name);
    if (typeof child === "number") return child;
    if (child.type === S_IFLNK) {
      this.#rest = { next: this.#next, around: this.#rest };
      const broken = this.followLink(child);
      return broken === 0 && this.inode.type !== S_IFDIR ? -ENOTDIR : broken;
    }
    this.enter(child);
    return this.inode.type === S_IFDIR ? 0 : -ENOTDIR;
  }

  /** Take up the path in which the link just walked through stood. False when there is none. */
  #resume(): boolean {
    const rest = this.#rest;
    if (rest === undefined) return false;
    this.#next = rest.next;
    this.#rest = rest.around;
    return true;
  }

  #up(): number {
    if (this.#beneath) {
      const back = this.#trail;
      if (back === undefined) return -EXDEV;
      this.#trail = back.before;
      if (this.mount !== back.mount) this.crossed = true;
      this.mount = back.mount;
      this.inode = back.inode;
      return 0;
    }
    const { root } = this.#context;
    for (;;) {
      if (this.mount === root.mount && sameInode(this.inode, root.inode)) return 0;
      if (!sameInode(this.inode, this.mount.fs.root)) break;
      const { at } = this.mount;
      if (at === undefined) return 0;
      this.crossed = true;
      this.mount = at.mount;
      this.inode = at.inode;
    }
    const parent = this.mount.fs.parent(this.inode);
    if (typeof parent === "number") return parent;
    this.inode = parent;
    this.#crossDown();
    return 0;
  }

  #crossDown(): void {
    while (this.mount.children.length > 0) {
      const cover = this.#context.mounts.coverOf(this.mount, this.inode);
      if (cover === undefined) return;
      this.crossed = true;
      this.mount = cover;
      this.inode = cover.fs.root;
    }
  }
}
