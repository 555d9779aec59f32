// Packets as they leave: to a host with the inner addresses, to a peer on its waypoints with or without metadata. Lays the
// bytes out; signing is sealing.ts, sending is shard.ts. Called by relay.ts and say.ts.
import { writeU16 } from "../base/bytes.ts";
import { writeIpHeader } from "../svr/build.ts";
import { finishChecksum } from "../svr/checksum.ts";
import * as wire from "../svr/constants.ts";
import { startsWithCookie } from "../svr/decode.ts";
import type { Metadata } from "../svr/metadata.ts";
import type { Packet } from "../svr/packet.ts";
import { isIcmpRequest } from "../svr/icmp.ts";
import type { Session, SessionSide, SideIndex } from "../svr/session.ts";
import { sealed } from "./sealing.ts";
import type { PathEntry } from "./tables.ts";
import type { Carried, Turn } from "./turn.ts";

const EMPTY: Metadata = {};

/** emitToHost sends a body as the host expects it: inner addresses, all checksums, nothing of ours. */
export function emitToHost(turn: Turn, session: Session, to: { side: SessionSide; carried: Carried }): void {
  const { side, carried } = to;
  const header = transportHeader(side, carried);
  const data = layOut(side, carried, { header, middle: 0, trailer: 0 });
  const l4 = ipHeaderBytes(side);
  if (isIcmp(side.proto)) writeIdentifier(data, l4, side);
  finishChecksum(data, l4);
  turn.batch.outputs.push({ frame: { nexthop: side.nexthop, data } });
}

/** emitToPeer sends a body on the waypoints; without metadata only when it does not look like metadata (protocol 3.4). */
export function emitToPeer(turn: Turn, session: Session, to: { side: SessionSide; path: PathEntry; carried: Carried; tlvs?: Metadata }): void {
  const { side, path, carried } = to;
  const tlvs = to.tlvs ?? (startsWithCookie(carried.packet.data, carried.bodyAt, carried.bodyEnd) ? EMPTY : undefined);
  const header = transportHeader(side, carried);
  if (tlvs === undefined) {
    const data = layOut(side, carried, { header, middle: 0, trailer: 0 });
    finishCarrier(data, side, session, header.length);
    turn.batch.outputs.push({ frame: { nexthop: side.nexthop, data } });
    return;
  }
  sealed(turn, { path, side, header, carried, tlvs, session });
}

/** Bytes around a body: the L4 header, room for metadata, room for the tag. */
export interface Room {
  header: Uint8Array;
  middle: number;
  trailer: number;
}

/** layOut makes a packet of a side around a body: headers and body are in place, checksums and metadata are not. */
export function layOut(side: SessionSide, carried: Carried, room: Room): Uint8Array {
  const { packet, bodyAt, bodyEnd } = carried;
  const l4 = ipHeaderBytes(side);
  const bodyStart = l4 + room.header.length + room.middle;
  const data = new Uint8Array(bodyStart + (bodyEnd - bodyAt) + room.trailer);
  data.set(room.header, l4);
  data.set(packet.data.subarray(bodyAt, bodyEnd), bodyStart);
  if (side.path !== 0 && packet.icmpType !== undefined) writeU16(data, bodyStart + wire.ICMP_CHECKSUM_AT, 0);
  if (side.proto === wire.PROTO_UDP) writeU16(data, l4 + 4, data.length - l4);
  writeIpHeader(data, {
    source: side.local, destination: side.remote, ttl: Math.max(0, packet.ttl - 1), tos: packet.tos, ipId: packet.ipId, dontFragment: packet.dontFragment,
  }, side.proto);
  return data;
}

/** transportHeader is the L4 header of the leaving side: TCP as received with the ports of the side, UDP anew, none for ICMP. */
export function transportHeader(side: SessionSide, carried: Carried): Uint8Array {
  const { packet } = carried;
  if (side.proto === wire.PROTO_TCP) {
    const header = packet.data.slice(packet.l4, packet.l4 + tcpHeaderBytes(packet));
    writeU16(header, 0, side.localPort);
    writeU16(header, 2, side.remotePort);
    return header;
  }
  if (side.proto !== wire.PROTO_UDP) return new Uint8Array(0);
  const header = new Uint8Array(wire.UDP_HEADER);
  writeU16(header, 0, side.localPort);
  writeU16(header, 2, side.remotePort);
  return header;
}

function tcpHeaderBytes(packet: Packet): number {
  return (packet.data[packet.l4 + 12]! >>> 4) * 4;
}

/** An ICMP query carries the identifier of the requester's side: ours behind NAT, the host's own otherwise. */
function writeIdentifier(data: Uint8Array, l4: number, side: SessionSide): void {
  const request = isIcmpRequest(side.family, data[l4]!);
  writeU16(data, l4 + wire.ICMP_IDENTIFIER_AT, request ? side.localPort : side.remotePort);
}

/** A plain UDP packet that its host sent with checksum 0 keeps 0 over IPv4 (protocol 2.7). */
function finishCarrier(data: Uint8Array, side: SessionSide, session: Session, headerLength: number): void {
  const l4 = ipHeaderBytes(side);
  if (headerLength > 0) finishChecksum(data, l4);
}

/** ipHeaderBytes is the size of the IP header of a side. */
export function ipHeaderBytes(side: Pick<SessionSide, "family">): number {
  return side.family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER;
}

function isIcmp(proto: number): boolean {
  return proto === wire.PROTO_ICMP || proto === wire.PROTO_ICMPV6;
}
