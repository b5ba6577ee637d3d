/**
 * Layer: kernel, operations. Extended attributes by path and by descriptor: getxattr(2) and its kin. It must not know encodings.
 */
import type { ByteString } from "../../abi/byte-string.ts";
import { EBADF, EOPNOTSUPP } from "../../abi/errno.ts";
import { O_PATH } from "../../abi/fcntl.ts";
import { getAttribute, listAttributes, removeAttribute, setAttribute } from "../../vfs/extended-attributes.ts";
import type { Location } from "../../vfs/mounts.ts";
import { walk } from "../../vfs/walk.ts";
import type { Outcome } from "../contracts.ts";
import type { Thread } from "../process.ts";

/** The file meant: a path, its last link followed with FOLLOW in `walkFlags`, or a descriptor. */
export type Target = { readonly path: ByteString; readonly walkFlags: number } | { readonly fd: number };

/** The value, or -errno as getAttribute(), what the walk answers, -EBADF. */
export function getExtended(thread: Thread, target: Target, name: ByteString): Uint8Array | number {
  const place = placeOf(thread, target);
  return typeof place === "number" ? place : getAttribute(thread.process, place, name);
}

export function setExtended(
  thread: Thread,
  target: Target,
  name: ByteString,
  value: Uint8Array,
  flags: number,
): Outcome {
  const place = placeOf(thread, target);
  return typeof place === "number" ? place : setAttribute(thread.process, place, name, value, flags);
}

export function removeExtended(thread: Thread, target: Target, name: ByteString): Outcome {
  const place = placeOf(thread, target);
  return typeof place === "number" ? place : removeAttribute(thread.process, place, name);
}

export function listExtended(thread: Thread, target: Target): readonly ByteString[] | number {
  const place = placeOf(thread, target);
  return typeof place === "number" ? place : listAttributes(thread.process, place);
}

function placeOf({ process }: Thread, target: Target): Location | number {
  if ("path" in target) return walk(process, process.cwd, target.path, target.walkFlags);
  const description = process.descriptors.get(target.fd)?.description;
  if (description === undefined || (description.flags & O_PATH) !== 0) return -EBADF;
  return description.location ?? -EOPNOTSUPP;
}
