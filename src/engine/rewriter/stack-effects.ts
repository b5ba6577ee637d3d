/**
 * Layer: engine, rewriter. By how much each instruction changes the operand stack's height, where the opcode alone says
 * so; calls and blocks depend on their types. For SIMD arithmetic an upper bound. It must not know a module.
 */

type Span = readonly [first: number, last: number, effect: number];

function table(size: number, spans: readonly Span[]): Int8Array {
  const effects = new Int8Array(size);
  for (const [first, last, effect] of spans) effects.fill(effect, first, last + 1);
  return effects;
}

/** One-byte opcodes; 0 where nothing is said. */
export const EFFECTS = table(256, [
  [0x0d, 0x0e, -1], // br_if, br_table
  [0x04, 0x04, -1],
  [0x11, 0x11, -1], // call_indirect: the index; the rest is the type's
  [0x1a, 0x1a, -1],
  [0x1b, 0x1c, -2],
  [0x20, 0x20, 1],
  [0x21, 0x21, -1],
  [0x23, 0x23, 1],
  [0x24, 0x24, -1],
  [0x26, 0x26, -2],
  [0x36, 0x3e, -2], // stores
  [0x3f, 0x3f, 1],
  [0x41, 0x44, 1],
  [0x46, 0x4f, -1], // comparisons
  [0x51, 0x66, -1],
  [0x6a, 0x78, -1], // binary arithmetic
  [0x7c, 0x8a, -1],
  [0x92, 0x98, -1],
  [0xa0, 0xa6, -1],
  [0xd0, 0xd0, 1],
  [0xd2, 0xd2, 1],
]);

/** After 0xfc. */
export const MISC_EFFECTS = table(18, [
  [0x08, 0x08, -3],
  [0x0a, 0x0c, -3],
  [0x0e, 0x0e, -3],
  [0x0f, 0x0f, -1],
  [0x10, 0x10, 1],
  [0x11, 0x11, -3],
]);

/** After 0xfd; lane replacements and arithmetic past the comparisons count as 0. */
export const SIMD_EFFECTS = table(256, [
  [0x0b, 0x0b, -2],
  [0x0c, 0x0c, 1],
  [0x0d, 0x0e, -1],
  [0x23, 0x4c, -1],
  [0x4e, 0x51, -1],
  [0x52, 0x52, -2],
  [0x54, 0x57, -1],
  [0x58, 0x5b, -2],
]);

/** After 0xfe. */
export const ATOMIC_EFFECTS = table(0x4f, [
  [0x00, 0x00, -1],
  [0x01, 0x02, -2],
  [0x17, 0x1d, -2],
  [0x1e, 0x47, -1],
  [0x48, 0x4e, -2],
]);
