/** Layer: lockdown. Whether this process could walk around a filter through io_uring. It must not change anything. */
import { readdirSync, readlinkSync } from "node:fs";
import { probeRingEntry } from "../../host/rings.unsafe.ts";
import { RingsExist, UnsupportedPlatform } from "./errors.ts";

const ENOSYS = -38;
const RING = "anon_inode:[io_uring]";

/** How many rings this process holds; undefined where /proc cannot be read. */
export function countRings(): number | undefined {
  let names: string[];
  try {
    names = readdirSync("/proc/self/fd");
  } catch {
    return undefined;
  }
  return names.filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`) === RING;
    } catch {
      return false; // the descriptor of the listing itself, closed since
    }
  }).length;
}

/** Throws RingsExist when a filter would not hold this process. */
export function demandNoRings(): void {
  const rings = countRings();
  if (rings === undefined) {
    if (probeRingEntry() === ENOSYS) return;
    throw new UnsupportedPlatform(
      "/proc/self/fd cannot be read, so nobody can tell whether this process holds io_uring rings",
    );
  }
  if (rings > 0) throw new RingsExist(rings);
}
