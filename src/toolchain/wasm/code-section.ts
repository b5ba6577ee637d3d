/** Layer: toolchain. The bodies of a module's functions: where they stand, and the module with others. It must not know why. */
import { encodeNumber } from "./names.ts";
import { Reader, sectionsOf } from "./reader.ts";

const CODE_SECTION = 10;

export type Body = { readonly start: number; readonly end: number };

/** Where each function that is no import has its locals and instructions, in order. */
export function bodiesOf(bytes: Uint8Array): Body[] {
  const section = sectionsOf(bytes).find(({ id }) => id === CODE_SECTION);
  if (section === undefined) return [];
  const reader = new Reader(bytes, section.start);
  return Array.from({ length: reader.number() }, () => {
    const size = reader.number();
    const start = reader.at;
    reader.skip(size);
    return { start, end: reader.at };
  });
}

/** A module that has code, with other bodies, one for each function. */
export function withBodies(bytes: Uint8Array, bodies: readonly Uint8Array[]): Uint8Array {
  const content = [encodeNumber(bodies.length), ...bodies.flatMap((body) => [encodeNumber(body.length), body])];
  const size = content.reduce((sum, { length }) => sum + length, 0);
  const parts: Uint8Array[] = [bytes.subarray(0, 8)];
  let from = 8;
  for (const { id, end } of sectionsOf(bytes)) {
    if (id === CODE_SECTION) parts.push(Uint8Array.of(id), encodeNumber(size), ...content);
    // From the section's head on: its size may be written longer than needed.
    else parts.push(bytes.subarray(from, end));
    from = end;
  }
  return Buffer.concat(parts);
}
