// The sweeper written plainly: one walk over all slots ages sessions by state, tells what happened, removes their keys.
// Called by model.ts with the injected clock; the eBPF timer does the same in bounded steps (behaviour 3.3, 3.5).
import type { DatapathRecord } from "../ports/datapath.ts";
import { reasonNumber } from "../svr/reasons.ts";
import type { EndReason } from "../svr/reasons.ts";
import { Flag, Life, TcpState } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { restsAfterEnd } from "./model-apply.ts";
import { emptySlot, removeFlow } from "./model-state.ts";
import type { Model } from "./model-state.ts";

type RecordType = DatapathRecord["type"];
/** False: the ring has no room. */
type Tell = (type: RecordType) => boolean;

/** sweep walks all slots once at nowMs (monotonic milliseconds) and returns the records in the order they fell due, at most `room`: others wait in their slots, or are lost and counted. */
export function sweep(model: Model, nowMs: number, room: number): DatapathRecord[] {
  const records: DatapathRecord[] = [];
  model.slots.forEach((session, index) => {
    if (session === undefined) return;
    const tell: Tell = (type) => records.length < room && records.push({ type, timeMs: nowMs, index, session: structuredClone(session) }) > 0;
    if (session.life === Life.live) sweepLive(model, session, { tell, now: nowMs >>> 0 });
    else if (session.life === Life.guard) sweepGuard(model, index, { tell, now: nowMs >>> 0 });
    else if (session.life === Life.quarantine) sweepQuarantine(model, index, { tell, now: nowMs >>> 0 });
  });
  model.sweeps += 1n;
  return records;
}

interface Walk { tell: Tell; now: number }

const AHEAD_MS = 60_000; // other writers' clocks are at most so far ahead of a walk's
const RANGE_MS = 2 ** 32;

/** Age in milliseconds, 0 when the time lies a little ahead; 32-bit times wrap after 49 days. */
function ageOf(now: number, since: number): number {
  const age = (now - since) >>> 0;
  return age > RANGE_MS - AHEAD_MS ? 0 : age;
}

function isOlder(now: number, since: number, limit: number): boolean {
  return ageOf(now, since) >= limit;
}

const KEPT = 64; // one slot in so many is not held for records that wait

/** Tells what is due once, marked by a flag; false while it waits for room. In a table that is nearly full it does not wait and is lost. */
function once(model: Model, session: Session, { flag, tell }: { flag: number; tell: () => boolean }): boolean {
  if ((session.flags & flag) !== 0) return true;
  session.flags = (session.flags | flag) >>> 0;
  if (tell()) return true;
  const limit = model.slots.length, used = model.slots.filter((slot) => slot !== undefined).length;
  if (used < limit - Math.floor(limit / KEPT)) {
    session.flags = (session.flags & ~flag) >>> 0;
    return false;
  }
  model.recordsLost += 1;
  return true;
}

function started(model: Model, session: Session, walk: Walk): boolean {
  return once(model, session, { flag: Flag.started, tell: () => walk.tell("start") });
}

function sweepLive(model: Model, session: Session, walk: Walk): void {
  started(model, session, walk);
  const reason = expired(model, session, walk.now);
  if (reason !== undefined) {
    Object.assign(session, { life: Life.guard, endReason: reason, sinceMs: walk.now });
    return;
  }
  const every = model.config.timers.interimMs;
  if (every === 0 || !isOlder(walk.now, session.interimMs || session.createdMs >>> 0, every)) return;
  session.interimMs = walk.now || 1;
  if (!walk.tell("interim")) model.recordsLost += 1;
}

/** End reason of a live session whose time is over. */
function expired(model: Model, session: Session, now: number): number | undefined {
  if ((session.flags & Flag.delete) !== 0) return session.endReason || reasonNumber("admin");
  const state = stateForTimers(session);
  const fixed = fixedTimer(model, state);
  const unanswered = state === TcpState.none && session.packets[1] === 0n && session.isn !== 0;
  const idle = unanswered ? session.isn : state === TcpState.halfClosed ? Math.min(session.idleMs, model.config.timers.halfClosedIdleMs) : session.idleMs;
  const over = fixed === undefined ? idleFor(session, now) >= idle : isOlder(now, session.sinceMs, fixed);
  return over ? reasonNumber(reasonFor(state)) : undefined;
}

/** Both FINs seen is CLOSING, whatever the state says. */
function stateForTimers(session: Session): TcpState {
  const both = Flag.finFwd | Flag.finRev;
  const isOpen = session.tcpState === TcpState.established || session.tcpState === TcpState.halfClosed;
  return isOpen && (session.flags & both) === both ? TcpState.closing : session.tcpState;
}

function fixedTimer(model: Model, state: TcpState): number | undefined {
  const { synSentMs, synRcvdMs, closingMs, resetMs } = model.config.timers;
  const timers: Partial<Record<TcpState, number>> = {
    [TcpState.synSent]: synSentMs, [TcpState.synRcvd]: synRcvdMs, [TcpState.closing]: closingMs, [TcpState.reset]: resetMs,
  };
  return timers[state];
}

function reasonFor(state: TcpState): EndReason {
  if (state === TcpState.synSent || state === TcpState.synRcvd) return "half-open-timeout";
  if (state === TcpState.closing) return "fin";
  return state === TcpState.reset ? "rst" : "timeout";
}

/** Ages are compared, not times: one direction may be silent for longer than half the range of a time. */
function idleFor(session: Session, now: number): number {
  return Math.min(...session.seenMs.map((seen) => ageOf(now, seen || session.sinceMs)));
}

function sweepGuard(model: Model, index: number, walk: Walk): void {
  const session = model.slots[index] as Session;
  if (!started(model, session, walk) || !once(model, session, { flag: Flag.ended, tell: () => walk.tell("end") })) return;
  if ((session.flags & Flag.delete) === 0 && !isOlder(walk.now, session.sinceMs, model.config.timers.guardMs)) return;
  removeFlow(model, index, 0);
  if (restsAfterEnd(session)) {
    Object.assign(session, { life: Life.quarantine, sinceMs: walk.now });
    return;
  }
  removeFlow(model, index, 1);
  emptySlot(model, index);
}

function sweepQuarantine(model: Model, index: number, walk: Walk): void {
  if (!isOlder(walk.now, (model.slots[index] as Session).sinceMs, model.config.timers.quarantineMs)) return;
  if (!walk.tell("release")) return; // never lost, because a pair would be with it
  removeFlow(model, index, 1);
  emptySlot(model, index);
}
