// Adaptive encryption in a shard (protocol 8.3): the ends of a watched TCP session look at what hosts say first. TLS stays as it is; for anything
// else both directions are encrypted from that packet on. The table is pkg/svr/adaptive.ts. Called by accept.ts and arrive.ts.
import { concatBytes } from "../base/bytes.ts";
import { ADAPTIVE_HOLD_MS, judgePayload, type AdaptiveEvent } from "../svr/adaptive.ts";
import { TCP_SYN } from "../svr/constants.ts";
import { parsePacket } from "../svr/packet.ts";
import { suiteOf } from "../svr/protected.ts";
import { Protect, Role } from "../svr/session.ts";
import type { SideIndex } from "../svr/session.ts";
import { changeProtect } from "./batch.ts";
import type { Handle } from "./batch.ts";
import type { HeldPayload } from "./firstpayloads.ts";
import { SECURITY_CHANGE, strengthen } from "./protection.ts";
import { stepSegment } from "./segments.ts";
import type { Arrival, Carried, Turn } from "./turn.ts";

/** Watched is a packet that arrived on a side of a session, its body in the clear. */
export interface Watched { handle: Handle; side: SideIndex; carried: Carried }

/** adapts decides a session by a packet, if it is undecided; false: the packet is held, or dropped so that its host says it again. `again` gets what was held before. */
export function adapts(turn: Turn, arrival: Arrival, at: Watched, again: (held: Arrival) => void): boolean {
  const { handle: { state }, side, carried: { packet, bodyAt, bodyEnd } } = at;
  if ((state.protect & Protect.watch) === 0 || packet.tcp === undefined || bodyEnd === bodyAt) return true;
  const payload = packet.data.subarray(bodyAt, bodyEnd);
  const event = side === 0 ? clientEvent(turn, arrival, { ...at, payload }) : { kind: "server" as const };
  const verdict = event === undefined ? "hold" : judgePayload(event, state.role === Role.egress ? "egress" : "ingress");
  if (verdict === "hold") return hold(turn, arrival, { ...at, payload });
  if (verdict === "tls") changeProtect(turn.batch, at.handle, { clear: Protect.watch });
  if (verdict === "switch") switchOn(turn, at.handle);
  for (const held of turn.protection.firsts.take(state.uuid)) sayAgain(held, at, again);
  return true;
}

/**
 * switchOn encrypts what this end sends from now on, and says so on the segment toward the other one. What comes back to an ingress begins with
 * its answer, which is repeated; an ingress answers once, and what follows may overtake that: an egress expects it at once.
 */
export function switchOn(turn: Turn, handle: Handle): void {
  const isEgress = handle.state.role === Role.egress;
  strengthen(turn, handle, { suite: suiteOf(handle.state), everyPacket: true, encrypts: true }, isEgress ? [0, 1] : [0]);
  stepSegment(turn, handle, isEgress ? 0 : 1, { kind: "trigger", reason: SECURITY_CHANGE });
}

interface Said extends Watched { payload: Uint8Array }

/** What the client has said from its first byte on; absent while that is not here. */
function clientEvent(turn: Turn, { punt }: Arrival, { handle: { state }, payload, carried: { packet } }: Said): AdaptiveEvent | undefined {
  const heldMs = turn.nowMs - (punt.arrivedMs ?? turn.nowMs), sequence = packet.tcp!.seq;
  const isOpening = (packet.tcp!.flags & TCP_SYN) !== 0;
  if (isOpening || sequence === state.nextSeq[0]) return { kind: "client", payload: joined(turn, { uuid: state.uuid, payload, next: sequence + payload.length }), heldMs };
  const before = turn.protection.firsts.of(state.uuid).find((one) => one.sequence === state.nextSeq[0]);
  const follows = before !== undefined && (before.sequence + before.payload.length >>> 0) === sequence;
  return follows ? { kind: "client", payload: concatBytes(before.payload, payload), heldMs } : undefined;
}

function joined(turn: Turn, of: { uuid: Uint8Array; payload: Uint8Array; next: number }): Uint8Array {
  const after = turn.protection.firsts.of(of.uuid).find((one) => one.sequence === of.next >>> 0);
  return after === undefined ? of.payload : concatBytes(of.payload, after.payload);
}

/** Once: what still waits for the first byte of its client after a second is dropped. The host sends it again, and nobody holds the room of others for longer. */
function hold(turn: Turn, { punt }: Arrival, { handle, payload, carried: { packet } }: Said): false {
  if (turn.nowMs - (punt.arrivedMs ?? turn.nowMs) >= ADAPTIVE_HOLD_MS) return void turn.count("limit"), false;
  const { session: _session, isCopied: _isCopied, ...rest } = punt;
  const isHeld = turn.protection.firsts.of(handle.state.uuid).some((one) => one.sequence === packet.tcp!.seq && one.payload.length >= payload.length);
  const one: HeldPayload = { punt: { ...rest, arrivedMs: punt.arrivedMs ?? turn.nowMs, data: packet.data.slice(), gsoSize: 0 }, sequence: packet.tcp!.seq, payload: payload.slice() };
  if (!isHeld && !turn.protection.firsts.hold(handle.state.uuid, one)) turn.count("limit");
  return false;
}

function sayAgain({ punt }: HeldPayload, { handle: { state, ref }, side }: Watched, again: (held: Arrival) => void): void {
  const packet = parsePacket(punt.data);
  if (packet.ok && ref !== undefined) again({ punt: { ...punt, session: { index: ref.index, side, state } }, packet: packet.value });
}
