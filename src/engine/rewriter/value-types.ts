/** Layer: engine, rewriter. Value types and function types. It must not know any section. */
import type { Decoder } from "./decoder.ts";
import { refuseFeature } from "./features.ts";

/**
 * Types as a string, one character each: i is i32, I is i64, f is f32, F is f64, V is v128, r funcref, e externref, x exnref.
 */
export type TypeString = string;

export interface FunctionType {
  readonly parameters: TypeString;
  readonly results: TypeString;
}

const CHARACTERS: ReadonlyMap<number, string> = new Map([
  [0x7f, "i"],
  [0x7e, "I"],
  [0x7d, "f"],
  [0x7c, "F"],
  [0x7b, "V"],
  [0x70, "r"],
  [0x6f, "e"],
  [0x69, "x"],
]);
const CODES: ReadonlyMap<string, number> = new Map([...CHARACTERS].map(([code, character]) => [character, code]));

/** The byte a type is written as. */
export function typeCode(character: string): number {
  const code = CODES.get(character);
  if (code === undefined) throw new RangeError(`no value type "${character}"`);
  return code;
}

export function valueType(decoder: Decoder): string {
  const offset = decoder.at;
  const code = decoder.byte();
  const character = CHARACTERS.get(code);
  if (character !== undefined) return character;
  if (code === 0x63 || code === 0x64) refuseFeature(decoder, "typed-function-references", "a typed reference", offset);
  if (code === 0x77 || code === 0x78) refuseFeature(decoder, "gc", "a packed type", offset);
  if (code >= 0x65 && code <= 0x76) refuseFeature(decoder, "gc", `heap type 0x${code.toString(16)}`, offset);
  return decoder.malformed(`value type 0x${code.toString(16)}`, offset);
}

/** What ref.null names: a reference type, or the index of a function type, which is refused. */
export function heapType(decoder: Decoder): void {
  const first = decoder.bytes[decoder.at] ?? 0;
  if (first < 0x40 || first >= 0x80) refuseFeature(decoder, "typed-function-references", "a typed null", decoder.at);
  referenceType(decoder);
}

/** A reference type as tables and element segments write it. */
export function referenceType(decoder: Decoder): string {
  const offset = decoder.at;
  const type = valueType(decoder);
  if (type !== "r" && type !== "e" && type !== "x") decoder.malformed("a number where a reference type stands", offset);
  return type;
}

function valueTypes(decoder: Decoder, cap: "parameters" | "results", most: number): TypeString {
  const offset = decoder.at;
  const count = decoder.u32();
  decoder.cap(cap, count, most, offset);
  let types = "";
  for (let i = 0; i < count; i++) types += valueType(decoder);
  return types;
}

export function functionType(decoder: Decoder, mostParameters: number, mostResults: number): FunctionType {
  const offset = decoder.at;
  const form = decoder.byte();
  if (form === 0x5e || form === 0x5f || form === 0x4e || form === 0x4f || form === 0x50) {
    refuseFeature(decoder, "gc", `type form 0x${form.toString(16)}`, offset);
  }
  if (form === 0x5d) refuseFeature(decoder, "stack-switching", "a continuation type", offset);
  if (form !== 0x60) decoder.malformed(`type form 0x${form.toString(16)}`, offset);
  const parameters = valueTypes(decoder, "parameters", mostParameters);
  return { parameters, results: valueTypes(decoder, "results", mostResults) };
}
