// Sums what the shards report. Owned by the app; one entry a shard, so nothing is counted twice.
import type { ShardCounters, ShardHost } from "./messages.ts";
import { sumHeld } from "./held.ts";
import type { Held } from "./held.ts";
import type { HealthKind } from "./health.ts";
import { noHealthChecks } from "./tally.ts";
import type { PoolCount } from "./ports.ts";
import { addSkews } from "./skewalarms.ts";
import type { SkewTotals } from "./skewalarms.ts";

/** Counters are the totals of all shards. */
export interface Counters {
  take(shard: ShardHost, counters: ShardCounters): void;
  drops(): Record<string, number>;
  healthChecks(): Record<HealthKind, number>;
  peerDrops(): Record<string, Record<string, number>>;
  skews(): SkewTotals;
  shards(): { punts: number; denialsSuppressed: number }[];
  held(): Held[];
  pool(path: number): Omit<PoolCount, "path">;
}

/** createCounters starts with no report. */
export function createCounters(): Counters {
  const reports = new Map<ShardHost, ShardCounters>();
  return {
    take: (shard, counters) => void reports.set(shard, counters),
    drops: () => sumCounts([...reports.values()].map((report) => report.drops)),
    healthChecks: () => ({ ...noHealthChecks(), ...sumCounts([...reports.values()].map((report) => report.healthChecks)) }),
    peerDrops: () => sumOfPeers([...reports.values()].map((report) => report.peerDrops)),
    skews: () => addSkews([...reports.values()].map((report) => report.skews)),
    shards: () => [...reports.values()].map((report) => ({ punts: report.punts, denialsSuppressed: report.denialsSuppressed })),
    held: () => sumHeld([...reports.values()].flatMap((report) => report.held)),
    pool(path) {
      const pools = [...reports.values()].flatMap((report) => report.pools).filter((pool) => pool.path === path);
      const total = { used: 0, free: 0, size: 0 };
      for (const pool of pools) {
        total.used += pool.used;
        total.free += pool.free;
        total.size += pool.size;
      }
      return total;
    },
  };
}

/** sumCounts adds counters of one name. */
export function sumCounts(all: readonly Record<string, number>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const one of all) for (const [name, value] of Object.entries(one)) total[name] = (total[name] ?? 0) + value;
  return total;
}

/** sumOfPeers adds counters by peer. */
export function sumOfPeers(all: readonly Record<string, Record<string, number>>[]): Record<string, Record<string, number>> {
  const peers = new Set(all.flatMap((one) => Object.keys(one)));
  return Object.fromEntries([...peers].map((peer) => [peer, sumCounts(all.map((one) => one[peer] ?? {}))]));
}
