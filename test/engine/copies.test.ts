import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { copyMemory } from "../../src/engine/fork.ts";
import { clear, SCAN_BYTES, scanOf } from "../../src/engine/page-scan.ts";
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
  it("finds the next page that is used, and the next that is zero, wherever in a page the byte stands", () => {
    const { used, zero } = scanOf(memory(0, 1, 5, SCANNED - 1));
    const end = SCANNED * SCAN_BYTES;
    assert.equal(used(0, end), 0);
    assert.equal(zero(0, end), 2 * SCAN_BYTES);
    assert.equal(used(2 * SCAN_BYTES, end), 5 * SCAN_BYTES);
    assert.equal(used(2 * SCAN_BYTES, 4 * SCAN_BYTES), 4 * SCAN_BYTES);
    assert.equal(zero(5 * SCAN_BYTES, end), 6 * SCAN_BYTES);
    assert.equal(used(6 * SCAN_BYTES, end), end - SCAN_BYTES);
    assert.equal(zero(end - SCAN_BYTES, end), end);
    assert.equal(used(end, end), end);
    for (const at of [0, 63, 64, 4032, 4095]) {
      const one = memory();
      bytesOf(one)[SCAN_BYTES + at] = 128;
      assert.equal(scanOf(one).used(0, end), SCAN_BYTES, `${at}`);
      assert.equal(scanOf(one).zero(SCAN_BYTES, end), 2 * SCAN_BYTES, `${at}`);
    }
  });

  it("reaches the end of the largest memory", () => {
    const most = new WebAssembly.Memory({ initial: 65_536, maximum: 65_536 });
    const end = 2 ** 32;
    bytesOf(most)[end - 1] = 1;
    assert.equal(scanOf(most).used(end - 16 * SCAN_BYTES, end), end - SCAN_BYTES);
    assert.equal(scanOf(most).zero(end - SCAN_BYTES, end), end);
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
      copyMemory(original, target, PAGES * 65_536);
      assert.deepEqual(bytesOf(target), bytesOf(original), `${left}`);
    }
    const target = memory();
    bytesOf(target).fill(255);
    copyMemory(original, target, PAGES * 65_536);
    assert.deepEqual(bytesOf(target), bytesOf(original));
  });

  it("needs no look at what is known to be zero", () => {
    const target = memory(0, 3, 4);
    copyMemory(original, target, 4 * SCAN_BYTES + 1);
    assert.deepEqual(bytesOf(target), bytesOf(original));
  });

  it("is never one of another size", () => {
    const longer = new WebAssembly.Memory({ initial: PAGES + 1, maximum: PAGES + 1 });
    assert.throws(() => copyMemory(original, longer, 0), RangeError);
  });
});
