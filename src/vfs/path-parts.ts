/**
 * Layer: vfs. Paths taken apart into names, and the ones seen lately kept so. It must not know where a path leads.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EINVAL, ENAMETOOLONG, ENOENT } from "../abi/errno.ts";
import { PATH_MAX } from "../abi/fcntl.ts";

export interface PathParts {
  readonly path: ByteString;
  /** What every walk of this path answers: -ENOENT (empty), -ENAMETOOLONG, -EINVAL (a NUL); 0 for any other. */
  readonly error: number;
  readonly absolute: boolean;
  /** The first name; undefined for a path of slashes only. */
  readonly names: PathName | undefined;
}

/** What stands between slashes, "." and ".." too. A list, because most paths are short and arrays begin long. */
export interface PathName {
  readonly name: ByteString;
  /** A slash follows. */
  readonly slash: boolean;
  readonly next: PathName | undefined;
}

/** Paths kept. */
const SLOTS = 128;
/** Longer paths are not kept: their names may take much more memory than they do. */
const LONGEST_KEPT = 128;
const SLASH = 47;

/** One path for each slot: programs ask for few paths again and again. It belongs to one sandbox. */
export class PathCache {
  readonly #kept: (PathParts | undefined)[] = new Array<PathParts | undefined>(SLOTS).fill(undefined);

  parts(path: ByteString): PathParts {
    const { length } = path;
    if (length === 0 || length > LONGEST_KEPT) return takeApart(path);
    const slot = (length * 31 + path.charCodeAt(length - 1) * 7 + path.charCodeAt(length >>> 1)) & (SLOTS - 1);
    const kept = this.#kept[slot];
    if (kept !== undefined && kept.path === path) return kept;
    const parts = takeApart(path);
    this.#kept[slot] = parts;
    return parts;
  }
}

function takeApart(path: ByteString): PathParts {
  const error = errorOf(path);
  const absolute = path.charCodeAt(0) === SLASH;
  return { path, error, absolute, names: error === 0 ? namesOf(path) : undefined };
}

function namesOf(path: ByteString): PathName | undefined {
  let first: PathName | undefined;
  let last: { next: PathName | undefined } | undefined;
  for (let start = skipSlashes(path, 0); start < path.length; ) {
    const found = path.indexOf("/", start);
    const end = found < 0 ? path.length : found;
    const one = { name: path.slice(start, end) as ByteString, slash: found >= 0, next: undefined };
    if (last === undefined) first = one;
    else last.next = one;
    last = one;
    start = skipSlashes(path, end);
  }
  return first;
}

function errorOf(path: ByteString): number {
  if (path.length === 0) return -ENOENT;
  if (path.length >= PATH_MAX) return -ENAMETOOLONG;
  return path.includes("\0") ? -EINVAL : 0;
}

function skipSlashes(path: ByteString, position: number): number {
  let at = position;
  while (path.charCodeAt(at) === SLASH) at++;
  return at;
}
