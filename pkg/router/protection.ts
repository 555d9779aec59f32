// What a shard does for protected sessions (protocol 7.1, 8.2): offers and takes keys, gives them to the store that protect workers read,
// covers bodies that leave with the packets it sends itself, and uncovers those that arrive with metadata. Called by admit.ts, accept.ts,
// arrive.ts, control.ts, emit.ts and relay.ts; which packets that concerns is pkg/svr/protected.ts.
import { readU32, writeU32 } from "../base/bytes.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { SessionRef } from "../ports/datapath.ts";
import type { ProtectBodies, ProtectKeys } from "../ports/protect.ts";
import type { AdaptiveStart } from "../svr/adaptive.ts";
import { IPV4_HEADER, IPV6_HEADER, MSS_FLOOR, SUITE_CLEAR, TAG_BYTES, TCP_HEADER } from "../svr/constants.ts";
import type { Suite } from "../svr/encode.ts";
import type { Hkdf } from "../svr/keys.ts";
import type { Metadata, PayloadKey } from "../svr/metadata.ts";
import { FRAME_BYTES, payloadKeys, protectedGrowth, protectedLength, readFrame, trainShift } from "../svr/payload.ts";
import { canHold, isStronger, offerSecurity, protectBits, readEcho, readSecurity, securityOf, suiteOf } from "../svr/protected.ts";
import type { SecurityAsk, SessionSecurity } from "../svr/protected.ts";
import type { DropReason } from "../svr/reasons.ts";
import { Protect, Role } from "../svr/session.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import { changeFields, changeProtect } from "./batch.ts";
import type { Handle } from "./batch.ts";
import type { FirstPayloads } from "./firstpayloads.ts";
import type { PayloadKeys } from "./payloadkeys.ts";
import { stepSegment } from "./segments.ts";
import type { PathEntry, PeerEntry } from "./tables.ts";
import { carriedOf } from "./turn.ts";
import type { Arrival, Carried, OpenedArrival, Turn } from "./turn.ts";

/** FirstBody is an encrypted body of a session that does not exist yet. */
export interface FirstBody { key: PayloadKey; uuid: Uint8Array; body: Uint8Array }

/** ProtectTools are what a machine needs to protect sessions; pkg/security has them. */
export interface ProtectTools {
  keys: ProtectKeys;
  bodies: ProtectBodies;
  hkdf: Hkdf;
  /** decrypts a body of the forward direction; nothing is remembered of it */
  peek(first: FirstBody): Result<Uint8Array, DropReason>;
}

/** Protection is a shard's part of it; without tools no session may be protected. */
export interface Protection {
  tools?: ProtectTools | undefined;
  kept: PayloadKeys;
  /** what is held until adaptive encryption is decided */
  firsts: FirstPayloads;
  /** whether a session may be asked for another key now */
  mayAsk(session: number, nowMs: number): boolean;
}

const PAYLOAD_KEY_BYTES = 32, TCP_SEQ_AT = 4;

/** canCarry tells whether a session may be protected as wanted toward a peer: this machine has what it needs, and the peer can hold it. */
export function canCarry(turn: Turn, { suite, everyPacket }: Pick<SecurityAsk, "suite" | "everyPacket">, peer: PeerEntry): boolean {
  const isProtected = suite !== SUITE_CLEAR || everyPacket;
  return (!isProtected || turn.protection.tools !== undefined) && canHold(suite, { metadataSuite: peer.suite, hasTags: peer.mode !== "disabled" });
}

/** isBeyond tells metadata of a session that this machine cannot protect as it says. */
export function isBeyond(turn: Turn, { security, payloadEncrypted }: Metadata): boolean {
  const isProtected = payloadEncrypted === true || (security !== undefined && (security.suite !== SUITE_CLEAR || security.scope !== 0));
  return isProtected && turn.protection.tools === undefined;
}

/** offered is how a session of a host begins toward a peer, by its first packet. */
export function offered(turn: Turn, of: { ask: SecurityAsk; peer: PeerEntry; start: AdaptiveStart }): Result<SessionSecurity, "no-path"> {
  const { ask, peer, start } = of;
  return offerSecurity(ask, { start, key: turn.random.bytes(PAYLOAD_KEY_BYTES), metadataSuite: peer.suite });
}

/** beginProtection gives the store what packets of a session need, from its first packet on or with another key. */
export function beginProtection(turn: Turn, { state, ref }: Handle, key?: PayloadKey): void {
  const { tools } = turn.protection;
  if (tools === undefined || ref === undefined || (state.protect === 0 && key === undefined)) return;
  const peerOf = (side: SideIndex): number => turn.tables.pathById(state.side[side].path)?.peer.id ?? 0;
  const isEnd = state.role === Role.ingress || state.role === Role.egress; // transit routers see keys and keep none
  tools.keys.session({ ref, protect: state.protect, peers: [peerOf(0), peerOf(1)], ...(key === undefined || !isEnd ? {} : { body: bodyKeys(tools.hkdf, key) }) });
}

function bodyKeys(hkdf: Hkdf, { suite, index, key }: PayloadKey): { suite: 1 | 2; keyIndex: number } & ReturnType<typeof payloadKeys> {
  return { suite: suite as 1 | 2, keyIndex: index, ...payloadKeys(hkdf, key) };
}

/** sayableKey is the payload key that the ingress says: the kept one, else a new one with this number. */
export function sayableKey(turn: Turn, handle: Handle, index: number): PayloadKey {
  const { uuid } = handle.state;
  const kept = turn.protection.kept.of(uuid);
  if (kept !== undefined) return kept;
  const key: PayloadKey = { suite: suiteOf(handle.state), index, key: turn.random.bytes(PAYLOAD_KEY_BYTES) };
  turn.protection.kept.keep(uuid, key);
  beginProtection(turn, handle, key);
  return key;
}

/** takeSecurity applies what metadata says of a session that is known here, on the side where it arrived; the reason when it is dropped. */
export function takeSecurity(turn: Turn, { opened: { tlvs } }: OpenedArrival, at: { handle: Handle; side: SideIndex }): DropReason | undefined {
  const { handle, side } = at;
  const said = side === 0 ? readSecurity(tlvs, { wasEncrypted: tlvs.iv !== undefined, isKnown: true }) : readEcho(tlvs);
  if (!said.ok) return said.error;
  const stronger = isStronger(said.value, securityOf(handle.state, side));
  if (!stronger.ok) return stronger.error;
  const fault = stronger.value ? switchTo(turn, { handle, side, said: said.value }) : undefined; // encryption wins: metadata of before that comes late changes nothing
  if (fault !== undefined) return fault;
  if (handle.state.role === Role.egress && said.value.payloadKey !== undefined) beginProtection(turn, handle, said.value.payloadKey);
  return undefined;
}

/**
 * An end protects what it sends from now on as what it hears. A transit router says it on the other segment with a modify of its own (protocol 6.6),
 * unless that one must not carry it; what the ingress says is of its direction only, until the other end is heard, which goes on saying it.
 */
function switchTo(turn: Turn, { handle, side, said }: { handle: Handle; side: SideIndex; said: SessionSecurity }): DropReason | undefined {
  const { state } = handle, other = side === 0 ? 1 : 0;
  if (state.role !== Role.transit) {
    if (said.encrypts && said.payloadKey === undefined && suiteOf(state) === SUITE_CLEAR) return "no-key"; // it came with another packet, which is lost
    return void strengthen(turn, handle, said, [0, 1]);
  }
  const beyond = turn.tables.pathById(state.side[other].path)?.peer;
  if (beyond === undefined || !canCarry(turn, said, beyond)) return "no-path";
  strengthen(turn, handle, said, side === 0 ? [0] : [0, 1]);
  stepSegment(turn, handle, other, { kind: "trigger", reason: SECURITY_CHANGE });
  return undefined;
}

/** strengthen protects directions of a session as said from now on; what they were protected with before stays. */
export function strengthen(turn: Turn, handle: Handle, to: SessionSecurity, directions: readonly SideIndex[]): void {
  const { state } = handle;
  if (suiteOf(state) !== to.suite) changeFields(turn.batch, handle, { security: to.suite });
  changeProtect(turn.batch, handle, { set: protectBits(state.role, to, directions) & ~Protect.watch, clear: to.encrypts ? Protect.watch : 0 });
  beginProtection(turn, handle);
}

/** SECURITY_CHANGE is the reason of a modify by which bodies are encrypted from then on (protocol 6.6). */
export const SECURITY_CHANGE = 2;

/** isSealed tells a packet that came without metadata and as no worker has opened it: it has a tag. */
export function isSealed({ punt: { session, isOpened } }: Arrival): boolean {
  if (session === undefined || isOpened === true) return false;
  return (session.state.protect & (session.side === 0 ? Protect.openFwd : Protect.openRev)) !== 0;
}

const bodyBit = [Protect.bodyFwd, Protect.bodyRev] as const, sealBit = [Protect.sealFwd, Protect.sealRev] as const, markBit = [Protect.encrypted, Protect.encryptedRev] as const;

/** uncovered is the body of a packet that arrived on a side, decrypted where it is encrypted; absent when it was dropped, and counted. */
export function uncovered(turn: Turn, arrival: Arrival, at: { handle: Handle; side: SideIndex }): Carried | undefined {
  const { handle: { state, ref }, side } = at;
  const carried = carriedOf(arrival);
  const { bodyAt, bodyEnd, packet } = carried;
  if (arrival.punt.isOpened === true || state.side[side].path === 0 || (state.protect & bodyBit[side]) === 0 || bodyEnd === bodyAt) return carried;
  if (isSaidClear(carried.tlvs)) return void turn.count("decrypt-failure", arrival.opened?.peer); // of before the switch
  const plain = runBody(turn, { ref, direction: side, opens: true, body: packet.data.subarray(bodyAt, bodyEnd) });
  if (plain.ok) return withBody(carried, plain.value);
  turn.count(plain.error, arrival.opened?.peer);
  return undefined;
}

/** Full metadata says of its own body whether it is encrypted; other packets are as their session is. */
function isSaidClear(tlvs: Metadata | undefined): boolean {
  return (tlvs?.forwardContext !== undefined || tlvs?.reverseContext !== undefined) && tlvs.payloadEncrypted !== true;
}

/** A segment of a train whose metadata a transit router said has its place in the stream back (docs/decisions/026). */
function withBody({ packet, ...carried }: Carried, plain: Uint8Array): Carried {
  const { data, tcp } = packet, { bodyAt, bodyEnd } = carried;
  const shift = tcp === undefined ? 0 : trainShift(readFrame(data, bodyAt), bodyEnd - bodyAt - plain.length), seq = (tcp?.seq ?? 0) - shift >>> 0;
  if (tcp !== undefined) writeU32(data, packet.l4 + TCP_SEQ_AT, seq);
  data.set(plain, bodyAt);
  return { ...carried, packet: tcp === undefined ? packet : { ...packet, tcp: { ...tcp, seq } }, bodyEnd: bodyAt + plain.length };
}

function runBody(turn: Turn, job: { ref: SessionRef | undefined; direction: SideIndex; opens: boolean; body: Uint8Array }): Result<Uint8Array, DropReason> {
  const { tools } = turn.protection;
  if (tools === undefined || job.ref === undefined) return fail("no-key");
  const [result] = tools.bodies.run([{ ...job, ref: job.ref }], Math.floor(turn.nowUnixMs / 1000));
  return result ?? fail("no-key");
}

/** firstPlain is the body of a packet that opens a session, in the clear; the reason when it is not what its key says. The packet stays as it is. */
export function firstPlain(turn: Turn, { opened, packet }: OpenedArrival, key: PayloadKey): Result<Uint8Array, DropReason> {
  const body = packet.data.subarray(opened.bodyAt, opened.bodyEnd);
  if (body.length === 0) return ok(body);
  return turn.protection.tools?.peek({ key, uuid: opened.tlvs.uuid as Uint8Array, body }) ?? fail("no-key");
}

/** Cover is what a body needs that leaves with a packet of ours: a tag, and a suite if it is encrypted. */
export interface Cover { ref: SessionRef | undefined; direction: SideIndex; suite: Suite; /** the ends encrypt it, this router does not */ passes?: true }

/** coverOf tells what packets of a session need that leave on a side; absent when nothing. */
export function coverOf({ state, ref }: Handle, to: SideIndex): Cover | undefined {
  const direction = to === 1 ? 0 : 1;
  if ((state.protect & (sealBit[direction] | bodyBit[direction])) === 0) return undefined;
  const passes = state.role === Role.transit && (state.protect & markBit[direction]) !== 0;
  return { ref, direction, suite: (state.protect & bodyBit[direction]) === 0 ? SUITE_CLEAR : suiteOf(state), ...(passes && { passes }) };
}

/** moveInTrain moves a segment of a train by its tag again, which the worker that opened it took off: it leaves with a tag alone (docs/decisions/026). */
export function moveInTrain(cover: Cover, data: Uint8Array, at: { l4: number; body: number }): void {
  if (cover.passes !== true || data.length - at.body <= FRAME_BYTES) return;
  writeU32(data, at.l4 + TCP_SEQ_AT, readU32(data, at.l4 + TCP_SEQ_AT) + trainShift(readFrame(data, at.body), TAG_BYTES) >>> 0);
}

/** growthOf is how much longer a body becomes. */
export function growthOf(cover: Cover | undefined, length: number): number {
  return cover === undefined ? 0 : protectedLength(cover.suite, length) - length;
}

/** coverBody encrypts a body in place, with room for its growth behind it. */
export function coverBody(turn: Turn, cover: Cover | undefined, data: Uint8Array, body: { at: number; end: number }): Result<void, "no-key"> {
  if (cover === undefined || cover.suite === SUITE_CLEAR || body.end === body.at) return ok(undefined);
  const covered = runBody(turn, { ref: cover.ref, direction: cover.direction, opens: false, body: data.subarray(body.at, body.end) });
  if (!covered.ok) return fail("no-key");
  data.set(covered.value, body.at);
  return ok(undefined);
}

/** clampOf is what the MSS option of a session may say so that its segments fit a path once they are protected (protocol 10.4); 0 leaves it. */
export function clampOf(session: Pick<Session, "security" | "protect">, { mss, mtu, family }: PathEntry): number {
  const growth = protectedGrowth(securityOf(session));
  if (mss === 0 || growth === 0) return mss;
  return Math.min(mss, Math.max(MSS_FLOOR, mtu - (family === 4 ? IPV4_HEADER : IPV6_HEADER) - TCP_HEADER - growth));
}
