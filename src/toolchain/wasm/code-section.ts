/** Layer: toolchain. The bodies of a module's functions: where they stand, and the module with others. It must not know why. */
import { encodeNumber } from "./names.ts";
import { Reader, sectionsOf } from "./reader.ts";
import { withSections } from "./sections.ts";

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
  return withSections(bytes, new Map([[CODE_SECTION, Buffer.concat(content)]]));
}
