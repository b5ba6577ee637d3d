/**
 * Layer: engine, rewriter. Keeps function names so that a trap can say where it was. A faulty name section is no reason
 * to refuse a program, so it is dropped instead. It must not know any other custom section.
 */
import { MODULE_NAMES_KEPT_BYTES } from "../../limits.ts";
import { Decoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";
import type { ModuleShape, Span } from "./module-shape.ts";
import { ModuleRefused } from "./refusal.ts";

const FUNCTION_NAMES = 1;
/** Bytes of one name that are kept. */
const NAME_BYTES = 256;

/** Read the body of a custom section called "name": [start, end) of the file. */
export function readNames(bytes: Uint8Array, [start, end]: Span, shape: ModuleShape): void {
  if (end - start > MODULE_NAMES_KEPT_BYTES) return;
  const decoder = new Decoder(bytes);
  decoder.at = start;
  decoder.end = end;
  const names: { index: number; span: Span }[] = [];
  try {
    while (decoder.at < end) {
      const id = decoder.byte();
      const next = decoder.u32() + decoder.at;
      if (next > end) return;
      if (id === FUNCTION_NAMES) readFunctionNames(decoder, next, shape.functionTypes.length, names);
      decoder.at = next;
    }
  } catch (error) {
    if (error instanceof ModuleRefused) return;
    throw error;
  }
  shape.names.length = 0;
  for (const name of names) shape.names.push(name);
}

function readFunctionNames(
  decoder: Decoder,
  end: number,
  functions: number,
  names: { index: number; span: Span }[],
): void {
  let last = -1;
  for (let rest = decoder.u32(); rest > 0; rest--) {
    const index = decoder.u32();
    const length = decoder.u32();
    if (index <= last || index >= functions) decoder.malformed("a name out of order");
    last = index;
    const start = decoder.at;
    decoder.skip(length);
    if (decoder.at > end) decoder.malformed("a truncated name");
    names.push({ index, span: [start, start + keptLength(decoder.bytes, start, length)] });
  }
}

/** At most NAME_BYTES, cut between characters. */
function keptLength(bytes: Uint8Array, start: number, length: number): number {
  if (length <= NAME_BYTES) return length;
  let kept = NAME_BYTES;
  while (kept > 0 && ((bytes[start + kept] ?? 0) & 0xc0) === 0x80) kept--;
  return kept;
}

/** The name section with the kept names, as the body of a custom section. */
export function writeNames(bytes: Uint8Array, shape: ModuleShape): Encoder {
  const map = new Encoder(shape.names.length * 24 + 16).u32(shape.names.length);
  for (const { index, span } of shape.names) {
    map
      .u32(index)
      .u32(span[1] - span[0])
      .raw(bytes.subarray(span[0], span[1]));
  }
  return new Encoder(map.length + 16).name("name").section(FUNCTION_NAMES, map);
}
