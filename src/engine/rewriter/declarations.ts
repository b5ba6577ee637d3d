/** Layer: engine, rewriter. Reads the sections that declare things: types to exports. It must not know how they are written. */
import { constantExpression } from "./constant-expression.ts";
import type { Decoder } from "./decoder.ts";
import { refuseFeature } from "./features.ts";
import type { Limits, ModuleShape } from "./module-shape.ts";
import { RESERVED_PREFIX, SAFEPOINT_EXPORT, START_EXPORT } from "./report.ts";
import type { RewriteLimits } from "./rewrite-limits.ts";
import { functionType, referenceType, valueType } from "./value-types.ts";

/** Pages of the largest wasm32 memory. */
const MOST_PAGES = 65_536;
const NUMBERS = /^[iIfF]*$/;

type Read = (decoder: Decoder, shape: ModuleShape, limits: RewriteLimits) => void;

/** A vector's length, capped. */
export function count(decoder: Decoder, cap: string, most: number): number {
  const start = decoder.at;
  const length = decoder.u32();
  decoder.cap(cap, length, most, start);
  return length;
}

export function index(decoder: Decoder, what: string, below: number): number {
  const start = decoder.at;
  const value = decoder.u32();
  if (value >= below) decoder.malformed(`${what} index ${value} of ${below}`, start);
  return value;
}

export const readTypes: Read = (decoder, shape, limits) => {
  for (let rest = count(decoder, "types", limits.types); rest > 0; rest--) {
    shape.types.push(functionType(decoder, limits.parameters, limits.results));
  }
};

export const readImports: Read = (decoder, shape, limits) => {
  for (let rest = count(decoder, "imports", limits.imports); rest > 0; rest--) {
    const start = decoder.at;
    const module = decoder.name(limits.nameBytes);
    const name = decoder.name(limits.nameBytes);
    const label = `import ${JSON.stringify(module)} ${JSON.stringify(name)}`;
    const kind = decoder.byte();
    if (kind === 0) readFunctionImport(decoder, shape, module, name, label, start);
    else if (kind === 2) setMemory(decoder, shape, start);
    else if (kind === 1 || kind === 3 || kind === 4) refuseFeature(decoder, "dynamic-linking", label, start);
    else decoder.malformed(`import kind ${kind}`, decoder.at - 1);
  }
};

function readFunctionImport(
  decoder: Decoder,
  shape: ModuleShape,
  module: string,
  name: string,
  label: string,
  start: number,
): void {
  const typeIndex = index(decoder, "type", shape.types.length);
  const type = shape.types[typeIndex] ?? decoder.malformed("a function without a type", start);
  if (/[rex]/.test(type.parameters + type.results)) {
    refuseFeature(decoder, "externref-import", `${label} with a reference`, start);
  }
  if (!NUMBERS.test(type.parameters) || type.results.length > 1) {
    decoder.refuse("import", `${label} with vectors or several results`, "import functions of numbers only", start);
  }
  shape.imports.push({ module, name, parameters: type.parameters, result: type.results });
  shape.importTypes.push(typeIndex);
}

export const readFunctions: Read = (decoder, shape, limits) => {
  const start = decoder.at;
  const declared = decoder.u32();
  decoder.cap("functions", declared + shape.imports.length, limits.functions, start);
  for (let rest = declared; rest > 0; rest--) {
    shape.functionTypes.push(index(decoder, "type", shape.types.length));
  }
};

/** Flags and sizes. The flag bits mean: 1 a maximum, 2 shared, 4 64-bit, 8 a page size. */
function sizes(decoder: Decoder, what: "memory" | "table"): Limits {
  const start = decoder.at;
  const flags = decoder.byte();
  if (flags & 4) refuseFeature(decoder, what === "memory" ? "memory64" : "table64", `a 64-bit ${what}`, start);
  if (flags & 8) refuseFeature(decoder, "custom-page-sizes", "a memory of other pages", start);
  if (flags > 3 || (what === "table" && flags > 1) || flags === 2) decoder.malformed(`${what} flags ${flags}`, start);
  const minimum = decoder.u32();
  const maximum = flags & 1 ? decoder.u32() : undefined;
  if (maximum !== undefined && maximum < minimum) decoder.malformed(`a ${what} maximum below its minimum`, start);
  return { minimum, maximum };
}

export const readTables: Read = (decoder, shape, limits) => {
  let elements = 0;
  for (let rest = count(decoder, "tables", limits.tables); rest > 0; rest--) {
    const start = decoder.at;
    if (decoder.bytes[start] === 0x40) {
      refuseFeature(decoder, "typed-function-references", "a table with an initial value", start);
    }
    const type = referenceType(decoder);
    if (type === "x") refuseFeature(decoder, "exception-tables", "a table of exceptions", start);
    const table = { type, ...sizes(decoder, "table") };
    elements += table.minimum;
    decoder.cap("tableElements", elements, limits.tableElements, start);
    shape.tables.push(table);
  }
};

export const readMemories: Read = (decoder, shape) => {
  const start = decoder.at;
  const memories = decoder.u32();
  if (memories > 1) refuseFeature(decoder, "multi-memory", `${memories} memories`, start);
  if (memories === 1) setMemory(decoder, shape, start);
};

function setMemory(decoder: Decoder, shape: ModuleShape, start: number): void {
  if (shape.memory !== undefined) refuseFeature(decoder, "multi-memory", "a second memory", start);
  const memory = sizes(decoder, "memory");
  if (Math.max(memory.minimum, memory.maximum ?? 0) > MOST_PAGES) {
    decoder.malformed("a memory of more than 65,536 pages", start);
  }
  shape.memory = memory;
}

export const readTags: Read = (decoder, shape, limits) => {
  for (let rest = count(decoder, "tags", limits.tags); rest > 0; rest--) {
    const start = decoder.at;
    if (decoder.byte() !== 0) decoder.malformed("a tag that is not an exception", start);
    const type = index(decoder, "type", shape.types.length);
    const { parameters, results } = shape.types[type] ?? decoder.malformed("a tag without a type", start);
    if (results !== "") decoder.malformed("a tag with results", start);
    decoder.cap("tagParameters", parameters.length, limits.tagParameters, start);
    // One that carries another is a list without end.
    if (parameters.includes("x"))
      refuseFeature(decoder, "exception-chains", "an exception that carries another", start);
    shape.tagTypes.push(type);
  }
};

export const readGlobals: Read = (decoder, shape, limits) => {
  for (let rest = count(decoder, "globals", limits.globals); rest > 0; rest--) {
    valueType(decoder);
    const start = decoder.at;
    const mutable = decoder.byte();
    if (mutable > 1) decoder.malformed(`mutability ${mutable}`, start);
    constantExpression(decoder, {
      functions: shape.functionTypes.length,
      globals: shape.globals.length,
      operations: limits.constantOperations,
    });
    shape.globals.push(mutable === 1);
  }
};

export const readExports: Read = (decoder, shape, limits) => {
  const seen = new Set<string>();
  const spaces = [
    ["function", shape.functionTypes.length],
    ["table", shape.tables.length],
    ["memory", shape.memory === undefined ? 0 : 1],
    ["global", shape.globals.length],
    ["tag", shape.tagTypes.length],
  ] as const;
  for (let rest = count(decoder, "exports", limits.exports); rest > 0; rest--) {
    const start = decoder.at;
    const name = decoder.name(limits.nameBytes);
    const kind = decoder.byte();
    const space = spaces[kind] ?? decoder.malformed(`export kind ${kind}`, decoder.at - 1);
    const entry = { name, kind, index: index(decoder, space[0], space[1]) };
    if (seen.has(name)) decoder.malformed(`a second export ${JSON.stringify(name)}`, start);
    seen.add(name);
    if (name.startsWith(RESERVED_PREFIX)) {
      if (shape.rewritten) {
        if (name === START_EXPORT) shape.start = entry.index;
        if (name === SAFEPOINT_EXPORT) shape.hasSafepoints = true;
        continue;
      }
      const remedy = `rename it: "${RESERVED_PREFIX}" is what Linden adds`;
      decoder.refuse("reserved export", `export ${JSON.stringify(name)}`, remedy, start);
    }
    shape.exports.push(entry);
  }
};

export const readStart: Read = (decoder, shape) => {
  const start = decoder.at;
  const functionIndex = index(decoder, "function", shape.functionTypes.length);
  const type = shape.typeOf(functionIndex);
  if (type.parameters !== "" || type.results !== "") decoder.malformed("a start function with a signature", start);
  shape.start = functionIndex;
};
