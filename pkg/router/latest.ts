// Writes the latest of what is said, and tries again until it is written: what was said before and not written yet does not matter any
// more. For statuses on an API server that may be away for hours; one thing is kept, nothing waits for it. Called by clustersource.ts
// and clusterreport.ts.
import type { Log } from "../ports/log.ts";

/** After calls once after that many milliseconds. */
export type After = (ms: number, work: () => void) => { stop(): void };

/** Latest writes values of one kind. */
export interface Latest<T> {
  put(value: T): void;
  /** tries at once what waits for a pause to pass */
  hurry(): void;
  /** tries nothing any more; resolves when what is being written is, or could not be, or after a second */
  stop(): Promise<void>;
}

/** LatestOptions: what is written, how long pauses are, and who hears of trouble: once, and once when it is over. */
export interface LatestOptions<T> {
  what: string;
  write(value: T): Promise<void>;
  after: After;
  /** 0 to 1 */
  random: () => number;
  log: Log;
}

const FIRST_PAUSE_MS = 500, LONGEST_PAUSE_MS = 30_000, LAST_MS = 1_000;

/** pauseMs is the pause after so many failures, 1 and more, with jitter. */
export function pauseMs(failures: number, random: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 16)) * (0.5 + random / 2);
}

/** createLatest makes a writer that has nothing to write. */
export function createLatest<T>(options: LatestOptions<T>): Latest<T> {
  const { what, after, random, log } = options;
  let waiting: { value: T } | undefined;
  let pause: { stop(): void } | undefined;
  let isWriting = false, isOver = false, failures = 0;
  let written = Promise.resolve();
  const run = async (): Promise<void> => {
    isWriting = true;
    for (let one = waiting; one !== undefined && pause === undefined && !isOver; one = waiting) {
      try {
        await options.write(one.value);
        if (waiting === one) waiting = undefined;
        if (failures > 0) log.info({}, `${what} is written again`);
        failures = 0;
      } catch (error) {
        failures += 1;
        if (failures === 1) log.warn({ error }, `${what} could not be written; it is tried again`);
        if (!isOver) pause = after(pauseMs(failures, random()), hurry);
      }
    }
    isWriting = false;
  };
  const go = (): void => { if (!isWriting) written = run(); };
  const hurry = (): void => {
    pause?.stop();
    pause = undefined;
    go();
  };
  return {
    put(value) {
      waiting = { value };
      go();
    },
    hurry,
    async stop() {
      isOver = true;
      pause?.stop();
      if (!isWriting) return;
      const late = Promise.withResolvers<void>();
      const limit = after(LAST_MS, late.resolve);
      await Promise.race([written, late.promise]);
      limit.stop();
    },
  };
}
