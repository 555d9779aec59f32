// Do the tables of a live router fit together: sessions and flow index, gauges, waypoint pairs (behaviour 3.2, 5; RB-3). Asked by
// the admin API. Everything is read without a lock while packets pass, so a suspicion is looked at again before it is told, and
// what changes meanwhile is no fault. Work is done in bounded pieces; nothing is changed.
import type { VerifyView } from "../api/view.ts";
import type { Datapath, TableFault, TableLook } from "../ports/datapath.ts";
import type { Pace } from "./pace.ts";
import { comparePools, poolLooks } from "./verifypools.ts";
import type { PoolPath, PoolSuspects } from "./verifypools.ts";
import type { Questions } from "./questions.ts";
import { faultText, gaugeText, sweeperFault } from "./verifytext.ts";

/** VerifyParts is what a verification reads; `pause` waits that many milliseconds. */
export interface VerifyParts {
  datapath: Pick<Datapath, "verify" | "gauges">;
  paths: readonly PoolPath[];
  questions: Pick<Questions, "ask" | "shards">;
  /** turns with other readers, one look each */
  pace: Pace;
  pause(ms: number): Promise<void>;
  nowMs(): number;
}

type Gauge = keyof TableLook["found"];
type Gauges = Record<Gauge, number>;
const GAUGES: readonly Gauge[] = ["slotsUsed", "live", "halfOpen", "quarantined"];

const STEPS = 16_384;        // slots of one look: some milliseconds
const MOST_FAULTS = 1_000;   // of one answer
const PASSES = 4;            // what is suspect in all of them is a fault
const AGAIN_MS = 600;
const SWEEP_MS = 2_000;      // a walk of the sweeper takes less than a second

/** Walk is one look over the whole table, with what was told before and after it. */
interface Walk { slots: number; entries: number; faults: TableFault[]; more: number; found: Gauges; before: Gauges; after: Gauges; pools: PoolSuspects }

/** verifyTables looks over everything as often as a suspicion is left, at most PASSES times. */
export async function verifyTables(parts: VerifyParts): Promise<VerifyView> {
  const started = parts.nowMs();
  const { sweeps } = parts.datapath.gauges();
  const first = await walk(parts);
  let last = first, faults = first.faults, drift = driftOf(first), suspects = first.pools;
  for (let pass = 1; pass < PASSES && (faults.length > 0 || Object.keys(drift).length > 0 || suspects.count > 0); pass++) {
    await parts.pause(AGAIN_MS);
    faults = faults.filter((fault) => standsStill(parts, fault));
    last = await walk(parts);
    drift = sameDrift(drift, driftOf(last));
    suspects = suspects.and(last.pools);
  }
  if (parts.nowMs() - started < SWEEP_MS) await parts.pause(SWEEP_MS);
  const isSweeping = parts.datapath.gauges().sweeps > sweeps;
  const all = [
    ...(isSweeping ? [] : [sweeperFault()]), ...Object.entries(drift).map(([name, by]) => gaugeText(name, by)),
    ...faults.map(faultText), ...suspects.list(MOST_FAULTS),
  ];
  return {
    ok: all.length === 0 && (first.more === 0 || last.more === 0), duration: Math.round(parts.nowMs() - started),
    checked: { slots: last.slots, sessions: last.found.slotsUsed, entries: last.entries, pairs: last.pools.pairs },
    gauges: GAUGES.map((name) => ({ name, told: last.after[name], counted: last.found[name] })),
    pools: last.pools.counts, faults: all.slice(0, MOST_FAULTS), more: Math.max(0, all.length - MOST_FAULTS) + (all.length === 0 ? 0 : last.more),
  };
}

async function walk(parts: VerifyParts): Promise<Walk> {
  const pools = await poolLooks(parts);
  const told = (): Gauges => parts.datapath.gauges();
  const result: Walk = { slots: 0, entries: 0, faults: [], more: 0, found: { slotsUsed: 0, live: 0, halfOpen: 0, quarantined: 0 }, before: told(), after: told(), pools: pools.none };
  for (let cursor: number | undefined = 0; cursor !== undefined;) {
    const at: number = cursor, look: TableLook = await parts.pace.piece(() => parts.datapath.verify(at, STEPS));
    for (const name of GAUGES) result.found[name] += look.found[name];
    result.entries += look.entries;
    for (const fault of look.faults) {
      if (result.faults.length < MOST_FAULTS) result.faults.push(fault);
      else result.more++;
    }
    for (const hold of look.holds) pools.hold(hold);
    cursor = look.next;
  }
  result.after = told();
  result.slots = parts.datapath.gauges().sessionLimit;
  result.pools = comparePools(pools);
  return result;
}

/** What is wrong at that place now, the same as before. */
function standsStill({ datapath }: VerifyParts, fault: TableFault): boolean {
  return datapath.verify(fault.at, 1).faults.some((one) => one.kind === fault.kind && one.mark === fault.mark);
}

/** By how much what is told exceeds what was counted, where a change during the walk does not explain it. */
function driftOf({ found, before, after }: Walk): Partial<Gauges> {
  return Object.fromEntries(GAUGES.flatMap((name) => {
    const low = Math.min(before[name], after[name]), high = Math.max(before[name], after[name]);
    const by = found[name] < low ? low - found[name] : found[name] > high ? high - found[name] : 0;
    return by === 0 ? [] : [[name, by]];
  }));
}

/** A drift is real when it has one sign in all walks; the smallest is told. */
function sameDrift(a: Partial<Gauges>, b: Partial<Gauges>): Partial<Gauges> {
  return Object.fromEntries(GAUGES.flatMap((name) => {
    const [one = 0, two = 0] = [a[name], b[name]];
    return Math.sign(one) * Math.sign(two) > 0 ? [[name, Math.abs(one) < Math.abs(two) ? one : two]] : [];
  }));
}
