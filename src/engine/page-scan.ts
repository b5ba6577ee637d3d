/**
 * Layer: engine. Finds the pages of a memory that are zero, and those that are not: a small wasm module over the guest's
 * memory, 64 bytes a step, several times as fast as JavaScript. It must not know why.
 */
import { Encoder } from "./rewriter/encoder.ts";
import { type WasmMemory, type WasmModule, wasm } from "./webassembly.ts";

/** Bytes of a page here: the host's, not WebAssembly's. */
export const SCAN_BYTES = 4096;

type Find = (from: number, to: number) => number;

/** Both take multiples of SCAN_BYTES and answer one: the first page at or after `from` of its kind, `to` if there is none. */
export interface Scan {
  readonly used: Find;
  readonly zero: Find;
}

const I32 = 0x7f;
const LOAD = [0xfd, 0x00, 4] as const;
const OR = [0xfd, 0x50] as const;
const ANY_TRUE = [0xfd, 0x53] as const;

let compiled: WasmModule | undefined;
/** Memories are used again, and so is what scans them. */
const scans = new WeakMap<WasmMemory, Scan>();

export function scanOf(memory: WasmMemory): Scan {
  const known = scans.get(memory);
  if (known !== undefined) return known;
  compiled ??= new wasm.Module(moduleBytes());
  const imports = Object.freeze({ m: Object.freeze({ m: memory }) });
  const { exports } = new wasm.Instance(compiled, imports);
  const [used, zero] = [exports.used as Find, exports.zero as Find];
  // Pages are counted inside: the end of the largest memory is no 32-bit address.
  const scan: Scan = {
    used: (from, to) => used(from / SCAN_BYTES, to / SCAN_BYTES) * SCAN_BYTES,
    zero: (from, to) => zero(from / SCAN_BYTES, to / SCAN_BYTES) * SCAN_BYTES,
  };
  scans.set(memory, scan);
  return scan;
}

/** Make the pages in [from, to) zero; those that are already are only looked at. Both are multiples of SCAN_BYTES. */
export function clear(memory: WasmMemory, from: number, to: number): void {
  const { used, zero } = scanOf(memory);
  const bytes = new Uint8Array(memory.buffer);
  for (let start = used(from, to); start < to; ) {
    const end = zero(start, to);
    bytes.fill(0, start, end);
    start = used(end, to);
  }
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const code = new Encoder().u32(2);
  for (const body of [bodyFor("used"), bodyFor("zero")]) code.u32(body.length).raw(body.bytes());
  return new Encoder()
    .raw([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
    .section(1, new Encoder().u32(1).byte(0x60).u32(2).byte(I32).byte(I32).u32(1).byte(I32))
    .section(2, new Encoder().u32(1).name("m").name("m").byte(2).byte(0).u32(0))
    .section(3, new Encoder().u32(2).u32(0).u32(0))
    .section(7, new Encoder().u32(2).name("used").byte(0).u32(0).name("zero").byte(0).u32(1))
    .section(10, code)
    .bytes()
    .slice();
}

/** (page, end) -> page: local 2 is the address in the page. */
function bodyFor(kind: keyof Scan): Encoder {
  const found = [0x20, 0, 0x0f] as const; // return page
  const next = [0x20, 0, 0x41, 1, 0x6a, 0x21, 0, 0x0c] as const; // page += 1; again
  const body = new Encoder().raw([1, 1, I32, 0x03, 0x40]); // loop over pages
  body.raw([0x20, 0, 0x20, 1, 0x4f, 0x04, 0x40, 0x20, 1, 0x0f, 0x0b]); // page >= end: return end
  body.raw([0x20, 0, 0x41, 12, 0x74, 0x21, 2, 0x03, 0x40]); // address = page << 12; loop in the page
  for (let at = 0; at < 64; at += 16) {
    body.raw([0x20, 2]).raw(LOAD).u32(at);
    if (at > 0) body.raw(OR);
  }
  body.raw(ANY_TRUE).raw([0x04, 0x40]); // not zero:
  if (kind === "used") body.raw(found);
  else body.raw(next).u32(2);
  body.byte(0x0b);
  body.raw([0x20, 2, 0x41]).s32(64).raw([0x6a, 0x22, 2]);
  body
    .byte(0x41)
    .s32(SCAN_BYTES - 1)
    .raw([0x71, 0x0d, 0, 0x0b]); // until the page's end
  if (kind === "used") body.raw(next).u32(0);
  else body.raw(found);
  return body.raw([0x0b, 0x00, 0x0b]);
}
