import assert from "node:assert/strict";
import { test } from "node:test";
import { Budget } from "../../src/fs/memfs/budget.ts";
import { FileData } from "../../src/fs/memfs/file-data.ts";
import { FIRST_SEED } from "../random.ts";
import { Random } from "../vfs/random-operations.ts";

/** The file, three of its pages at most, as one array. */
const MOST = 180_000;
const BLOCK = 4096;

test("reads of blocks and of any other range see every write, truncation and hole before them", () => {
  const seed = FIRST_SEED;
  const random = new Random(seed);
  const budget = new Budget(2 ** 30, 1);
  const data = new FileData(budget);
  const model = new Uint8Array(MOST);
  let size = 0;
  const guest = new Uint8Array(MOST);
  for (let i = 0; i < 4000; i++) {
    const whole = random.chance(60);
    const offset = whole ? random.below(MOST / BLOCK) * BLOCK : random.below(MOST);
    const length = Math.min(MOST - offset, whole ? BLOCK : random.below(random.pick([40, 60, 5000, 70_000])));
    switch (random.below(8)) {
      case 0:
        for (let at = 0; at < length; at++) guest[at] = random.below(256);
        assert.equal(data.write(offset, guest, 0, length), length);
        model.set(guest.subarray(0, length), offset);
        if (length > 0) size = Math.max(size, offset + length);
        break;
      case 1:
        if (!random.chance(20)) break;
        data.truncate(offset);
        model.fill(0, offset);
        size = offset;
        break;
      case 2:
        if (length === 0 || !random.chance(20)) break;
        data.punch(offset, length);
        model.fill(0, offset, offset + length);
        break;
      default: {
        const at = random.below(MOST - length + 1);
        const expected = Math.max(0, Math.min(length, size - offset));
        assert.equal(data.read(offset, guest, at, length), expected, `seed ${seed}, step ${i}`);
        const same = Buffer.compare(guest.subarray(at, at + expected), model.subarray(offset, offset + expected)) === 0;
        assert.ok(same, `seed ${seed}, step ${i}: ${length} bytes at ${offset}`);
      }
    }
  }
  data.truncate(0);
  assert.equal(budget.bytesUsed, 0);
});
