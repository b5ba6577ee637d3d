/** Layer: toolchain. A module with the contents of some of its sections replaced. It must not know what they hold. */
import { encodeNumber } from "./names.ts";
import { sectionsOf } from "./reader.ts";

/** The module with other contents of the sections that `contents` names by their numbers. Those it lacks are not added. */
export function withSections(bytes: Uint8Array, contents: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [bytes.subarray(0, 8)];
  let from = 8;
  for (const { id, end } of sectionsOf(bytes)) {
    const content = contents.get(id);
    if (content !== undefined) parts.push(Uint8Array.of(id), encodeNumber(content.length), content);
    // From the section's head on: its size may be written longer than needed.
    else parts.push(bytes.subarray(from, end));
    from = end;
  }
  return Buffer.concat(parts);
}
