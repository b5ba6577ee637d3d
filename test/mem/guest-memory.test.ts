import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ByteString } from "../../src/abi/byte-string.ts";
import { EFAULT, EINVAL, ENAMETOOLONG } from "../../src/abi/errno.ts";
import { UIO_MAXIOV } from "../../src/abi/fcntl.ts";
import type { WasmMemory } from "../../src/engine/webassembly.ts";
import { GuestMemory, IoVector } from "../../src/mem/guest-memory.ts";
import { WebAssembly } from "../engine/web-assembly.ts";
import { FIRST_SEED } from "../random.ts";

const PAGE = 65_536;

function memoryOf(pages: number): { wasm: WasmMemory; memory: GuestMemory } {
  const wasm = new WebAssembly.Memory({ initial: pages, maximum: 100 });
  return { wasm, memory: new GuestMemory(wasm) };
}

/** A small generator, so that a failure can be run again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

describe("putNanoseconds", () => {
  function stored(seconds: number, nanoseconds: number): bigint {
    const { memory } = memoryOf(1);
    memory.putNanoseconds(8, seconds, nanoseconds);
    return memory.view.getBigUint64(8, true);
  }
  const expected = (seconds: number, nanoseconds: number) =>
    BigInt.asUintN(64, BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds));

  it("is exact at the edges of words and of the split", () => {
    for (const seconds of [0, 1, 4, 5, 65_535, 65_536, 65_537, 2 ** 31 - 1, 2 ** 32, 1_763_762_520, 18_446_744_072]) {
      for (const nanoseconds of [0, 1, 294_967_295, 294_967_296, 999_999_999]) {
        assert.equal(stored(seconds, nanoseconds), expected(seconds, nanoseconds), `${seconds} s ${nanoseconds} ns`);
      }
    }
  });

  it("is exact for 20,000 random times, before 1970 too", () => {
    const seed = FIRST_SEED;
    const random = randomFrom(seed);
    for (let i = 0; i < 20_000; i++) {
      const seconds = Math.floor((random() * 2 - 0.2) * 9_000_000_000);
      const nanoseconds = Math.floor(random() * 1e9);
      const where = `seed ${seed}: ${seconds} s ${nanoseconds} ns`;
      assert.equal(stored(seconds, nanoseconds), expected(seconds, nanoseconds), where);
    }
  });
});

describe("putU64", () => {
  it("writes every integer up to 2^53 exactly", () => {
    const { memory } = memoryOf(1);
    for (const value of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 46, 2 ** 53 - 1, 2 ** 53]) {
      memory.putU64(3, value);
      assert.equal(memory.view.getBigUint64(3, true), BigInt(value));
    }
  });
});

describe("contains", () => {
  it("knows the last byte, and sums that leave 32 bits", () => {
    const { memory } = memoryOf(1);
    assert.equal(memory.contains(0, PAGE), true);
    assert.equal(memory.contains(PAGE, 0), true);
    assert.equal(memory.contains(PAGE - 1, 1), true);
    assert.equal(memory.contains(PAGE, 1), false);
    assert.equal(memory.contains(0xffff_ffff, 1), false);
    assert.equal(memory.contains(1, 0xffff_ffff), false);
    assert.equal(memory.contains(0xffff_ffff, 0xffff_ffff), false);
  });
});

describe("a memory that grew", () => {
  it("is seen at its new size, with what was in it", () => {
    const { wasm, memory } = memoryOf(1);
    memory.bytes[5] = 77;
    const stale = memory.bytes;
    wasm.grow(1);
    assert.equal(stale.length, 0);
    assert.equal(memory.byteLength, 2 * PAGE);
    assert.equal(memory.bytes[5], 77);
    assert.equal(memory.contains(PAGE, PAGE), true);
  });

  it("is written through the new buffer, by every method and after grow(0) as well", () => {
    for (const by of [0, 1]) {
      const { wasm, memory } = memoryOf(1);
      const fresh = () => new DataView(wasm.buffer);
      wasm.grow(by);
      memory.putU64(0, 42);
      assert.equal(fresh().getUint32(0, true), 42);
      wasm.grow(by);
      memory.putByteString(16, "hey" as ByteString);
      assert.equal(fresh().getUint8(18), 121);
      wasm.grow(by);
      assert.equal(memory.byteString(16, 3), "hey");
      wasm.grow(by);
      memory.putNanoseconds(24, 0, 7);
      assert.equal(fresh().getUint32(24, true), 7);
      fresh().setUint32(100, 8, true);
      fresh().setUint32(104, 9, true);
      wasm.grow(by);
      const vector = new IoVector();
      assert.equal(memory.iovecs(vector, 100, 1), 0);
      assert.deepEqual([vector.addresses[0], vector.lengths[0], vector.total], [8, 9, 9]);
    }
  });

  it("of no pages holds only the empty range", () => {
    const { memory } = memoryOf(0);
    assert.equal(memory.byteLength, 0);
    assert.equal(memory.contains(0, 0), true);
    assert.equal(memory.contains(0, 1), false);
  });
});

describe("window", () => {
  it("is the range asked for, whatever was asked for before", () => {
    const { memory } = memoryOf(1);
    memory.bytes.forEach((_, at) => {
      memory.bytes[at] = at % 251;
    });
    for (const [address, length] of [
      [0, 4],
      [0, 4],
      [4, 4],
      [4, 8],
      [0, 4],
      [PAGE - 8, 8],
      [PAGE, 0],
    ] as const) {
      assert.deepEqual(memory.window(address, length), memory.bytes.subarray(address, address + length));
    }
  });

  it("sees what is written later, and a memory that grew", () => {
    const { wasm, memory } = memoryOf(1);
    const before = memory.window(16, 600);
    memory.bytes[17] = 9;
    assert.equal(memory.window(16, 600), before);
    assert.equal(before[1], 9);
    wasm.grow(1);
    const after = memory.window(16, 600);
    assert.deepEqual([before.length, after.length, after[1]], [0, 600, 9]);
    memory.bytes[17] = 10;
    assert.equal(after[1], 10);
  });
});

describe("byteString", () => {
  it("keeps all 256 bytes, over any chunk boundary", () => {
    const { memory } = memoryOf(1);
    for (const length of [0, 1, 31, 32, 33, 255, 4095, 4096, 4097, 10_000]) {
      for (let i = 0; i < length; i++) memory.bytes[50 + i] = (i * 7 + length) & 255;
      const text = memory.byteString(50, length);
      assert.equal(text.length, length);
      for (let i = 0; i < length; i++) assert.equal(text.charCodeAt(i), (i * 7 + length) & 255);
      memory.putByteString(30_000, text);
      assert.deepEqual(memory.bytes.slice(30_000, 30_000 + length), memory.bytes.slice(50, 50 + length));
    }
  });

  it("neither drops a byte order mark nor joins bytes to characters", () => {
    const { memory } = memoryOf(1);
    memory.bytes.set([0xef, 0xbb, 0xbf, 0xff, 0xc3, 0xa9]);
    assert.equal(memory.byteString(0, 6), "\xef\xbb\xbf\xff\xc3\xa9");
  });
});

describe("cString", () => {
  /** What it must answer, by looking at each byte. */
  function expected(bytes: Uint8Array, address: number, limit: number): string | number {
    let text = "";
    for (let at = address; at < address + limit; at++) {
      const byte = bytes[at];
      if (byte === undefined) return -EFAULT;
      if (byte === 0) return text;
      text += String.fromCharCode(byte);
    }
    return -ENAMETOOLONG;
  }

  it("answers what stands there now, whatever stood at the same addresses before", () => {
    const seed = FIRST_SEED;
    const random = randomFrom(seed);
    const below = (limit: number) => Math.floor(random() * limit);
    const { memory } = memoryOf(1);
    // Few places and few bytes, so that strings come again, grow, are cut short, and end with the memory.
    const starts = [0, 3, 64, 70, 200, 264, PAGE - 100, PAGE - 66, PAGE - 5, PAGE - 1, PAGE];
    for (let i = 0; i < 30_000; i++) {
      const start = starts[below(starts.length)] ?? 0;
      const { bytes } = memory;
      const change = below(4);
      if (change === 0) bytes[start + below(70)] = 97 + below(2);
      if (change === 1) bytes[start + below(70)] = 0;
      if (change === 2) bytes.fill(97 + below(3), start, start + below(70));
      const limit = [4096, 4096, 64, 10, 1][below(5)] ?? 0;
      const where = `seed ${seed}, step ${i}: at ${start}, limit ${limit}`;
      assert.equal(memory.cString(start, limit), expected(bytes, start, limit), where);
      // A string with a NUL in it, of the same bytes.
      if (change === 3 && start + 8 <= PAGE) memory.byteString(start, 8);
    }
  });

  it("sees a memory that grew", () => {
    const { wasm, memory } = memoryOf(1);
    memory.putByteString(PAGE - 3, "abc" as ByteString);
    assert.equal(memory.cString(PAGE - 3, 100), -EFAULT);
    wasm.grow(1);
    assert.equal(memory.cString(PAGE - 3, 100), "abc");
    assert.equal(memory.cString(PAGE - 3, 100), "abc");
  });
});

describe("iovecs", () => {
  function put(memory: GuestMemory, at: number, ranges: readonly (readonly [number, number])[]): void {
    for (const [i, [address, length]] of ranges.entries()) {
      memory.view.setUint32(at + i * 8, address, true);
      memory.view.setUint32(at + i * 8 + 4, length, true);
    }
  }

  it("copies addresses, lengths and their sum", () => {
    const { memory } = memoryOf(1);
    put(memory, 0, [
      [100, 5],
      [PAGE - 1, 1],
      [PAGE, 0],
    ]);
    const vector = new IoVector();
    assert.equal(memory.iovecs(vector, 0, 3), 0);
    assert.deepEqual([...vector.addresses.subarray(0, 3)], [100, PAGE - 1, PAGE]);
    assert.deepEqual([vector.count, vector.total], [3, 6]);
  });

  it("refuses a list or a range outside of the memory", () => {
    const { memory } = memoryOf(1);
    const vector = new IoVector();
    assert.equal(memory.iovecs(vector, PAGE - 7, 1), -EFAULT);
    assert.equal(memory.iovecs(vector, 0xffff_ffff, 1), -EFAULT);
    for (const range of [
      [PAGE, 1],
      [0xffff_ffff, 1],
      [1, 0xffff_ffff],
      [0x8000_0000, 0x8000_0000],
    ] as const) {
      put(memory, 0, [range]);
      assert.equal(memory.iovecs(vector, 0, 1), -EFAULT, String(range));
    }
  });

  it("takes UIO_MAXIOV ranges and not one more", () => {
    const { memory } = memoryOf(1);
    const vector = new IoVector();
    assert.equal(memory.iovecs(vector, 0, UIO_MAXIOV), 0);
    assert.equal(memory.iovecs(vector, 0, UIO_MAXIOV + 1), -EINVAL);
    assert.equal(memory.iovecs(vector, 0, 0xffff_ffff), -EINVAL);
  });

  it("refuses a sum no ssize_t holds", () => {
    const { memory } = memoryOf(100);
    const vector = new IoVector();
    const whole = 100 * PAGE;
    const ranges = Array.from({ length: 328 }, () => [0, whole] as const);
    put(memory, 0, ranges);
    assert.equal(memory.iovecs(vector, 0, 327), 0);
    assert.equal(vector.total, 327 * whole);
    assert.equal(memory.iovecs(vector, 0, 328), -EINVAL);
  });

  it("leaves the last good list alone when it refuses", () => {
    const { memory } = memoryOf(1);
    const vector = new IoVector();
    put(memory, 0, [[8, 4]]);
    assert.equal(memory.iovecs(vector, 0, 1), 0);
    assert.equal(memory.iovecs(vector, PAGE, 1), -EFAULT);
    assert.deepEqual([vector.count, vector.total], [1, 4]);
  });
});
