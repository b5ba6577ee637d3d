import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NODE_BYTES, PAGE_NUMBERS, PageTree } from "../../src/fs/memfs/page-tree.ts";
import { FIRST_SEED } from "../random.ts";
import { Random } from "../vfs/random-operations.ts";

const EDGES = [0, 1, 2, 63, 64, 65, 4095, 4096, 262_143, 262_144, PAGE_NUMBERS - 1];

/** What a tree costs in which nothing but these pages was ever set. */
function overheadOf(pages: ReadonlyMap<number, Uint8Array>): number {
  const tree = new PageTree<Uint8Array>();
  for (const [number, page] of pages) tree.set(number, page);
  return tree.overhead;
}

describe("the tree of pages", () => {
  it("holds what a map would, and says before what it will cost", () => {
    const seed = FIRST_SEED;
    const random = new Random(seed);
    for (let round = 0; round < 30; round++) {
      const tree = new PageTree<Uint8Array>();
      const model = new Map<number, Uint8Array>();
      const someNumber = () =>
        random.chance(30) ? random.pick(EDGES) : random.below(random.pick([10, 1000, 300_000, PAGE_NUMBERS]));
      for (let i = 0; i < 300; i++) {
        const number = someNumber();
        if (random.chance(4)) {
          let gone = 0;
          for (const [key, page] of model) {
            if (key < number) continue;
            gone += page.length;
            model.delete(key);
          }
          assert.equal(tree.truncate(number), gone, `seed ${seed}`);
          assert.equal(tree.overhead, overheadOf(model), `seed ${seed}`);
        } else if (random.chance(20)) {
          const victim = random.chance(70) ? random.pick([number, ...model.keys()]) : number;
          assert.equal(tree.remove(victim), model.get(victim)?.length ?? 0, `seed ${seed}`);
          model.delete(victim);
          assert.equal(tree.overhead, overheadOf(model), `seed ${seed}`);
        } else {
          const page = new Uint8Array(1 + random.below(9));
          const expected = tree.overhead + tree.growth(number);
          tree.set(number, page);
          assert.equal(tree.overhead, expected, `seed ${seed}`);
          assert.equal(tree.growth(number), 0);
          model.set(number, page);
        }
        const probe = someNumber();
        assert.equal(tree.get(probe), model.get(probe), `seed ${seed}`);
        const [next = -1] = [...model.keys()].filter((key) => key >= probe).sort((a, b) => a - b);
        assert.equal(tree.next(probe), next, `seed ${seed}`);
      }
      const sorted = [...model].sort(([a], [b]) => a - b);
      assert.deepEqual([...tree.pages()], sorted, `seed ${seed}`);
      tree.truncate(0);
      assert.deepEqual([tree.overhead, [...tree.pages()].length], [0, 0]);
    }
  });

  it("costs a small file nothing", () => {
    const tree = new PageTree<Uint8Array>();
    tree.set(0, new Uint8Array(1));
    assert.equal(tree.overhead, 0);
    tree.set(1, new Uint8Array(1));
    assert.equal(tree.overhead, NODE_BYTES);
  });
});
