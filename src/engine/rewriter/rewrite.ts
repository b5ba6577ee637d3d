/**
 * Layer: engine, rewriter. A guest's module in, the module that is run out: every section read, checked and written
 * again. Pure. It must not know kernels, instances or files.
 *
 * What changes: the memory is imported as `linden` `memory` and never shared, tables are given a maximum, tables and
 * mutable globals are exported under reserved names, `start` becomes an export, safepoints are put into bodies, and custom
 * sections go except function names. No index moves.
 */
import * as declarations from "./declarations.ts";
import { Decoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";
import { refuseFeature } from "./features.ts";
import { ModuleShape, type Span, type Table } from "./module-shape.ts";
import { readNames, writeNames } from "./names.ts";
import {
  FUEL_EXPORT,
  GLOBAL_EXPORT,
  MEMORY_MODULE,
  MEMORY_NAME,
  type ModuleReport,
  SAFEPOINT_EXPORT,
  START_EXPORT,
  TABLE_EXPORT,
} from "./report.ts";
import { DEFAULT_LIMITS, type RewriteLimits } from "./rewrite-limits.ts";
import * as safepoints from "./safepoints.ts";
import * as segments from "./segments.ts";
import { typeCode } from "./value-types.ts";

export interface RewrittenModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly report: ModuleReport;
}

const NAMES = [
  "custom",
  "type",
  "import",
  "function",
  "table",
  "memory",
  "global",
  "export",
  "start",
  "element",
  "code",
  "data",
  "data count",
  "tag",
] as const;
/** The order sections must stand in, by id; custom sections may stand anywhere. */
const ORDER = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11] as const;
const READERS = new Map([
  [1, declarations.readTypes],
  [2, declarations.readImports],
  [3, declarations.readFunctions],
  [4, declarations.readTables],
  [5, declarations.readMemories],
  [13, declarations.readTags],
  [6, declarations.readGlobals],
  [7, declarations.readExports],
  [8, declarations.readStart],
  [9, segments.readElements],
  [12, segments.readDataCount],
  [10, segments.readCode],
  [11, segments.readData],
]);
/** Checked to the last byte and copied; globals and code with additions. */
const COPIED = new Set([13, 6, 9, 10, 11]);
const NO_MEMORY = { minimum: 0, maximum: 0 };

/**
 * Rewrite one module. Throws ModuleRefused, and nothing else, when the module is malformed, uses a refused feature or
 * exceeds a cap. The answer owns its bytes.
 */
export function rewrite(bytes: Uint8Array, caps: Partial<RewriteLimits> = {}): RewrittenModule {
  const limits = { ...DEFAULT_LIMITS, ...caps };
  const shape = read(bytes, limits, new ModuleShape());
  shape.hasSafepoints = shape.sites.length > 0;
  const tables = clampTables(shape.tables, limits.tableElements);
  return { bytes: write(bytes, shape, tables), report: reportOf(shape, tables) };
}

/**
 * The report of a module that `rewrite` wrote, from its bytes: for caches. Everything but function bodies is read and
 * checked once more; that nobody changed the bodies is for the cache's hash to show. Throws ModuleRefused.
 */
export function inspect(bytes: Uint8Array): ModuleReport {
  const shape = read(bytes, DEFAULT_LIMITS, new ModuleShape(true));
  return reportOf(shape, shape.hasSafepoints ? shape.tables.slice(0, -1) : shape.tables);
}

function reportOf(shape: ModuleShape, tables: readonly Table[]): ModuleReport {
  return {
    imports: shape.imports,
    exports: shape.exportedFunctions(),
    memory: shape.memory ?? NO_MEMORY,
    tableElements: tables.reduce((sum, table) => sum + (table.maximum ?? 0), 0),
    hasStart: shape.start !== undefined,
    functions: shape.functionTypes.length - (shape.rewritten && shape.hasSafepoints ? safepoints.ADDED_FUNCTIONS : 0),
    hasNames: shape.names.length > 0,
    mutatesTables: shape.mutatesTables,
    dropsSegments: shape.dropsSegments,
    catchesAll: shape.catchesAll,
    hasSafepoints: shape.hasSafepoints,
    dataStart: shape.dataStart,
    dataEnd: shape.dataEnd,
  };
}

function read(bytes: Uint8Array, limits: RewriteLimits, shape: ModuleShape): ModuleShape {
  const decoder = new Decoder(bytes);
  decoder.cap("bytes", bytes.length, limits.bytes);
  readHeader(decoder);
  let position = -1;
  let names: readonly [number, number] | undefined;
  while (decoder.at < bytes.length) {
    decoder.section = "module";
    const start = decoder.at;
    const id = decoder.byte();
    const size = decoder.u32();
    const end = decoder.at + size;
    if (end > bytes.length) decoder.malformed("a truncated section", start);
    decoder.section = NAMES[id] ?? "unknown";
    decoder.end = end;
    if (id === 0) {
      const name = decoder.name(size);
      if (name === "name") names = [decoder.at, end];
      decoder.at = end;
    } else {
      const next = ORDER.indexOf(id as (typeof ORDER)[number]);
      const reader = READERS.get(id);
      if (reader === undefined) refuseFeature(decoder, id === 14 ? "components" : "unknown", `section ${id}`, start);
      if (next === position) decoder.malformed("a second section of its kind", start);
      if (next < position) decoder.malformed("a section out of order", start);
      fillBetween(shape, id);
      position = next;
      const from = decoder.at;
      reader(decoder, shape, limits);
      if (decoder.at !== end) decoder.malformed("bytes after the end of a section");
      if (COPIED.has(id)) shape.copied.set(id, [from, end]);
    }
    decoder.end = bytes.length;
  }
  decoder.section = "module";
  fillBetween(shape, 3);
  if (shape.bodies !== shape.functionTypes.length - shape.imports.length) decoder.malformed("functions without bodies");
  if ((shape.dataCount ?? 0) !== 0 && shape.data !== shape.dataCount) decoder.malformed("data segments are missing");
  if (names !== undefined) readNames(bytes, names, shape);
  return shape;
}

/** Imported functions come first in the index space, whether or not a function section follows. */
function fillBetween(shape: ModuleShape, id: number): void {
  if (id !== 1 && id !== 2 && shape.functionTypes.length === 0) shape.functionTypes = shape.importTypes.slice();
}

function readHeader(decoder: Decoder): void {
  const bytes = decoder.bytes;
  const magic = [0x00, 0x61, 0x73, 0x6d];
  if (bytes.length < 8 || magic.some((byte, i) => bytes[i] !== byte)) decoder.malformed("no WebAssembly file");
  if (bytes[6] === 1 && bytes[7] === 0) refuseFeature(decoder, "components", "a component", 4);
  if (bytes[4] !== 1 || bytes[5] || bytes[6] || bytes[7]) decoder.malformed("a version other than 1", 4);
  decoder.at = 8;
}

/** Give every table a maximum, so that table.grow cannot pass what all of them may have together. */
function clampTables(tables: readonly Table[], most: number): Table[] {
  let spare = most;
  for (const table of tables) spare -= table.minimum;
  return tables.map((table) => {
    const maximum = Math.min(table.maximum ?? most, table.minimum + spare);
    spare -= maximum - table.minimum;
    return { ...table, maximum };
  });
}

function write(bytes: Uint8Array, shape: ModuleShape, tables: readonly Table[]): Uint8Array<ArrayBuffer> {
  const out = new Encoder(outputSize(shape));
  out.raw([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  const copy = (id: number): void => {
    const span = shape.copied.get(id);
    if (span !== undefined) out.section(id, bytes.subarray(span[0], span[1]));
  };
  const added = shape.hasSafepoints ? additions(shape) : undefined;
  out.section(1, writeTypes(shape));
  out.section(2, writeImports(shape));
  out.section(3, writeFunctions(shape, added));
  out.section(4, writeTables(tables, added));
  copy(13);
  if (added === undefined) copy(6);
  else out.section(6, writeGlobals(bytes, shape));
  out.section(7, writeExports(shape));
  copy(9);
  if (shape.dataCount !== undefined) out.section(12, new Encoder(8).u32(shape.dataCount));
  if (added === undefined) copy(10);
  else out.section(10, safepoints.writeCode(withoutWaits(bytes, shape.waits), shape.sites, added));
  copy(11);
  if (shape.names.length > 0) out.section(0, writeNames(bytes, shape));
  return out.bytes().slice();
}

const DROP = 0x1a;
const NOP = 0x01;

/** On a memory that is not shared a wait traps; each becomes three drops of its operands, of the same length. */
function withoutWaits(bytes: Uint8Array, waits: readonly Span[]): Uint8Array {
  if (waits.length === 0) return bytes;
  const patched = bytes.slice();
  for (const [from, to] of waits) {
    patched.fill(NOP, from, to);
    patched.fill(DROP, from, from + 3);
  }
  return patched;
}

function additions(shape: ModuleShape): safepoints.Additions {
  return {
    type: shape.types.length,
    function: shape.functionTypes.length,
    table: shape.tables.length,
    global: shape.globals.length,
    imported: shape.imports.length,
  };
}

function outputSize(shape: ModuleShape): number {
  let size = 65_536 + shape.functionTypes.length * 64;
  for (const [start, end] of shape.copied.values()) size += end - start;
  for (const { span } of shape.names) size += span[1] - span[0] + 8;
  return size;
}

function writeTypes(shape: ModuleShape): Encoder {
  const out = new Encoder().u32(shape.types.length + (shape.hasSafepoints ? safepoints.ADDED_TYPES : 0));
  for (const { parameters, results } of shape.types) {
    out.byte(0x60).u32(parameters.length);
    for (const type of parameters) out.byte(typeCode(type));
    out.u32(results.length);
    for (const type of results) out.byte(typeCode(type));
  }
  if (shape.hasSafepoints) safepoints.writeAddedTypes(out);
  return out;
}

function writeFunctions(shape: ModuleShape, added: safepoints.Additions | undefined): Encoder {
  const declared = shape.functionTypes.slice(shape.imports.length);
  const out = new Encoder(declared.length * 2 + 8);
  out.u32(declared.length + (added === undefined ? 0 : safepoints.ADDED_FUNCTIONS));
  for (const type of declared) out.u32(type);
  if (added !== undefined) safepoints.writeAddedFunctions(out, added);
  return out;
}

/** The globals as they stand, and the one safepoints add. */
function writeGlobals(bytes: Uint8Array, shape: ModuleShape): Encoder {
  const [start, end] = shape.copied.get(6) ?? [0, 0];
  const out = new Encoder(end - start + 16).u32(shape.globals.length + 1);
  // Behind the count, which may be written longer than it needs to be.
  let at = start;
  while (at < end && (bytes[at] ?? 0) >= 0x80) at += 1;
  out.raw(bytes.subarray(Math.min(at + 1, end), end));
  safepoints.writeAddedGlobal(out);
  return out;
}

/** Functions as the guest ordered them, then the memory; without a maximum what is handed in decides. */
function writeImports(shape: ModuleShape): Encoder {
  const out = new Encoder().u32(shape.imports.length + 1);
  shape.imports.forEach(({ module, name }, i) => {
    out
      .name(module)
      .name(name)
      .byte(0)
      .u32(shape.importTypes[i] ?? 0);
  });
  const { minimum, maximum } = shape.memory ?? NO_MEMORY;
  out.name(MEMORY_MODULE).name(MEMORY_NAME).byte(2);
  return maximum === undefined ? out.byte(0).u32(minimum) : out.byte(1).u32(minimum).u32(maximum);
}

function writeTables(tables: readonly Table[], added: safepoints.Additions | undefined): Encoder {
  const out = new Encoder().u32(tables.length + (added === undefined ? 0 : 1));
  for (const { type, minimum, maximum } of tables) {
    out
      .byte(typeCode(type))
      .byte(1)
      .u32(minimum)
      .u32(maximum ?? minimum);
  }
  if (added !== undefined) safepoints.writeAddedTable(out);
  return out;
}

function writeExports(shape: ModuleShape): Encoder {
  const entries = shape.exports.slice();
  if (shape.start !== undefined) entries.push({ name: START_EXPORT, kind: 0, index: shape.start });
  shape.tables.forEach((_, i) => {
    entries.push({ name: i === 0 ? TABLE_EXPORT : `${TABLE_EXPORT}:${i}`, kind: 1, index: i });
  });
  shape.globals.forEach((mutable, i) => {
    if (mutable) entries.push({ name: GLOBAL_EXPORT + i, kind: 3, index: i });
  });
  if (shape.hasSafepoints) {
    entries.push({ name: SAFEPOINT_EXPORT, kind: 1, index: shape.tables.length });
    entries.push({ name: FUEL_EXPORT, kind: 3, index: shape.globals.length });
  }
  const out = new Encoder(entries.length * 32 + 8).u32(entries.length);
  for (const { name, kind, index } of entries) out.name(name).byte(kind).u32(index);
  return out;
}
