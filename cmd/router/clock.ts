// The clock of a router's threads: CLOCK_MONOTONIC as the eBPF programs read it, and unix time.
import type { Clock } from "../../pkg/ports/clock.ts";

/** systemClock reads both clocks of the machine, in milliseconds. */
export const systemClock: Clock = {
  monotonicMs: () => Math.floor(Number(process.hrtime.bigint()) / 1e6),
  unixMs: () => Date.now(),
};

/** every does work again and again, until it is stopped. */
export function every(ms: number, work: () => void): { stop(): void } {
  const timer = setInterval(work, ms);
  return { stop: () => { clearInterval(timer); } };
}
