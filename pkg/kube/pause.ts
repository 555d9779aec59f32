// Waiting that a signal cuts short, and turns that let others run. Called by the loops of this folder, and by queues.
import { setImmediate as immediate } from "node:timers/promises";

/** rest resolves after so many milliseconds, or as soon as the signal ends it: the caller looks at the signal. */
export function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}

const SLICE_MS = 10;

/**
 * createTurns makes a wait that is none, but for once in 10 ms: then timers and answers of the API server have their turn. For work that
 * may never wait for anything itself: thousands of keys in a row would hold up the lease and the edits that arrive meanwhile.
 */
export function createTurns(nowMs: () => number): () => Promise<void> {
  let since = -Infinity;
  return async () => {
    if (nowMs() - since < SLICE_MS) return;
    await immediate();
    since = nowMs();
  };
}
