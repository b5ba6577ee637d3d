/** Layer: lockdown. Whether this process could walk around a filter through io_uring. It must not change anything. */
import { probeRingEntry } from "../../host/rings.unsafe.ts";
import { RingsExist, UnsupportedPlatform } from "./errors.ts";
import { ownDescriptors } from "./own-descriptors.ts";

const EBADF = -9;

/** How many rings this process holds; undefined where nobody can tell. */
export function countRings(): number | undefined {
  return ownDescriptors()?.filter(({ target }) => target === "anon_inode:[io_uring]").length;
}

/** Throws RingsExist when a filter would not hold this process. */
export function demandNoRings(): void {
  const rings = countRings();
  if (rings === undefined) {
    // Behind an earlier lock: any other answer than "no such descriptor" is a filter's, and no ring can be used.
    if (probeRingEntry() !== EBADF) return;
    throw new UnsupportedPlatform(
      "/proc/self/fd cannot be read, so nobody can tell whether this process holds io_uring rings",
    );
  }
  if (rings > 0) throw new RingsExist(rings);
}
