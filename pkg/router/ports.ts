// This shard's slice of every waypoint pool (protocol 2.5), and where its NAT port searches start. Owned by one shard; the
// data plane keeps the quarantine, so a pair comes back here when it may be used again.
import { NAT_PORT_COUNT } from "../svr/constants.ts";
import { WaypointPool } from "../svr/waypoint.ts";
import type { PathEntry } from "./tables.ts";
import type { PortSource, WaypointPair } from "./turn.ts";

/** PairUse is a pair that a session of an earlier process, or of this one, holds or gave back. */
export interface PairUse {
  /** PathEntry.id */
  path: number;
  local: number;
  remote: number;
}

/** PAIRS_PER_PAGE bounds what one question about a pool costs a shard: some microseconds. */
const PAIRS_PER_PAGE = 4096;

/** PoolCount is the occupancy of the pool of one path, of this shard's slice. */
export interface PoolCount {
  path: number;
  used: number;
  free: number;
  size: number;
}

/** ShardPorts is the PortSource of one shard with what the shard must tell it. */
export interface ShardPorts extends PortSource {
  /** pairs that are in use or at rest in the data plane; told once, before the first packet */
  adopt(uses: readonly PairUse[]): void;
  /** pairs whose quarantine is over */
  release(uses: readonly PairUse[]): void;
  /** pools follow the configuration: a path that stays keeps its pool, one that changes its size or range keeps what is in use */
  follow(paths: readonly PathEntry[]): void;
  counts(): PoolCount[];
  /** gives what the next decision would get, and changes nothing */
  dry(): PortSource;
  /** used pairs of this shard's slice of a path, a page at a time; absent: there is no such pool */
  page(path: number, from: number): { used: WaypointPair[]; size: number; next?: number } | undefined;
}

/** createShardPorts makes the ports of shard `number` of `count`; `seed` spreads where pools and NAT searches begin: peers may still know sessions of a router that lost its own. */
export function createShardPorts(slice: { number: number; count: number }, seed: number): ShardPorts {
  const pools = new Map<number, WaypointPool>();
  const shapes = new Map<number, string>();
  const waiting = new Map<number, PairUse[]>();
  let next = seed >>> 0;
  const random = (): number => {
    next = step(next);
    return next;
  };
  const open = (path: PathEntry): WaypointPool => {
    const pool = new WaypointPool({
      size: path.pairs, slice, quarantineMs: 0, first: random(), ...(path.remotePorts === undefined ? {} : { peerPorts: path.remotePorts }),
    });
    for (const use of [...(waiting.get(path.id) ?? []), ...(pools.get(path.id)?.inUse() ?? [])]) pool.adopt(use);
    waiting.delete(path.id);
    pools.set(path.id, pool);
    shapes.set(path.id, shapeOf(path));
    return pool;
  };
  return {
    pair(path, nowMs): WaypointPair | undefined {
      const pair = (pools.get(path.id) ?? open(path)).allocate(nowMs);
      return pair.ok ? pair.value : undefined;
    },
    giveBack: (path, pair) => void pools.get(path.id)?.surrender(pair),
    lost: (path, pair, nowMs) => void pools.get(path.id)?.release(pair, nowMs),
    natStart: () => random() % NAT_PORT_COUNT,
    adopt(uses) {
      for (const [path, list] of Map.groupBy(uses, (use) => use.path)) {
        const pool = pools.get(path);
        if (pool === undefined) waiting.set(path, [...(waiting.get(path) ?? []), ...list]);
        else for (const use of list) pool.adopt(use);
      }
    },
    release(uses) {
      for (const use of uses) pools.get(use.path)?.release(use, 0);
    },
    follow(paths) {
      const keep = new Set(paths.map((path) => path.id));
      for (const id of pools.keys()) if (!keep.has(id)) pools.delete(id);
      for (const path of paths) if (!pools.has(path.id) || shapes.get(path.id) !== shapeOf(path)) open(path);
    },
    counts: () => [...pools].map(([path, pool]) => {
      const { used, free, size } = pool.counts(0);
      return { path, used, free, size };
    }),
    dry: () => ({
      pair: (path, nowMs) => pools.get(path.id)?.peek(nowMs), giveBack: nothing, lost: nothing,
      natStart: () => step(next) % NAT_PORT_COUNT,
    }),
    page: (path, from) => pools.get(path)?.page(from, PAIRS_PER_PAGE),
  };
}

/** A full-period step (Numerical Recipes), only spreads. */
function step(state: number): number {
  return (Math.imul(state, 1664525) + 1013904223) >>> 0;
}

function nothing(): void {
  // what is dry takes nothing
}

/** Two paths of one shape have the same pairs. */
function shapeOf({ pairs, remotePorts }: PathEntry): string {
  return `${pairs} ${remotePorts?.first ?? ""} ${remotePorts?.last ?? ""}`;
}
