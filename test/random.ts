/** xorshift32: numbers below a bound that look random, and are the same at every run of a test. */
export type Random = (below: number) => number;

export function random(seed: number): Random {
  // From 0 it would never move.
  let state = seed | 0 || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

/**
 * Where random operations begin: at the same at every run, so that no change is refused for what another one did. LINDEN_SEED=$RANDOM
 * begins elsewhere, as whoever changes what they test does some hundred times.
 */
export const FIRST_SEED = Number(process.env.LINDEN_SEED ?? 20_261_122);
