// The form of a check: a claim about the run, whether it held, and what was seen. Called by every stage that judges; the
// report and the exit code are made of these alone.

/** Check is one claim with its outcome; `detail` says what was counted, also when it held. */
export interface Check { name: string; ok: boolean; detail: string }

/** check makes a Check. */
export function check(name: string, ok: boolean, detail: string): Check {
  return { name, ok, detail };
}

const MOST_FAULTS = 4;

/** checkNone holds when no fault was found; `seen` says what was looked at, and nothing seen is a fault itself. */
export function checkNone(name: string, faults: readonly string[], seen: { count: number; what: string }): Check {
  if (seen.count === 0) return check(name, false, `there were no ${seen.what} to look at`);
  if (faults.length === 0) return check(name, true, `${seen.count} ${seen.what}`);
  const more = faults.length > MOST_FAULTS ? ` and ${faults.length - MOST_FAULTS} more` : "";
  return check(name, false, `${faults.length} of ${seen.count} ${seen.what}: ${faults.slice(0, MOST_FAULTS).join("; ")}${more}`);
}

/** checkLine shows a check on the terminal. */
export function checkLine({ name, ok, detail }: Check): string {
  return `  ${ok ? "ok  " : "FAIL"}  ${name}: ${detail}`;
}
