/**
 * Layer: kernel. Parts of a snapshot that become objects without knowing any others. It must not know the order they are read in.
 */
import { S_IFIFO } from "../abi/stat.ts";
import { type PipeFileSystem, StreamInode } from "./pipefs.ts";
import type { FileRange } from "./shared-file.ts";
import { SnapshotError, type StreamInodeSnapshot } from "./snapshot.ts";

/** Ranges from their starts and ends, one after the other. */
export function rangesOf(flat: readonly number[]): FileRange[] {
  const ranges: FileRange[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) ranges.push({ start: flat[i] ?? 0, end: flat[i + 1] ?? 0 });
  return ranges;
}

/** The inode of a pipe without a name. */
export function streamInode(fs: PipeFileSystem, described: StreamInodeSnapshot | undefined): StreamInode {
  check(described !== undefined, "has a pipe that is nowhere");
  const { ino, mode, uid, gid, times } = described;
  const inode = new StreamInode(fs, ino, S_IFIFO, mode, 0, { uid, gid });
  const [a = 0, aNs = 0, m = 0, mNs = 0, c = 0, cNs = 0] = times;
  inode.atime = { seconds: a, nanoseconds: aNs };
  inode.mtime = { seconds: m, nanoseconds: mNs };
  inode.ctime = { seconds: c, nanoseconds: cNs };
  return inode;
}

/** What does not fit together is refused. */
export function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new SnapshotError(`This snapshot ${what}: it was changed, or belongs to other files and programs.`);
}
