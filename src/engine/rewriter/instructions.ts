/** Layer: engine, rewriter. The table of instructions: which opcodes exist and what follows each. It must not know a module. */

/** What stands after an opcode. A missing entry is an instruction Linden does not run. */
export const NONE = 1;
export const BLOCK = 2;
export const LOOP = 3;
export const IF = 4;
export const ELSE = 5;
export const END = 6;
export const LABEL = 7;
export const BR_TABLE = 8;
export const FUNCTION = 9;
export const CALL_INDIRECT = 10;
export const LOCAL = 11;
export const GLOBAL = 12;
export const TABLE = 13;
export const MEMORY_ACCESS = 14;
export const MEMORY = 15;
export const I32_CONST = 16;
export const I64_CONST = 17;
export const BYTES_4 = 18;
export const BYTES_8 = 19;
export const BYTES_16 = 20;
export const REFERENCE_TYPE = 21;
export const SELECT_TYPES = 22;
export const TAG = 23;
export const TRY = 24;
export const CATCH = 25;
export const CATCH_ALL = 26;
export const DELEGATE = 27;
export const RETHROW = 28;
export const TRY_TABLE = 29;
export const PREFIX_MISC = 30;
export const PREFIX_SIMD = 31;
export const PREFIX_ATOMIC = 32;
export const LANE = 33;
export const LANE_ACCESS = 34;
export const SHUFFLE = 35;
export const FENCE = 36;
export const ATOMIC_WAIT = 37;
export const DATA_AND_MEMORY = 38;
export const DATA = 39;
export const TWO_MEMORIES = 40;
export const ELEMENT_AND_TABLE = 41;
export const ELEMENT = 42;
export const TWO_TABLES = 43;
export const THROW_REF = 44;

type Span = readonly [first: number, last: number, kind: number];

function table(size: number, spans: readonly Span[]): Uint8Array {
  const kinds = new Uint8Array(size);
  for (const [first, last, kind] of spans) kinds.fill(kind, first, last + 1);
  return kinds;
}

/** One-byte opcodes. */
export const INSTRUCTIONS = table(256, [
  [0x00, 0x01, NONE],
  [0x02, 0x02, BLOCK],
  [0x03, 0x03, LOOP],
  [0x04, 0x04, IF],
  [0x05, 0x05, ELSE],
  [0x06, 0x06, TRY],
  [0x07, 0x07, CATCH],
  [0x08, 0x08, TAG],
  [0x09, 0x09, RETHROW],
  [0x0a, 0x0a, THROW_REF],
  [0x0b, 0x0b, END],
  [0x0c, 0x0d, LABEL],
  [0x0e, 0x0e, BR_TABLE],
  [0x0f, 0x0f, NONE],
  [0x10, 0x10, FUNCTION],
  [0x11, 0x11, CALL_INDIRECT],
  [0x12, 0x12, FUNCTION],
  [0x13, 0x13, CALL_INDIRECT],
  [0x18, 0x18, DELEGATE],
  [0x19, 0x19, CATCH_ALL],
  [0x1a, 0x1b, NONE],
  [0x1c, 0x1c, SELECT_TYPES],
  [0x1f, 0x1f, TRY_TABLE],
  [0x20, 0x22, LOCAL],
  [0x23, 0x24, GLOBAL],
  [0x25, 0x26, TABLE],
  [0x28, 0x3e, MEMORY_ACCESS],
  [0x3f, 0x40, MEMORY],
  [0x41, 0x41, I32_CONST],
  [0x42, 0x42, I64_CONST],
  [0x43, 0x43, BYTES_4],
  [0x44, 0x44, BYTES_8],
  [0x45, 0xc4, NONE],
  [0xd0, 0xd0, REFERENCE_TYPE],
  [0xd1, 0xd1, NONE],
  [0xd2, 0xd2, FUNCTION],
  [0xfc, 0xfc, PREFIX_MISC],
  [0xfd, 0xfd, PREFIX_SIMD],
  [0xfe, 0xfe, PREFIX_ATOMIC],
]);

/** After 0xfc: saturating conversions, bulk memory, tables. */
export const MISC_INSTRUCTIONS = table(18, [
  [0x00, 0x07, NONE],
  [0x08, 0x08, DATA_AND_MEMORY],
  [0x09, 0x09, DATA],
  [0x0a, 0x0a, TWO_MEMORIES],
  [0x0b, 0x0b, MEMORY],
  [0x0c, 0x0c, ELEMENT_AND_TABLE],
  [0x0d, 0x0d, ELEMENT],
  [0x0e, 0x0e, TWO_TABLES],
  [0x0f, 0x11, TABLE],
]);

/** After 0xfd. The gaps are numbers the SIMD standard leaves free. */
export const SIMD_INSTRUCTIONS = table(256, [
  [0x00, 0x0b, MEMORY_ACCESS],
  [0x0c, 0x0c, BYTES_16],
  [0x0d, 0x0d, SHUFFLE],
  [0x0e, 0x14, NONE],
  [0x15, 0x22, LANE],
  [0x23, 0x53, NONE],
  [0x54, 0x5b, LANE_ACCESS],
  [0x5c, 0x5d, MEMORY_ACCESS],
  [0x5e, 0x99, NONE],
  [0x9b, 0xa1, NONE],
  [0xa3, 0xa4, NONE],
  [0xa7, 0xae, NONE],
  [0xb1, 0xb1, NONE],
  [0xb5, 0xba, NONE],
  [0xbc, 0xc1, NONE],
  [0xc3, 0xc4, NONE],
  [0xc7, 0xce, NONE],
  [0xd1, 0xd1, NONE],
  [0xd5, 0xe1, NONE],
  [0xe3, 0xed, NONE],
  [0xef, 0xff, NONE],
]);

/** After 0xfe: threads' atomics. */
export const ATOMIC_INSTRUCTIONS = table(0x4f, [
  [0x00, 0x00, MEMORY_ACCESS],
  [0x01, 0x02, ATOMIC_WAIT],
  [0x03, 0x03, FENCE],
  [0x10, 0x4e, MEMORY_ACCESS],
]);
