/**
 * Layer: wasi. 64-bit arguments, which arrive as two i32 words, as numbers without BigInt. It must not know calls.
 */

/** The largest offset or size that is carried exactly; what a guest asks beyond it is refused before conversion. */
export const EXACT = Number.MAX_SAFE_INTEGER;

/** An unsigned 64-bit integer. Above EXACT it is rounded: compare, then refuse. */
export function unsigned64(low: number, high: number): number {
  return (high >>> 0) * 0x1_0000_0000 + (low >>> 0);
}

/** A signed 64-bit integer. Beyond ±EXACT it is rounded: compare, then refuse. */
export function signed64(low: number, high: number): number {
  return (high | 0) * 0x1_0000_0000 + (low >>> 0);
}

const BILLION = 1_000_000_000;

/** The whole seconds in an unsigned 64-bit count of nanoseconds, exact over the whole range: 0 to 18,446,744,073. */
export function timestampSeconds(low: number, high: number): number {
  return (high >>> 16) * 281_474 + (high & 0xffff) * 4 + Math.floor(remainder(low, high) / BILLION);
}

/** The nanoseconds that `timestampSeconds` leaves: 0 to 999,999,999. */
export function timestampNanoseconds(low: number, high: number): number {
  return remainder(low, high) % BILLION;
}

/**
 * 2^48 is 281,474 billions and 976,710,656; 2^32 is 4 billions and 294,967,296. Weighing the words with what is left of
 * their billions keeps every product below 2^53.
 */
function remainder(low: number, high: number): number {
  return (high >>> 16) * 976_710_656 + (high & 0xffff) * 294_967_296 + (low >>> 0);
}
