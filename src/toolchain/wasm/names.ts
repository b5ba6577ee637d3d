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

/** LLVM's tools want these behind the names. */
const AFTER_NAMES = new Set(["producers", "target_features"]);

/** The module with these names and no others; with none, without the section. */
export function withFunctionNames(bytes: Uint8Array, names: ReadonlyMap<number, string>): Uint8Array {
  const parts: Uint8Array[] = [bytes.subarray(0, 8)];
  let written = names.size === 0;
  const write = () => {
    if (!written) parts.push(...encodeNames(names));
    written = true;
  };
  let from = 8;
  for (const section of sectionsOf(bytes)) {
    const custom = section.id === 0 ? new Reader(bytes, section.start).text() : undefined;
    if (custom !== undefined && AFTER_NAMES.has(custom)) write();
    // From the section's head on: its size may be written longer than needed.
    if (custom !== "name") parts.push(bytes.subarray(from, section.end));
    from = section.end;
  }
  write();
  return Buffer.concat(parts);
}

function encodeNames(names: ReadonlyMap<number, string>): Uint8Array[] {
  const entries = [...names]
    .sort(([left], [right]) => left - right)
    .flatMap(([index, name]) => [encodeNumber(index), encodeText(name)]);
  const list = Buffer.concat([encodeNumber(names.size), ...entries]);
  const content = Buffer.concat([encodeText("name"), Uint8Array.of(FUNCTION_NAMES), encodeNumber(list.length), list]);
  return [Uint8Array.of(0), encodeNumber(content.length), content];
}

/** An unsigned LEB128 number. */
export function encodeNumber(value: number): Uint8Array {
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
