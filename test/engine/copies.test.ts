import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { copyMemory } from "../../src/engine/fork.ts";
import { clear, eachPart, SCAN_BYTES } from "../../src/engine/page-scan.ts";
import type { WasmMemory } from "../../src/engine/webassembly.ts";
import { WebAssembly } from "./web-assembly.ts";

const PAGES = 3;
const SCANNED = (PAGES * 65_536) / SCAN_BYTES;

/** A memory in which these pages of 4 KiB hold one byte that is not zero, each at another place. */
function memory(...used: number[]): WasmMemory {
  const made = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
  const bytes = new Uint8Array(made.buffer);
  for (const page of used) bytes[page * SCAN_BYTES + ((page * 509) % SCAN_BYTES)] = page + 1;
  return made;
}

const bytesOf = ({ buffer }: WasmMemory): Uint8Array => new Uint8Array(buffer);

describe("the scan of a memory", () => {
  const END = PAGES * 65_536;
  const parts = (from: WasmMemory, start = 0, end = END) => {
    const found: [string, number, number][] = [];
    const add = (what: string) => (at: number, to: number) => void found.push([what, at / SCAN_BYTES, to / SCAN_BYTES]);
    eachPart(from, start, end, add("used"), add("zero"));
    return found;
  };

  it("finds what is not zero to a page where it begins, and goes on by blocks", () => {
    assert.deepEqual(parts(memory()), [["zero", 0, SCANNED]]);
    assert.deepEqual(parts(memory(SCANNED - 1)), [
      ["zero", 0, SCANNED - 1],
      ["used", SCANNED - 1, SCANNED],
    ]);
    assert.deepEqual(parts(memory(5, 30)), [
      ["zero", 0, 5],
      ["used", 5, 21],
      ["zero", 21, 30],
      ["used", 30, 46],
      ["zero", 46, SCANNED],
    ]);
    assert.deepEqual(parts(memory(0, 16, 32)), [["used", 0, SCANNED]]);
    assert.deepEqual(parts(memory(0, 16), 2 * SCAN_BYTES, 17 * SCAN_BYTES), [
      ["zero", 2, 16],
      ["used", 16, 17],
    ]);
  });

  it("sees one byte wherever in a page it stands", () => {
    for (const at of [0, 63, 64, 4032, 4095]) {
      const one = memory();
      bytesOf(one)[20 * SCAN_BYTES + at] = 128;
      assert.deepEqual(parts(one)[0], ["zero", 0, 20], `${at}`);
    }
  });

  it("reaches the end of the largest memory", () => {
    const most = new WebAssembly.Memory({ initial: 65_536, maximum: 65_536 });
    const end = 2 ** 32;
    bytesOf(most)[end - 1] = 1;
    const last = end / SCAN_BYTES - 1;
    assert.deepEqual(parts(most, end - 16 * SCAN_BYTES, end), [
      ["zero", last - 15, last],
      ["used", last, last + 1],
    ]);
    clear(most, end - 2 * SCAN_BYTES, end);
    assert.equal(bytesOf(most)[end - 1], 0);
  });
});

describe("the copy of a memory", () => {
  const original = memory(1, 2, 7, 30, SCANNED - 1);

  it("is the same to the last byte, whatever was in the target", () => {
    const all = Array.from({ length: SCANNED }, (_, page) => page);
    for (const left of [[], [0], [1, 3, 8, 9, 31], all]) {
      const target = memory(...left);
      copyMemory(original, target, 0, PAGES * 65_536);
      assert.deepEqual(bytesOf(target), bytesOf(original), `${left}`);
    }
    const target = memory();
    bytesOf(target).fill(255);
    copyMemory(original, target, 0, PAGES * 65_536);
    assert.deepEqual(bytesOf(target), bytesOf(original));
  });

  it("needs no look at what is known to be zero", () => {
    for (const [left, from, to] of [
      [[0, 3, 4], 0, 4 * SCAN_BYTES + 1],
      [[3, 4], 4 * SCAN_BYTES - 1, 5 * SCAN_BYTES],
      [[], 2 ** 32, 0],
    ] as const) {
      const target = memory(...left);
      copyMemory(original, target, from, to);
      assert.deepEqual(bytesOf(target), bytesOf(original));
    }
  });

  it("is never one of another size", () => {
    const longer = new WebAssembly.Memory({ initial: PAGES + 1, maximum: PAGES + 1 });
    assert.throws(() => copyMemory(original, longer, 0, 0), RangeError);
  });
});
