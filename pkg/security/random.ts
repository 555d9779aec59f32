// Random bytes for session ids and spans, taken from the operating system's generator some thousands at a time: a call of it
// costs more than the rest of a new session. Called by each shard for its own; not for keys, which are asked for one by one.
import { randomFillSync } from "node:crypto";
import type { RandomSource } from "../ports/clock.ts";

const POOL_BYTES = 1 << 14;

/** createRandomSource makes a source for one thread; no byte is given out twice, so what it returned stays as it is. */
export function createRandomSource(): RandomSource {
  let pool = new Uint8Array(0);
  let used = 0;
  return {
    bytes(count) {
      if (count > POOL_BYTES) return randomFillSync(new Uint8Array(count));
      if (used + count > pool.length) {
        pool = randomFillSync(new Uint8Array(POOL_BYTES));
        used = 0;
      }
      used += count;
      return pool.subarray(used - count, used);
    },
  };
}
