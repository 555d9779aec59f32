// How much of a case runs: all of it with `npm run test:long`, a tenth in CI (counts and sessions, never what is asserted). Seeds
// are printed, so that a run can be repeated. Called by test/chaos and test/fuzz.
import process from "node:process";

/** isLong tells whether this is the long run. */
export const isLong = process.env["OPENSVR_LONG"] === "1";

/** scaled is a count in full, or a tenth of it. */
export function scaled(count: number): number {
  return isLong ? count : Math.ceil(count / 10);
}

/** longer is a time limit of a test in milliseconds, ten times as much in the long run. */
export function longer(ms: number): number {
  return isLong ? ms * 10 : ms;
}
