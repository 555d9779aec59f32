// How V8 keeps the objects of this process. Called by main.ts before any thread starts; changes nothing but speed and memory.
import { setFlagsFromString } from "node:v8";

/**
 * keepTurnsYoung forbids V8 to place new objects in the old space at birth, by a guess from where they are made. Objects of a turn
 * that were alive in some collections were taken for long-lived ones: dead at once, they kept all that they refer to until the next
 * full collection, 12 of every 64 MB that a busy ingress allocated.
 */
export function keepTurnsYoung(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}
