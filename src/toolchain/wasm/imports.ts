/** Layer: toolchain. What a linked program imports. It must not know why it is asked. */
import { Reader, sectionsOf } from "./reader.ts";

export type FunctionImport = { readonly module: string; readonly name: string; readonly type: number };

const IMPORT_SECTION = 2;
const FUNCTION = 0;
const TABLE = 1;
const MEMORY = 2;
const GLOBAL = 3;

/** The imported functions of a module, in order. */
export function functionImports(bytes: Uint8Array): FunctionImport[] {
  const section = sectionsOf(bytes).find(({ id }) => id === IMPORT_SECTION);
  if (section === undefined) return [];
  const reader = new Reader(bytes, section.start);
  const found: FunctionImport[] = [];
  for (let count = reader.number(); count > 0; count -= 1) {
    const item = { module: reader.text(), name: reader.text() };
    const kind = reader.byte();
    if (kind === FUNCTION) found.push({ ...item, type: reader.number() });
    else if (kind === TABLE) {
      reader.byte();
      skipLimits(reader);
    } else if (kind === MEMORY) skipLimits(reader);
    else if (kind === GLOBAL) reader.skip(2);
    else {
      reader.byte();
      reader.skipNumber();
    }
  }
  return found;
}

function skipLimits(reader: Reader): void {
  const flags = reader.byte();
  reader.skipNumber();
  if ((flags & 1) !== 0) reader.skipNumber();
}
