/**
 * Layer: toolchain. The names of a module's functions: read, and replaced. It must not know why.
 */
import { Reader, type Section, sectionsOf } from "./reader.ts";

const FUNCTION_NAMES = 1;

function nameSection(bytes: Uint8Array): { section: Section; reader: Reader } | undefined {
  for (const section of sectionsOf(bytes)) {
    if (section.id !== 0) continue;
    const reader = new Reader(bytes, section.start);
    if (reader.text() === "name") return { section, reader };
  }
  return undefined;
}

/** Index to name, where the module has names. */
export function functionNames(bytes: Uint8Array): Map<number, string> {
  const names = new Map<number, string>();
  const found = nameSection(bytes);
  if (found === undefined) return names;
  const { section, reader } = found;
  while (reader.at < section.end) {
    const kind = reader.byte();
    const size = reader.number();
    const end = reader.at + size;
    if (kind === FUNCTION_NAMES) {
      for (let count = reader.number(); count > 0; count -= 1) names.set(reader.number(), reader.text());
    }
    reader.at = end;
  }
  return names;
}

/** The module with these names and no others; with none, without the section. */
export function withFunctionNames(bytes: Uint8Array, names: ReadonlyMap<number, string>): Uint8Array {
  const found = nameSection(bytes);
  const parts: Uint8Array[] = [];
  if (found === undefined) parts.push(bytes);
  else {
    const head = 1 + encodeNumber(found.section.end - found.section.start).length;
    parts.push(bytes.subarray(0, sectionHead(bytes, found.section, head)), bytes.subarray(found.section.end));
  }
  if (names.size > 0) {
    const entries = [...names]
      .sort(([left], [right]) => left - right)
      .flatMap(([index, name]) => [encodeNumber(index), encodeText(name)]);
    const list = Buffer.concat([encodeNumber(names.size), ...entries]);
    const content = Buffer.concat([encodeText("name"), Uint8Array.of(FUNCTION_NAMES), encodeNumber(list.length), list]);
    parts.push(Uint8Array.of(0), encodeNumber(content.length), content);
  }
  return Buffer.concat(parts);
}

/** Where a section's own bytes begin: linkers may write its size longer than needed. */
function sectionHead(bytes: Uint8Array, section: Section, shortest: number): number {
  let start = section.start - shortest;
  while (bytes[start] !== 0 || new Reader(bytes, start + 1).number() !== section.end - section.start) start -= 1;
  return start;
}

function encodeNumber(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    if (left < 128) {
      bytes.push(left);
      return Uint8Array.from(bytes);
    }
    bytes.push((left % 128) | 0x80);
  }
}

function encodeText(text: string): Uint8Array {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([encodeNumber(bytes.length), bytes]);
}
