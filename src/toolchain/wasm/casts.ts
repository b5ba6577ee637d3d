/**
 * Layer: toolchain. Functions called through a pointer of another type. WebAssembly calls through the exact type alone, so
 * calls of a type that functions of others may be meant for go through a table of that type: it holds the functions of the
 * type where the first table has them, and in the places of others a small function of the type that calls them. A pointer
 * stays the number it was, and a call of the right type does what it did. It must not know the driver's options.
 */
import type { Reach } from "./call-graph.ts";
import { skipLocals } from "./call-graph.ts";
import { bodiesOf } from "./code-section.ts";
import { exportedFunctions } from "./exports.ts";
import { walkExpression } from "./instructions.ts";
import { encodeNumber, functionNames, withFunctionNames } from "./names.ts";
import { Reader, sectionsOf } from "./reader.ts";
import { withSections } from "./sections.ts";
import { functionTypes, keyOf, openSection, type Signature, signaturesOf } from "./signatures.ts";

const [FUNCTION_SECTION, TABLE_SECTION, ELEMENT_SECTION, CODE_SECTION] = [3, 4, 9, 10];
const [I32, I64, F32, F64, V128] = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b];
const [END, CALL, DROP, LOCAL_GET, I32_CONST, FUNCREF] = [0x0b, 0x10, 0x1a, 0x20, 0x41, 0x70];
/** An element segment of a table by its number, of functions by their indices. */
const NUMBERED_TABLE = 2;
/** What the engine allows a module (src/limits.ts, MODULE_TABLES), less the first. */
const MOST_TABLES = 15;

/** Bytes that push a zero of each type. */
const ZEROS: ReadonlyMap<number, readonly number[]> = new Map([
  [I32, [I32_CONST, 0]],
  [I64, [0x42, 0]],
  [F32, [0x43, 0, 0, 0, 0]],
  [F64, [0x44, 0, 0, 0, 0, 0, 0, 0, 0]],
  [V128, [0xfd, 0x0c, ...new Array<number>(16).fill(0)]],
]);

/**
 * Which functions are taken to be called through other types. any: of all in the table. own: of the program's own in C.
 * likely: of these, such without parameters, and orphans: such as nobody calls through their own type.
 */
export type Extent = "any" | "own" | "likely";

/** What may be added: small functions, of some 10 bytes each, and places in tables, which take some 9 ns of each start. */
export type Budget = { readonly functions: number; readonly places: number };

/** What the engine calls handlers of signals by, whatever the module itself calls. */
const HANDLERS = [[], [I32], [I32, I32], [I32, I32, I32]].map((parameters) => keyOf({ parameters, results: [] }));

/** What is known of a module before it is changed. */
type Facts = {
  readonly table: { readonly entry: Uint8Array; readonly slots: ReadonlyMap<number, number> };
  readonly signatures: readonly Signature[];
  /** The type of a function. */
  readonly typeOf: (index: number) => Signature;
  readonly functions: number;
  readonly names: Map<number, string>;
  /** By the text of their type. */
  readonly callers: ReadonlyMap<string, Callers>;
};

/** A function of the table that is called as another type. */
type Adapter = { readonly slot: number; readonly target: number; readonly type: number };

/** What is called through the table as one type. */
type Callers = { readonly type: number; readonly places: number[] };

/**
 * The module with calls of functions through other types; the same bytes where there are none, and undefined where more would
 * be needed than `budget` has. `reach`: what can reach a fork. Functions that can are called through types that can as well,
 * and orphans through any: all callers of a type have to be made ready to be taken down.
 */
export function withCasts(
  bytes: Uint8Array,
  extent: Extent,
  budget: Budget,
  reach: Reach | undefined,
): Uint8Array | undefined {
  const facts = factsOf(bytes);
  if (facts === undefined) return bytes;
  const { table, callers } = facts;
  const adapters = adaptersOf(bytes, facts, extent, reach, budget.functions);
  const added = adapters.reduce((sum, [, { length }]) => sum + length, 0);
  if (added === 0) return bytes;
  if (added > budget.functions || adapters.length * table.slots.size > budget.places) return undefined;
  const code = Uint8Array.from(bytes);
  const all: Adapter[] = [];
  const segments: Uint8Array[] = [];
  for (const [position, [key, list]] of adapters.entries()) {
    for (const place of callers.get(key)?.places ?? []) writeOver(code, place, position + 1);
    const slots = new Map([...table.slots].filter(([, index]) => keyOf(facts.typeOf(index)) === key));
    for (const adapter of list) slots.set(adapter.slot, facts.functions + all.push(adapter) - 1);
    segments.push(...elementSegments(position + 1, slots));
  }
  return withAdapters(code, facts, all, segments);
}

function factsOf(bytes: Uint8Array): Facts | undefined {
  const table = readTable(bytes);
  if (table === undefined) return undefined;
  const signatures = signaturesOf(bytes);
  const types = functionTypes(bytes);
  const typeOf = (index: number): Signature => signatures[types[index] ?? -1] ?? { parameters: [], results: [] };
  const [names, callers] = [functionNames(bytes), callersByType(bytes, signatures)];
  if (callers === undefined) return undefined;
  return { table, signatures, typeOf, functions: types.length, names, callers };
}

/** By the text of the type they are called as, most calls first; not all of them once there are more than `most`. */
function adaptersOf(
  bytes: Uint8Array,
  facts: Facts,
  extent: Extent,
  reach: Reach | undefined,
  most: number,
): [string, Adapter[]][] {
  const { table, signatures, typeOf, names, callers } = facts;
  const exported = exportedFunctions(bytes);
  const suspects = [...table.slots].flatMap(([slot, target]) => {
    const own = typeOf(target);
    const key = keyOf(own);
    const isOrphan = !callers.has(key) && !HANDLERS.includes(key);
    const suspect = { slot, target, own, key, isOrphan };
    if (extent === "any") return [suspect];
    if (!isOwn(names.get(target)) || exported.has(target)) return [];
    return extent === "own" || isOrphan || own.parameters.length === 0 ? [suspect] : [];
  });
  const found: [string, Adapter[]][] = [];
  let count = 0;
  for (const [key, { type }] of [...callers].toSorted(
    ([, left], [, right]) => right.places.length - left.places.length,
  )) {
    if (found.length === MOST_TABLES || count > most) break;
    const wanted = signatures[type];
    const adapters = suspects.filter((suspect) => {
      if (wanted === undefined || suspect.key === key) return false;
      if (extent === "any" || suspect.isOrphan) return fits(suspect.own, wanted, kindOf);
      const forks = reach?.functions.has(suspect.target) === true && !reach.types.has(type);
      return !forks && fits(suspect.own, wanted, (exact) => exact);
    });
    if (adapters.length > 0) found.push([key, adapters.map(({ slot, target }) => ({ slot, target, type }))]);
    count += adapters.length;
  }
  return found;
}

function withAdapters(
  code: Uint8Array,
  { table, signatures, typeOf, functions, names }: Facts,
  all: readonly Adapter[],
  segments: readonly Uint8Array[],
): Uint8Array {
  const types = all.map(({ type }) => encodeNumber(type));
  const tables = [...new Set(all.map(({ type }) => type))].map(() => table.entry);
  const bodies = all.map(({ target, type }) => adapterBody(target, typeOf(target), signatures[type] ?? typeOf(target)));
  const grown = withSections(
    code,
    new Map([
      [FUNCTION_SECTION, appended(code, FUNCTION_SECTION, types)],
      [TABLE_SECTION, appended(code, TABLE_SECTION, tables)],
      [ELEMENT_SECTION, appended(code, ELEMENT_SECTION, segments)],
      [CODE_SECTION, appended(code, CODE_SECTION, bodies)],
    ]),
  );
  if (names.size === 0) return grown;
  for (const [position, { target }] of all.entries()) {
    const name = names.get(target);
    if (name !== undefined) names.set(functions + position, `${name} (cast)`);
  }
  return withFunctionNames(grown, names);
}

/** A function of the program's own, in C: the library calls its own by their types, and C++ has tables nobody calls all of. */
function isOwn(name: string | undefined): boolean {
  return name === undefined || !(name.startsWith("__") || name.includes("("));
}

/**
 * Whether a call of one type gives a function of another what Linux would: numbers of the same kind in the same places. More
 * of them are ignored, missing ones are 0 here, as is a result that is missing.
 */
function fits(own: Signature, called: Signature, kindOf: (type: number) => number): boolean {
  const [result, wanted] = [own.results[0], called.results[0]];
  if (own.results.length > 1 || called.results.length > 1) return false;
  if (result !== undefined && wanted !== undefined && kindOf(result) !== kindOf(wanted)) return false;
  if (result === undefined && wanted !== undefined && !ZEROS.has(wanted)) return false;
  return own.parameters.every((type, index) => {
    const given = called.parameters[index];
    return given === undefined ? ZEROS.has(type) : kindOf(given) === kindOf(type);
  });
}

function kindOf(type: number): number {
  return type === I64 ? I32 : type;
}

/** Between numbers of one kind, as registers have them: a longer one's upper half is cut off, and is 0 of a shorter one. */
function converted(from: number, to: number): readonly number[] {
  if (from === to) return [];
  return from === I64 ? [0xa7] : [0xad];
}

/** A function of type `called` that calls `target`, with its size. */
function adapterBody(target: number, own: Signature, called: Signature): Uint8Array {
  const code: (readonly number[] | Uint8Array)[] = [[0]];
  for (const [index, type] of own.parameters.entries()) {
    const given = called.parameters[index];
    if (given === undefined) code.push(ZEROS.get(type) ?? []);
    else code.push([LOCAL_GET], encodeNumber(index), converted(given, type));
  }
  code.push([CALL], encodeNumber(target));
  const [result, wanted] = [own.results[0], called.results[0]];
  if (result !== undefined) code.push(wanted === undefined ? [DROP] : converted(result, wanted));
  else if (wanted !== undefined) code.push(ZEROS.get(wanted) ?? []);
  code.push([END]);
  const body = Buffer.concat(code.map((part) => Uint8Array.from(part)));
  return Buffer.concat([encodeNumber(body.length), body]);
}

/** The one table of the linker's, and what is where in it; undefined where a module has others, or fills it in other ways. */
function readTable(
  bytes: Uint8Array,
): { readonly entry: Uint8Array; readonly slots: ReadonlyMap<number, number> } | undefined {
  const { reader, count } = openSection(bytes, TABLE_SECTION);
  if (count !== 1) return undefined;
  const start = reader.at;
  if (reader.byte() !== FUNCREF) return undefined;
  const limits = reader.byte();
  reader.skipNumber();
  if ((limits & 1) !== 0) reader.skipNumber();
  const entry = bytes.subarray(start, reader.at);
  const slots = new Map<number, number>();
  const elements = openSection(bytes, ELEMENT_SECTION);
  for (let left = elements.count; left > 0; left -= 1) {
    const { reader } = elements;
    if (reader.number() !== 0 || reader.byte() !== I32_CONST) return undefined;
    const offset = reader.number();
    if (reader.byte() !== END) return undefined;
    for (let count = reader.number(), at = 0; at < count; at += 1) slots.set(offset + at, reader.number());
  }
  return { entry, slots };
}

/** undefined where the program changes its table: the others would not follow. */
function callersByType(bytes: Uint8Array, signatures: readonly Signature[]): Map<string, Callers> | undefined {
  const callers = new Map<string, Callers>();
  let changed = false;
  for (const { start } of bodiesOf(bytes)) {
    const reader = new Reader(bytes, start);
    skipLocals(reader);
    walkExpression(reader, {
      call() {},
      reference() {},
      indirect(type, place) {
        const signature = signatures[type];
        if (signature === undefined) return;
        const known = callers.get(keyOf(signature));
        if (known === undefined) callers.set(keyOf(signature), { type, places: [place] });
        else known.places.push(place);
      },
      tableChanged() {
        changed = true;
      },
    });
  }
  return changed ? undefined : callers;
}

/** A number below 128 in the place of another, as long as that: the linker pads its own. */
function writeOver(bytes: Uint8Array, place: number, value: number): void {
  let at = place;
  let left = value;
  for (; (bytes[at] ?? 0) >= 0x80; at += 1) {
    bytes[at] = left | 0x80;
    left = 0;
  }
  bytes[at] = left;
}

/** One for each row of neighbours. */
function elementSegments(table: number, slots: ReadonlyMap<number, number>): Uint8Array[] {
  const rows: { readonly from: number; readonly indices: number[] }[] = [];
  for (const [slot, index] of [...slots].toSorted(([left], [right]) => left - right)) {
    const row = rows.at(-1);
    if (row !== undefined && row.from + row.indices.length === slot) row.indices.push(index);
    else rows.push({ from: slot, indices: [index] });
  }
  return rows.map(({ from, indices }) =>
    Buffer.concat([
      Uint8Array.of(NUMBERED_TABLE),
      encodeNumber(table),
      Uint8Array.of(I32_CONST),
      encodeSigned(from),
      Uint8Array.of(END, 0),
      encodeNumber(indices.length),
      ...indices.map(encodeNumber),
    ]),
  );
}

/** A signed LEB128 number that is not negative: its last byte leaves the bit of the sign clear. */
function encodeSigned(value: number): Uint8Array {
  const bytes = encodeNumber(value);
  const last = bytes.length - 1;
  const top = bytes[last] ?? 0;
  if (top < 0x40) return bytes;
  return Uint8Array.of(...bytes.subarray(0, last), top | 0x80, 0);
}

/** The contents of a section that is a list, with more items. */
function appended(bytes: Uint8Array, id: number, items: readonly Uint8Array[]): Uint8Array {
  const { reader, count } = openSection(bytes, id);
  const end = sectionsOf(bytes).find((section) => section.id === id)?.end ?? reader.at;
  return Buffer.concat([encodeNumber(count + items.length), bytes.subarray(reader.at, end), ...items]);
}
