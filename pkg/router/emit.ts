// Packets as they leave toward peers, on waypoints, with or without metadata. Called by relay.ts and say.ts; the bytes are
// laid out by pkg/svr, signed and sent when the batch ends. Those to hosts are emithost.ts.
import { buildPacket } from "../svr/build.ts";
import { contextEnds, hasCoveringSum } from "../svr/carried.ts";
import type { PacketEnds } from "../svr/carried.ts";
import { PROTO_TCP, PROTO_UDP, TCP_ACK } from "../svr/constants.ts";
import { startsWithCookie } from "../svr/decode.ts";
import type { Endpoints } from "../svr/layout.ts";
import type { Metadata } from "../svr/metadata.ts";
import { parsePacket } from "../svr/packet.ts";
import type { Packet } from "../svr/packet.ts";
import type { Session, SessionContext, SessionSide, SideIndex } from "../svr/session.ts";
import { EMPTY_HEADER, nextIpId } from "./outputplan.ts";
import { clampOf } from "./protection.ts";
import type { Cover } from "./protection.ts";
import { planOutput } from "./sealing.ts";
import type { PathEntry } from "./tables.ts";
import type { Carried, Original, Turn } from "./turn.ts";

/** ToPeer is a body for the waypoints of a side; `tlvs` where the handshake wants metadata. */
export interface ToPeer {
  side: SessionSide;
  path: PathEntry;
  carried: Carried;
  tlvs?: Metadata | undefined;
  original?: Original | undefined;
  cover?: Cover | undefined;
}

/** emitToPeer sends a body on the waypoints; without metadata only when it does not look like metadata (protocol 3.4). */
export function emitToPeer(turn: Turn, session: Session, to: ToPeer): ReturnType<typeof planOutput> {
  const { side, path, carried, original, cover } = to;
  const { packet, bodyAt, bodyEnd } = carried;
  const looksLikeOurs = (cover?.suite ?? 0) === 0 && startsWithCookie(packet.data, bodyAt, bodyEnd); // encrypted, it begins with its counter
  const tlvs = to.tlvs ?? (looksLikeOurs ? EMPTY_HEADER : undefined);
  const hadMetadata = carried.tlvs !== undefined;
  return planOutput(turn, {
    packet, to: endpoints(side), body: { at: bodyAt, end: bodyEnd }, path, nexthop: side.nexthop, isVerified: hadMetadata,
    options: { carrier: side.proto, inner: innerEnds(session.context, side === session.side[1]), flowLabel: session.flowLabel, mss: clampOf(session, path), take: turn.take, bodyAt: hadMetadata ? bodyAt : undefined, bodyEnd: hadMetadata ? bodyEnd : undefined, dontFragment: path.cuttable !== true, ipId: freshId(turn, path) },
    tlvs, original, cover,
  });
}

/** innerEnds are the ends of the inner packet where its checksum must follow them (protocol 3.3). */
export function innerEnds(context: SessionContext, forward: boolean): PacketEnds | undefined {
  return hasCoveringSum(context.proto) ? contextEnds(context, forward) : undefined;
}

/** emitControl sends metadata without a body on the waypoints of a session. */
export function emitControl(turn: Turn, session: Session, message: { side: SideIndex; path: PathEntry; tlvs: Metadata }): void {
  const side = session.side[message.side];
  const sender = message.side === 1 ? 0 : 1; // packets that leave on side 1 are of the forward direction
  emitGenerated(turn, { to: endpoints(side), nexthop: side.nexthop, path: message.path, tlvs: message.tlvs, proto: side.proto,
    tcp: { seq: session.nextSeq[sender], ack: session.lastAck[sender] } });
}

/** emitAnswer sends metadata without a body back to where a packet of an unknown flow came from (protocol 6.4). */
export function emitAnswer(turn: Turn, message: { path: PathEntry; packet: Packet; tcp: GeneratedTcp; tlvs: Metadata }): void {
  const { packet, path, tcp, tlvs } = message;
  const to = { source: packet.destination, destination: packet.source, sourcePort: packet.destinationPort, destinationPort: packet.sourcePort };
  emitGenerated(turn, { to, nexthop: path.nexthop, path, tlvs, proto: packet.proto, tcp });
}

/** ErrorOut is an ICMP error toward a peer: header TLV 20 or 21, TLV 6, and the message (protocol 12.3). */
export type ErrorOut = Pick<Generated, "to" | "nexthop" | "path" | "tlvs"> & { body: Uint8Array };

/** emitError sends an ICMP error on the waypoints of a session, as UDP whatever carries the session. */
export function emitError(turn: Turn, out: ErrorOut): void {
  emitGenerated(turn, { ...out, proto: PROTO_UDP, tcp: { seq: 0, ack: 0 } });
}

/** GeneratedTcp are the numbers of what a router generates on a TCP carrier (protocol 6.4). */
export interface GeneratedTcp {
  seq: number;
  ack: number;
}

interface Generated {
  to: Endpoints;
  nexthop: number;
  path: PathEntry;
  tlvs: Metadata;
  proto: number;
  tcp: GeneratedTcp;
  body?: Uint8Array;
}

function emitGenerated(turn: Turn, message: Generated): void {
  const { to, nexthop, path, tlvs, proto, tcp } = message;
  const ports = { sourcePort: to.sourcePort, destinationPort: to.destinationPort };
  const bare = buildPacket({ source: to.source, destination: to.destination },
    proto === PROTO_TCP ? { kind: "tcp", ...ports, ...tcp, flags: TCP_ACK } : { kind: "udp", ...ports }, message.body);
  const packet = parsePacket(bare);
  if (!packet.ok) return turn.count(packet.error);
  const sent = planOutput(turn, {
    packet: packet.value, to, options: { ttl: packet.value.ttl, dontFragment: path.cuttable !== true, ipId: freshId(turn, path) }, body: { at: packet.value.payload, end: packet.value.end }, path, tlvs, nexthop, isVerified: true,
  });
  if (!sent.ok) turn.count(sent.error, path.peer);
}

/** The identification of a packet that may be cut; else that of the host stays (protocol 2.7). */
function freshId(turn: Turn, path: PathEntry): number | undefined {
  return path.cuttable === true && path.family === 4 ? nextIpId(turn) : undefined;
}

/** endpoints are the addresses and ports of packets that leave on a side. */
export function endpoints(side: SessionSide): Endpoints {
  return { source: side.local, destination: side.remote, sourcePort: side.localPort, destinationPort: side.remotePort };
}
