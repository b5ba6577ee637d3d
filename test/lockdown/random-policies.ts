/** Random rules and words for the tests that hold the simulator against a kernel. The same in every run. */
import assert from "node:assert/strict";

let seed = 20261121;

/** A whole number of at least 0, less than `below`. */
export function random(below: number): number {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
}

export function pick<T>(list: readonly T[]): T {
  return list[random(list.length)] ?? assert.fail("an empty list");
}

/** Words at the edges of 32 and 64 bits. */
export const WORDS = [
  "0x0",
  "0x1",
  "0x2",
  "0x3",
  "0xffffffff",
  "0x100000000",
  "0x100000001",
  "0xffffffffffffffff",
  "0x8000000000000000",
];

/** 10 to 159 rules about these calls, each with one or two conditions of every kind, as a policy file has them. */
export function randomRules(names: readonly string[]): readonly object[] {
  return Array.from({ length: 10 + random(150) }, () => ({
    syscall: pick(names),
    why: "a random rule",
    args: Array.from({ length: 1 + random(2) }, () => {
      const arg = random(6);
      const shape = random(5);
      if (shape === 3) return { arg, ne: pick(WORDS) };
      if (shape === 4) return { arg, [pick(["lt", "le", "gt", "ge"])]: pick(WORDS.slice(1, -2)) };
      if (shape === 0) return { arg, bits: 32, eq: `0x${(BigInt(pick(WORDS)) & 0xffffffffn).toString(16)}` };
      if (shape === 1) return { arg, in: [pick(WORDS), pick(WORDS)] };
      const mask = BigInt(pick(WORDS)) | 1n;
      return { arg, mask: `0x${mask.toString(16)}`, eq: `0x${(BigInt(pick(WORDS)) & mask).toString(16)}` };
    }),
    action: pick<unknown>(["allow", { errno: pick(["EPERM", "EACCES", "ENOSYS", "EINVAL"]) }]),
  }));
}
