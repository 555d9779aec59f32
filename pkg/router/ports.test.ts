// A shard's pools over time: what earlier processes hold, what the data plane releases, paths that come, go and change (2.5, RB-3).
import type { PathEntry } from "./tables.ts";
import { createShardPorts } from "./ports.ts";
import type { ShardPorts } from "./ports.ts";
import type { WaypointPair } from "./turn.ts";

const path = (id: number, pairs: number, remotePorts?: { first: number; last: number }): PathEntry => ({ id, pairs, ...(remotePorts && { remotePorts }) }) as PathEntry;
const open = (paths: PathEntry[], seed = 1): ShardPorts => {
  const ports = createShardPorts({ number: 0, count: 1 }, seed);
  ports.follow(paths);
  return ports;
};
const take = (ports: ShardPorts, from: PathEntry, count: number): WaypointPair[] => Array.from({ length: count }, () => ports.pair(from, 0)).filter((pair) => pair !== undefined);
const text = (pair: WaypointPair): string => `${pair.local}>${pair.remote}`;

test("RB-1 a pool gives each pair once; what was given up is free at once, what somebody else holds comes last", () => {
  const one = path(1, 3);
  const ports = open([one]);
  const all = take(ports, one, 5);
  expect(new Set(all.map(text)).size).toBe(3);
  ports.giveBack(one, all[1]!);
  expect(ports.counts()).toEqual([{ path: 1, used: 2, free: 1, size: 3 }]);
  expect(take(ports, one, 2).map(text)).toEqual([text(all[1]!)]);
  ports.giveBack(one, all[0]!);
  ports.lost(one, all[1]!, 0);
  expect(take(ports, one, 2).map(text)).toEqual([text(all[0]!), text(all[1]!)]);
});

test("2.5 a released pair goes to the end; pairs of other paths and strangers change nothing", () => {
  const one = path(1, 2);
  const ports = open([one]);
  const [a, b] = take(ports, one, 2) as [WaypointPair, WaypointPair];
  ports.release([{ path: 1, ...b }, { path: 1, ...a }, { path: 9, ...a }, { path: 1, local: 1, remote: 2 }]);
  expect(take(ports, one, 3).map(text)).toEqual([text(b), text(a)]);
});

test("RB-3 pairs of an earlier process are in use, told before or after the configuration", () => {
  const [one, two] = [path(1, 2), path(2, 2)];
  const first = open([one, two]);
  const [held] = take(first, one, 1) as [WaypointPair];
  const ports = createShardPorts({ number: 0, count: 1 }, 5);
  ports.adopt([{ path: 1, ...held }]);
  ports.adopt([{ path: 1, local: held.local, remote: 4 }]);
  ports.follow([one, two]);
  ports.adopt([{ path: 2, ...held }]);
  expect(ports.counts()).toEqual([{ path: 1, used: 1, free: 1, size: 2 }, { path: 2, used: 1, free: 1, size: 2 }]);
  expect(take(ports, one, 2).map(text)).not.toContain(text(held));
});

test("RB-3 a path that stays keeps its pool, one that goes takes it along", () => {
  const [one, two] = [path(1, 4), path(2, 4)];
  const ports = open([one, two]);
  take(ports, one, 2);
  ports.follow([one]);
  ports.follow([one, two]);
  expect(ports.counts()).toEqual([{ path: 1, used: 2, free: 2, size: 4 }, { path: 2, used: 0, free: 4, size: 4 }]);
});

test("RB-30 a pool of another size or range keeps what is in use and still fits", () => {
  const ports = open([path(1, 4)]);
  const held = take(ports, path(1, 4), 3);
  ports.follow([path(1, 8)]);
  expect(ports.counts()).toEqual([{ path: 1, used: 3, free: 5, size: 8 }]);
  expect(take(ports, path(1, 8), 9).map(text).filter((pair) => held.map(text).includes(pair))).toEqual([]);
  ports.follow([path(1, 8, { first: 20_000, last: 20_001 })]);
  expect(ports.counts()).toEqual([{ path: 1, used: 0, free: 8, size: 8 }]);
  ports.release(held.map((pair) => ({ path: 1, ...pair }))); // of the old range: nothing of this pool
  expect(ports.counts()).toEqual([{ path: 1, used: 0, free: 8, size: 8 }]);
});

test("2.5 where a pool begins differs from start to start, so that pairs which peers may still know are not the first", () => {
  const starts = new Set(Array.from({ length: 40 }, (_, seed) => text(take(open([path(1, 1000)], seed * 7919), path(1, 1000), 1)[0]!)));
  expect(starts.size).toBeGreaterThan(30);
});

test("5 NAT searches begin anywhere among the ports", () => {
  const ports = open([]);
  const starts = Array.from({ length: 1000 }, () => ports.natStart());
  expect([Math.min(...starts) >= 0, Math.max(...starts) < 49_151, new Set(starts).size > 950]).toEqual([true, true, true]);
});
