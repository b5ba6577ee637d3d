/**
 * Layer: kernel. What goes with any bytes that a file gets or gives: processes that have mapped it, watchers, limits, seals.
 * It must not know which call moves them.
 */

import { IN_MODIFY } from "../abi/inotify.ts";
import { S_IFREG, S_ISGID, S_ISUID } from "../abi/stat.ts";
import { APPEND, type OpenFile } from "../vfs/contracts.ts";
import { GONE } from "./contracts.ts";
import type { OpenDescription } from "./descriptors.ts";
import type { Thread } from "./process.ts";
import { fileRoom } from "./resource-limits.ts";
import { hasSeals, sealedRoom } from "./seals.ts";

/** A file's bytes were changed: watchers hear of it, and bits that lend its owner's rights go unless the superuser did it. */
export function written({ process }: Thread, description: OpenDescription): void {
  tell(description, IN_MODIFY);
  if (process.credentials.uid === 0) return;
  const { inode } = description.file;
  const { stat } = process.kernel;
  if (inode.type !== S_IFREG || inode.fs.stat(inode, stat) < 0) return;
  // Without group execution S_ISGID once meant mandatory locking, and stays.
  const lent = S_ISUID | ((stat.mode & 0o010) !== 0 ? S_ISGID : 0);
  if ((stat.mode & lent) !== 0) inode.fs.setattr(inode, { mode: stat.mode & 0o7777 & ~lent });
}

/** Let watchers hear what was done through a description. */
export function tell({ location }: OpenDescription, event: number): void {
  const watcher = location?.mount.table?.watcher;
  if (watcher !== undefined && location !== undefined) watcher.done(event, location);
}

/** What processes changed of a file they share is in it before anybody reads or writes it otherwise. */
export function beforeBytes(thread: Thread, file: OpenFile): void {
  const { shared } = thread.process.kernel;
  if (shared.active) shared.settle(file.inode);
}

/** What a file got otherwise is seen by those who share it. */
export function afterBytes(thread: Thread, file: OpenFile): void {
  const { shared } = thread.process.kernel;
  if (shared.active) shared.changed(file.inode, thread.process);
}

/**
 * RLIMIT_FSIZE and seals: how many bytes may be written, -EFBIG, -EPERM or, where SIGXFSZ ended the process, GONE. `position`
 * may be APPEND.
 */
export function roomFor(thread: Thread, file: OpenFile, position: number, length: number): number {
  const at = position === APPEND ? sizeOf(thread, file) : position;
  const room = fileRoom(thread, file, at, length);
  if (thread.killed) return GONE;
  if (room < 0 || !hasSeals(file.inode)) return room;
  return sealedRoom(file.inode, sizeOf(thread, file), at, room);
}

/** The file's size in bytes, or -errno. */
export function sizeOf(thread: Thread, file: OpenFile): number {
  const { stat } = thread.process.kernel;
  const error = file.inode.fs.stat(file.inode, stat);
  return error < 0 ? error : stat.size;
}
