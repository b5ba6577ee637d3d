/** Layer: toolchain. What a linked program exports. It must not know why it is asked. */
import { Reader, sectionsOf } from "./reader.ts";

const EXPORT_SECTION = 7;

const FUNCTION = 0;

/** The names of everything a module exports. */
export function exportNames(bytes: Uint8Array): ReadonlySet<string> {
  return new Set(exportsOf(bytes).map(({ name }) => name));
}

/** Indices of the functions a module exports. */
export function exportedFunctions(bytes: Uint8Array): ReadonlySet<number> {
  return new Set(exportsOf(bytes).flatMap(({ kind, index }) => (kind === FUNCTION ? [index] : [])));
}

function exportsOf(bytes: Uint8Array): { readonly name: string; readonly kind: number; readonly index: number }[] {
  const section = sectionsOf(bytes).find(({ id }) => id === EXPORT_SECTION);
  if (section === undefined) return [];
  const reader = new Reader(bytes, section.start);
  return Array.from({ length: reader.number() }, () => ({
    name: reader.text(),
    kind: reader.byte(),
    index: reader.number(),
  }));
}
