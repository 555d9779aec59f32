// When a packet asks whether the peer still knows its session, how often, and what silence means (protocol 6.7).
import { MAX_REQUESTS, REQUEST_MS, isAwaited, isUnheard, nextRequest } from "./health.ts";
import type { HealthSource } from "./health.ts";

const START = 10_000_000, LIMIT = 5_000;
const session = (change: Partial<HealthSource> = {}): HealthSource => ({ seenMs: [START, START], createdMs: START, health: 0, ...change });
const at = (ms: number): { nowMs: number; limitMs: number } => ({ nowMs: START + ms, limitMs: LIMIT });

test.each([
  { desc: "silence as long as the limit", of: session(), ms: LIMIT, unheard: true },
  { desc: "a millisecond less", of: session(), ms: LIMIT - 1, unheard: false },
  { desc: "nothing ever came: the start of the session counts", of: session({ seenMs: [START, 0] }), ms: LIMIT, unheard: true },
  { desc: "a stamp that the data plane wrote after the clock was read", of: session({ seenMs: [START, START + 3] }), ms: 0, unheard: false },
  { desc: "the 32-bit clock wrapped in between", of: session({ seenMs: [0, 0xffffff00], createdMs: 0xffffff00 }), ms: 2 ** 32 + 4744 - START, unheard: true },
])("$desc: unheard $unheard", ({ of, ms, unheard }) => {
  expect(isUnheard(of, 0, at(ms))).toBe(unheard);
});

test("the direction counts: a reverse packet asks when nothing comes forward", () => {
  const of = session({ seenMs: [START, START + LIMIT] });
  expect([isUnheard(of, 0, at(LIMIT)), isUnheard(of, 1, at(LIMIT))]).toEqual([false, true]);
});

test("without a limit nobody asks", () => {
  expect(isUnheard(session(), 0, { nowMs: START + 1_000_000, limitMs: 0 })).toBe(false);
});

test("one request, three repeated ones, each after a second, then the path has failed", () => {
  let now = START + LIMIT;
  const of: { -readonly [Key in keyof HealthSource]: HealthSource[Key] } = session();
  const values: unknown[] = [];
  for (let turn = 0; turn < MAX_REQUESTS; turn++) {
    const next = nextRequest(of, 0, now);
    if (next.kind === "failed") throw new Error("failed too early");
    values.push(next.value);
    of.health = next.health;
    expect([isAwaited(of, 0, now), isUnheard(of, 0, { nowMs: now + REQUEST_MS - 512, limitMs: LIMIT })]).toEqual([true, false]);
    now += REQUEST_MS;
    expect(isUnheard(of, 0, { nowMs: now, limitMs: LIMIT })).toBe(true);
  }
  expect(values).toEqual([1, 2, 2, 2]);
  expect(nextRequest(of, 0, now)).toEqual({ kind: "failed" });
});

test("an answer is awaited until something else comes back", () => {
  const next = nextRequest(session(), 0, START + LIMIT);
  if (next.kind === "failed") throw new Error("failed");
  const asked = session({ health: next.health });
  expect([isAwaited(session(), 0, START + LIMIT), isAwaited(asked, 0, START + LIMIT + 900), isAwaited({ ...asked, seenMs: [START, START + LIMIT + 300] }, 0, START + LIMIT + 900)]).toEqual([false, true, false]);
});

test("requests of an earlier silence do not count", () => {
  const first = nextRequest(session(), 0, START + LIMIT);
  if (first.kind === "failed") throw new Error("failed");
  const of = session({ health: first.health, seenMs: [START, START + LIMIT + 100] });
  expect(nextRequest(of, 0, START + 2 * LIMIT + 200)).toMatchObject({ kind: "request", value: 1 });
});
