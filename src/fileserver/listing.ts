/** Layer: fileserver. One batch of a directory's entries, each with its attributes. It must not know requests. */
import { fixedBytes } from "../host/calls.unsafe.ts";
import { lastStat, listInto, seekTo, statName } from "../host/files.unsafe.ts";
import { ATTRIBUTE_BYTES, type FrameWriter } from "../wire/file-line.ts";
import type { Attributes } from "./attributes.ts";

/**
 * struct linux_dirent64 is at least 24 bytes with a name of up to 3, so that what one call lists always fits a frame:
 * 32 KiB hold at most 1,365 entries.
 */
const batch = fixedBytes(32 * 1024);
const batchView = new DataView(batch.buffer);
const NAME_AT = 19;

/** Put the next entries into `out` ("." and ".." left out); their count, 0 at the end, or -errno. */
export function putBatch(directory: number, restart: boolean, attributes: Attributes, out: FrameWriter): number {
  if (restart) {
    const error = seekTo(directory, 0);
    if (error < 0) return error;
  }
  for (;;) {
    const bytes = listInto(directory, batch);
    if (bytes <= 0) return bytes;
    let count = 0;
    for (let at = 0; at < bytes; at += batchView.getUint16(at + 16, true)) {
      if (putEntry(directory, at + NAME_AT, attributes, out)) count++;
    }
    // A batch of nothing but "." and ".." is not the end.
    if (count > 0) return count;
  }
}

function putEntry(directory: number, at: number, attributes: Attributes, out: FrameWriter): boolean {
  const end = batch.indexOf(0, at);
  const length = end - at;
  if (length === 1 && batch[at] === 46) return false;
  if (length === 2 && batch[at] === 46 && batch[at + 1] === 46) return false;
  // Some file systems have names over NAME_MAX; the line has not.
  if (length > 255 || out.room < 2 + length + ATTRIBUTE_BYTES) return false;
  out.u8(length);
  for (let i = at; i < end; i++) out.u8(batch[i] ?? 0);
  const known = statName(directory, batch.subarray(at, end + 1)) === 0 && !lastStat.mountPoint;
  out.u8(known ? 1 : 0);
  if (known) out.attributes(attributes.ofLastStat());
  return true;
}
