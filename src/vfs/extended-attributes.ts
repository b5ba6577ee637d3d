/**
 * Layer: vfs. Extended attributes by place: who may have which (xattr(7)). User attributes are as readable and writable as the
 * file, on regular files and directories; trusted ones are the superuser's alone; of others there are none. It must not know
 * of processes.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { EEXIST, EINVAL, ENODATA, EOPNOTSUPP, EPERM } from "../abi/errno.ts";
import { R_OK, W_OK, XATTR_CREATE, XATTR_REPLACE } from "../abi/fcntl.ts";
import { S_IFDIR, S_IFREG, S_ISVTX } from "../abi/stat.ts";
import type { ExtendedAttributes } from "./contracts.ts";
import type { Location } from "./mounts.ts";
import { mayAccess, mayChange, type WalkContext } from "./permissions.ts";

const USER = "user.";
const TRUSTED = "trusted.";

/** The value; -ENODATA, -EOPNOTSUPP, -EACCES. */
export function getAttribute(context: WalkContext, place: Location, name: ByteString): Uint8Array | number {
  const kept = attributesFor(place, name);
  if (typeof kept === "number") return kept;
  if (name.startsWith(TRUSTED) && context.credentials.uid !== 0) return -ENODATA;
  if (name.startsWith(USER)) {
    if (!takesUserAttributes(place)) return -ENODATA;
    const denied = mayAccess(context, place.inode, R_OK);
    if (denied < 0) return denied;
  }
  return kept.get(place.inode, name);
}

/** 0; with XATTR_CREATE -EEXIST, with XATTR_REPLACE -ENODATA; -EPERM, -EACCES, -EROFS, -ENOSPC, -EOPNOTSUPP. */
export function setAttribute(
  context: WalkContext,
  place: Location,
  name: ByteString,
  value: Uint8Array,
  flags: number,
): number {
  const kept = writable(context, place, name);
  if (typeof kept === "number") return kept;
  const there = typeof kept.get(place.inode, name) !== "number";
  if (there && (flags & XATTR_CREATE) !== 0) return -EEXIST;
  if (!there && (flags & XATTR_REPLACE) !== 0) return -ENODATA;
  return kept.set(place.inode, name, value);
}

/** 0; -ENODATA and as setAttribute(). */
export function removeAttribute(context: WalkContext, place: Location, name: ByteString): number {
  const kept = writable(context, place, name);
  return typeof kept === "number" ? kept : kept.remove(place.inode, name);
}

/** The names; those of the superuser only for him. */
export function listAttributes(context: WalkContext, { inode }: Location): readonly ByteString[] {
  const names = inode.fs.attributes?.list(inode) ?? [];
  return context.credentials.uid === 0 ? names : names.filter((name) => !name.startsWith(TRUSTED));
}

function attributesFor({ inode }: Location, name: ByteString): ExtendedAttributes | number {
  if (name === USER || name === TRUSTED) return -EINVAL;
  const known = name.startsWith(USER) || name.startsWith(TRUSTED);
  return (known ? inode.fs.attributes : undefined) ?? -EOPNOTSUPP;
}

function writable(context: WalkContext, place: Location, name: ByteString): ExtendedAttributes | number {
  const kept = attributesFor(place, name);
  if (typeof kept === "number") return kept;
  const readOnly = mayChange(place);
  if (readOnly < 0) return readOnly;
  const { uid } = context.credentials;
  if (name.startsWith(TRUSTED)) return uid === 0 ? kept : -EPERM;
  if (!takesUserAttributes(place)) return -EPERM;
  const { inode } = place;
  if (inode.type === S_IFDIR && uid !== 0) {
    const stat = context.mounts.scratch;
    const lost = inode.fs.stat(inode, stat);
    if (lost < 0) return lost;
    if ((stat.mode & S_ISVTX) !== 0 && stat.uid !== uid) return -EPERM;
  }
  const denied = mayAccess(context, inode, W_OK);
  return denied < 0 ? denied : kept;
}

function takesUserAttributes({ inode: { type } }: Location): boolean {
  return type === S_IFREG || type === S_IFDIR;
}
