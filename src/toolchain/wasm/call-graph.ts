/**
 * Layer: toolchain. Who in a program can be on the stack when certain imports are called. A call through a table can reach
 * any function of its type whose reference is taken, and no other. It must not know what is done about it.
 */
import { ToolchainError } from "../errors.ts";
import { functionImports } from "./imports.ts";
import { walkExpression } from "./instructions.ts";
import { Reader, sectionsOf } from "./reader.ts";

const TYPE_SECTION = 1;
const FUNCTION_SECTION = 3;
const ELEMENT_SECTION = 9;
const CODE_SECTION = 10;

/**
 * Indices of the functions that can reach one of the imports `targets`, given by module and name with a dot between.
 * Nothing is taken to reach them through a function of `barriers`.
 */
export function functionsReaching(
  bytes: Uint8Array,
  targets: ReadonlySet<string>,
  barriers: ReadonlySet<number> = new Set(),
): Set<number> {
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
  return new Set([...reaching].filter((index) => index >= graph.imports.length));
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
  /** The type of each function, imports first, as text that is equal for equal types. */
  readonly types: readonly string[];
  readonly callers: ReadonlyMap<number, readonly number[]>;
  /** Those of them that call in a catch block. */
  readonly catchingCallers: ReadonlyMap<number, readonly number[]>;
  readonly callersByType: ReadonlyMap<string, readonly number[]>;
  readonly referenced: ReadonlySet<number>;
};

function readGraph(bytes: Uint8Array): Graph {
  const sections = new Map(sectionsOf(bytes).map((section) => [section.id, section]));
  const open = (id: number) => {
    const section = sections.get(id);
    const reader = new Reader(bytes, section?.start ?? 0);
    return { reader, count: section === undefined ? 0 : reader.number() };
  };
  const signatures = readSignatures(open(TYPE_SECTION));
  const imported = functionImports(bytes);
  const types = imported.map(({ type }) => signatures[type] ?? "");
  const declared = open(FUNCTION_SECTION);
  for (let left = declared.count; left > 0; left -= 1) types.push(signatures[declared.reader.number()] ?? "");

  const callers = new Map<number, number[]>();
  const catchingCallers = new Map<number, number[]>();
  const callersByType = new Map<string, number[]>();
  const referenced = new Set<number>();
  const note = <Key>(map: Map<Key, number[]>, key: Key, caller: number) => {
    const list = map.get(key);
    if (list === undefined) map.set(key, [caller]);
    else if (list.at(-1) !== caller) list.push(caller);
  };
  const elements = open(ELEMENT_SECTION);
  for (let left = elements.count; left > 0; left -= 1) readElements(elements.reader, referenced);

  const code = open(CODE_SECTION);
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

function readSignatures({ reader, count }: { reader: Reader; count: number }): string[] {
  const signatures: string[] = [];
  for (let left = count; left > 0; left -= 1) {
    if (reader.byte() !== 0x60) throw new ToolchainError("the program holds a type that is no function's");
    const parameters = Array.from({ length: reader.number() }, () => reader.byte());
    const results = Array.from({ length: reader.number() }, () => reader.byte());
    signatures.push(`${parameters.join(" ")}:${results.join(" ")}`);
  }
  return signatures;
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
