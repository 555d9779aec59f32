// Lays a packet out for its next hop: a new IP header, the L4 header with the ports of that side, the body, and room for
// metadata before and a tag behind it. One buffer, one copy of the body. Called by rewrite.ts and seal.ts; leaves all
// L4 checksums to them.
import type { IpAddress } from "../base/address.ts";
import { writeU16 } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { writeIpHeader } from "./build.ts";
import { hasCoveringSum, turnEnds } from "./carried.ts";
import type { PacketEnds } from "./carried.ts";
import * as wire from "./constants.ts";
import { isIcmpReply, isIcmpRequest } from "./icmp.ts";
import type { Packet } from "./packet.ts";
import { clampMss } from "./tcp.ts";

/** Endpoints are the addresses and ports of the leaving side; for ICMP the identifier is the source port of a request and the destination port of a reply. */
export interface Endpoints { source: IpAddress; destination: IpAddress; sourcePort: number; destinationPort: number }

/** LayoutOptions say what differs from the packet as received. */
export interface LayoutOptions {
  /** IP protocol on the leaving side, default that of the packet: UDP carries ICMP and others (protocol 3.3), and gives them back */
  carrier?: number | undefined;
  /** body in packet.data, when metadata or a tag surround it */
  bodyAt?: number | undefined;
  bodyEnd?: number | undefined;
  /** exact TTL; default received minus 1 */
  ttl?: number | undefined;
  tos?: number | undefined;
  /** default as received */
  dontFragment?: boolean | undefined;
  /** IPv4, default as received */
  ipId?: number | undefined;
  /** IPv6, default 0 */
  flowLabel?: number | undefined;
  /** highest MSS option of a SYN, absent or 0: unchanged */
  mss?: number | undefined;
  /** inner ends of the session's context, in the direction of the packet: DCCP and UDP-Lite follow them in UDP (protocol 3.3) */
  inner?: PacketEnds | undefined;
  /** the packet is cut before it leaves (protocol 10.2): its length fields may wrap */
  willBeCut?: boolean | undefined;
  /** gives zeroed bytes for the packet, default a buffer of its own */
  take?: ((length: number) => Uint8Array) | undefined;
}

/** Room is what is added around the body, in bytes. */
export interface Room { before: number; behind: number }

/** Laying is how a packet is laid out; the parts are apart because they come from different hands, and joining them costs more than the rest. */
export interface Laying {
  options: LayoutOptions;
  room: Room;
  /** body in packet.data, before that of the options */
  body?: { at: number; end: number } | undefined;
  /** where the options do not say, before that of the packet */
  dontFragment?: boolean;
}

/** Layout is the packet so far; offsets into data. */
export interface Layout {
  data: Uint8Array;
  /** IP protocol of the packet */
  proto: number;
  l4: number;
  /** behind the L4 header: room.before bytes, then the body */
  payload: number;
  /** the bytes differ from the received ones in more than addresses and ports */
  changed: boolean;
}

/** layoutPacket lays out; `too-big` above 65,535 bytes unless it will be cut, `filter` when the packet cannot take that carrier (TCP only TCP; too short for ICMP). */
export function layoutPacket(packet: Packet, to: Endpoints, laying: Laying): Result<Layout, "too-big" | "filter"> {
  const { options, room: { before, behind }, body } = laying;
  const proto = options.carrier ?? packet.proto;
  if ((proto === wire.PROTO_TCP) !== (packet.tcp !== undefined)) return fail("filter");
  const hasPorts = packet.proto === wire.PROTO_TCP || packet.proto === wire.PROTO_UDP;
  const bodyAt = body?.at ?? options.bodyAt ?? (hasPorts ? packet.payload : packet.l4);
  const bodyEnd = body?.end ?? options.bodyEnd ?? packet.end;
  const header = proto === wire.PROTO_TCP ? tcpHeaderBytes(packet) : proto === wire.PROTO_UDP ? wire.UDP_HEADER : 0;
  if (isIcmp(proto) && bodyEnd - bodyAt < wire.ICMP_HEADER) return fail("filter");
  const l4 = to.source.family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER;
  const length = l4 + header + before + (bodyEnd - bodyAt) + behind;
  if (options.willBeCut !== true && length - (l4 === wire.IPV6_HEADER ? l4 : 0) > wire.IP_LENGTH_MAX) return fail("too-big");
  const data = options.take === undefined ? new Uint8Array(length) : options.take(length);
  const payload = l4 + header;
  copyBytes(packet.data, { from: bodyAt, to: bodyEnd }, data, payload + before);
  writeIp(data, packet, laying, { proto, to });
  const changed = finishTransport({ data, proto, l4, payload: payload + before }, packet, { to, mss: options.mss ?? 0, inner: options.inner });
  return ok({ data, proto, l4, payload, changed: changed || body !== undefined || options.bodyAt !== undefined || before + behind > 0 });
}

/** tcpHeaderBytes is the length of a TCP header with options. */
export function tcpHeaderBytes(packet: Packet): number {
  return (packet.data[packet.l4 + 12]! >>> 4) * 4;
}

function isIcmp(proto: number): boolean {
  return proto === wire.PROTO_ICMP || proto === wire.PROTO_ICMPV6;
}

const SHORT = 48; // below this a loop is faster than a view and a native copy

function copyBytes(source: Uint8Array, range: { from: number; to: number }, target: Uint8Array, at: number): void {
  const { from, to } = range;
  if (to - from > SHORT) return target.set(source.subarray(from, to), at);
  for (let index = from; index < to; index++) target[at + index - from] = source[index]!;
}

function writeIp(data: Uint8Array, packet: Packet, { options, dontFragment }: Laying, { proto, to }: { proto: number; to: Endpoints }): void {
  writeIpHeader(data, {
    source: to.source, destination: to.destination, ttl: options.ttl ?? Math.max(0, packet.ttl - 1), tos: options.tos ?? packet.tos,
    ipId: options.ipId ?? packet.ipId, dontFragment: options.dontFragment ?? dontFragment ?? packet.dontFragment, flowLabel: options.flowLabel ?? 0,
  }, proto);
}

interface Place { data: Uint8Array; proto: number; l4: number; payload: number }

/** Writes the L4 header, or into the ICMP message; true when a received checksum says nothing about the new bytes. */
function finishTransport(place: Place, packet: Packet, options: { to: Endpoints; mss: number; inner: PacketEnds | undefined }): boolean {
  const { data, proto, l4 } = place;
  const { to, mss, inner } = options;
  if (proto === wire.PROTO_TCP) {
    copyBytes(packet.data, { from: packet.l4, to: packet.l4 + tcpHeaderBytes(packet) }, data, l4);
    writePorts(place, to);
    return mss > 0 && (packet.tcp!.flags & wire.TCP_SYN) !== 0 && clampMss(data, l4, mss);
  }
  if (proto === wire.PROTO_UDP) {
    writePorts(place, to);
    writeU16(data, l4 + 4, data.length - l4);
    if (isIcmp(packet.proto)) writeU16(data, place.payload + wire.ICMP_CHECKSUM_AT, 0); // protocol 3.3
    if (hasCoveringSum(packet.proto) && inner !== undefined) turnEnds(data, place.payload, packet, inner);
    return false;
  }
  if (isIcmp(proto)) writeIdentifier(data, l4, to);
  if (hasCoveringSum(proto)) turnEnds(data, l4, packet.proto === wire.PROTO_UDP ? inner ?? to : packet, to);
  return false;
}

function writePorts(place: Place, to: Endpoints): void {
  writeU16(place.data, place.l4, to.sourcePort);
  writeU16(place.data, place.l4 + 2, to.destinationPort);
}

function writeIdentifier(data: Uint8Array, l4: number, to: Endpoints): void {
  const { family } = to.source;
  if (isIcmpRequest(family, data[l4]!)) writeU16(data, l4 + wire.ICMP_IDENTIFIER_AT, to.sourcePort);
  else if (isIcmpReply(family, data[l4]!)) writeU16(data, l4 + wire.ICMP_IDENTIFIER_AT, to.destinationPort);
}
