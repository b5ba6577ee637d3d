import assert from "node:assert/strict";
import { test } from "node:test";
import { AddressSpace, type GrowingMemory, MAP_PAGE, type View } from "../../src/kernel/address-space.ts";
import { MAPPINGS, SHARED_MAPPINGS } from "../../src/limits.ts";
import { processorMs } from "../processor-time.ts";
import { random } from "../random.ts";

const WASM_PAGE = 65_536;

class Memory implements GrowingMemory {
  byteLength = 2 * WASM_PAGE;
  declared = 2 * WASM_PAGE;
  given = 2 * WASM_PAGE;
  most = 64 * WASM_PAGE;
  room = { all: Infinity, data: Infinity };

  grow(bytes: number): boolean {
    if (bytes > this.most) return false;
    this.byteLength = Math.max(this.byteLength, Math.ceil(bytes / WASM_PAGE) * WASM_PAGE);
    return true;
  }
}

test("mappings begin above the program's own memory, one after the other, and holes are used again", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  const first = space.place(memory, 2 * MAP_PAGE, 3, false);
  const second = space.place(memory, MAP_PAGE, 1, false);
  assert.deepEqual([first, second], [2 * WASM_PAGE, 2 * WASM_PAGE + 2 * MAP_PAGE]);
  space.unmap(2 * WASM_PAGE, MAP_PAGE);
  assert.equal(space.place(memory, 2 * MAP_PAGE, 3, false), 2 * WASM_PAGE + 3 * MAP_PAGE);
  assert.equal(space.place(memory, MAP_PAGE, 3, false), 2 * WASM_PAGE);
});

test("what a program was given beyond what it declared is mapped first, what it grew by itself never", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  memory.given = 4 * WASM_PAGE;
  memory.byteLength = 5 * WASM_PAGE;
  assert.equal(space.place(memory, WASM_PAGE, 3, false), 2 * WASM_PAGE);
  assert.equal(space.isUsed(3 * WASM_PAGE), true);
  assert.equal(space.place(memory, 2 * WASM_PAGE, 3, false), 5 * WASM_PAGE);
  assert.equal(space.place(memory, WASM_PAGE, 3, false), 3 * WASM_PAGE);
  assert.equal(memory.byteLength, 7 * WASM_PAGE);
});

test("what cannot be grown to is not mapped", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  assert.equal(space.place(memory, 63 * WASM_PAGE, 3, false), undefined);
  assert.deepEqual(space.mappings, []);
  assert.equal(space.placeAt(memory, memory.most, MAP_PAGE, 3, false), false);
  assert.equal(space.placeAt(memory, 0, MAP_PAGE, 3, false), false);
});

test("no more is mapped than there is room for, whatever the memory's size", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  memory.given = memory.byteLength = 10 * WASM_PAGE;
  memory.room = { all: 6 * WASM_PAGE, data: 4 * WASM_PAGE };
  const first = space.place(memory, 2 * WASM_PAGE, 3, false) ?? 0;
  assert.equal(first, 2 * WASM_PAGE);
  assert.equal(space.place(memory, MAP_PAGE, 3, false), undefined, "no more data");
  const second = space.place(memory, 2 * WASM_PAGE, 1, false) ?? 0;
  assert.equal(space.place(memory, MAP_PAGE, 1, false), undefined, "nor anything");
  assert.equal(space.placeAt(memory, second, 2 * WASM_PAGE, 3, false), false);
  assert.equal(space.placeAt(memory, second + WASM_PAGE, 2 * WASM_PAGE, 1, false), false);
  assert.equal(space.allowsWriting(memory, second, MAP_PAGE), false);
  assert.equal(space.allowsWriting(memory, first, 2 * WASM_PAGE), true);
  assert.equal(space.mappings.length, 2, "and all is as it was");
  assert.equal(space.placeAt(memory, first + WASM_PAGE, 2 * WASM_PAGE, 1, false), true);
  assert.equal(space.allowsWriting(memory, second, WASM_PAGE), true);
  const start = space.moveBreak(memory, 0, 3);
  assert.equal(space.moveBreak(memory, start + 1, 3), start);
  space.unmap(first, 4 * WASM_PAGE);
  assert.equal(space.moveBreak(memory, start + 2 * WASM_PAGE, 3), start + 2 * WASM_PAGE);
});

test("memory the program grew by itself is never handed out", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  space.place(memory, MAP_PAGE, 3, false);
  const own = memory.byteLength;
  memory.grow(own + 3 * WASM_PAGE);
  const placed = space.place(memory, WASM_PAGE, 3, false);
  assert.equal(placed, own + 3 * WASM_PAGE);
  assert.equal(space.isFree(own, MAP_PAGE), false);
});

test("protection splits a mapping and joins it again", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  const at = space.place(memory, 3 * MAP_PAGE, 3, false) ?? 0;
  space.protect(at + MAP_PAGE, MAP_PAGE, 0);
  assert.deepEqual(
    space.mappings.map(({ protection }) => protection),
    [3, 0, 3],
  );
  space.protect(at + MAP_PAGE, MAP_PAGE, 3);
  assert.deepEqual(space.mappings, [
    { start: at, end: at + 3 * MAP_PAGE, protection: 3, file: false, view: undefined },
  ]);
});

test("the break moves while nothing is in its way", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  const start = space.moveBreak(memory, 0, 3);
  assert.equal(space.moveBreak(memory, start + 5000, 3), start + 5000);
  assert.equal(space.moveBreak(memory, start + 100, 3), start + 100);
  assert.equal(space.moveBreak(memory, start - 1, 3), start + 100, "below its start it stays");
  const blocking = space.place(memory, MAP_PAGE, 3, false) ?? 0;
  assert.equal(blocking, start + MAP_PAGE);
  assert.equal(space.moveBreak(memory, blocking + 1, 3), start + 100);
});

test("any order of mapping, unmapping and protecting agrees with a map of pages", () => {
  for (let seed = 1; seed <= 20; seed++) {
    const pick = random(seed);
    const [space, memory] = [new AddressSpace(), new Memory()];
    const pages = new Map<number, number>();
    for (let step = 0; step < 300; step++) {
      const length = (1 + pick(6)) * MAP_PAGE;
      const at = 2 * WASM_PAGE + pick(100) * MAP_PAGE;
      const protection = pick(4);
      const set = (from: number, value: number | undefined) => {
        for (let page = from; page < from + length; page += MAP_PAGE) {
          if (value === undefined) pages.delete(page);
          else pages.set(page, value);
        }
      };
      if (step % 4 === 0) {
        let free = 2 * WASM_PAGE;
        for (let page = free; page < free + length; page += MAP_PAGE) if (pages.has(page)) free = page + MAP_PAGE;
        const placed = space.place(memory, length, protection, pick(2) === 1);
        assert.equal(placed, free, "the first hole that is long enough");
        set(free, protection);
      } else if (step % 4 === 1) {
        if (space.placeAt(memory, at, length, protection, false)) set(at, protection);
      } else if (step % 4 === 2) {
        space.unmap(at, length);
        set(at, undefined);
      } else {
        const covered = space.covers(at, length);
        const expected = Array.from({ length: length / MAP_PAGE }, (_, i) => pages.has(at + i * MAP_PAGE)).every(
          Boolean,
        );
        assert.equal(covered, expected);
        if (covered) {
          space.protect(at, length, protection);
          set(at, protection);
        }
      }
    }
    const listed = new Map(
      space.mappings.flatMap(({ start, end, protection }) =>
        Array.from({ length: (end - start) / MAP_PAGE }, (_, i) => [start + i * MAP_PAGE, protection] as const),
      ),
    );
    assert.deepEqual(
      [...listed],
      [...pages].sort(([a], [b]) => a - b),
    );
    const again = new AddressSpace();
    again.restore(space.state());
    assert.deepEqual(again.mappings, space.mappings);
    const all = 2 * WASM_PAGE + pages.size * MAP_PAGE;
    const data = 2 * WASM_PAGE + [...pages.values()].filter((protection) => (protection & 2) !== 0).length * MAP_PAGE;
    for (const one of [space, again, space.copy()]) {
      memory.room = { all, data: Infinity };
      assert.equal(one.place(memory, MAP_PAGE, 1, false), undefined, `${seed}: all are counted`);
      memory.room = { all: Infinity, data };
      assert.equal(one.place(memory, MAP_PAGE, 2, false), undefined, `${seed}: and what of them is data`);
      memory.room = { all: all + MAP_PAGE, data: data + MAP_PAGE };
      assert.ok(one.place(memory, MAP_PAGE, 2, false) !== undefined, `${seed}: no more than there are`);
    }
  }
});

test("no more is mapped than there may be, nor made by parting what is", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  memory.most = 2 ** 31;
  const view = { file: {} as View["file"], offset: 0, writable: true };
  const long = space.place(memory, 3 * MAP_PAGE, 3, true, { ...view, offset: MAP_PAGE }) ?? assert.fail();
  for (let i = 1; i < SHARED_MAPPINGS; i++) assert.ok(space.place(memory, MAP_PAGE, 3, true, view) !== undefined);
  assert.equal(space.place(memory, MAP_PAGE, 3, true, view), undefined);
  assert.equal(space.mayUnmap(long + MAP_PAGE, MAP_PAGE), false);
  assert.equal(space.mayProtect(long + MAP_PAGE, MAP_PAGE), false);
  assert.equal(space.mayProtect(long, MAP_PAGE), false);
  assert.ok(space.mayProtect(long, 3 * MAP_PAGE) && space.mayUnmap(long, MAP_PAGE));
  space.unmap(long + 3 * MAP_PAGE, MAP_PAGE);
  assert.ok(space.mayUnmap(long + MAP_PAGE, MAP_PAGE) && space.mayProtect(long, MAP_PAGE));
  assert.equal(space.mayProtect(long + MAP_PAGE, MAP_PAGE), false, "which would be two more");
  assert.equal(space.viewsOf(view.file).length, SHARED_MAPPINGS - 1);
});

test("as many mappings as there may be are made, looked for and ended without a look through them all", () => {
  const [space, memory] = [new AddressSpace(), new Memory()];
  memory.most = 2 ** 31;
  const before = process.cpuUsage();
  let made = 0;
  while (space.place(memory, MAP_PAGE, made % 2 === 0 ? 3 : 1, false) !== undefined) made += 1;
  assert.equal(made, MAPPINGS);
  const start = 2 * WASM_PAGE;
  for (let i = 0; i < MAPPINGS; i += 8) space.unmap(start + i * MAP_PAGE, MAP_PAGE);
  for (let i = 0; i < MAPPINGS; i += 8) {
    assert.ok(space.covers(start + (i + 1) * MAP_PAGE, MAP_PAGE) && space.isFree(start + i * MAP_PAGE, MAP_PAGE));
    assert.equal(space.place(memory, MAP_PAGE, 3, false), start + i * MAP_PAGE);
  }
  // Looking through them took three times that.
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 6e6, `${user + system} us`);
});

test("what an address lies in of what is shared: found at its edges, and nothing between", () => {
  const space = new AddressSpace();
  const memory = new Memory();
  const file = {} as View["file"];
  const starts: number[] = [];
  for (let i = 0; i < 9; i++) {
    const view = i % 3 === 2 ? undefined : { file, offset: i * 2 * MAP_PAGE, writable: i % 2 === 0 };
    starts.push(space.place(memory, MAP_PAGE, 3, view !== undefined, view) ?? assert.fail("no room"));
  }
  starts.forEach((start, i) => {
    for (const at of [start, start + 2048, start + MAP_PAGE - 4]) {
      assert.equal(space.sharedAt(at)?.start, i % 3 === 2 ? undefined : start, `${i}`);
    }
  });
  const [first = 0, last = 0] = [starts[0], starts.at(-1)];
  assert.equal(space.sharedAt(first - 4), undefined);
  assert.equal(space.sharedAt(last + MAP_PAGE), undefined);
  assert.equal(new AddressSpace().sharedAt(0), undefined);
});

test("what was written out of a space with as many mappings as there may be is read back, and nothing that cannot be", () => {
  const start = 65_536;
  const bounds = [start, start, start, 0, 0];
  const mapping = (i: number): number[] => [start + 2 * i * MAP_PAGE, start + (2 * i + 1) * MAP_PAGE, 3, 0, -1, 0, 0];
  const flat = (count: number): number[] => [...bounds, ...Array.from({ length: count }, (_, i) => mapping(i)).flat()];
  const full = flat(MAPPINGS);
  // Each number was copied once for every mapping before it: 9 s.
  const space = new AddressSpace();
  const before = processorMs();
  assert.ok(space.restore(full));
  const took = processorMs() - before;
  assert.ok(took < 3000, `${took} ms`);
  assert.deepEqual(space.state(), full);
  const wrong: (readonly number[])[] = [
    [],
    flat(2).slice(0, -1),
    flat(2).with(0, Number.NaN),
    flat(2).with(6, Infinity),
    flat(2).with(6, start),
    [...flat(1), ...mapping(0)],
    [...flat(0), ...mapping(1), ...mapping(0)],
    flat(1).with(9, 0),
  ];
  for (const state of wrong) assert.ok(!new AddressSpace().restore(state), state.slice(0, 20).join(" "));
});
