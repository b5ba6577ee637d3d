/**
 * Layer: engine. Finds the pages of a memory that are not zero: a small wasm module over the guest's memory, 256 bytes a
 * step, several times as fast as JavaScript. It must not know why.
 */
import { Encoder } from "./rewriter/encoder.ts";
import { type WasmMemory, type WasmModule, wasm } from "./webassembly.ts";

/** Bytes of a page here: the host's, not WebAssembly's. */
export const SCAN_BYTES = 4096;

/** Of these only the first page is looked at, once one before was not zero: a look at each costs more than its copy. */
const BLOCK_BYTES = 65_536;

/** A part of a memory that is not zero, or hardly. */
type Visit = (start: number, end: number) => void;
type Find = (from: number, to: number) => number;

/** Of one step: with 64 a look takes half as long again, with 512 no less. */
const STEP_BYTES = 256;

const I32 = 0x7f;
const LOAD = [0xfd, 0x00, 4] as const;
const OR = [0xfd, 0x50] as const;
const ANY_TRUE = [0xfd, 0x53] as const;

let compiled: WasmModule | undefined;
/** Memories are used again, and so is what scans them. */
const finders = new WeakMap<WasmMemory, Find>();

/**
 * Call `used` for the parts of [from, to) that have to be looked after, and `zero` for those in between, all in their order.
 * Bounds are multiples of SCAN_BYTES.
 */
export function eachPart(memory: WasmMemory, from: number, to: number, used: Visit, zero?: Visit): void {
  const find = finderOf(memory);
  for (let at = from; at < to; ) {
    const start = find(at, to);
    if (start > at) zero?.(at, start);
    if (start === to) return;
    at = start;
    while (at < to && find(at, at + SCAN_BYTES) === at) at = Math.min(to, at + BLOCK_BYTES);
    used(start, at);
  }
}

/** Make [from, to) zero. Pages that are already are only looked at. Both are multiples of SCAN_BYTES. */
export function clear(memory: WasmMemory, from: number, to: number): void {
  const bytes = new Uint8Array(memory.buffer);
  eachPart(memory, from, to, (start, end) => bytes.fill(0, start, end));
}

/** (from, to) -> the first page at or after `from` that is not zero; `to` if all are. */
function finderOf(memory: WasmMemory): Find {
  const known = finders.get(memory);
  if (known !== undefined) return known;
  compiled ??= new wasm.Module(moduleBytes());
  const imports = Object.freeze({ m: Object.freeze({ m: memory }) });
  const found = new wasm.Instance(compiled, imports).exports.find as Find;
  // Pages are counted inside: the end of the largest memory is no 32-bit address.
  const find: Find = (from, to) => found(from / SCAN_BYTES, to / SCAN_BYTES) * SCAN_BYTES;
  finders.set(memory, find);
  return find;
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const body = new Encoder().raw([1, 1, I32, 0x03, 0x40]); // local 2: the address in a page; loop over pages
  body.raw([0x20, 0, 0x20, 1, 0x4f, 0x04, 0x40, 0x20, 1, 0x0f, 0x0b]); // page >= end: return end
  body.raw([0x20, 0, 0x41, 12, 0x74, 0x21, 2, 0x03, 0x40]); // address = page << 12; loop in the page
  for (let at = 0; at < STEP_BYTES; at += 16) {
    body.raw([0x20, 2]).raw(LOAD).u32(at);
    if (at > 0) body.raw(OR);
  }
  body.raw(ANY_TRUE).raw([0x04, 0x40, 0x20, 0, 0x0f, 0x0b]); // not zero: return page
  body.raw([0x20, 2, 0x41]).s32(STEP_BYTES).raw([0x6a, 0x22, 2]);
  body.byte(0x41).s32(SCAN_BYTES - 1);
  body.raw([0x71, 0x0d, 0, 0x0b]); // until the page's end
  body.raw([0x20, 0, 0x41, 1, 0x6a, 0x21, 0, 0x0c, 0, 0x0b, 0x00, 0x0b]); // page += 1; again
  const code = new Encoder().u32(1).u32(body.length).raw(body.bytes());
  return new Encoder()
    .raw([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    .section(1, new Encoder().u32(1).byte(0x60).u32(2).byte(I32).byte(I32).u32(1).byte(I32))
    .section(2, new Encoder().u32(1).name("m").name("m").byte(2).byte(0).u32(0))
    .section(3, new Encoder().u32(1).u32(0))
    .section(7, new Encoder().u32(1).name("find").byte(0).u32(0))
    .section(10, code)
    .bytes()
    .slice();
}
