/** Layer: toolchain. What a linked program imports. It must not know why it is asked. */
import { ToolchainError } from "../errors.ts";
import { Reader, sectionsOf } from "./reader.ts";

/** A function or a tag, and the index of its type. */
export type TypedImport = { readonly module: string; readonly name: string; readonly type: number };

const IMPORT_SECTION = 2;
const FUNCTION = 0;
const TABLE = 1;
const MEMORY = 2;
const GLOBAL = 3;
const TAG = 4;

/** The imported functions of a module, in order. */
export function functionImports(bytes: Uint8Array): TypedImport[] {
  return importsOf(bytes, FUNCTION);
}

/** The imported tags of a module, in order. The linker makes none by itself. */
export function tagImports(bytes: Uint8Array): TypedImport[] {
  return importsOf(bytes, TAG);
}

function importsOf(bytes: Uint8Array, wanted: number): TypedImport[] {
  const section = sectionsOf(bytes).find(({ id }) => id === IMPORT_SECTION);
  if (section === undefined) return [];
  const reader = new Reader(bytes, section.start);
  const found: TypedImport[] = [];
  for (let count = reader.number(); count > 0; count -= 1) {
    const item = { module: reader.text(), name: reader.text() };
    const kind = reader.byte();
    if (kind === TAG) reader.byte();
    if (kind === FUNCTION || kind === TAG) {
      const type = reader.number();
      if (kind === wanted) found.push({ ...item, type });
    } else if (kind === TABLE) {
      reader.byte();
      skipLimits(reader);
    } else if (kind === MEMORY) skipLimits(reader);
    else if (kind === GLOBAL) reader.skip(2);
    else throw new ToolchainError(`the program imports what is not known here: kind ${kind}`);
  }
  return found;
}

function skipLimits(reader: Reader): void {
  const flags = reader.byte();
  reader.skipNumber();
  if ((flags & 1) !== 0) reader.skipNumber();
}
