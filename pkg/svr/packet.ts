// IP packets as received: where the headers are and what they say. parsePacket is total: no input throws, and nothing
// outside the packet is read. Called for every packet that comes up and on packets just built; decides nothing about
// them (sanity.ts does) and copies no bytes.
import { readAddress, type IpAddress, type IpFamily } from "../base/address.ts";
import { readU16, readU32 } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import * as wire from "./constants.ts";
import { portedHeader } from "./carried.ts";
import { isIcmpReply, isIcmpRequest } from "./icmp.ts";

/** TcpFields are the fixed fields of a TCP header; options lie between l4 + 20 and payload. */
export interface TcpFields {
  /** unsigned 32 bits */
  seq: number;
  ack: number;
  /** TCP_* bits */
  flags: number;
  window: number;
}

/** FragmentFields are set on an IP fragment; its L4 header is not looked at. */
export interface FragmentFields {
  /** bytes */
  offset: number;
  more: boolean;
  /** 16 bits for IPv4, 32 for IPv6 */
  id: number;
}

/** Packet is a parsed view of `data`; offsets count from its first byte, the IP header. */
export interface Packet {
  data: Uint8Array;
  family: IpFamily;
  source: IpAddress;
  destination: IpAddress;
  /** protocol of the L4 header, behind all extension headers */
  proto: number;
  /** TTL or hop limit */
  ttl: number;
  /** DSCP and ECN */
  tos: number;
  /** offset of the L4 header, or of the data of a fragment */
  l4: number;
  /** offset behind the L4 header and its options; equals l4 for fragments and protocols without ports */
  payload: number;
  /** offset behind the packet; `data` may be longer (Ethernet padding) */
  end: number;
  /** 0 where there are none; ICMP query: identifier is the source port of a request, the destination port of a reply */
  sourcePort: number;
  destinationPort: number;
  tcp: TcpFields | undefined;
  icmpType: number | undefined;
  fragment: FragmentFields | undefined;
  /** always true for IPv6 */
  dontFragment: boolean;
  /** IPv4 identification, 0 for IPv6 */
  ipId: number;
  /** IPv4 options, or IPv6 hop-by-hop, routing or destination options, stand before l4 */
  hasOptions: boolean;
}

/** parsePacket reads the headers of an IPv4 or IPv6 packet; `filter` when they do not fit the bytes. */
export function parsePacket(data: Uint8Array): Result<Packet, "filter"> {
  const version = data.length > 0 ? data[0]! >>> 4 : 0;
  const packet = version === 4 ? readIpv4(data) : version === 6 ? readIpv6(data) : undefined;
  if (packet === undefined || !readTransport(packet)) return fail("filter");
  return ok(packet);
}

function readIpv4(data: Uint8Array): Packet | undefined {
  if (data.length < wire.IPV4_HEADER) return undefined;
  const header = (data[0]! & 0x0f) * 4;
  const end = readU16(data, 2);
  if (header < wire.IPV4_HEADER || end < header || end > data.length) return undefined;
  const flags = readU16(data, 6);
  const ipId = readU16(data, 4);
  const fragmented = (flags & (wire.IPV4_MF | wire.IPV4_OFFSET_MASK)) !== 0;
  return {
    data, family: 4, source: readAddress(data, 12, 4), destination: readAddress(data, 16, 4),
    proto: data[9]!, ttl: data[8]!, tos: data[1]!, l4: header, payload: header, end, sourcePort: 0, destinationPort: 0,
    tcp: undefined, icmpType: undefined,
    fragment: fragmented ? { offset: (flags & wire.IPV4_OFFSET_MASK) * 8, more: (flags & wire.IPV4_MF) !== 0, id: ipId } : undefined,
    dontFragment: (flags & wire.IPV4_DF) !== 0, ipId, hasOptions: header > wire.IPV4_HEADER,
  };
}

function readIpv6(data: Uint8Array): Packet | undefined {
  if (data.length < wire.IPV6_HEADER) return undefined;
  const end = wire.IPV6_HEADER + readU16(data, 4);
  if (end > data.length) return undefined;
  const packet: Packet = {
    data, family: 6, source: readAddress(data, 8, 6), destination: readAddress(data, 24, 6),
    proto: data[6]!, ttl: data[7]!, tos: ((data[0]! & 0x0f) << 4) | (data[1]! >>> 4), l4: wire.IPV6_HEADER, payload: wire.IPV6_HEADER, end,
    sourcePort: 0, destinationPort: 0, tcp: undefined, icmpType: undefined, fragment: undefined, dontFragment: true, ipId: 0, hasOptions: false,
  };
  return walkExtensions(packet) ? packet : undefined;
}

/** Moves proto and l4 behind the extension headers (RFC 8200 4); false when they are too many or do not fit. */
function walkExtensions(packet: Packet): boolean {
  const { data, end } = packet;
  for (let seen = 0; seen <= wire.IPV6_EXTENSIONS_MAX; seen++) {
    if (!isExtension(packet.proto) || packet.fragment !== undefined) return true;
    const at = packet.l4;
    if (end - at < 8) return false;
    if (packet.proto === wire.PROTO_FRAGMENT) readFragmentHeader(packet, at);
    else packet.hasOptions = true;
    const length = packet.proto === wire.PROTO_FRAGMENT ? 8 : 8 + data[at + 1]! * 8;
    if (length > end - at) return false;
    packet.proto = data[at]!;
    packet.l4 = packet.payload = at + length;
  }
  return false;
}

function isExtension(proto: number): boolean {
  return proto === wire.PROTO_HOP_BY_HOP || proto === wire.PROTO_ROUTING || proto === wire.PROTO_DESTINATION_OPTIONS || proto === wire.PROTO_FRAGMENT;
}

/** A fragment header with offset 0 and no more fragments is a whole packet (RFC 6946). */
function readFragmentHeader(packet: Packet, at: number): void {
  const field = readU16(packet.data, at + 2);
  const more = (field & 1) !== 0;
  const offset = field & 0xfff8;
  if (offset !== 0 || more) packet.fragment = { offset, more, id: readU32(packet.data, at + 4) };
}

function readTransport(packet: Packet): boolean {
  if (packet.fragment !== undefined) return true;
  switch (packet.proto) {
    case wire.PROTO_TCP: return readTcp(packet);
    case wire.PROTO_UDP: return readPorts(packet, wire.UDP_HEADER, wire.UDP_HEADER);
    case wire.PROTO_SCTP: case wire.PROTO_DCCP: case wire.PROTO_UDP_LITE: return readPorts(packet, portedHeader(packet.proto), 0);
    case wire.PROTO_ICMP: return packet.family === 4 ? readIcmp(packet) : true;
    case wire.PROTO_ICMPV6: return packet.family === 6 ? readIcmp(packet) : true;
    default: return true;
  }
}

function readPorts(packet: Packet, needed: number, header: number): boolean {
  if (packet.end - packet.l4 < needed) return false;
  packet.sourcePort = readU16(packet.data, packet.l4);
  packet.destinationPort = readU16(packet.data, packet.l4 + 2);
  packet.payload = packet.l4 + header;
  return true;
}

function readTcp(packet: Packet): boolean {
  const { data, l4, end } = packet;
  if (end - l4 < wire.TCP_HEADER) return false;
  const header = (data[l4 + 12]! >>> 4) * 4;
  if (header < wire.TCP_HEADER || header > end - l4) return false;
  packet.tcp = { seq: readU32(data, l4 + 4), ack: readU32(data, l4 + 8), flags: data[l4 + 13]!, window: readU16(data, l4 + 14) };
  return readPorts(packet, header, header);
}

function readIcmp(packet: Packet): boolean {
  const { data, l4, family } = packet;
  if (packet.end - l4 < wire.ICMP_HEADER) return false;
  const type = data[l4]!;
  const identifier = readU16(data, l4 + wire.ICMP_IDENTIFIER_AT);
  packet.icmpType = type;
  if (isIcmpRequest(family, type)) packet.sourcePort = identifier;
  else if (isIcmpReply(family, type)) packet.destinationPort = identifier;
  packet.payload = l4 + wire.ICMP_HEADER;
  return true;
}
