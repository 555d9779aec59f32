// The waypoint pair allocator: parity, ranges, quarantine.
import { WaypointPool, waypointNumber, waypointPair } from "./waypoint.ts";
import type { PortRange, WaypointOptions, WaypointPair } from "./waypoint.ts";

const whole = { number: 0, count: 1 };
const pool = (size: number, more: Partial<WaypointOptions> = {}): WaypointPool => new WaypointPool({ size, slice: whole, quarantineMs: 30_000, ...more });
const take = (from: WaypointPool, now = 0): WaypointPair => {
  const result = from.allocate(now);
  if (!result.ok) throw new Error("no pair");
  return result.value;
};
const named = (pair: WaypointPair): string => `${pair.local}>${pair.remote}`;

test("W-2 the first pair is 16384 toward 16385 and consecutive pairs differ in both ports", () => {
  const from = pool(50_000);
  expect([take(from), take(from), take(from)]).toEqual([
    { local: 16384, remote: 16385 }, { local: 16386, remote: 16387 }, { local: 16388, remote: 16389 },
  ]);
});

test("W-2 a million pairs: source even, destination odd, both in range, none twice", () => {
  const from = pool(1_000_000);
  const seen = new Set<number>();
  let outside = 0;
  for (let count = 0; count < 1_000_000; count++) {
    const { local, remote } = take(from);
    if (local % 2 !== 0 || local < 16384 || local > 65534 || remote % 2 !== 1 || remote < 16385 || remote > 65533) outside++;
    seen.add(local * 65536 + remote);
  }
  expect(outside).toBe(0);
  expect(seen.size).toBe(1_000_000);
  expect(from.allocate(0)).toEqual({ ok: false, error: "nat" });
});

test("W-2 with a port range the destination goes round-robin through it and the source stays even", () => {
  const from = pool(100, { peerPorts: { first: 5000, last: 5002 } });
  expect(Array.from({ length: 7 }, () => take(from).remote)).toEqual([5000, 5001, 5002, 5000, 5001, 5002, 5000]);
  const again = pool(100, { peerPorts: { first: 5000, last: 5002 } });
  expect(Array.from({ length: 100 }, () => take(again).local).every((port) => port % 2 === 0)).toBe(true);
});

test("RB-4 a port range that ends at 65535 and one of a single port give all their pairs", () => {
  const high = pool(10, { peerPorts: { first: 65534, last: 65535 } });
  expect(new Set(Array.from({ length: 10 }, () => named(take(high)))).size).toBe(10);
  const single = pool(50_000, { peerPorts: { first: 1025, last: 1025 } });
  expect(single.counts(0)).toEqual({ used: 0, free: 24_576, quarantined: 0, size: 24_576 });
});

test.each([
  { desc: "odd ports", peerPorts: undefined, numbers: [0, 1, 24_574, 24_575, 24_576, 24_577, 999_999, 603_955_199] },
  { desc: "a range", peerPorts: { first: 1025, last: 65535 }, numbers: [0, 1, 64_510, 64_511, 999_999, 24_576 * 64_511 - 1] },
  { desc: "a range of a size with common factors", peerPorts: { first: 2000, last: 2511 }, numbers: [0, 511, 512, 513, 24_576 * 512 - 1] },
])("W-2 ports and pair number are each other's inverse: $desc", ({ peerPorts, numbers }) => {
  expect(numbers.map((number) => waypointNumber(waypointPair(number, peerPorts), peerPorts))).toEqual(numbers);
});

test.each<{ desc: string; pair: WaypointPair; peerPorts: PortRange | undefined }>([
  { desc: "odd source", pair: { local: 16385, remote: 16385 }, peerPorts: undefined },
  { desc: "source below the range", pair: { local: 16382, remote: 16385 }, peerPorts: undefined },
  { desc: "source above the range", pair: { local: 65536, remote: 16385 }, peerPorts: undefined },
  { desc: "even destination", pair: { local: 16384, remote: 16386 }, peerPorts: undefined },
  { desc: "destination below the range", pair: { local: 16384, remote: 16383 }, peerPorts: undefined },
  { desc: "destination above the range", pair: { local: 16384, remote: 65535 }, peerPorts: undefined },
  { desc: "below a configured range", pair: { local: 16384, remote: 4999 }, peerPorts: { first: 5000, last: 5001 } },
  { desc: "above a configured range", pair: { local: 16384, remote: 5002 }, peerPorts: { first: 5000, last: 5001 } },
])("W-2 no pair has these ports: $desc", ({ pair, peerPorts }) => {
  expect(waypointNumber(pair, peerPorts)).toBeUndefined();
  const more = peerPorts === undefined ? {} : { peerPorts };
  expect([pool(9, more).adopt(pair), pool(9, more).release(pair, 0), pool(9, more).surrender(pair)]).toEqual([false, false, false]);
});

test("RB-1 4 pairs, all used once: a fifth inside 30 s of the first release is refused with nat", () => {
  const from = pool(4);
  const pairs = [1, 2, 3, 4].map(() => take(from));
  expect(from.allocate(5_000)).toEqual({ ok: false, error: "nat" });
  pairs.forEach((pair, at) => from.release(pair, 10_000 + at * 100));
  expect(from.allocate(39_999)).toEqual({ ok: false, error: "nat" });
  expect(from.counts(39_999)).toEqual({ used: 0, free: 0, quarantined: 4, size: 4 });
  expect(take(from, 40_000)).toEqual(pairs[0]);
  expect(from.allocate(40_099)).toEqual({ ok: false, error: "nat" });
  expect(take(from, 40_100)).toEqual(pairs[1]);
});

test("RB-1 the least recently released pair comes first, never-used ones before all", () => {
  const from = pool(3);
  const first = take(from), second = take(from);
  from.release(second, 1_000);
  from.release(first, 2_000);
  expect([take(from, 90_000), take(from, 90_000), take(from, 90_000)].map(named)).toEqual(["16388>16389", named(second), named(first)]);
});

test("RB-1 a release counts once: neither a second one nor one of an unused pair changes anything", () => {
  const from = pool(2);
  const pair = take(from);
  expect([from.release(pair, 0), from.release(pair, 0), from.surrender(pair), from.release({ local: 16386, remote: 16387 }, 0)]).toEqual([true, false, false, false]);
  expect(from.counts(0)).toEqual({ used: 0, free: 1, quarantined: 1, size: 2 });
});

test("RB-3 the used pairs are listed in pages", () => {
  const from = pool(5);
  const pairs = [1, 2, 3].map(() => take(from));
  from.release(pairs[1]!, 0);
  expect([from.page(0, 2), from.page(2, 3)]).toEqual([{ used: [pairs[0]], size: 5, next: 2 }, { used: [pairs[2]], size: 5 }]);
});

test("a look at the next pair takes none", () => {
  const from = pool(1);
  expect(from.peek(0)).toEqual(take(from));
  expect(from.peek(0)).toBeUndefined();
});

test("RB-1 the quarantine can change while pairs rest", () => {
  const from = pool(2);
  from.release(take(from), 0);
  from.setQuarantine(600_000);
  expect(from.counts(599_999).quarantined).toBe(1);
  from.setQuarantine(60_000);
  expect(from.counts(60_000).quarantined).toBe(0);
});

test("W-10 a pair given up in glare is free at once and used next", () => {
  const from = pool(2);
  const pair = take(from);
  take(from);
  expect(from.surrender(pair)).toBe(true);
  expect(from.counts(0)).toEqual({ used: 1, free: 1, quarantined: 0, size: 2 });
  expect(take(from)).toEqual(pair);
});

test("RB-3 slices share a pool without overlap and their sizes add up to it", () => {
  const slices = [0, 1, 2].map((number) => pool(10, { slice: { number, count: 3 } }));
  expect(slices.map((slice) => slice.counts(0).size)).toEqual([4, 3, 3]);
  const all = slices.flatMap((slice) => Array.from({ length: slice.counts(0).size }, () => named(take(slice))));
  expect(new Set(all)).toEqual(new Set(Array.from({ length: 10 }, (_, number) => named(waypointPair(number)))));
  expect(slices[0]?.adopt(waypointPair(1))).toBe(false); // slice 1 owns it
  expect(slices[0]?.adopt(waypointPair(12))).toBe(false); // outside the pool
});

test("RB-3 a slice may be empty when there are more workers than pairs", () => {
  const empty = pool(1, { slice: { number: 1, count: 2 } });
  expect(empty.allocate(0)).toEqual({ ok: false, error: "nat" });
  expect(empty.counts(0)).toEqual({ used: 0, free: 0, quarantined: 0, size: 0 });
});

test("RB-3 after a restart pairs in use and resting ones are as before", () => {
  const from = pool(4);
  expect(from.adopt(waypointPair(1))).toBe(true);
  expect(from.adopt(waypointPair(1))).toBe(false);
  expect(from.adoptResting(waypointPair(0), 20_000)).toBe(true);
  expect(from.adoptResting(waypointPair(1), 20_000)).toBe(false);
  expect(from.adoptResting(waypointPair(2), 10_000)).toBe(true);
  expect(from.counts(30_000)).toEqual({ used: 1, free: 1, quarantined: 2, size: 4 });
  expect(take(from, 30_000)).toEqual(waypointPair(3));
  expect(from.allocate(49_999)).toEqual({ ok: false, error: "nat" }); // 2 was told after 0, so it rests as long
  expect([take(from, 50_000), take(from, 50_000)]).toEqual([waypointPair(0), waypointPair(2)]);
});

test("RB-3 a resting pair can turn out to be in use", () => {
  const from = pool(2);
  from.adoptResting(waypointPair(0), 10_000);
  expect(from.adopt(waypointPair(0))).toBe(true);
  expect(from.counts(90_000)).toEqual({ used: 1, free: 1, quarantined: 0, size: 2 });
});

test.each([
  { desc: "no pairs", options: { size: 0 } },
  { desc: "too many pairs", options: { size: 1_000_001 } },
  { desc: "an empty port range", options: { size: 4, peerPorts: { first: 10, last: 9 } } },
  { desc: "a slice that does not exist", options: { size: 4, slice: { number: 2, count: 2 } } },
])("misuse is refused at construction: $desc", ({ options }) => {
  expect(() => pool(options.size, options)).toThrow(RangeError);
});

test.each([[5, 0, 1], [5, 3, 1], [5, 17, 1], [5, 2, 2], [1, 9, 3]])("2.5 a pool of %i that begins at %i, %i shards: every pair once, in turn", (size, first, count) => {
  const pool = new WaypointPool({ size, slice: { number: 0, count }, quarantineMs: 0, first });
  const mine = Math.ceil(size / count);
  const given = Array.from({ length: mine }, () => pool.allocate(0)).map((pair) => (pair.ok ? waypointNumber(pair.value)! / count : -1));
  expect(given).toEqual(Array.from({ length: mine }, (_, turn) => (first + turn) % mine));
  expect(pool.allocate(0)).toEqual({ ok: false, error: "nat" });
});

test("2.5 a slice without pairs stays empty wherever it begins", () => {
  expect(new WaypointPool({ size: 1, slice: { number: 2, count: 3 }, quarantineMs: 0, first: 8 }).allocate(0)).toEqual({ ok: false, error: "nat" });
});

test("RB-3 the pairs in use, for a pool that takes the place of this one", () => {
  const pool = new WaypointPool({ size: 6, slice: { number: 0, count: 2 }, quarantineMs: 0 });
  const [a, b] = [pool.allocate(0), pool.allocate(0)].map((pair) => (pair.ok ? pair.value : undefined)) as [WaypointPair, WaypointPair];
  pool.release(a, 0);
  expect(pool.inUse()).toEqual([b]);
});
