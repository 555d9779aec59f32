// A token bucket that callers wait for, so that one client never floods an API server. Called by client.ts and queue.ts.
import { setTimeout as pause } from "node:timers/promises";

/** Rate lets calls pass. */
export interface Rate { /** resolves in the order of the calls; rejects with the signal's reason */ take(signal?: AbortSignal): Promise<void> }

/** RateOptions: calls a second, and how many may pass at once after a rest. */
export interface RateOptions { perSecond: number; burst: number; nowMs: () => number; wait?: (ms: number, signal?: AbortSignal) => Promise<void> }

/** createRate makes a full bucket. */
export function createRate(options: RateOptions): Rate {
  const { perSecond, burst, nowMs } = options;
  const wait = options.wait ?? ((ms, signal) => pause(ms, undefined, signal === undefined ? {} : { signal }));
  const stepMs = 1000 / perSecond;
  let freeAt = -Infinity; // when the bucket would be full again, minus what a full one holds: the time up to which tokens are spent
  return {
    async take(signal) {
      const now = nowMs();
      freeAt = Math.max(freeAt, now - burst * stepMs) + stepMs;
      if (freeAt > now) await wait(freeAt - now, signal);
    },
  };
}
