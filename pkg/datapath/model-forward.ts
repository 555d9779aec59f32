// The fast path written plainly: one packet in, one verdict out, the session changed in place. Called by model.ts and by the
// differential fuzz; the eBPF program must agree with it in verdict, bytes and session. Total: no packet throws.
import { findFlow, otherSide } from "./model-state.ts";
import type { Model } from "./model-state.ts";
import type { NexthopEntry } from "../ports/datapath.ts";
import { readU16 } from "../base/bytes.ts";
import { startsWithCookie } from "../svr/decode.ts";
import { contextEnds, hasEnds, isPorted, portedHeader } from "../svr/carried.ts";
import { ICMP_HEADER, IP_LENGTH_MAX, IPV4_HEADER, IPV6_HEADER, PROTO_TCP, PROTO_UDP, UDP_HEADER } from "../svr/constants.ts";
import { isUnheard } from "../svr/health.ts";
import { answersFirst, isIcmpReply, isIcmpRequest } from "../svr/icmp.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Flag, Life, TcpState } from "../svr/session.ts";
import type { Session, SessionSide, SideIndex } from "../svr/session.ts";
import { hasBadFlags } from "../svr/sanity.ts";
import { tcpStep } from "../svr/tcpstate.ts";
import type { TcpStep } from "../svr/tcpstate.ts";
import { windowScale } from "../svr/tcpwindow.ts";
import { copyArrival, copyLeaving } from "./model-copy.ts";
import { carriesCookie, COOKIE_TRUST } from "./model-cookie.ts";
import { isFiltered } from "./model-filter.ts";
import { judgeMiss } from "./model-miss.ts";
import { quotedFlow } from "./model-quote.ts";
import { parsePacket, wireBytes, wireHeaders } from "./model-parse.ts";
import type { PacketIn, ParsedPacket } from "./model-parse.ts";
import { isInspected, isSealedOnArrival, isSealedOnLeaving, openedFlow, ProtectCauses, sealGrowth } from "./model-protect.ts";
import { isIcmp, rewritePacket } from "./model-rewrite.ts";
import { Cause, dropped, passed, punted } from "./model-verdict.ts";
import type { Verdict } from "./model-verdict.ts";

/** Judged is what the model made of a packet: verdict, what it read, and the flow it found; for an ICMP error that of its quote. */
export interface Judged { verdict: Verdict; parsed: ParsedPacket; flow?: { index: number; side: SideIndex; session: Session } }

/** Hit is a packet of a known session. */
interface Hit { data: Uint8Array; parsed: ParsedPacket; session: Session; side: SideIndex; from: SessionSide; to: SessionSide; nexthop: NexthopEntry | undefined; nowMs: number; inactivityMs: number; isOpened: boolean }

/** forward judges one packet at nowMs (monotonic milliseconds) and changes the session it belongs to (architecture 3.1). */
export function forward(model: Model, packet: PacketIn, nowMs: number): Judged {
  const parsed = parsePacket(packet, model.config.icmpByType === true);
  if (!model.interfaces.has(packet.ifnum) || parsed.shape === "foreign") return { verdict: passed, parsed };
  const flow = parsed.shape === "ok" && parsed.keyed ? findFlow(model, { ...parsed, ifnum: packet.ifnum, vlan: packet.vlan }) : undefined;
  if (flow !== undefined) copyArrival(model, { ...packet, nowMs }, parsed, flow);
  if (parsed.shape !== "bad" && isFiltered(model, packet, parsed)) return { verdict: dropped("filter"), parsed, ...(flow && { flow }) };
  if (flow === undefined) {
    const quoted = quotedFlow(model, packet, parsed);
    const verdict = judgeMiss(model, packet, { parsed, nowMs, quotes: quoted !== undefined });
    return quoted === undefined ? { verdict, parsed } : { verdict, parsed, flow: quoted };
  }
  return forwardFlow(model, { data: packet.data, parsed, nowMs, isOpened: false }, flow);
}

/** forwardOpened judges a packet that a protect worker opened, as if it had just arrived. */
export function forwardOpened(model: Model, packet: Omit<PacketIn, "ifnum" | "vlan"> & { index: number; side: SideIndex }, nowMs: number): Judged {
  const parsed = parsePacket({ ...packet, ifnum: 0, vlan: 0 }, model.config.icmpByType === true);
  const flow = openedFlow(model, packet, parsed);
  return flow === undefined ? { verdict: dropped("no-flow"), parsed } : forwardFlow(model, { data: packet.data, parsed, nowMs, isOpened: true }, flow);
}

function forwardFlow(model: Model, packet: Pick<Hit, "data" | "parsed" | "nowMs" | "isOpened">, flow: { index: number; side: SideIndex; session: Session }): Judged {
  const { session, side } = flow, { parsed, nowMs } = packet;
  const to = session.side[otherSide(side)];
  const hit: Hit = { ...packet, session, side, from: session.side[side], to, nexthop: model.nexthops.get(to.nexthop), inactivityMs: model.config.timers.inactivityMs };
  const verdict = judgeHit(model, hit);
  if (verdict.kind === "out") copyLeaving(model, { nowMs, data: verdict.data, nexthop: hit.nexthop as NexthopEntry }, parsed, flow);
  return { verdict, parsed, flow };
}

/** The order is part of the contract: what a shard must see, what cannot leave, TCP state, then out. */
function judgeHit(model: Model, hit: Hit): Verdict {
  const held = judgeHeld(hit) ?? judgeShape(hit) ?? judgeHop(hit);
  if (held !== undefined) return held;
  const step = stepTcp(hit);
  if (step === "illegal" || step?.verdict === "drop") return dropped("state");
  if (step?.verdict === "newSyn") return punted(Cause.newSyn);
  const { session, parsed, to } = hit;
  const nexthop = hit.nexthop as NexthopEntry;
  const limit = parsed.family === 4 ? nexthop.mss4 : nexthop.mss6;
  const data = rewritePacket(hit.data, parsed, { session, out: to, mss: model.mssClamp ? limit : 0, ...(to.path !== 0 && nexthop.cuttable && { ipId: nextIpId(model) }) });
  bookTcp(hit, step);
  book(hit, step === undefined ? session.life === Life.live : step.restart);
  return isSealedOnLeaving(session, hit.side) ? { kind: "protect", cause: ProtectCauses.seal, nexthop: to.nexthop, data } : { kind: "out", nexthop: to.nexthop, vlan: nexthop.vlan, data };
}

/** The data plane draws it at random; what matters is that the next packet has another. */
function nextIpId(model: Model): number {
  model.ipId = (model.ipId + 1) & 0xffff;
  return model.ipId;
}

/** Every segment of UDP, and of a host's TCP until it is trusted; never again once it had a cookie. */
function looksAtAll({ session, side, from, parsed }: Hit): boolean {
  if (parsed.proto !== PROTO_TCP) return true;
  return from.path === 0 && ((session.flags & Flag.cookies) !== 0 || session.bytes[side] < BigInt(COOKIE_TRUST));
}

/** What comes sealed: with the cookie the shard opens it, without a protect worker does. An opened body may look like anything. */
function judgeSealed(hit: Hit): Verdict | undefined {
  const { session, side } = hit;
  if (hit.isOpened) return undefined;
  if (carriesCookie(hit.data, hit.parsed, looksAtAll(hit) ? "all" : "ends")) {
    if (hit.parsed.proto === PROTO_TCP && hit.from.path === 0) session.flags |= Flag.cookies;
    return punted(Cause.cookie);
  }
  return isSealedOnArrival(session, side) ? { kind: "protect", cause: ProtectCauses.open, nexthop: 0, data: hit.data.slice(0, hit.parsed.length) } : undefined;
}

function judgeHeld(hit: Hit): Verdict | undefined {
  const { session, side } = hit;
  const sealed = judgeSealed(hit);
  if (sealed !== undefined) return sealed;
  if ((session.flags & (side === 0 ? Flag.fwdMeta : Flag.revMeta)) !== 0) return punted(Cause.needMeta);
  const isSlow = (session.flags & (side === 0 ? Flag.fwdSlow : Flag.revSlow)) !== 0;
  if (isSlow || isInspected(session, hit.parsed)) return punted(Cause.slow);
  return isWatched(hit) && isUnheard(session, side, { nowMs: hit.nowMs, limitMs: hit.inactivityMs }) ? punted(Cause.slow) : undefined;
}

/** Recovery by inactivity toward a peer, forward packets after a move (protocol 6.7, behaviour 7.5). */
function isWatched({ session, side, to }: Hit): boolean {
  if ((session.flags & Flag.moved) !== 0 && side === 0) return true;
  return (session.flags & Flag.health) !== 0 && to.path !== 0;
}

/** What only user space can turn from one side's protocol or family into the other's. */
function judgeShape(hit: Hit): Verdict | undefined {
  const { parsed, to, from } = hit;
  if (parsed.family !== to.family && !mayChangeFamily(hit)) return punted(Cause.slow);
  if (parsed.proto === to.proto) return undefined;
  if (parsed.gsoSize > 0 || parsed.proto === PROTO_TCP || to.proto === PROTO_TCP) return punted(Cause.slow);
  if (to.proto === PROTO_UDP) return startsWithCookie(hit.data, parsed.l4, parsed.length) ? punted(Cause.cookie) : undefined;
  return from.proto === PROTO_UDP ? judgeCarried(hit) : punted(Cause.slow);
}

/** Over IPv6 a UDP checksum must be made good; super-packets of UDP and what is too long for IPv4 are user space's. */
function mayChangeFamily({ parsed, data }: Hit): boolean {
  if (parsed.length > IP_LENGTH_MAX - UDP_HEADER && parsed.gsoSize === 0) return false;
  if (parsed.proto !== PROTO_UDP) return true;
  return parsed.gsoSize === 0 && (parsed.family === 6 || readU16(data, parsed.l4 + 6) !== 0);
}

/** A carried packet must be whole; ICMP a query on its way forward or an answer on its way back, others of the session's own ports (protocol 3.3). */
function judgeCarried(hit: Hit): Verdict | undefined {
  const { parsed, to } = hit;
  if (parsed.udpLength !== parsed.payload + UDP_HEADER) return dropped("filter");
  if (isIcmp(to.proto)) return judgeCarriedIcmp(hit);
  if (!isPorted(to.proto)) return undefined;
  return parsed.payload >= portedHeader(to.proto) && hasEnds(hit.data, parsed.payloadAt, contextEnds(hit.session.context, hit.side === 0)) ? undefined : dropped("filter");
}

function judgeCarriedIcmp({ parsed, data, side, to, session }: Hit): Verdict | undefined {
  if (parsed.payload < ICMP_HEADER) return dropped("filter");
  if (readU16(data, parsed.l4 + 6) === 0) return punted(Cause.slow);
  const type = data[parsed.payloadAt]!;
  const fits = (side === 0) !== answersFirst(session.context) ? isIcmpRequest(to.family, type) : isIcmpReply(to.family, type);
  return fits ? undefined : dropped("state");
}

/** Next hop missing, too small, too far. Options do not travel (protocol 2.7). */
function judgeHop(hit: Hit): Verdict | undefined {
  const { parsed, nexthop } = hit;
  if (nexthop === undefined) return dropped("no-nexthop");
  const arrived = parsed.segments > 1 ? wireHeaders(parsed) + parsed.gsoSize : parsed.length;
  const options = parsed.l4 - (parsed.family === 4 ? IPV4_HEADER : IPV6_HEADER);
  if (nexthop.mtu !== 0 && arrived - options + growth(hit) + sealGrowth(hit.session, hit.side) > nexthop.mtu) return punted(Cause.mtu);
  return parsed.ttl <= 1 ? punted(Cause.ttl) : undefined;
}

/** Bytes by which a carrier and another IP header make a packet longer. */
function growth({ from, to }: Hit): number {
  const header = ipHeader[to.family] - ipHeader[from.family];
  if (from.proto === to.proto) return header;
  return header + (from.proto === PROTO_UDP ? -UDP_HEADER : UDP_HEADER);
}

const ipHeader = { 4: IPV4_HEADER, 6: IPV6_HEADER } as const;

function stepTcp(hit: Hit): TcpStep | "illegal" | undefined {
  const { session, parsed, side } = hit;
  if (parsed.proto !== PROTO_TCP || session.tcpState === TcpState.none) return undefined;
  if (hasBadFlags(parsed.tcpFlags)) return "illegal";
  return tcpStep(session, { side, flags: parsed.tcpFlags, seq: parsed.seq, ack: parsed.ack, payload: parsed.payload, window: parsed.window, scale: windowScale(hit.data, parsed.l4) }, hit.nowMs >>> 0);
}

function bookTcp(hit: Hit, step: TcpStep | undefined): void {
  if (step === undefined) return;
  const { session } = hit;
  const { life, flags, tcpState, tcpBeforeReset, sinceMs, isn, nextSeq, lastAck, window, retransmissions, outOfOrder } = step.state;
  Object.assign(session, { life, flags, tcpState, tcpBeforeReset, sinceMs, isn, nextSeq, lastAck, window, retransmissions, outOfOrder });
  if (step.ended !== undefined) session.endReason = reasonNumber(step.ended);
  if (step.setUp === true) bookSetup(hit);
}

/** Set-up time in milliseconds + 1 (behaviour 13.1); who knows it first keeps it. */
function bookSetup(hit: Hit): void {
  const { session } = hit;
  if (session.setupMs === 0) session.setupMs = (hit.nowMs - session.createdMs + 1) >>> 0;
  session.flags |= Flag.setup;
}

/** Counters, last seen, handshake: a plain forward packet proves that the initiator heard us (protocol 6.1). */
function book(hit: Hit, restart: boolean): void {
  const { session, side, parsed } = hit;
  if (restart) session.seenMs[side] = (hit.nowMs >>> 0) || 1;
  session.packets[side] += BigInt(parsed.segments);
  session.bytes[side] += BigInt(wireBytes(parsed) - (isCarried(hit) ? UDP_HEADER : 0) + parsed.segments * innerGrowth(hit));
  if (side === 1 && session.tcpState === TcpState.none && (session.flags & Flag.setup) === 0) bookSetup(hit);
  if (side === 0 && (session.flags & Flag.holdMeta) === 0) session.flags &= ~Flag.revMeta;
}

/** Bytes are those of the inner packet: the carrier's header is not counted (behaviour 13.1). */
function isCarried(hit: Hit): boolean {
  if (hit.from.proto !== PROTO_UDP || hit.from.path === 0) return false;
  return (hit.to.path !== 0 ? hit.session.context.proto : hit.to.proto) !== PROTO_UDP;
}

/** ... and neither is the difference between the two IP headers. */
function innerGrowth({ session, from }: Hit): number {
  return (session.flags & Flag.mixed) === 0 || from.path === 0 ? 0 : ipHeader[session.context.family] - ipHeader[from.family];
}
