/** Random file operations, as data: what the differential test runs on Linux and on our own file system. */

export type Operation =
  | { readonly kind: "mkdir"; readonly path: string; readonly mode: number }
  | { readonly kind: "open"; readonly path: string; readonly flags: number; readonly mode: number }
  | { readonly kind: "write"; readonly slot: number; readonly position: number; readonly text: string }
  | { readonly kind: "read"; readonly slot: number; readonly position: number; readonly length: number }
  | { readonly kind: "ftruncate"; readonly slot: number; readonly size: number }
  | { readonly kind: "fstat" | "close"; readonly slot: number }
  | { readonly kind: "rename" | "link"; readonly path: string; readonly to: string }
  | { readonly kind: "symlink"; readonly target: string; readonly path: string }
  | { readonly kind: "unlink" | "rmdir" | "stat" | "lstat" | "readlink" | "readdir"; readonly path: string }
  | { readonly kind: "chmod"; readonly path: string; readonly mode: number }
  | { readonly kind: "chown"; readonly path: string; readonly uid: number; readonly gid: number }
  | { readonly kind: "access"; readonly path: string; readonly want: number }
  | { readonly kind: "utimes"; readonly path: string; readonly mtime: number }
  /** Go on as this user. */
  | { readonly kind: "become"; readonly uid: number };

/** Open files at one time. */
export const SLOTS = 6;

export const O = {
  WRONLY: 0o1,
  RDWR: 0o2,
  CREAT: 0o100,
  EXCL: 0o200,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  DIRECTORY: 0o200000,
  NOFOLLOW: 0o400000,
} as const;

/** A small generator (xorshift), so that a seed tells the whole run. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0 || 1;
  }

  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % limit;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[this.below(choices.length)];
    if (chosen === undefined) throw new RangeError("Nothing to pick from.");
    return chosen;
  }
}

const NAMES = ["a", "b", "c", "d", "e"];
const ODD_NAMES = ["x".repeat(255), "x".repeat(256), "\xff\xfe", "__proto__", "..."];

function randomPath(random: Random): string {
  if (random.chance(1)) return random.pick(["", ".", "..", "./", "../", "a//", "a".repeat(5000)]);
  const parts: string[] = [];
  for (let left = 1 + random.below(4); left > 0; left--) {
    if (random.chance(6)) parts.push(random.pick([".", "..", ""]));
    else if (random.chance(3)) parts.push(random.pick(ODD_NAMES));
    else parts.push(random.pick(NAMES));
  }
  // An empty first part would make the path absolute, where the two worlds differ.
  if (parts[0] === "") parts[0] = ".";
  return parts.join("/") + (random.chance(7) ? random.pick(["/", "//", "/.", "/.."]) : "");
}

function randomFlags(random: Random): number {
  let flags = random.pick([0, O.WRONLY, O.RDWR, O.RDWR]);
  if (random.chance(50)) flags |= O.CREAT;
  if (random.chance(20)) flags |= O.EXCL;
  if (random.chance(20)) flags |= O.TRUNC;
  if (random.chance(20)) flags |= O.APPEND;
  if (random.chance(12)) flags |= O.DIRECTORY;
  if (random.chance(15)) flags |= O.NOFOLLOW;
  // Linux leaves O_EXCL without O_CREAT undefined.
  return (flags & O.CREAT) === 0 ? flags & ~O.EXCL : flags;
}

const MODES = [0o777, 0o755, 0o700, 0o555, 0o333, 0o111, 0o070, 0o007, 0o000, 0o644, 0o666, 0o600];

/** The next operation. `users` are those to become; with none, ownership and permissions stay out. */
export function randomOperation(random: Random, users: readonly number[]): Operation {
  const path = randomPath(random);
  const slot = random.below(SLOTS);
  const mode = random.chance(users.length > 0 ? 50 : 0) ? random.pick(MODES) : 0o755;
  const roll = random.below(100);
  if (roll < 14) return { kind: "mkdir", path, mode };
  if (roll < 32) return { kind: "open", path, flags: randomFlags(random), mode };
  if (roll < 38) {
    const text = "0123456789".repeat(1 + random.below(20));
    return { kind: "write", slot, position: random.below(random.chance(20) ? 200_000 : 50), text };
  }
  if (roll < 42) return { kind: "read", slot, position: random.below(100), length: 1 + random.below(300) };
  if (roll < 44) return { kind: "ftruncate", slot, size: random.below(random.chance(30) ? 300_000 : 40) };
  if (roll < 46) return { kind: "fstat", slot };
  if (roll < 50) return { kind: "close", slot };
  if (roll < 62) return { kind: "rename", path, to: randomPath(random) };
  if (roll < 66) return users.length > 0 ? { kind: "lstat", path } : { kind: "link", path, to: randomPath(random) };
  if (roll < 72) return { kind: "symlink", target: randomPath(random).slice(0, 4095), path };
  if (roll < 77) return { kind: "unlink", path };
  if (roll < 81) return { kind: "rmdir", path };
  if (roll < 85) return { kind: "stat", path };
  if (roll < 88) return { kind: "lstat", path };
  if (roll < 90) return { kind: "readlink", path };
  if (roll < 93) return { kind: "readdir", path };
  if (users.length === 0) {
    return roll < 96 ? { kind: "utimes", path, mtime: random.below(2 ** 31) } : { kind: "access", path, want: 0 };
  }
  if (roll < 94) return { kind: "chmod", path, mode: random.pick(MODES) };
  if (roll < 95) return { kind: "chown", path, uid: random.pick(users), gid: random.pick(users) };
  if (roll < 96) return { kind: "utimes", path, mtime: random.below(2 ** 31) };
  if (roll < 97) return { kind: "access", path, want: random.below(8) };
  return { kind: "become", uid: random.pick(users) };
}
