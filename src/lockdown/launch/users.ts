/** Layer: lockdown, launch. Which user a cell runs as when the caller is root. It must not know what a cell is. */
import { readFileSync } from "node:fs";
import { RandomSource } from "../../host/random.unsafe.ts";

/** Ids nobody hands out: above what systemd gives to containers, below 2^31 (systemd's "Users, Groups, UIDs and GIDs"). */
const FIRST = 1_879_048_192;
const LAST = 2_147_483_646;
/** "nobody": the only unprivileged id every small user namespace has. */
const OVERFLOW = 65_534;

const random = new RandomSource();

/** Whether an id exists in the user namespace of this process (user_namespaces(7)). */
function isMapped(map: string, id: number): boolean {
  return map.split("\n").some((line) => {
    const [inside, , count] = line.trim().split(/\s+/).map(Number);
    return inside !== undefined && count !== undefined && id >= inside && id < inside + count;
  });
}

/**
 * The id, for user and group alike, that a cell of this process runs as: one of its own that owns nothing, so that cells
 * cannot signal each other. Undefined: the caller's own. That is so for an ordinary user, and for the root of a user
 * namespace in which nobody else exists: he is an ordinary user outside of it.
 */
export function cellUser(): number | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const maps = ["/proc/self/uid_map", "/proc/self/gid_map"].map((path) => readFileSync(path, "latin1"));
  const mapped = (id: number) => maps.every((map) => isMapped(map, id));
  if (mapped(FIRST) && mapped(LAST)) {
    const bytes = new Uint8Array(6);
    random.fill(bytes, 0, bytes.length);
    // 48 bits over 28: what the remainder favours is too little to count.
    return FIRST + (Buffer.from(bytes).readUIntLE(0, 6) % (LAST - FIRST + 1));
  }
  return mapped(OVERFLOW) ? OVERFLOW : undefined;
}
