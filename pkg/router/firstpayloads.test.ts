// What clients said first and waits for more: in order, bounded, let go after a second.
import { ADAPTIVE_HOLD_MS } from "../svr/adaptive.ts";
import { createFirstPayloads } from "./firstpayloads.ts";
import type { HeldPayload } from "./firstpayloads.ts";

const uuid = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n, 0, 0, 0]).buffer);
const payload = (sequence: number, arrivedMs = 1_000): HeldPayload => ({ punt: { cause: 1, ifnum: 1, vlan: 0, gsoSize: 0, toWaypoint: false, data: new Uint8Array(2), arrivedMs }, sequence, payload: new Uint8Array([sequence]) });
const sequences = (all: readonly HeldPayload[]): number[] => all.map(({ sequence }) => sequence);

test("8.3 what is held of a session stays in its order, and is taken once", () => {
  const firsts = createFirstPayloads();
  for (const n of [3, 1, 2]) expect(firsts.hold(uuid(1), payload(n))).toBe(true);
  firsts.hold(uuid(2), payload(9));
  expect([sequences(firsts.of(uuid(1))), firsts.held()[0]?.entries]).toEqual([[3, 1, 2], 4]);
  expect([sequences(firsts.take(uuid(1))), sequences(firsts.take(uuid(1))), sequences(firsts.of(uuid(2))), firsts.held()[0]?.entries]).toEqual([[3, 1, 2], [], [9], 1]);
});

test("8.3 after a second all of a session goes on, once; others wait for theirs", () => {
  const firsts = createFirstPayloads();
  firsts.hold(uuid(1), payload(1, 1_000));
  firsts.hold(uuid(1), payload(2, 1_900));
  firsts.hold(uuid(2), payload(3, 1_001));
  expect(firsts.due(1_000 + ADAPTIVE_HOLD_MS - 1)).toEqual([]);
  expect(firsts.due(1_000 + ADAPTIVE_HOLD_MS).map(({ arrivedMs }) => arrivedMs)).toEqual([1_000, 1_900]);
  expect([firsts.due(1_000 + ADAPTIVE_HOLD_MS), firsts.due(1_001 + ADAPTIVE_HOLD_MS).length, firsts.held()[0]?.entries]).toEqual([[], 1, 0]);
});

test("8.3 what is due comes in the order of its bytes, also over the end of sequence numbers", () => {
  const firsts = createFirstPayloads(), named = (sequence: number): HeldPayload => ({ ...payload(sequence), punt: { ...payload(sequence).punt, ifnum: sequence } });
  for (const sequence of [4, 0xffff_fffe, 1]) firsts.hold(uuid(1), named(sequence));
  expect(firsts.due(9_000).map(({ ifnum }) => ifnum)).toEqual([0xffff_fffe, 1, 4]);
});

test("14 a look at what is due reads what is due and one session more, however many wait", () => {
  const firsts = createFirstPayloads();
  let looks = 0;
  for (let n = 0; n < 100; n++) {
    const one = payload(n, 1_000 + n);
    Object.defineProperty(one.punt, "arrivedMs", { get: () => (looks++, 1_000 + n) });
    firsts.hold(uuid(n), one);
  }
  for (const [nowMs, due, looked] of [[1_999, 0, 1], [2_000, 1, 2], [2_004, 4, 5], [9_999, 95, 95]] as const) {
    looks = 0;
    expect([firsts.due(nowMs).length, looks]).toEqual([due, looked]);
  }
});

test("14 neither one session nor many hold more than is set aside", () => {
  const firsts = createFirstPayloads(), limit = firsts.held()[0]!.limit;
  const taken = (session: number): number => Array.from({ length: 20 }, (_, n) => firsts.hold(uuid(session), payload(n))).filter(Boolean).length;
  expect([taken(0), taken(1)]).toEqual([8, 8]);
  for (let n = 2; n < limit / 8; n++) taken(n);
  expect([firsts.held()[0]?.entries, firsts.hold(uuid(limit), payload(1))]).toEqual([limit, false]);
  firsts.take(uuid(0));
  expect(firsts.hold(uuid(limit), payload(1))).toBe(true);
});
