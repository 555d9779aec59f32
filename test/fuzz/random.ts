// A small seeded generator, so that a failing run can be repeated from the seed it printed. Used by the fuzz only; never for
// anything secret.

/** Random draws values; the same seed gives the same sequence. */
export interface Random {
  /** whole number from 0 to limit - 1 */
  below(limit: number): number;
  /** true in `percent` of 100 draws */
  chance(percent: number): boolean;
  pick<T>(values: readonly T[]): T;
  /** unsigned 32 bits */
  word(): number;
  bytes(count: number): Uint8Array;
}

/** createRandom makes a generator (mulberry32) of a 32-bit seed. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => Math.floor((word() / 0x1_0000_0000) * limit);
  return {
    below, word,
    chance: (percent) => below(100) < percent,
    pick: (values) => {
      if (values.length === 0) throw new RangeError("nothing to pick from");
      return values[below(values.length)] as (typeof values)[number];
    },
    bytes: (count) => Uint8Array.from({ length: count }, () => word() & 255),
  };
}

/** seedFrom reads a seed given as text, or makes one of the clock. */
export function seedFrom(text: string | undefined, nowMs: number): number {
  return text === undefined ? (Math.imul(nowMs >>> 0, 0x9e3779b1) ^ (nowMs / 0x1_0000_0000)) >>> 0 : Number(text) >>> 0;
}
