/**
 * Layer: kernel. Seals of files in memory (F_ADD_SEALS): what writing and mapping may still do. It must not know calls.
 */
import { EPERM } from "../abi/errno.ts";
import { F_SEAL_FUTURE_WRITE, F_SEAL_GROW, F_SEAL_WRITE } from "../abi/fcntl.ts";
import type { Inode } from "../vfs/contracts.ts";
import { MAP_PAGE } from "./address-space.ts";

const WRITES = F_SEAL_WRITE | F_SEAL_FUTURE_WRITE;

/** Whether nothing new may be written to a file. */
export function isSealed({ seals }: Inode): boolean {
  return seals !== undefined && (seals & WRITES) !== 0;
}

/** Whether a file could refuse a write at all. Cheap: asked before every one. */
export function hasSeals({ seals }: Inode): boolean {
  return seals !== undefined && (seals & (WRITES | F_SEAL_GROW)) !== 0;
}

/**
 * How many of `length` bytes may be written at `position` of a file of `size` bytes: -EPERM where not one may. As on Linux a
 * write that would let a file grow comes as far as the pages that need not.
 */
export function sealedRoom(inode: Inode, size: number, position: number, length: number): number {
  if (isSealed(inode)) return length === 0 ? 0 : -EPERM;
  if (position + length <= size || length === 0) return length;
  const room = Math.floor(size / MAP_PAGE) * MAP_PAGE - position;
  return room > 0 ? room : -EPERM;
}
