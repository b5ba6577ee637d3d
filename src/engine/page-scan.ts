/**
 * Layer: engine. Finds the pages of a memory that are not zero: a small wasm module over the guest's memory, 64 bytes a
 * step, several times as fast as JavaScript. It must not know why.
 */
import { Encoder } from "./rewriter/encoder.ts";
import { type WasmMemory, type WasmModule, wasm } from "./webassembly.ts";

/** Bytes of a page here: the host's, not WebAssembly's. */
export const SCAN_BYTES = 4096;

type Scan = (from: number, to: number) => number;

const I32 = 0x7f;
const LOAD = [0xfd, 0x00, 4] as const;
const OR = [0xfd, 0x50] as const;
const ANY_TRUE = [0xfd, 0x53] as const;

let compiled: WasmModule | undefined;
/** Memories are used again, and so is what scans them. */
const scans = new WeakMap<WasmMemory, Scan>();

/** (from, to) -> the first page at or after `from`, both multiples of SCAN_BYTES, that is not zero; `to` if all are. */
export function scanOf(memory: WasmMemory): Scan {
  const known = scans.get(memory);
  if (known !== undefined) return known;
  compiled ??= new wasm.Module(moduleBytes());
  const imports = Object.freeze({ m: Object.freeze({ m: memory }) });
  const found = new wasm.Instance(compiled, imports).exports.scan as Scan;
  const scan: Scan = (from, to) => found(from | 0, to | 0) >>> 0;
  scans.set(memory, scan);
  return scan;
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const body = new Encoder().raw([1, 1, I32, 0x03, 0x40]); // local 2: where in the page; loop over pages
  body.raw([0x20, 0, 0x20, 1, 0x4f, 0x04, 0x40, 0x20, 1, 0x0f, 0x0b]); // from >= to: return to
  body.raw([0x20, 0, 0x21, 2, 0x03, 0x40]); // loop in the page
  for (let at = 0; at < 64; at += 16) {
    body.raw([0x20, 2]).raw(LOAD).u32(at);
    if (at > 0) body.raw(OR);
  }
  body.raw(ANY_TRUE).raw([0x04, 0x40, 0x20, 0, 0x0f, 0x0b]); // not zero: return from
  body.raw([0x20, 2, 0x41]).s32(64).raw([0x6a, 0x22, 2]);
  body.raw([0x20, 0, 0x41]).s32(SCAN_BYTES).raw([0x6a, 0x47, 0x0d, 0, 0x0b]); // until the page's end
  body.raw([0x20, 0, 0x41]).s32(SCAN_BYTES).raw([0x6a, 0x21, 0, 0x0c, 0, 0x0b, 0x00, 0x0b]);
  const code = new Encoder().u32(1).u32(body.length).raw(body.bytes());
  return new Encoder()
    .raw([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    .section(1, new Encoder().u32(1).byte(0x60).u32(2).byte(I32).byte(I32).u32(1).byte(I32))
    .section(2, new Encoder().u32(1).name("m").name("m").byte(2).byte(0).u32(0))
    .section(3, new Encoder().u32(1).u32(0))
    .section(7, new Encoder().u32(1).name("scan").byte(0).u32(0))
    .section(10, code)
    .bytes()
    .slice();
}
