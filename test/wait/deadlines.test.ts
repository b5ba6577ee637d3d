import assert from "node:assert/strict";
import { test } from "node:test";
import { Deadlines, type Timed } from "../../src/wait/deadlines.ts";

function entry(deadlineNs: number): Timed {
  return { deadlineNs, heapIndex: -1 };
}

test("the earliest deadline comes first, whatever the order of adding and removing", () => {
  const deadlines = new Deadlines<Timed>();
  const kept: Timed[] = [];
  let seed = 7;
  const next = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed;
  };
  for (let i = 0; i < 5000; i++) {
    if (next() % 3 === 0 && kept.length > 0) {
      const [victim] = kept.splice(next() % kept.length, 1);
      if (victim !== undefined) deadlines.remove(victim);
    } else {
      const added = entry(next() % 1000);
      kept.push(added);
      deadlines.add(added);
    }
    assert.equal(deadlines.size, kept.length);
  }
  kept.sort((a, b) => a.deadlineNs - b.deadlineNs);
  for (const { deadlineNs } of kept) {
    const { first } = deadlines;
    assert.equal(first?.deadlineNs, deadlineNs);
    if (first !== undefined) deadlines.remove(first);
  }
  assert.equal(deadlines.first, undefined);
});

test("adding twice and removing twice count once", () => {
  const deadlines = new Deadlines<Timed>();
  const one = entry(5);
  deadlines.add(one);
  deadlines.add(one);
  assert.equal(deadlines.size, 1);
  deadlines.remove(one);
  deadlines.remove(one);
  assert.equal(deadlines.size, 0);
  assert.equal(one.heapIndex, -1);
});
