/**
 * Layer: toolchain. The linker's start code of a program with threads lets a second thread wait while the first fills the
 * memory. Here the first has ended before a second begins, and the engine knows no waiting instruction: it is taken out.
 */
import { ToolchainError } from "../errors.ts";
import { functionImports } from "./imports.ts";
import { functionNames } from "./names.ts";
import { Reader, sectionsOf } from "./reader.ts";

const CODE_SECTION = 10;
const FILLER = "__wasm_init_memory";

/** memory.atomic.wait32 align=4 offset=0, drop: takes three values and leaves none. */
const WAIT = [0xfe, 0x01, 0x02, 0x00, 0x1a];
/** drop three times; nothing twice. */
const NO_WAIT = [0x1a, 0x1a, 0x1a, 0x01, 0x01];

/** The module with the wait replaced. Throws ToolchainError when the linker wrote other code than is known here. */
export function withoutStartWait(bytes: Uint8Array): Uint8Array {
  const index = [...functionNames(bytes)].find(([, name]) => name === FILLER)?.[0];
  const section = sectionsOf(bytes).find(({ id }) => id === CODE_SECTION);
  // No memory to fill: no code for it.
  if (index === undefined || section === undefined) return bytes;
  const reader = new Reader(bytes, section.start);
  reader.number();
  for (let left = index - functionImports(bytes).length; left > 0; left -= 1) reader.skip(reader.number());
  const size = reader.number();
  const found: number[] = [];
  for (let at = reader.at; at + WAIT.length <= reader.at + size; at += 1) {
    if (WAIT.every((byte, offset) => bytes[at + offset] === byte)) found.push(at);
  }
  const [at] = found;
  if (at === undefined || found.length !== 1)
    throw new ToolchainError("the linker's start code is not the one known here");
  const changed = Uint8Array.from(bytes);
  changed.set(NO_WAIT, at);
  return changed;
}
