// A session as it begins: identity, sides, timers. Called by admit.ts and accept.ts; writes nothing.
import { crc32 } from "node:zlib";
import { addressOfWords } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { uuidFrom } from "../base/ids.ts";
import type { AdaptiveStart } from "../svr/adaptive.ts";
import { protectBits, storedSecurity } from "../svr/protected.ts";
import type { SessionSecurity } from "../svr/protected.ts";
import { emptyHandshake } from "../svr/segmentfields.ts";
import { Flag, Life, Role, TcpState } from "../svr/session.ts";
import type { Session, SessionContext, SessionSide } from "../svr/session.ts";
import { IPV4_HEADER, IPV6_HEADER, PROTO_UDP, TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN, UDP_HEADER } from "../svr/constants.ts";
import type { Packet } from "../svr/packet.ts";
import { openingScale, windowScale } from "../svr/tcpwindow.ts";
import type { Carried } from "./turn.ts";
import type { ServiceEntry } from "./tables.ts";
import type { Turn } from "./turn.ts";

/** Beginning is what differs between the ways a session can begin. */
export interface Beginning {
  context: SessionContext;
  tenant: number;
  service: ServiceEntry;
  sides: [SessionSide, SessionSide];
  flags: number;
  /** number of the service route, 0 none */
  route: number;
  sourceRouter: number;
  /** given by metadata; absent on the ingress, which makes it */
  uuid?: Uint8Array | undefined;
  parentSpan?: Uint8Array | undefined;
  traceFlags?: number | undefined;
  /** absent: metadata is signed, and nothing else is protected */
  security?: SessionSecurity | undefined;
  /** what its first packet is to adaptive encryption, where the service wants that */
  start?: AdaptiveStart | undefined;
  /** remaining idle time that the neighbour told, milliseconds */
  idleMs?: number | undefined;
}

const NO_SPAN = new Uint8Array(8);

/** newSession fills a session that starts with this packet. */
export function newSession(turn: Turn, carried: Carried, beginning: Beginning): Session {
  const packet = carried.packet;
  const { context, sides, service } = beginning;
  const now32 = (turn.nowMs >>> 0) || 1;
  const uuid = beginning.uuid ?? uuidFrom(turn.random.bytes(16)), role = roleOf(sides);
  return {
    side: sides, flags: (firstFlags(carried, beginning) | (service.asksHealth ? Flag.health : 0) | mixedFlag(sides, context)) >>> 0, life: Life.live,
    tcpState: context.proto === 6 ? openingState(packet) : TcpState.none, tcpBeforeReset: TcpState.none, endReason: 0,
    seenMs: [now32, 0], sinceMs: now32, idleMs: beginning.idleMs ?? service.idleMs(context.proto, context.destinationPort),
    nextSeq: [sequenceAfter(carried), packet.tcp?.ack ?? 0], lastAck: [packet.tcp?.ack ?? 0, 0],
    ...firstCounts(carried, beginning), isn: packet.tcp?.seq ?? service.initialMs(context.proto, context.destinationPort),
    tenant: beginning.tenant, service: service.id, uuid, createdMs: turn.nowMs, context,
    role, shard: turn.shard, sourceRouter: beginning.sourceRouter, security: storedSecurity(beginning.security ?? { suite: 0 }, beginning.start), health: 0,
    span: turn.random.bytes(8), parentSpan: beginning.parentSpan ?? NO_SPAN, traceFlags: beginning.traceFlags ?? 1,
    trafficClass: service.classOf(context.proto, context.destinationPort), route: beginning.route, window: [packet.tcp === undefined || (packet.tcp.flags & TCP_ACK) === 0 ? 0 : packet.tcp.window, 0], handshake: emptyHandshake(),
    setupMs: 0, retransmissions: 0, outOfOrder: 0, interimMs: now32,
    answer: sides[1].path === 0 ? sides[1].remote : addressOfWords(context.family, 0), flowLabel: crc32(uuid) & 0xfffff, protect: beginning.security === undefined ? 0 : protectBits(role, beginning.security),
  };
}

function roleOf(sides: [SessionSide, SessionSide]): Role {
  if (sides[0].path === 0) return sides[1].path === 0 ? Role.single : Role.ingress;
  return sides[1].path === 0 ? Role.egress : Role.transit;
}

function enforcementFlags(service: ServiceEntry): number {
  if (service.enforcement === "strict") return Flag.strict | Flag.rstOnEnd;
  return service.enforcement === "reset" ? Flag.rstOnEnd : 0;
}

/** Families differ: bytes are counted as those of the inner packets. */
function mixedFlag(sides: readonly SessionSide[], { family }: SessionContext): number {
  return sides.some((side) => side.family !== family) ? Flag.mixed : 0;
}

/** Under enforcement strict a SYN tells the scale of its windows (behaviour 3.4). */
function firstFlags({ packet }: Carried, { flags, service }: Beginning): number {
  const all = flags | enforcementFlags(service);
  return (all & Flag.strict) !== 0 && isOpeningSyn(packet) ? openingScale(all, windowScale(packet.data, packet.l4)) : all;
}

/** A SYN opens in SYN-SENT, everything else that is let in is in the middle of a connection (behaviour 3.4). */
function openingState(packet: Packet): TcpState {
  return isOpeningSyn(packet) ? TcpState.synSent : TcpState.established;
}

/** isOpeningSyn tells a SYN without ACK. */
export function isOpeningSyn(packet: Packet): boolean {
  return packet.tcp !== undefined && (packet.tcp.flags & (TCP_SYN | TCP_ACK)) === TCP_SYN;
}

/** endsConnection tells a FIN or RST, which never opens a session (behaviour 3.4). */
export function endsConnection(packet: Packet): boolean {
  return packet.tcp !== undefined && (packet.tcp.flags & (TCP_FIN | TCP_RST)) !== 0;
}

/** sequenceAfter is the TCP sequence that follows a segment without its metadata; 0 when it is not TCP. */
export function sequenceAfter(carried: Carried): number {
  const tcp = carried.packet.tcp;
  if (tcp === undefined) return 0;
  const synFin = (tcp.flags & TCP_SYN ? 1 : 0) + (tcp.flags & TCP_FIN ? 1 : 0);
  return (tcp.seq + (carried.bodyEnd - carried.bodyAt) + synFin) >>> 0;
}

/** The packet that opens a session is its first one, unless it carries no body (keep-alive). */
function firstCounts(carried: Carried, beginning: Beginning): Pick<Session, "packets" | "bytes"> {
  if (carried.tlvs?.control !== undefined || carried.tlvs?.pathMetrics?.drop === true) return { packets: [0n, 0n], bytes: [0n, 0n] };
  return { packets: [1n, 0n], bytes: [BigInt(innerBytes(carried, beginning.sides[0], beginning.context)), 0n] };
}

/** innerBytes is the size of the inner packet from its IP header on, without metadata and trailers (behaviour 13.1). */
export function innerBytes(carried: Carried, side: SessionSide, inner: Pick<SessionContext, "proto" | "family">): number {
  const { packet } = carried;
  if (side.path === 0) return packet.end;
  const outer = packet.payload + (carried.bodyEnd - carried.bodyAt) + ipHeader[inner.family] - ipHeader[packet.family];
  return packet.proto === PROTO_UDP && inner.proto !== PROTO_UDP ? outer - UDP_HEADER : outer;
}

const ipHeader = { 4: IPV4_HEADER, 6: IPV6_HEADER } as const;

/** hostSide is the side of a session toward hosts. */
export function hostSide(at: { ifnum: number; vlan: number; nexthop: number }, remote: IpAddress, local: IpAddress, ports: { remote: number; local: number; proto: number }): SessionSide {
  return {
    remote, local, remotePort: ports.remote, localPort: ports.local, ifnum: at.ifnum, vlan: at.vlan, nexthop: at.nexthop,
    path: 0, proto: ports.proto, family: remote.family,
  };
}
