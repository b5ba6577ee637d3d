/**
 * Layer: syscalls. Directories: getdents, getcwd, chdir, chroot, umask.
 */
import { EFAULT, EINVAL, ERANGE } from "../abi/errno.ts";
import { SEEK_CUR, SEEK_SET } from "../abi/fcntl.ts";
import type { Outcome } from "../kernel/contracts.ts";
import {
  changeDirectory,
  changeDirectoryFd,
  changeRoot,
  setUmask,
  workingDirectory,
} from "../kernel/operations/directories.ts";
import { DIRECTORY_ENTRIES, readDirectory } from "../kernel/operations/files.ts";
import { seek } from "../kernel/operations/io.ts";
import type { Thread } from "../kernel/process.ts";
import type { GuestMemory } from "../mem/guest-memory.ts";
import type { DirectoryEntry } from "../vfs/contracts.ts";
import { pathAt } from "./call.ts";

/** struct linux_dirent64: inode, offset, record length, type, name. */
const HEAD = 19;
/** The shortest record. */
const SHORTEST = 24;

function recordBytes(entry: DirectoryEntry): number {
  return (HEAD + entry.name.length + 1 + 7) & ~7;
}

function putEntry(memory: GuestMemory, address: number, entry: DirectoryEntry, bytes: number): void {
  memory.bytes.fill(0, address, address + bytes);
  memory.putU64(address, entry.ino);
  memory.putU64(address + 8, entry.next);
  memory.view.setUint16(address + 16, bytes, true);
  memory.view.setUint8(address + 18, entry.type);
  memory.putByteString(address + HEAD, entry.name);
}

/** getdents64(2): whole records only. -EINVAL when not even the first one fits. */
export function sys_getdents64(thread: Thread, fd: number, address: number, length: number): Outcome {
  const { memory } = thread.process;
  const start = address >>> 0;
  const room = length >>> 0;
  const from = seek(thread, fd, 0, SEEK_CUR);
  const most = Math.min(DIRECTORY_ENTRIES, Math.max(1, Math.floor(room / SHORTEST)));
  const entries = readDirectory(thread, fd, Math.max(0, from), most);
  if (typeof entries === "number") return entries;
  if (!memory.contains(start, room)) return -EFAULT;
  let used = 0;
  let next = from;
  for (const entry of entries) {
    const bytes = recordBytes(entry);
    if (used + bytes > room) break;
    putEntry(memory, start + used, entry, bytes);
    used += bytes;
    next = entry.next;
  }
  if (used === 0) return entries.length === 0 ? 0 : -EINVAL;
  seek(thread, fd, next, SEEK_SET);
  return used;
}

/** getcwd(2): the length with the NUL. */
export function sys_getcwd(thread: Thread, address: number, length: number): Outcome {
  const { memory } = thread.process;
  const path = workingDirectory(thread);
  if (typeof path === "number") return path;
  const bytes = path.length + 1;
  if (bytes > length >>> 0) return -ERANGE;
  const at = address >>> 0;
  if (!memory.contains(at, bytes)) return -EFAULT;
  memory.putByteString(at, path);
  memory.view.setUint8(at + path.length, 0);
  return bytes;
}

export function sys_chdir(thread: Thread, path: number): Outcome {
  const name = pathAt(thread.process, path);
  return typeof name === "number" ? name : changeDirectory(thread, name);
}

export function sys_fchdir(thread: Thread, fd: number): Outcome {
  return changeDirectoryFd(thread, fd);
}

export function sys_chroot(thread: Thread, path: number): Outcome {
  const name = pathAt(thread.process, path);
  return typeof name === "number" ? name : changeRoot(thread, name);
}

export function sys_umask(thread: Thread, mask: number): Outcome {
  return setUmask(thread, mask);
}
