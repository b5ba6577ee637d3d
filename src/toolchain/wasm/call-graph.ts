/**
 * Layer: toolchain. Who in a program can be on the stack when certain imports are called. A call through a table can reach
 * any function of its type whose reference is taken, and no other. It must not know what is done about it.
 */
import { ToolchainError } from "../errors.ts";
import { functionImports } from "./imports.ts";
import { walkExpression } from "./instructions.ts";
import type { Reader } from "./reader.ts";
import { functionTypes, keyOf, openSection, signaturesOf } from "./signatures.ts";

const ELEMENT_SECTION = 9;
const CODE_SECTION = 10;

/** The calls that can reach one of some imports: of these functions, and through the table of these types. Both by index. */
export type Reach = { readonly functions: ReadonlySet<number>; readonly types: ReadonlySet<number> };

/**
 * What can reach one of the imports `targets`, given by module and name with a dot between: the imports themselves too.
 * Nothing is taken to reach them through a function of `barriers`.
 */
export function reachOf(
  bytes: Uint8Array,
  targets: ReadonlySet<string>,
  barriers: ReadonlySet<number> = new Set(),
): Reach {
  const graph = readGraph(bytes);
  const reaching = new Set<number>();
  const openTypes = new Set<string>();
  const work: number[] = [];
  const add = (index: number) => {
    if (reaching.has(index) || barriers.has(index)) return;
    reaching.add(index);
    work.push(index);
  };
  for (const [index, name] of graph.imports.entries()) if (targets.has(name)) add(index);
  for (let index = work.pop(); index !== undefined; index = work.pop()) {
    for (const caller of graph.callers.get(index) ?? []) add(caller);
    const type = graph.types[index] ?? "";
    if (!graph.referenced.has(index) || openTypes.has(type)) continue;
    openTypes.add(type);
    for (const caller of graph.callersByType.get(type) ?? []) add(caller);
  }
  const types = signaturesOf(bytes).flatMap((signature, index) => (openTypes.has(keyOf(signature)) ? [index] : []));
  return { functions: reaching, types: new Set(types) };
}

/** Indices of the functions, without imports, that can reach one of the imports `targets`. */
export function functionsReaching(
  bytes: Uint8Array,
  targets: ReadonlySet<string>,
  barriers?: ReadonlySet<number>,
): Set<number> {
  const imports = functionImports(bytes).length;
  return new Set([...reachOf(bytes, targets, barriers).functions].filter((index) => index >= imports));
}

/**
 * Indices of the functions that call, where they have caught an exception, what reaches one of the imports `targets` by direct
 * calls. Calls through the table are left out: most of what they could reach they never do.
 */
export function functionsReachingInCatch(bytes: Uint8Array, targets: ReadonlySet<string>): Set<number> {
  const graph = readGraph(bytes);
  const reaching = new Set(graph.imports.flatMap((name, index) => (targets.has(name) ? [index] : [])));
  for (const index of reaching) for (const caller of graph.callers.get(index) ?? []) reaching.add(caller);
  return new Set([...reaching].flatMap((index) => graph.catchingCallers.get(index) ?? []));
}

type Graph = {
  readonly imports: readonly string[];
  /** The type of each function, imports first, as text. */
  readonly types: readonly string[];
  readonly callers: ReadonlyMap<number, readonly number[]>;
  /** Those of them that call in a catch block. */
  readonly catchingCallers: ReadonlyMap<number, readonly number[]>;
  readonly callersByType: ReadonlyMap<string, readonly number[]>;
  readonly referenced: ReadonlySet<number>;
};

function readGraph(bytes: Uint8Array): Graph {
  const signatures = signaturesOf(bytes).map(keyOf);
  const imported = functionImports(bytes);
  const types = functionTypes(bytes).map((type) => signatures[type] ?? "");

  const callers = new Map<number, number[]>();
  const catchingCallers = new Map<number, number[]>();
  const callersByType = new Map<string, number[]>();
  const referenced = new Set<number>();
  const note = <Key>(map: Map<Key, number[]>, key: Key, caller: number) => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [caller]);
    else if (list.at(-1) !== caller) list.push(caller);
  };
  const elements = openSection(bytes, ELEMENT_SECTION);
  for (let left = elements.count; left > 0; left -= 1) readElements(elements.reader, referenced);

  const code = openSection(bytes, CODE_SECTION);
  for (let index = imported.length; index < imported.length + code.count; index += 1) {
    const size = code.reader.number();
    const end = code.reader.at + size;
    skipLocals(code.reader);
    walkExpression(code.reader, {
      call: (callee, catching) => {
        note(callers, callee, index);
        if (catching) note(catchingCallers, callee, index);
      },
      indirect: (type) => note(callersByType, signatures[type] ?? "", index),
      reference: (callee) => referenced.add(callee),
    });
    if (code.reader.at !== end) throw new ToolchainError(`function ${index} of the program does not end where it says`);
  }
  const imports = imported.map(({ module, name }) => `${module}.${name}`);
  return { imports, types, callers, catchingCallers, callersByType, referenced };
}

export function skipLocals(reader: Reader): void {
  for (let groups = reader.number(); groups > 0; groups -= 1) {
    reader.skipNumber();
    reader.byte();
  }
}

/** The eight shapes of an element segment: bits for passive or declared, a table's index, expressions. */
function readElements(reader: Reader, referenced: Set<number>): void {
  const ignore = { call: () => {}, indirect: () => {}, reference: (index: number) => referenced.add(index) };
  const flags = reader.number();
  const active = (flags & 1) === 0;
  if (active && (flags & 2) !== 0) reader.skipNumber();
  if (active) walkExpression(reader, ignore);
  if ((flags & 3) !== 0) reader.byte();
  for (let count = reader.number(); count > 0; count -= 1) {
    if ((flags & 4) !== 0) walkExpression(reader, ignore);
    else referenced.add(reader.number());
  }
}
