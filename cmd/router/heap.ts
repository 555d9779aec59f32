// How V8 keeps the objects of this process. Called by main.ts before any thread starts; changes nothing but speed and memory.
import { setFlagsFromString } from "node:v8";

/** Megabytes of each half of the young generation of a thread: the most that V8 would take by itself. */
const YOUNG_MB = 32;

/**
 * keepTurnsYoung forbids V8 to place new objects in the old space at birth, by a guess from where they are made. Objects of a turn
 * that were alive in some collections were taken for long-lived ones: dead at once, they kept all that they refer to until the next
 * full collection, 12 of every 64 MB that a busy ingress allocated.
 * It gives threads that start later their whole young generation at once, too. V8 starts with 1 MB, doubles it as objects survive and
 * gives it back in quiet moments: a shard that became busy collected more often, with helper threads, and waited for a fresh page of
 * memory at every fourth session.
 */
export function keepTurnsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
  setFlagsFromString(`--max-semi-space-size=${YOUNG_MB}`);
  setFlagsFromString(`--min-semi-space-size=${YOUNG_MB}`);
}
