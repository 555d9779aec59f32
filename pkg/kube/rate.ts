// A token bucket that callers wait for, so that one client never floods an API server. Called by client.ts and queue.ts.
import { setTimeout as pause } from "node:timers/promises";

/** Rate lets calls pass. */
export interface Rate { /** resolves in the order of the calls; rejects with the signal's reason */ take(signal?: AbortSignal): Promise<void> }

/** RateOptions: calls a second, and how many may pass at once after a rest. */
export interface RateOptions { perSecond: number; burst: number; nowMs: () => number; wait?: (ms: number, signal?: AbortSignal) => Promise<void> }

/** createSpender makes a full bucket that is asked for tokens: how long the next one has to wait, in milliseconds. */
export function createSpender({ nowMs, perSecond, burst }: Pick<RateOptions, "nowMs" | "perSecond" | "burst">): () => number {
  const stepMs = 1000 / perSecond;
  let freeAt = -Infinity; // up to when tokens are spent
  return () => {
    const now = nowMs();
    freeAt = Math.max(freeAt, now - burst * stepMs) + stepMs;
    return Math.max(0, freeAt - now);
  };
}

/** createRate makes a full bucket that is waited for. */
export function createRate(options: RateOptions): Rate {
  const wait = options.wait ?? ((ms, signal) => pause(ms, undefined, signal === undefined ? {} : { signal }));
  const spend = createSpender(options);
  return {
    async take(signal) {
      const ms = spend();
      if (ms > 0) await wait(ms, signal);
    },
  };
}
