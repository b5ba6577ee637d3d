/** Layer: toolchain. The types of a module's functions and tags. It must not know what they are compared for. */
import { ToolchainError } from "../errors.ts";
import { functionImports, tagImports } from "./imports.ts";
import { Reader, sectionsOf } from "./reader.ts";

const TYPE_SECTION = 1;
const FUNCTION_SECTION = 3;
const TAG_SECTION = 13;

/** Value types as the format writes them. */
export type Signature = { readonly parameters: readonly number[]; readonly results: readonly number[] };

/** Equal for equal types. */
export function keyOf({ parameters, results }: Signature): string {
  return `${parameters.join(" ")}:${results.join(" ")}`;
}

/** A reader in a section that is a list, behind its count; of nothing where the module has no such section. */
export function openSection(bytes: Uint8Array, id: number): { readonly reader: Reader; readonly count: number } {
  const section = sectionsOf(bytes).find((one) => one.id === id);
  const reader = new Reader(bytes, section?.start ?? 0);
  return { reader, count: section === undefined ? 0 : reader.number() };
}

/** The types a module defines. Throws ToolchainError for one that is no function's. */
export function signaturesOf(bytes: Uint8Array): Signature[] {
  const { reader, count } = openSection(bytes, TYPE_SECTION);
  return Array.from({ length: count }, () => {
    if (reader.byte() !== 0x60) throw new ToolchainError("the program holds a type that is no function's");
    const parameters = Array.from({ length: reader.number() }, () => reader.byte());
    return { parameters, results: Array.from({ length: reader.number() }, () => reader.byte()) };
  });
}

/** The index of each function's type, imports first. */
export function functionTypes(bytes: Uint8Array): number[] {
  const { reader, count } = openSection(bytes, FUNCTION_SECTION);
  return [...functionImports(bytes).map(({ type }) => type), ...Array.from({ length: count }, () => reader.number())];
}

/** What each tag carries, imports first. */
export function tagTypes(bytes: Uint8Array): (readonly number[])[] {
  const types = signaturesOf(bytes);
  const { reader, count } = openSection(bytes, TAG_SECTION);
  const defined = Array.from({ length: count }, () => {
    reader.byte();
    return reader.number();
  });
  return [...tagImports(bytes).map(({ type }) => type), ...defined].map((type) => types[type]?.parameters ?? []);
}
