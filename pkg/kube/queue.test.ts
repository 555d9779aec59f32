// The work queue: what every controller relies on. Time is a number that tests move.
import { HandClock as Clock, settled } from "../../test/support/kube/timers.ts";
import { SvrError } from "../base/errors.ts";
import type { Outcome, WorkQueue } from "../ports/kube.ts";
import { createOpenQueue } from "./queue.ts";

const fault = new SvrError("SVR_KUBE_BUSY", { object: "x", attempted: "x is busy", fix: "wait" });

/** Work that stays open until the test ends it. */
function opened(clock: Clock, workers = 1): { queue: WorkQueue; begun: string[]; end: (key: string, outcome?: Outcome) => Promise<void> } {
  const begun: string[] = [];
  const ends = new Map<string, (outcome: Outcome) => void>();
  const queue = createOpenQueue(clock.settings)({ name: "test", workers, work: (key) => new Promise((resolve) => { begun.push(key); ends.set(key, resolve); }) });
  return { queue, begun, end: async (key, outcome = { done: true }) => { ends.get(key)?.(outcome); await settled(); } };
}

test("a key that is added many times is run once, and once more when it is added while it runs", async () => {
  const clock = new Clock();
  const { queue, begun, end } = opened(clock);
  for (let index = 0; index < 5; index += 1) queue.add("a");
  await settled();
  expect(begun).toEqual(["a"]);
  for (let index = 0; index < 5; index += 1) queue.add("a");
  await settled();
  expect(begun).toEqual(["a"]);
  await end("a");
  expect(begun).toEqual(["a", "a"]);
  await end("a");
  expect([begun.length, queue.gauges()]).toEqual([2, { waiting: 0, running: 0, retries: 0, outcomes: { done: 2, after: 0, retry: 0, terminal: 0 } }]);
});

test("keys run in the order of their arrival, as many at once as there are workers", async () => {
  const { queue, begun, end } = opened(new Clock(), 2);
  for (const key of ["a", "b", "c", "d"]) queue.add(key);
  await settled();
  expect([begun, queue.gauges()]).toMatchObject([["a", "b"], { waiting: 2, running: 2 }]);
  await end("b");
  expect(begun).toEqual(["a", "b", "c"]);
});

test("keys that nobody waits for run behind all others, also those that come later", async () => {
  const { queue, begun, end } = opened(new Clock());
  queue.addBehind(["x", "y", "z"]);
  for (const key of ["a", "y", "x"]) queue.add(key); // x runs already, y moves up
  await settled();
  for (const key of ["x", "a", "y", "x", "z"]) {
    expect(begun.at(-1)).toBe(key);
    await end(key);
  }
  expect(begun).toEqual(["x", "a", "y", "x", "z"]);
});

test("of several delays the earliest wins, and an immediate add takes its place", async () => {
  const clock = new Clock();
  const { queue, begun, end } = opened(clock);
  queue.addAfter("a", 1_000);
  queue.addAfter("a", 200);
  queue.addAfter("a", 500);
  await clock.move(199);
  expect(begun).toEqual([]);
  await clock.move(1);
  expect(begun).toEqual(["a"]);
  await end("a");
  queue.addAfter("b", 1_000);
  queue.add("b");
  await settled();
  await end("b");
  await clock.move(5_000);
  expect(begun).toEqual(["a", "b"]);
});

test("retries wait twice as long each time up to the longest, and start anew after a success", async () => {
  const clock = new Clock();
  const times: number[] = [];
  let outcome: Outcome = { retry: fault };
  const queue = createOpenQueue({ ...clock.settings, longestMs: 1_000 })({ name: "test", work: () => { times.push(clock.now); return Promise.resolve(outcome); } });
  queue.add("a");
  await clock.move(4_000);
  const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(waits.slice(0, 10)).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 1_000, 1_000]);
  outcome = { done: true };
  await clock.move(1_000);
  outcome = { retry: fault };
  times.length = 0;
  queue.add("a");
  await clock.move(6);
  expect(times.map((time) => time - (times[0] ?? 0))).toEqual([0, 5]);
});

test("a thousand keys that all fail are not tried again all at once", async () => {
  const clock = new Clock();
  let runs = 0;
  const queue = createOpenQueue(clock.settings)({ name: "test", workers: 8, work: () => { runs += 1; return Promise.resolve({ retry: fault }); } });
  for (let index = 0; index < 1_000; index += 1) queue.add(`k${index}`);
  await clock.move(0);
  for (let turn = 0; turn < 500; turn += 1) await settled();
  expect(runs).toBe(1_000);
  await clock.move(1_000);
  for (let turn = 0; turn < 500; turn += 1) await settled();
  expect(runs).toBeLessThan(1_250); // 100 at once, 10 a second after that
});

test("outcomes: after comes back by itself, terminal does not, a fault that is thrown is a retry", async () => {
  const clock = new Clock();
  const told: string[] = [];
  const outcomes: Record<string, () => Promise<Outcome>> = {
    later: () => Promise.resolve({ after: 50 }), never: () => Promise.resolve({ terminal: fault }), odd: () => Promise.reject(new Error("odd")), ours: () => Promise.reject(fault),
  };
  const queue = createOpenQueue(clock.settings)({ name: "test", work: (key) => outcomes[key]!(), told: (key, outcome) => told.push(`${key} ${Object.keys(outcome)[0]!}${"retry" in outcome ? ` ${outcome.retry.code}` : ""}`) });
  for (const key of Object.keys(outcomes)) queue.add(key);
  await clock.move(0);
  expect(told).toEqual(["later after", "never terminal", "odd retry SVR_INTERNAL", "ours retry SVR_KUBE_BUSY"]);
  await clock.move(50);
  expect(told.filter((one) => one === "later after")).toHaveLength(2);
  expect(told.filter((one) => one === "never terminal")).toHaveLength(1);
});

test("drain waits for what runs, and nothing runs afterwards", async () => {
  const clock = new Clock();
  const { queue, begun, end } = opened(clock);
  queue.add("a");
  queue.add("b");
  queue.addAfter("c", 10);
  await settled();
  let isDrained = false;
  const draining = queue.drain().then(() => { isDrained = true; });
  await clock.move(100);
  queue.add("d");
  expect([begun, isDrained]).toEqual([["a"], false]);
  await end("a", { retry: fault });
  await draining;
  await clock.move(10_000);
  expect([begun, isDrained]).toEqual([["a"], true]);
});
