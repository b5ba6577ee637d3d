/**
 * Layer: wasi. fd_readdir: as many entries as fit, the last one cut where the buffer ends. A guest takes a buffer that is
 * not full for the end of the directory, so it is filled while there are entries.
 */
import { DIRENT_INO, DIRENT_NAMLEN, DIRENT_NEXT, DIRENT_SIZE, DIRENT_TYPE, RIGHTS_FD_READDIR } from "../abi/wasi.ts";
import { ERRNO_FAULT, ERRNO_INVAL, ERRNO_SUCCESS } from "../abi/wasi-errno.ts";
import type { GuestCall } from "../kernel/contracts.ts";
import { DIRECTORY_ENTRIES, readDirectory } from "../kernel/operations/files.ts";
import type { Thread } from "../kernel/process.ts";
import { GuestMemory } from "../mem/guest-memory.ts";
import type { DirectoryEntry } from "../vfs/contracts.ts";
import { checkDirectory, wasiCall } from "./call.ts";
import { wasiErrno } from "./errno.ts";
import { filetypeOfEntry } from "./filestat.ts";
import { EXACT, unsigned64 } from "./words.ts";

/** One entry before it is cut, good until the next: NAME_MAX and the longest header. */
const scratch = new GuestMemory({ buffer: new ArrayBuffer(512) });

function fd_readdir(
  thread: Thread,
  fd: number,
  buffer: number,
  length: number,
  cookieLow: number,
  cookieHigh: number,
  usedAt: number,
): number {
  const refused = checkDirectory(thread, fd >>> 0, RIGHTS_FD_READDIR);
  if (refused !== ERRNO_SUCCESS) return refused;
  const { memory } = thread.process;
  const start = buffer >>> 0;
  const size = length >>> 0;
  if (!memory.contains(start, size) || !memory.contains(usedAt >>> 0, 4)) return ERRNO_FAULT;
  let cookie = unsigned64(cookieLow, cookieHigh);
  if (cookie > EXACT) return ERRNO_INVAL;
  let used = 0;
  while (used < size) {
    const most = Math.min(DIRECTORY_ENTRIES, Math.ceil((size - used) / (DIRENT_SIZE + 1)));
    const entries = readDirectory(thread, fd >>> 0, cookie, most);
    if (typeof entries === "number") return wasiErrno(entries);
    if (entries.length === 0) break;
    for (const entry of entries) {
      used += putEntry(memory, start + used, size - used, entry);
      if (used === size) break;
      cookie = entry.next;
    }
  }
  memory.view.setUint32(usedAt >>> 0, used, true);
  return ERRNO_SUCCESS;
}

/** Write an entry, or the part of it that fits. Bytes written. */
function putEntry(memory: GuestMemory, address: number, room: number, entry: DirectoryEntry): number {
  const size = DIRENT_SIZE + entry.name.length;
  scratch.putU64(DIRENT_NEXT, entry.next);
  scratch.putU64(DIRENT_INO, entry.ino);
  scratch.view.setUint32(DIRENT_NAMLEN, entry.name.length, true);
  scratch.view.setUint32(DIRENT_TYPE, filetypeOfEntry(entry.type), true);
  scratch.putByteString(DIRENT_SIZE, entry.name);
  const written = Math.min(size, room);
  memory.bytes.set(scratch.bytes.subarray(0, written), address);
  return written;
}

export const FD_DIRECTORY_CALLS: readonly GuestCall[] = [wasiCall("fd_readdir", fd_readdir)];
