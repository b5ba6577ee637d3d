import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MemoryPool, PAGE_BYTES } from "../../src/engine/memory-pool.ts";
import type { WasmInstance, WasmMemory } from "../../src/engine/webassembly.ts";

const IMAGE = {};

function take(pool: MemoryPool, initial: number, maximum = 100): WasmMemory {
  const taken = pool.take(initial, initial, maximum, IMAGE);
  assert.ok(taken !== undefined);
  assert.equal(taken.used, 0);
  const { memory } = taken;
  assert.equal(memory.buffer.byteLength, initial * PAGE_BYTES);
  assert.ok(new Uint8Array(memory.buffer).every((byte) => byte === 0));
  return memory;
}

describe("MemoryPool", () => {
  it("hands a memory out again, zeroed over all it had grown to", () => {
    const pool = new MemoryPool(100 * PAGE_BYTES);
    const memory = take(pool, 2);
    memory.grow(3);
    new Uint8Array(memory.buffer).fill(7);
    pool.give(memory, 100);
    assert.equal(pool.idleBytes, 5 * PAGE_BYTES);
    assert.equal(take(pool, 5), memory);
    assert.equal(pool.idleBytes, 0);
  });

  it("never hands out more than was asked for, and grows what is smaller", () => {
    const pool = new MemoryPool(100 * PAGE_BYTES);
    const [two, four, nine] = [take(pool, 2), take(pool, 4), take(pool, 9)];
    for (const memory of [two, four, nine]) pool.give(memory, 100);
    assert.equal(take(pool, 6), four);
    assert.notEqual(take(pool, 1), two);
    assert.equal(take(pool, 8), two);
    assert.equal(take(pool, 9), nine);
  });

  it("hands out more where that is allowed, zeroed, and rather with an instance of the image", () => {
    const pool = new MemoryPool(100 * PAGE_BYTES);
    const instance: WasmInstance = { exports: {} };
    const [six, seven, eight] = [take(pool, 6), take(pool, 7), take(pool, 8)];
    for (const memory of [six, seven, eight]) new Uint8Array(memory.buffer).fill(5);
    pool.give(six, 100, { image: IMAGE, instance });
    pool.give(seven, 100, { image: {}, instance });
    pool.give(eight, 100);
    const taken = pool.take(2, 7, 100, IMAGE);
    assert.deepEqual([taken?.memory === six, taken?.instance === instance, taken?.used], [true, true, 0]);
    assert.ok(new Uint8Array(six.buffer).every((byte) => byte === 0));
    const next = pool.take(2, 7, 100, IMAGE);
    assert.deepEqual([next?.memory === seven, next?.instance], [true, undefined]);
    assert.ok(new Uint8Array(seven.buffer).every((byte) => byte === 0));
    assert.equal(pool.take(2, 7, 100, IMAGE)?.memory.buffer.byteLength, 2 * PAGE_BYTES);
  });

  it("keeps maxima apart", () => {
    const pool = new MemoryPool(100 * PAGE_BYTES);
    const memory = take(pool, 1, 10);
    pool.give(memory, 10);
    assert.notEqual(take(pool, 1, 20), memory);
    assert.throws(() => take(pool, 1, 10).grow(10), RangeError);
  });

  it("detaches every view when a memory comes back, kept or not", () => {
    for (const most of [0, 100 * PAGE_BYTES]) {
      const pool = new MemoryPool(most);
      const memory = take(pool, 1);
      const view = new Uint8Array(memory.buffer);
      pool.give(memory, 100);
      assert.equal(view.length, 0);
      assert.equal(pool.idleBytes, most === 0 ? 0 : PAGE_BYTES);
    }
  });

  it("hands what is left in a memory to a copy alone, with the instance of its own image", () => {
    const pool = new MemoryPool(100 * PAGE_BYTES);
    const [image, other] = [{}, {}];
    const instance: WasmInstance = { exports: {} };
    const [small, big] = [take(pool, 2), take(pool, 3)];
    for (const memory of [small, big]) new Uint8Array(memory.buffer).fill(9);
    pool.give(small, 100, { image, instance });
    pool.give(big, 100, { image: other, instance });
    const copied = pool.takeForCopy(4, 100, image);
    assert.deepEqual([copied?.memory === small, copied?.instance === instance], [true, true]);
    assert.equal(copied?.used, 2 * PAGE_BYTES);
    const bytes = new Uint8Array(small.buffer);
    assert.deepEqual([bytes.length, bytes[0], bytes[2 * PAGE_BYTES]], [4 * PAGE_BYTES, 9, 0]);
    const second = pool.takeForCopy(3, 100, image);
    assert.deepEqual([second?.memory === big, second?.instance, second?.used], [true, undefined, 3 * PAGE_BYTES]);
    const third = pool.takeForCopy(3, 100, image);
    assert.deepEqual([third?.instance, third?.used, third?.memory.buffer.byteLength], [undefined, 0, 3 * PAGE_BYTES]);
    pool.give(big, 100, { image, instance });
    assert.equal(take(pool, 3), big);
  });

  it("makes idle memories zero when it is told that there is time, the last that came first, and big ones never", () => {
    const pool = new MemoryPool(1000 * PAGE_BYTES);
    const instance: WasmInstance = { exports: {} };
    const [small, big, huge] = [take(pool, 2), take(pool, 3), take(pool, 65)];
    assert.equal(pool.tidy(), false);
    for (const memory of [small, big, huge]) new Uint8Array(memory.buffer).fill(9);
    for (const memory of [small, big, huge]) pool.give(memory, 100, { image: IMAGE, instance });
    assert.equal(pool.tidy(), true);
    assert.deepEqual([new Uint8Array(big.buffer)[3 * PAGE_BYTES - 1], new Uint8Array(small.buffer)[0]], [0, 9]);
    const stale = new Uint8Array(small.buffer);
    assert.deepEqual([pool.tidy(), pool.tidy()], [true, false]);
    assert.equal(stale.length, 0);
    // A copy need not look at what is known to be zero, and what is said to be zero is.
    for (const [memory, pages, used] of [
      [small, 2, 0],
      [big, 3, 0],
      [huge, 65, 65 * PAGE_BYTES],
    ] as const) {
      const taken = pool.takeForCopy(pages, 100, IMAGE);
      assert.deepEqual([taken?.memory === memory, taken?.instance === instance, taken?.used], [true, true, used]);
      assert.ok(new Uint8Array(memory.buffer).every((byte) => byte === (used === 0 ? 0 : 9)));
    }
    // Another program has had it since.
    new Uint8Array(small.buffer).fill(5);
    pool.give(small, 100);
    assert.equal(pool.takeForCopy(2, 100, IMAGE)?.used, 2 * PAGE_BYTES);
  });

  it("answers undefined for what cannot be had", () => {
    const pool = new MemoryPool(0);
    assert.equal(pool.take(65_537, 65_537, 65_537, IMAGE), undefined);
    assert.equal(pool.take(3, 3, 2, IMAGE), undefined);
    assert.equal(pool.takeForCopy(3, 2, {}), undefined);
  });

  it("has memories it does not keep collected, before they fill the host's", async () => {
    const pool = new MemoryPool(0);
    const before = process.memoryUsage.rss();
    let most = 0;
    for (let i = 0; i < 20; i++) {
      const taken = pool.take(16, 16, 1024, IMAGE);
      assert.ok(taken !== undefined);
      taken.memory.grow(1008);
      new Uint8Array(taken.memory.buffer).fill(1);
      pool.give(taken.memory, 1024);
      await new Promise((done) => setTimeout(done, 20));
      most = Math.max(most, process.memoryUsage.rss() - before);
    }
    // 20 of 64 MiB went through it.
    assert.ok(most < 400 * 1024 * 1024, `${most}`);
  });
});
