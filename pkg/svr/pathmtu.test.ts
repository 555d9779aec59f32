// Path MTU discovery against links that lose, stop and come back (protocol 10.3, M-4, RB-19). Time is a number.
import fc from "fast-check";
import { MTU_FLOOR, againEvery, startMtu, stepMtu } from "./pathmtu.ts";
import type { MtuState } from "./pathmtu.ts";

const TICK_MS = 250;

/** A link carries packets of at most `mtu` bytes; 0 carries nothing. `loses` says which packet of it is lost. */
interface Link { mtu: number; loses?: (count: number) => boolean }

interface Run { state: MtuState; now: number; sent: { at: number; size: number }[]; changes: { at: number; mtu: number }[] }

function begin(top: number, now = 0): Run {
  return { state: startMtu({ top, intervalMs: 600_000, firstId: 0xfffffffe }, now), now, sent: [], changes: [] };
}

/** Time passes over a link whose size may change; answers come 20 ms later. */
function pass(run: Run, ms: number, link: (at: number) => Link): Run {
  for (const end = run.now + ms; run.now < end; run.now += TICK_MS) {
    feed(run, { kind: "tick" }, link(run.now));
  }
  return run;
}

function feed(run: Run, event: Parameters<typeof stepMtu>[1], link: Link): void {
  const before = run.state.mtu;
  const { state, effects } = stepMtu(run.state, event, run.now);
  run.state = state;
  if (state.mtu !== before) run.changes.push({ at: run.now, mtu: state.mtu });
  for (const { id, size } of effects) {
    run.sent.push({ at: run.now, size });
    if (size <= link.mtu && link.loses?.(run.sent.length) !== true) feed(run, { kind: "reply", id, size }, link);
  }
}

test("M-4 a path that carries everything: one probe of the local size, again after 600 s", () => {
  const run = pass(begin(1500), 599_000, () => ({ mtu: 1500 }));
  expect([run.sent, run.state.mtu, run.state.verdict]).toEqual([[{ at: 0, size: 1500 }], 1500, "found"]);
  pass(run, 2_000, () => ({ mtu: 1500 }));
  expect(run.sent.length).toBe(2);
});

test("M-4 RB-19 any size with ICMP blackholed: within 60 s the true size less 8 at most, one change, never below 1,280", () => {
  fc.assert(fc.property(fc.integer({ min: 1280, max: 9216 }), fc.integer({ min: 1280, max: 9216 }), (mtu, top) => {
    const run = pass(begin(top), 60_000, () => ({ mtu }));
    const best = Math.min(mtu, top);
    expect([run.state.verdict, run.state.probe]).toEqual(["found", undefined]);
    expect(run.state.mtu).toBeLessThanOrEqual(best);
    expect(run.state.mtu).toBeGreaterThanOrEqual(Math.max(MTU_FLOOR, best - 8));
    expect(run.changes.length).toBe(run.state.mtu === top ? 0 : 1);
    expect(run.sent.length).toBeLessThan(60);
  }));
});

test("RB-19 a tenth of the probes lost: still the true size", () => {
  fc.assert(fc.property(fc.integer({ min: 1280, max: 1500 }), fc.integer({ min: 0, max: 9 }), (mtu, phase) => {
    const run = pass(begin(1500), 60_000, () => ({ mtu, loses: (count) => count % 10 === phase }));
    expect(run.state.mtu).toBeLessThanOrEqual(mtu);
    expect(run.state.mtu).toBeGreaterThanOrEqual(mtu - 8);
  }));
});

test("RB-19 the path goes and comes back at any moment of a run: the last value stays, and what is found is true", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 40_000 }), fc.integer({ min: 500, max: 60_000 }), fc.constantFrom(1500, 1400), (from, length, mtu) => {
    const run = pass(begin(1500), 30_000, () => ({ mtu }));
    const value = run.state.mtu;
    run.changes.length = 0;
    feed(run, { kind: "tooBig" }, { mtu });
    const start = run.now;
    pass(run, 200_000, (at) => ({ mtu: at >= start + from && at < start + from + length ? 0 : mtu }));
    expect(run.changes).toEqual([]);
    expect([run.state.mtu, run.state.verdict]).toEqual([value, "found"]);
  }));
});

test("10.3 nobody answers at all: the value stays and it is asked again after 30 s", () => {
  const run = pass(begin(1500), 20_000, () => ({ mtu: 0 }));
  expect([run.state.mtu, run.state.probe !== undefined]).toEqual([1500, true]);
  pass(run, 10_000, () => ({ mtu: 0 }));
  expect([run.state.mtu, run.state.verdict]).toEqual([1500, "silent"]);
  pass(run, 60_000, () => ({ mtu: 1400 }));
  expect([run.state.verdict, Math.abs(run.state.mtu - 1400) <= 8]).toEqual(["found", true]);
});

test("10.3 a path below the floor: 1,280 stays in force and it is told", () => {
  const run = pass(begin(1500), 60_000, () => ({ mtu: 1000 }));
  expect([run.state.mtu, run.state.verdict]).toEqual([1280, "below-floor"]);
  expect(Math.max(...pass(run, 1_000, () => ({ mtu: 1000 })).sent.map(({ size }) => size))).toBe(1500);
});

test("2.7 DF=0 until a size is known to pass, and below the floor; silence later changes nothing", () => {
  const during = (run: Run, ms: number, mtu: number): (boolean | string)[] => [pass(run, ms, () => ({ mtu })).state.verdict, run.state.cuttable];
  const run = begin(1500);
  expect([run.state.verdict, run.state.cuttable]).toEqual(["searching", true]);
  expect(during(run, 10_000, 1400)).toEqual(["searching", true]);
  expect(during(run, 50_000, 1400)).toEqual(["found", false]);
  expect(during(run, 700_000, 0)).toEqual(["silent", false]);
  expect(during(run, 700_000, 1000)).toEqual(["below-floor", true]);
  expect(during(run, 700_000, 0)).toEqual(["silent", true]);
  expect(during(run, 700_000, 1500)).toEqual(["found", false]);
  expect(during(begin(1500), 40_000, 0)).toEqual(["silent", true]);
});

test("10.3 an ICMP error starts a run, at most one in 5 s, and sets nothing", () => {
  const run = pass(begin(1500), 1_000, () => ({ mtu: 1500 }));
  for (let count = 0; count < 100; count++) feed(run, { kind: "tooBig" }, { mtu: 1500 });
  expect(run.state.mtu).toBe(1500);
  pass(run, 20_000, () => ({ mtu: 1500 }));
  expect(run.sent.map(({ size }) => size)).toEqual([1500, 1500]);
  expect(run.sent[1]!.at).toBe(5_000);
});

test("10.3 an answer to another size or an earlier run counts for nothing", () => {
  const run = begin(1500);
  const none: Link = { mtu: 0 };
  pass(run, 4_000, () => none);
  const { probe } = run.state;
  for (const reply of [{ id: run.state.nextId, size: probe!.size }, { id: probe!.id, size: 1500 }, { id: (probe!.id - 3) >>> 0, size: probe!.size }]) feed(run, { kind: "reply", ...reply }, none);
  expect(run.state.probe).toEqual(probe);
});

const probing = (size: number, good: number, bad: number): MtuState => ({
  ...startMtu({ top: 1500, intervalMs: 600_000, firstId: 7 }, 0), good, bad, probe: { size, why: "check", id: 9, tries: 1, sentMs: 0 }, nextId: 10,
});

test("what failed before passes when asked once more: the path was away, and the search goes on to the top", () => {
  expect(stepMtu(probing(1495, 1490, 1495), { kind: "reply", id: 9, size: 1495 }, 10)).toMatchObject({ state: { good: 1495, probe: { size: 1500, why: "top" } }, effects: [{ kind: "probe", size: 1500 }] });
  expect(stepMtu(probing(1500, 1495, 1500), { kind: "reply", id: 9, size: 1500 }, 10)).toMatchObject({ state: { mtu: 1500, verdict: "found", probe: undefined }, effects: [] });
});

test("another interval counts from the last run", () => {
  const state = { ...startMtu({ top: 1500, intervalMs: 600_000, firstId: 7 }, 0), lastRunMs: 1_000, nextRunMs: 601_000 };
  expect([againEvery(state, 5_000).nextRunMs, againEvery(state, 900_000).nextRunMs]).toEqual([6_000, 601_000]);
});
