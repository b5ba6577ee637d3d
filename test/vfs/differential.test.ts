/** Thousands of random operations, on Linux and here: the answers must be the same, error numbers included. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ERRNO } from "../../src/abi/errno.ts";
import { FIRST_SEED } from "../random.ts";
import { LindenWorld } from "./linden-world.ts";
import type { Answer } from "./linux-world.ts";
import { LinuxWorld } from "./linux-world.ts";
import { Random, randomOperation } from "./random-operations.ts";

const uid = process.getuid?.() ?? 0;
const gid = process.getgid?.() ?? 0;
/** LINDEN_SEED runs one seed again. */
const rounds = process.env.LINDEN_SEED === undefined ? Number(process.env.LINDEN_ROUNDS ?? 6) : 1;
const OPERATIONS = 4000;

function show(answer: Answer): string {
  return typeof answer === "number" && answer < 0 ? (ERRNO.get(-answer)?.name ?? `${answer}`) : JSON.stringify(answer);
}

function compare(seed: number, users: readonly number[]): { succeeded: number; kinds: Set<Answer> } {
  const random = new Random(seed);
  const linux = new LinuxWorld();
  try {
    const ours = new LindenWorld(uid, gid);
    const last: string[] = [];
    let succeeded = 0;
    const kinds = new Set<Answer>();
    for (let i = 0; i < OPERATIONS; i++) {
      const operation = randomOperation(random, users);
      const expected = linux.run(operation);
      const answer = ours.run(operation);
      last.push(`${JSON.stringify(operation)} → ${show(expected)}`);
      if (answer !== expected) {
        const before = last.slice(-12).join("\n");
        assert.fail(`seed ${seed}, operation ${i}: Linux ${show(expected)}, here ${show(answer)}\n${before}`);
      }
      if (typeof expected === "number" && expected < 0) kinds.add(expected);
      else succeeded++;
    }
    return { succeeded, kinds };
  } finally {
    linux.dispose();
  }
}

describe("random operations answer as on Linux", () => {
  it("for one user", () => {
    const errors = new Set<Answer>();
    let succeeded = 0;
    for (let round = 0; round < rounds; round++) {
      const result = compare(FIRST_SEED + round, []);
      succeeded += result.succeeded;
      for (const kind of result.kinds) errors.add(kind);
    }
    // A test that only ever fails to find things would show nothing.
    assert.ok(succeeded > (OPERATIONS * rounds) / 10, `only ${succeeded} succeeded`);
    assert.ok(errors.size >= 8, `only ${errors.size} different errors`);
  });

  const several = uid === 0 ? false : "only root can become other users";
  it("for several users and permissions", { skip: several }, () => {
    process.setgroups?.([]);
    const errors = new Set<Answer>();
    for (let round = 0; round < rounds; round++) {
      for (const kind of compare(FIRST_SEED + round, [0, 1001, 1002]).kinds) errors.add(kind);
    }
    assert.ok(errors.has(-13), "nothing was refused for permissions");
  });
});
