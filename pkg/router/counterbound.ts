// Metadata IV counters never repeat, also across a restart (protocol 8.1). Counters start at unix seconds x 2^24, or at
// a bound reserved on disk when the clock went back. Called by the app at start and hourly.
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const RESERVE_SECONDS = 7200;

/** CounterBound hands out the second from which counters may run, and keeps the reserved bound ahead of use. */
export interface CounterBound {
  /** first second whose counters (second x 2^24 and up) nobody used */
  readonly startSecond: number;
  /** reserve counters up to RESERVE_SECONDS past `second`; call before they are used */
  extend(second: number): void;
}

/** openCounterBound reads the bound of a state directory and reserves the next one before anything is sent. */
export function openCounterBound(directory: string, nowSecond: number): CounterBound {
  const path = join(directory, "metadata-counter");
  const startSecond = Math.max(nowSecond, readBound(path) + 1);
  let reserved = startSecond;
  const extend = (second: number): void => {
    reserved = Math.max(reserved, second + RESERVE_SECONDS); // a start beyond now, or a clock that goes back, takes nothing away
    writeFileSync(`${path}.new`, `${reserved}\n`, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  extend(startSecond);
  return { startSecond, extend };
}

function readBound(path: string): number {
  try {
    const bound = Number(readFileSync(path, "utf8").trim());
    return Number.isSafeInteger(bound) && bound > 0 ? bound : 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
