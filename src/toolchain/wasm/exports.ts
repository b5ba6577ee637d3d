/** Layer: toolchain. What a linked program exports. It must not know why it is asked. */
import { Reader, sectionsOf } from "./reader.ts";

const EXPORT_SECTION = 7;

/** The names of everything a module exports. */
export function exportNames(bytes: Uint8Array): ReadonlySet<string> {
  const section = sectionsOf(bytes).find(({ id }) => id === EXPORT_SECTION);
  const names = new Set<string>();
  if (section === undefined) return names;
  const reader = new Reader(bytes, section.start);
  for (let count = reader.number(); count > 0; count -= 1) {
    names.add(reader.text());
    reader.byte();
    reader.skipNumber();
  }
  return names;
}
