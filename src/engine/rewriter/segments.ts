/** Layer: engine, rewriter. Reads what fills tables, memory and functions: elements, data, code. It must not write anything. */
import { CodeReader } from "./code.ts";
import { constantExpression } from "./constant-expression.ts";
import { count, index } from "./declarations.ts";
import type { Decoder } from "./decoder.ts";
import { refuseFeature } from "./features.ts";
import type { ModuleShape } from "./module-shape.ts";
import type { RewriteLimits } from "./rewrite-limits.ts";
import { referenceType } from "./value-types.ts";

function expression(decoder: Decoder, shape: ModuleShape, limits: RewriteLimits): void {
  constantExpression(decoder, {
    functions: shape.functionTypes.length,
    globals: shape.globals.length,
    operations: limits.constantOperations,
  });
}

/** Flag bits of a segment: 1 passive or declarative, 2 names its table (or, with 1, declarative), 4 expressions. */
export function readElements(decoder: Decoder, shape: ModuleShape, limits: RewriteLimits): void {
  for (let rest = count(decoder, "elementSegments", limits.elementSegments); rest > 0; rest--) {
    const start = decoder.at;
    const flags = decoder.u32();
    if (flags > 7) decoder.malformed(`element segment kind ${flags}`, start);
    if (!(flags & 1)) {
      if (flags & 2) index(decoder, "table", shape.tables.length);
      else if (shape.tables.length === 0) decoder.malformed("an element segment without a table", start);
      expression(decoder, shape, limits);
    }
    if (flags & 3) {
      if (flags & 4) referenceType(decoder);
      else if (decoder.byte() !== 0) decoder.malformed("an element kind other than functions", decoder.at - 1);
    }
    const at = decoder.at;
    const items = decoder.u32();
    shape.elementItems += items;
    decoder.cap("tableElements", shape.elementItems, limits.tableElements, at);
    for (let i = 0; i < items; i++) {
      if (flags & 4) expression(decoder, shape, limits);
      else index(decoder, "function", shape.functionTypes.length);
    }
    shape.elements++;
  }
}

export function readDataCount(decoder: Decoder, shape: ModuleShape, limits: RewriteLimits): void {
  shape.dataCount = count(decoder, "dataSegments", limits.dataSegments);
}

export function readCode(decoder: Decoder, shape: ModuleShape, limits: RewriteLimits): void {
  const start = decoder.at;
  const bodies = decoder.u32();
  const imported = shape.imports.length;
  const declared = shape.functionTypes.length - imported;
  if (bodies !== declared) decoder.malformed(`${bodies} bodies for ${declared} functions`, start);
  shape.bodies = bodies;
  if (shape.rewritten) {
    decoder.at = decoder.end;
    return;
  }
  const spaces = {
    types: shape.types,
    functionTypes: shape.functionTypes,
    tables: shape.tables.length,
    globals: shape.globals.length,
    tagTypes: shape.tagTypes,
    elements: shape.elements,
    dataCount: shape.dataCount,
  };
  const reader = new CodeReader(decoder, spaces, limits);
  for (let i = 0; i < bodies; i++) reader.body(shape.typeOf(imported + i));
  shape.mutatesTables = reader.mutatesTables;
  shape.dropsSegments = reader.dropsSegments;
  shape.catchesAll = reader.catchesAll;
  shape.waits = reader.waits;
  shape.sites = reader.bodies;
}

/** Segment kinds: 0 active in memory 0, 1 passive, 2 active in a named memory. */
export function readData(decoder: Decoder, shape: ModuleShape, limits: RewriteLimits): void {
  const first = decoder.at;
  const segments = count(decoder, "dataSegments", limits.dataSegments);
  if (shape.dataCount !== undefined && shape.dataCount !== segments) {
    decoder.malformed(`${segments} data segments where ${shape.dataCount} were announced`, first);
  }
  for (let rest = segments; rest > 0; rest--) {
    const start = decoder.at;
    const kind = decoder.u32();
    if (kind > 2) decoder.malformed(`data segment kind ${kind}`, start);
    if (kind === 2 && decoder.u32() !== 0) refuseFeature(decoder, "multi-memory", "data for another memory", start);
    let offset: number | undefined;
    if (kind !== 1) {
      if (shape.memory === undefined) decoder.malformed("a data segment without a memory", start);
      const from = decoder.at;
      expression(decoder, shape, limits);
      offset = plainConstant(decoder.bytes.subarray(from, decoder.at));
    }
    const length = decoder.u32();
    if (offset !== undefined) {
      shape.dataStart = Math.min(shape.dataStart, offset < MEMORY_END ? offset : 0);
      shape.dataEnd = Math.max(shape.dataEnd, Math.min(MEMORY_END, offset + length));
    }
    decoder.skip(length);
  }
  shape.data = segments;
}

const MEMORY_END = 0x1_0000_0000;

/** The value of an expression that is one i32.const; MEMORY_END for any other. The bytes were read before. */
function plainConstant(bytes: Uint8Array): number {
  if (bytes[0] !== 0x41) return MEMORY_END;
  let value = 0;
  let at = 1;
  for (let shift = 0; shift < 35; shift += 7, at++) {
    const byte = bytes[at] ?? 0;
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) !== 0) continue;
    if (shift + 7 < 32 && (byte & 0x40) !== 0) value |= -1 << (shift + 7);
    break;
  }
  return at + 2 === bytes.length ? value >>> 0 : MEMORY_END;
}
