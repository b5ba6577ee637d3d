import assert from "node:assert/strict";
import { test } from "node:test";
import { signed64, timestampNanoseconds, timestampSeconds, unsigned64 } from "../../src/wasi/words.ts";

function split(value: bigint): [low: number, high: number] {
  return [Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n))];
}

const EDGES = [0n, 1n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n, (1n << 48n) - 1n, 1n << 53n];

test("words that a double holds become exactly that number", () => {
  for (const value of [...EDGES, (1n << 53n) - 1n]) {
    assert.equal(unsigned64(...split(value)), Number(value));
    assert.equal(signed64(...split(value)), Number(value));
    assert.equal(signed64(...split(-value)), Number(-value));
  }
});

test("words beyond a double stay beyond it, so that a comparison finds them", () => {
  for (const value of [(1n << 53n) + 1n, 1n << 62n, (1n << 63n) - 1n]) {
    assert.ok(unsigned64(...split(value)) > Number.MAX_SAFE_INTEGER);
    assert.ok(signed64(...split(value)) > Number.MAX_SAFE_INTEGER);
    assert.ok(signed64(...split(-value)) < Number.MIN_SAFE_INTEGER);
  }
  assert.equal(signed64(...split(-1n)), -1);
  assert.ok(unsigned64(...split(-1n)) > Number.MAX_SAFE_INTEGER);
});

test("timestamps come apart to the nanosecond over the whole range", () => {
  const values = [...EDGES, 999_999_999n, 1_000_000_000n, 1_700_000_000_123_456_789n, (1n << 64n) - 1n];
  let seed = 0x9e37_79b9_7f4a_7c15n;
  for (let i = 0; i < 20_000; i++) {
    seed = BigInt.asUintN(64, seed * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n);
    values.push(seed >> BigInt(i % 64));
  }
  for (const value of values) {
    const words = split(value);
    assert.equal(timestampSeconds(...words), Number(value / 1_000_000_000n), `${value}`);
    assert.equal(timestampNanoseconds(...words), Number(value % 1_000_000_000n), `${value}`);
  }
});
