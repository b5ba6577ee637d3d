/**
 * Layer: toolchain. Functions with `__attribute__((destructor))` run after all that atexit(3) and static objects have left to do.
 * The compiler has none but atexit's list for them, and enters them in the order of constructors; what enters them is made to
 * run before any constructor, for the list is worked off from its end. It must not know who wrote them.
 */
import { bodiesOf, withBodies } from "./code-section.ts";
import { functionImports } from "./imports.ts";
import { encodeNumber, functionNames } from "./names.ts";
import { Reader } from "./reader.ts";

/** The linker's function that calls one constructor after another. */
const CONSTRUCTORS = "__wasm_call_ctors";
/** The compiler's functions that enter destructors, with their priorities, by which the linker has them in order. */
const ENTERS = /^\.Lregister_call_dtors(\.\d+)*$/;
const [CALL, END] = [0x10, 0x0b];

/** The module with destructors entered first; the same bytes where there are none, or the linker wrote more than calls. */
export function withDestructorsLast(bytes: Uint8Array): Uint8Array {
  const names = functionNames(bytes);
  const index = [...names].find(([, name]) => name === CONSTRUCTORS)?.[0];
  const bodies = bodiesOf(bytes);
  const position = index === undefined ? -1 : index - functionImports(bytes).length;
  const body = bodies[position];
  if (body === undefined) return bytes;
  const called = callsOf(bytes.subarray(body.start, body.end));
  const enters = (callee: number) => ENTERS.test(names.get(callee) ?? "");
  const ordered = [...called.filter(enters), ...called.filter((callee) => !enters(callee))];
  if (ordered.every((callee, place) => callee === called[place])) return bytes;
  const calls = ordered.flatMap((callee) => [Uint8Array.of(CALL), encodeNumber(callee)]);
  const changed = Buffer.concat([Uint8Array.of(0), ...calls, Uint8Array.of(END)]);
  return withBodies(
    bytes,
    bodies.map(({ start, end }, at) => (at === position ? changed : bytes.subarray(start, end))),
  );
}

/** Whom a function calls that has no locals and does nothing but call; otherwise nobody. */
function callsOf(body: Uint8Array): number[] {
  const reader = new Reader(body);
  const called: number[] = [];
  if (reader.number() !== 0) return [];
  for (;;) {
    const code = reader.byte();
    if (code === END) return called;
    if (code !== CALL) return [];
    called.push(reader.number());
  }
}
