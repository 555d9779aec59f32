// Sums over the shards: the last report of each counts, once.
import { createCounters } from "./counters.ts";
import type { ShardCounters, ShardHost } from "./messages.ts";
import { noHealthChecks } from "./tally.ts";

const shard = (): ShardHost => ({ post: () => undefined, onMessage: () => undefined, closed: Promise.resolve() });
const report = (change: Partial<ShardCounters>): ShardCounters => ({ drops: {}, peerDrops: {}, skews: {}, healthChecks: noHealthChecks(), punts: 0, pools: [], denialsSuppressed: 0, held: [], ...change });

test("without a report everything is zero", () => {
  const counters = createCounters();
  expect([counters.drops(), counters.peerDrops(), counters.shards(), counters.pool(1)]).toEqual([{}, {}, [], { used: 0, free: 0, size: 0 }]);
});

test("a newer report replaces the older one of its shard, and shards add up", () => {
  const counters = createCounters();
  const [one, two] = [shard(), shard()];
  counters.take(one, report({ drops: { access: 1 } }));
  counters.take(one, report({ drops: { access: 3, nat: 1 }, peerDrops: { west: { "hmac-failure": 2 } }, healthChecks: { ...noHealthChecks(), sent: 3 }, punts: 10, denialsSuppressed: 4, held: [{ name: "a", entries: 3, limit: 10 }], pools: [{ path: 7, used: 1, free: 2, size: 4 }, { path: 8, used: 9, free: 9, size: 9 }] }));
  counters.take(two, report({ drops: { access: 4 }, peerDrops: { west: { "hmac-failure": 1, replay: 1 }, east: { replay: 5 } }, healthChecks: { ...noHealthChecks(), sent: 2, exists: 1 }, punts: 5, held: [{ name: "b", entries: 0, limit: 1 }, { name: "a", entries: 4, limit: 10 }], pools: [{ path: 7, used: 2, free: 1, size: 4 }] }));
  expect(counters.drops()).toEqual({ access: 7, nat: 1 });
  expect(counters.peerDrops()).toEqual({ west: { "hmac-failure": 3, replay: 1 }, east: { replay: 5 } });
  expect(counters.healthChecks()).toEqual({ ...noHealthChecks(), sent: 5, exists: 1 });
  expect(counters.held()).toEqual([{ name: "a", entries: 7, limit: 20 }, { name: "b", entries: 0, limit: 1 }]);
  expect(counters.shards()).toEqual([{ punts: 10, denialsSuppressed: 4 }, { punts: 5, denialsSuppressed: 0 }]);
  expect(counters.pool(7)).toEqual({ used: 3, free: 3, size: 8 });
});
