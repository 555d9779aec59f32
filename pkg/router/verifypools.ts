// Waypoint pairs as shards and sessions tell them: each pair of a pool is used by a session, rests with one, or is free (RB-3).
// Called by verify.ts. One byte a pair; shards are asked in pages, so that none is held up.
import type { VerifyView } from "../api/view.ts";
import type { PortHold } from "../ports/datapath.ts";
import { waypointNumber, waypointPair } from "../svr/waypoint.ts";
import type { PortRange, WaypointPair } from "../svr/waypoint.ts";
import type { ShardAnswer } from "./messages.ts";
import type { Questions } from "./questions.ts";
import { leakedPair, unownedPair } from "./verifytext.ts";
import type { VerifyFault } from "./verifytext.ts";

/** PoolPath is a path with a pool of pairs. */
export interface PoolPath { id: number; name: string; pairs: number; remotePorts?: PortRange }

/** PoolSuspects are pairs that do not add up. */
export interface PoolSuspects {
  count: number;
  /** pairs that were looked at */
  pairs: number;
  counts: VerifyView["pools"];
  /** those that are suspect here and there */
  and(other: PoolSuspects): PoolSuspects;
  list(most: number): VerifyFault[];
  has(path: number, number: number): "leaked" | "unowned" | undefined;
}

const NONE = 0, USED = 1, HELD = 2, RESTING = 4; // bits of one pair

interface Pool { path: PoolPath; marks: Uint8Array; size: number }

/** PoolLooks is what the shards said, waiting for what the sessions say. */
export interface PoolLooks { pools: readonly Pool[]; none: PoolSuspects; hold(hold: PortHold): void }

/** poolLooks asks all shards for the pairs in use. */
export async function poolLooks({ paths, questions }: { paths: readonly PoolPath[]; questions: Pick<Questions, "ask" | "shards"> }): Promise<PoolLooks> {
  const pools: Pool[] = [];
  for (const path of paths) pools.push(await askPool(path, questions));
  const byId = new Map(pools.map((pool) => [pool.path.id, pool]));
  return {
    pools, none: suspectsOf([], []),
    hold({ path, local, remote, resting }) {
      const pool = byId.get(path);
      if (pool !== undefined) mark(pool, { local, remote }, resting ? RESTING : HELD);
    },
  };
}

async function askPool(path: PoolPath, questions: Pick<Questions, "ask" | "shards">): Promise<Pool> {
  const pool: Pool = { path, marks: new Uint8Array(path.pairs), size: 0 };
  for (let shard = 0; shard < questions.shards; shard++) await askShard(pool, shard, questions);
  return pool;
}

async function askShard(pool: Pool, shard: number, questions: Pick<Questions, "ask">): Promise<void> {
  let size = 0;
  for (let from: number | undefined = 0; from !== undefined;) {
    const answer: ShardAnswer = await questions.ask(shard, { kind: "pairs", path: pool.path.id, from });
    const pairs = answer.kind === "pairs" ? answer.pairs : undefined;
    for (const pair of pairs?.used ?? []) mark(pool, pair, USED);
    size = pairs?.size ?? 0;
    from = pairs?.next;
  }
  pool.size += size;
}

function mark(pool: Pool, pair: WaypointPair, bit: number): void {
  const number = numberOf(pool, pair);
  if (number !== undefined) pool.marks[number] = (pool.marks[number] ?? NONE) | bit;
}

/** Absent: not of this pool, as of a session that the peer opened, or of a pool that was larger. */
function numberOf({ path, marks }: Pool, pair: WaypointPair): number | undefined {
  const number = waypointNumber(pair, path.remotePorts);
  return number === undefined || number >= marks.length ? undefined : number;
}

/** comparePools gives the pairs that shards and sessions see differently. A pool that no session asked for yet is all free. */
export function comparePools({ pools }: PoolLooks): PoolSuspects {
  const found: Suspect[] = [];
  const counts = pools.map((pool) => countPool(pool, found));
  return suspectsOf(found, counts);
}

interface Suspect { path: PoolPath; number: number; what: "leaked" | "unowned" }

function countPool({ path, marks, size }: Pool, found: Suspect[]): VerifyView["pools"][number] {
  const total = { path: path.name, used: 0, resting: 0, free: 0, moving: 0, size };
  for (const [number, mark] of marks.subarray(0, size).entries()) {
    if (mark === NONE) total.free++;
    else if ((mark & USED) === 0) found.push({ path, number, what: "unowned" });
    else if (mark === USED) found.push({ path, number, what: "leaked" });
    else if ((mark & HELD) !== 0) total.used++;
    else total.resting++;
  }
  return { ...total, moving: size - total.used - total.resting - total.free };
}

function suspectsOf(found: readonly Suspect[], counts: VerifyView["pools"]): PoolSuspects {
  const keyOf = (path: number, number: number): number => path * 2 ** 32 + number;
  const kinds = new Map(found.map((one) => [keyOf(one.path.id, one.number), one.what]));
  const has: PoolSuspects["has"] = (path, number) => kinds.get(keyOf(path, number));
  return {
    count: found.length, pairs: counts.reduce((sum, pool) => sum + pool.size, 0), counts, has,
    and: (other) => suspectsOf(found.filter((one) => other.has(one.path.id, one.number) === one.what), other.counts),
    list: (most) => found.slice(0, most).map(({ path, number, what }) => {
      const pair = waypointPair(number, path.remotePorts);
      return what === "leaked" ? leakedPair(path.name, pair) : unownedPair(path.name, pair);
    }),
  };
}
