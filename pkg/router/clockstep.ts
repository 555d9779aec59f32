// Has the clock been set? Unix time is compared with monotonic time; a jump of more than 2 s is told as `clock.step` (behaviour 4.4).
// Called by the app's timer. Nothing else changes: timers run on monotonic time, and the time-based mode is kept.
import type { Clock } from "../ports/clock.ts";

/** STEP_MS is the smallest jump that is told. */
const STEP_MS = 2_000;

/** createClockWatch gives a look at the clock that tells by how many milliseconds it jumped since the last look, absent when it did not. */
export function createClockWatch(clock: Clock): () => number | undefined {
  const offset = (): number => clock.unixMs() - clock.monotonicMs();
  let before = offset();
  return () => {
    const now = offset();
    const by = now - before;
    before = now;
    return Math.abs(by) > STEP_MS ? by : undefined;
  };
}
