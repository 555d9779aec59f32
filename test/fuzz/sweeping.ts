// The sweeper in the differential fuzz: sessions get ages far on either side of every limit, both sides walk until nothing changes any
// more, then sessions, gauges and records must be the same. The ring of records is small: most rounds some wait in their slots, and
// in a table that is nearly full some are lost. Called by differential.ts; the kernel's sweeper stands still between two calls.
import type { ModelDatapath } from "../../pkg/datapath/model.ts";
import type { DatapathRecord } from "../../pkg/ports/datapath.ts";
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import { Flag } from "../../pkg/svr/session.ts";
import type { Session } from "../../pkg/svr/session.ts";
import type { Fields, RecordSeen } from "../bpf/harness.ts";
import type { KernelSide } from "./kernel.ts";
import type { Random } from "./random.ts";

/** A difference, without its packet. */
export interface SweepFound { field: string; model: unknown; kernel: unknown; session?: Session }

/** SweepWorld is both sides, the size of the table that the sweeper goes by, and how sessions are compared; `saw` counts what happened. */
export interface SweepWorld {
  model: ModelDatapath; kernel: KernelSide; nowMs: number; limit: number;
  compareSession: (after: Session, shown: Fields) => SweepFound | undefined;
  saw: (label: string) => void;
}

const OLD_PERCENT = 40, OLD_PERCENT_FULL = 4; // in a full table few slots become free: one or two, and records wait again
const OLD_MS = 1_000_000_000; // beyond every limit
const AHEAD_MS = 30_000; // other writers' clocks may be ahead of a walk's: no age at all, however slow the machine is
const WALKS = 6; // from start record to free slot it takes four
const UNTOUCHED = 1;
const TYPES: Record<DatapathRecord["type"], number> = { start: 1, interim: 2, end: 3, release: 4 };

/** sweepBoth ages sessions, lets both sides walk, and says what differs; half of the times the records are taken first. */
export async function sweepBoth(random: Random, world: SweepWorld): Promise<SweepFound | undefined> {
  const taken = random.chance(50) ? await takeRecords(world) : undefined;
  if (taken !== undefined) return taken;
  await Promise.all(slotsOf(world.model).map(([slot, session]) => age(random, world, { slot, session })));
  await world.kernel.sweep(world.limit, WALKS);
  for (let walks = 0; walks < WALKS; walks++) world.model.walk();
  const found = await compareSlots(world) ?? await compareGauges(world);
  if (world.model.model.slots.some((session) => session !== undefined && isWaiting(session))) world.saw("record waits");
  await Promise.all(slotsOf(world.model).map(([slot, session]) => {
    Object.assign(session, { seenMs: [UNTOUCHED, UNTOUCHED], sinceMs: UNTOUCHED });
    return world.kernel.forgetTimes(slot);
  }));
  return found;
}

function slotsOf(model: ModelDatapath): [number, Session][] {
  return model.model.slots.flatMap((session, slot) => (session === undefined ? [] : [[slot, session]]));
}

/** After a walk every session that is not new has its start record, but for want of room. */
function isWaiting({ flags }: Session): boolean {
  return (flags & Flag.started) === 0;
}

/** Old or not, by each of its times; now and then the router wants it gone. */
async function age(random: Random, { kernel, nowMs, limit, model }: SweepWorld, { slot, session }: { slot: number; session: Session }): Promise<void> {
  const percent = limit === slotsOf(model).length ? OLD_PERCENT_FULL : OLD_PERCENT;
  const [since, forward, reverse] = [0, 1, 2].map(() => (random.chance(percent) ? -OLD_MS : AHEAD_MS)) as [number, number, number];
  const at = (offset: number): number => (nowMs + offset) >>> 0;
  Object.assign(session, { sinceMs: at(since), seenMs: [at(forward), at(reverse)] });
  if (random.chance(6)) Object.assign(session, { flags: (session.flags | Flag.delete) >>> 0, endReason: random.pick([0, reasonNumber("policy")]) });
  await kernel.age(slot, { since, forward, reverse }, session);
}

async function compareSlots({ model, kernel, compareSession }: SweepWorld): Promise<SweepFound | undefined> {
  const shown = await Promise.all(model.model.slots.map((_session, slot) => kernel.show(slot)));
  for (const [slot, session] of model.model.slots.entries()) {
    const { [slot]: fields = {} } = shown;
    if (session === undefined && fields["life"] !== 0) return { field: `slot ${slot} after a walk`, model: "free", kernel: fields };
    const found = session && compareSession(session, fields);
    if (session && found) return { ...found, session, field: `${found.field} after a walk` };
  }
  return undefined;
}

async function compareGauges({ model, kernel, saw }: SweepWorld): Promise<SweepFound | undefined> {
  const { slotsUsed, live, halfOpen, quarantined, recordsLost } = model.gauges();
  const seen = await kernel.gauges();
  const ours = JSON.stringify({ slotsUsed, live, halfOpen, quarantined, recordsLost });
  const theirs = JSON.stringify({ slotsUsed: seen["slots_used"], live: seen["live"], halfOpen: seen["half_open"], quarantined: seen["quarantined"], recordsLost: seen["records_lost"] });
  if (recordsLost > 0) saw("records lost");
  return ours === theirs ? undefined : { field: "gauges after a walk", model: ours, kernel: theirs };
}

async function takeRecords({ model, kernel, compareSession, saw }: SweepWorld): Promise<SweepFound | undefined> {
  const ours = model.records(Number.POSITIVE_INFINITY), theirs = await kernel.records();
  for (const record of ours) saw(`record ${record.type}`);
  const found = ours.map((record, at) => compareRecord(record, theirs[at], compareSession)).find((one) => one !== undefined);
  return found ?? (ours.length === theirs.length ? undefined : { field: "number of records", model: ours.length, kernel: theirs.length });
}

function compareRecord({ type, index, session }: DatapathRecord, seen: RecordSeen | undefined, compareSession: SweepWorld["compareSession"]): SweepFound | undefined {
  const ours = `${TYPES[type]} of slot ${index}`, theirs = seen && `${seen.type} of slot ${seen.index}`;
  if (seen === undefined || ours !== theirs) return { field: "record", model: ours, kernel: theirs, session };
  const found = compareSession(session, seen.session);
  return found && { ...found, session, field: `${found.field} in a record of type ${type}` };
}
