// Waiting in tests: on observed state, with a deadline. The only place of the tests that sleeps, and never longer than until
// the next look. Called by test/support and by the levels above it.

/** WaitOptions bound a wait; `show` is asked for what was there when the deadline passes. */
export interface WaitOptions { deadlineMs?: number; everyMs?: number; show?: () => string }

const DEADLINE_MS = 10_000;
const EVERY_MS = 20;

/** waitFor looks until `look` gives something (not undefined, not false) and returns it; rejects with what was waited for after the deadline. */
export async function waitFor<T>(what: string, look: () => T | Promise<T>, options: WaitOptions = {}): Promise<Exclude<T, undefined | false>> {
  const { deadlineMs = DEADLINE_MS, everyMs = EVERY_MS, show } = options;
  const end = performance.now() + deadlineMs;
  let fault: Error | undefined;
  do {
    try {
      const found = await look();
      if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
      fault = undefined;
    } catch (error) {
      fault = error instanceof Error ? error : new Error(String(error)); // told if it is still so at the deadline
    }
    await pause(everyMs);
  } while (performance.now() < end);
  const detail = fault === undefined ? show?.() : fault.message;
  throw new Error(`not seen in ${deadlineMs} ms: ${what}${detail === undefined ? "" : `; there is ${detail}`}`);
}

/** within gives what a promise gives, or rejects when it takes longer than the deadline; the promise itself goes on. */
export async function within<T>(what: string, deadlineMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => { reject(new Error(`not done in ${deadlineMs} ms: ${what}`)); }, deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** passes lets at least `ms` pass: for what must not happen meanwhile, and for timers that are the subject of a test. */
export async function passes(ms: number): Promise<void> {
  await pause(ms);
}

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => { setTimeout(resolve, ms); });
}
