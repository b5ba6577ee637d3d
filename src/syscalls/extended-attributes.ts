/**
 * Layer: syscalls. Extended attributes: get, set, list and remove, each by path, by path without following a last link, and by
 * descriptor.
 */
import type { ByteString } from "../abi/byte-string.ts";
import { E2BIG, EFAULT, EINVAL, ENAMETOOLONG, ERANGE } from "../abi/errno.ts";
import { XATTR_CREATE, XATTR_LIST_MAX, XATTR_NAME_MAX, XATTR_REPLACE, XATTR_SIZE_MAX } from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import {
  getExtended,
  listExtended,
  removeExtended,
  setExtended,
  type Target,
} from "../kernel/operations/extended-attributes.ts";
import type { Thread } from "../kernel/process.ts";
import { FOLLOW } from "../vfs/walk.ts";
import { pathAt } from "./call.ts";

type FindTarget = (thread: Thread, word: number) => Target | number;

const byPath: FindTarget = (thread, word) => {
  const path = pathAt(thread.process, word);
  return typeof path === "number" ? path : { path, walkFlags: FOLLOW };
};

const byLink: FindTarget = (thread, word) => {
  const path = pathAt(thread.process, word);
  return typeof path === "number" ? path : { path, walkFlags: 0 };
};

const byDescriptor: FindTarget = (_thread, fd) => ({ fd });

/** -EFAULT, -ERANGE (empty, or longer than XATTR_NAME_MAX). */
function nameAt({ process }: Thread, address: number): ByteString | number {
  const name = process.memory.cString(address >>> 0, XATTR_NAME_MAX + 1);
  if (name === -ENAMETOOLONG || name === "") return -ERANGE;
  return name;
}

/** Write bytes where there is room: their number; with no room given only that. -ERANGE, -EFAULT. */
function give({ process: { memory } }: Thread, address: number, room: number, bytes: Uint8Array): Outcome {
  if (room === 0) return bytes.length;
  if (bytes.length > room) return -ERANGE;
  if (!memory.contains(address, bytes.length)) return -EFAULT;
  memory.bytes.set(bytes, address);
  return bytes.length;
}

const getter =
  (find: FindTarget) =>
  (thread: Thread, file: number, nameWord: number, address: number, size: number): Outcome => {
    const name = nameAt(thread, nameWord);
    if (typeof name === "number") return name;
    const target = find(thread, file);
    if (typeof target === "number") return target;
    const value = getExtended(thread, target, name);
    return typeof value === "number" ? value : give(thread, address >>> 0, size >>> 0, value);
  };

const setter =
  (find: FindTarget) =>
  (thread: Thread, file: number, nameWord: number, address: number, size: number, flags: number): Outcome => {
    const { memory } = thread.process;
    if ((flags & ~(XATTR_CREATE | XATTR_REPLACE)) !== 0) return -EINVAL;
    const name = nameAt(thread, nameWord);
    if (typeof name === "number") return name;
    const [at, length] = [address >>> 0, size >>> 0];
    if (length > XATTR_SIZE_MAX) return -E2BIG;
    if (!memory.contains(at, length)) return -EFAULT;
    const target = find(thread, file);
    return typeof target === "number"
      ? target
      : setExtended(thread, target, name, memory.bytes.slice(at, at + length), flags);
  };

const lister =
  (find: FindTarget) =>
  (thread: Thread, file: number, address: number, size: number): Outcome => {
    const target = find(thread, file);
    if (typeof target === "number") return target;
    const names = listExtended(thread, target);
    if (typeof names === "number") return names;
    const text = names.map((name) => `${name}\0`).join("");
    if (text.length > XATTR_LIST_MAX) return -E2BIG;
    return give(
      thread,
      address >>> 0,
      size >>> 0,
      Uint8Array.from(text, (byte) => byte.charCodeAt(0)),
    );
  };

const remover =
  (find: FindTarget) =>
  (thread: Thread, file: number, nameWord: number): Outcome => {
    const name = nameAt(thread, nameWord);
    if (typeof name === "number") return name;
    const target = find(thread, file);
    return typeof target === "number" ? target : removeExtended(thread, target, name);
  };

export const sys_getxattr = getter(byPath);
export const sys_lgetxattr = getter(byLink);
export const sys_fgetxattr = getter(byDescriptor);
export const sys_setxattr = setter(byPath);
export const sys_lsetxattr = setter(byLink);
export const sys_fsetxattr = setter(byDescriptor);
export const sys_listxattr = lister(byPath);
export const sys_llistxattr = lister(byLink);
export const sys_flistxattr = lister(byDescriptor);
export const sys_removexattr = remover(byPath);
export const sys_lremovexattr = remover(byLink);
export const sys_fremovexattr = remover(byDescriptor);
