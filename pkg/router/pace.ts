// How much of a CPU the reads of whole tables may take (behaviour 14, O-6). All readers together do one piece of work at a time, and after
// each one the next waits in proportion to the time that it took: copies and text of a million sessions push what forwarding needs out of
// the caches of a CPU. Made by the app, used by the admin API; nothing that a packet waits for goes through here.

/** Pace gives pieces of work their turn. */
export interface Pace {
  /** resolves or rejects with what `work` gives; it runs in one go, so it should take some milliseconds */
  piece<T>(work: () => T): Promise<T>;
}

/** PACE_SHARE is the part of one CPU that all reads of tables together take at most. */
export const PACE_SHARE = 0.25;

/** createPace makes the turns; `time` counts in milliseconds, and `wait` lets other work have its turn however short it is. */
export function createPace(time: { nowMs(): number; wait(ms: number): Promise<void> }): Pace {
  let rested: Promise<void> = Promise.resolve();
  return {
    piece(work) {
      let tookMs = 0;
      const done = rested.then(() => {
        const start = time.nowMs();
        try {
          return work();
        } finally {
          tookMs = time.nowMs() - start;
        }
      });
      const rest = (): Promise<void> => time.wait(tookMs * (1 / PACE_SHARE - 1));
      rested = done.then(rest, rest);
      return done;
    },
  };
}
