// The operations of a shard on the model's tables: install, patch, replace a side, end. Called by model.ts; each operation
// succeeds or changes nothing. The native library does the same on the pinned maps.
import { toHex } from "../base/bytes.ts";
import type { NatSearch, OpResult, SessionOp } from "../ports/datapath.ts";
import { Flag, Life } from "../svr/session.ts";
import type { Session, SessionSide, SideIndex } from "../svr/session.ts";
import { flowKeyText, freeSlot, removeFlow, sameSideKey, sessionOf, sideKey } from "./model-state.ts";
import { limitOf } from "./model-usage.ts";
import type { Model } from "./model-state.ts";

type Install = Extract<SessionOp, { kind: "install" }>;
type Patch = Extract<SessionOp, { kind: "patch" }>;
type ReplaceSide = Extract<SessionOp, { kind: "replaceSide" }>;
type End = Extract<SessionOp, { kind: "end" }>;

const GONE: OpResult = { ok: false, why: "gone" };
const FULL: OpResult = { ok: false, why: "full" };

/** applyOp executes one operation at nowMs (monotonic milliseconds). */
export function applyOp(model: Model, op: SessionOp, nowMs: number): OpResult {
  switch (op.kind) {
    case "install": return install(model, op, nowMs);
    case "patch": return patch(model, op);
    case "replaceSide": return replaceSide(model, op);
    case "end": return end(model, op, nowMs);
  }
}

/** restsAfterEnd tells whether a port of ours rests in quarantine: a waypoint pair we chose, or a source NAT port (protocol 2.5). */
export function restsAfterEnd(session: Session): boolean {
  return session.side[1].path !== 0 || (session.flags & Flag.snat) !== 0;
}

function install(model: Model, op: Install, nowMs: number): OpResult {
  const session = structuredClone(op.session);
  const taken = searchPort(model, session, op.natSearch) ?? holder(model, session.side[0], 0) ?? holderOfUuid(model, session.uuid);
  if (taken !== undefined) return taken;
  const index = freeSlot(model);
  if (index < 0 || isFull(model) || sameSideKey(session.side[0], session.side[1])) return FULL;
  const limit = limitOf(model, session, { limits: op.limits, nowMs, dry: op.dry });
  if (limit !== undefined) return { ok: false, why: "limit", limit };
  if (op.dry === true) return { ok: true, index, localPort: session.side[1].localPort };
  session.life = Life.live;
  model.slots[index] = session;
  model.flows.set(flowKeyText(sideKey(session.side[1])), { index, side: 1 });
  model.uuids.set(toHex(session.uuid), index);
  model.flows.set(flowKeyText(sideKey(session.side[0])), { index, side: 0 });
  return { ok: true, index, localPort: session.side[1].localPort };
}

/** Every live session has its uuid key, so counting is only needed where those reach the limit. */
function isFull(model: Model): boolean {
  return model.uuids.size >= model.liveLimit && model.slots.filter((slot) => slot?.life === Life.live).length >= model.liveLimit;
}

/** Source NAT: the first free local port of the range, cyclic; without a range the key stands as given. */
function searchPort(model: Model, session: Session, search: NatSearch | undefined): OpResult | undefined {
  if (search === undefined) return holder(model, session.side[1], 1);
  let taken: OpResult | undefined;
  for (let tried = 0; tried < search.count; tried++) {
    session.side[1].localPort = search.first + ((search.start - search.first + tried) % search.count);
    taken = holder(model, session.side[1], 1);
    if (taken === undefined) return undefined;
  }
  return taken;
}

/** The answer "exists" when somebody holds the key that a side wants, resting sessions too. */
function holder(model: Model, wanted: SessionSide, side: SideIndex): OpResult | undefined {
  const entry = model.flows.get(flowKeyText(sideKey(wanted)));
  return entry === undefined ? undefined : exists(model, entry.index, side);
}

function holderOfUuid(model: Model, uuid: Uint8Array): OpResult | undefined {
  const index = model.uuids.get(toHex(uuid));
  return index === undefined ? undefined : exists(model, index, 0);
}

function exists(model: Model, index: number, side: SideIndex): OpResult {
  const other = model.slots[index] as Session;
  return { ok: false, why: "exists", other: { index, uuid: other.uuid.slice() }, side };
}

function patch(model: Model, op: Patch): OpResult {
  const session = sessionOf(model, op.ref);
  if (session === undefined) return GONE;
  const { setupMs, ...fields } = structuredClone(op.fields ?? {});
  Object.assign(session, fields);
  if (setupMs !== undefined && (session.flags & Flag.setup) === 0) Object.assign(session, { setupMs, flags: session.flags | Flag.setup });
  if (op.handshake !== undefined) session.handshake = { ...op.handshake };
  for (const side of [0, 1] as const) {
    session.packets[side] += BigInt(op.addPackets?.[side] ?? 0);
    session.bytes[side] += BigInt(op.addBytes?.[side] ?? 0);
  }
  session.flags = ((session.flags | op.setFlags) & ~op.clearFlags) >>> 0;
  session.protect = (session.protect | (op.setProtect ?? 0)) & ~(op.clearProtect ?? 0);
  return done(session, op.ref.index);
}

function done(session: Session, index: number): OpResult {
  return { ok: true, index, localPort: session.side[1].localPort };
}

function replaceSide(model: Model, op: ReplaceSide): OpResult {
  const session = sessionOf(model, op.ref);
  if (session === undefined) return GONE;
  const old = sideKey(session.side[op.side]);
  const same = sameSideKey(session.side[op.side], op.to);
  const taken = same ? undefined : holder(model, op.to, op.side);
  if (taken !== undefined) return taken;
  session.side[op.side] = structuredClone(op.to);
  model.flows.delete(flowKeyText(old));
  model.flows.set(flowKeyText(sideKey(op.to)), { index: op.ref.index, side: op.side });
  return done(session, op.ref.index);
}

function end(model: Model, op: End, nowMs: number): OpResult {
  const session = sessionOf(model, op.ref);
  if (session === undefined) return GONE;
  if (session.life === Life.live) Object.assign(session, { life: Life.guard, endReason: op.reason, sinceMs: nowMs >>> 0 });
  if (op.now) {
    session.flags |= Flag.delete;
    removeFlow(model, op.ref.index, 0);
    if (!restsAfterEnd(session)) removeFlow(model, op.ref.index, 1);
  }
  return done(session, op.ref.index);
}
