// From bytes to what the model judges: the same shapes as the eBPF parser, written plainly. Called by model-forward.ts and
// model-apply.ts. Total: no input throws, nothing is read outside the packet. Judges nothing but lengths.
import { addressOfWords, readAddress } from "../base/address.ts";
import type { IpAddress, IpFamily } from "../base/address.ts";
import { readU16, readU32 } from "../base/bytes.ts";
import { ICMP_HEADER, ICMP_IDENTIFIER_AT, IPV4_HEADER, IPV6_HEADER, PROTO_FRAGMENT, PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP, TCP_HEADER, UDP_HEADER } from "../svr/constants.ts";
import { queryPorts } from "../svr/icmp.ts";
import { isPorted, portedHeader } from "../svr/carried.ts";

/** PacketIn is one packet as it stands after the Ethernet header; gsoSize 0 means one wire packet. */
export interface PacketIn { ifnum: number; vlan: number; data: Uint8Array; gsoSize: number; etherType?: number }

/** Shape says how far the parser came: all set, not ours to judge, contradicting lengths, or addresses only (fragment, extension headers). */
export type Shape = "ok" | "foreign" | "bad" | "fragment" | "extended";

/** ParsedPacket is one packet with its flow key; ports are those of the key (ICMP: identifier, and 0 or the type). Offsets count from the IP header. */
export interface ParsedPacket {
  shape: Shape;
  family: IpFamily;
  proto: number;
  source: IpAddress;
  destination: IpAddress;
  sourcePort: number;
  destinationPort: number;
  ttl: number;
  /** bytes of the IP packet, and where its L4 header and its payload begin */
  length: number;
  l4: number;
  payloadAt: number;
  /** bytes behind the L4 header; 0 for ICMP and others */
  payload: number;
  /** false for ICMP that is neither query nor answer: it belongs to a session only through its quote (protocol 12.2) */
  keyed: boolean;
  gsoSize: number;
  segments: number;
  tcpFlags: number;
  seq: number;
  ack: number;
  udpLength: number;
  /** TCP, not scaled */
  window: number;
  icmpType: number;
}

const ETHER_IP4 = 0x0800, ETHER_IP6 = 0x86dd;
const MULTICAST4 = 224;
const EXTENSIONS: readonly number[] = [0, 43, 60, 135, 139, 140]; // hop-by-hop, routing, destination options, mobility, HIP, shim6

/** parsePacket reads one packet; only `shape` is meaningful when it is foreign or bad. */
export function parsePacket(packet: PacketIn, icmpByType = false): ParsedPacket {
  const family = familyOf(packet);
  const parsed = blank(family ?? 4, packet.gsoSize);
  if (family === undefined) return parsed;
  parsed.shape = family === 4 ? parseIp4(packet.data, parsed) : parseIp6(packet.data, parsed);
  if (parsed.shape === "ok") parsed.shape = parseL4(packet.data, parsed, icmpByType);
  if (parsed.shape === "ok" && parsed.gsoSize > 0 && parsed.payload > parsed.gsoSize) parsed.segments = Math.ceil(parsed.payload / parsed.gsoSize);
  return parsed;
}

/** wireHeaders gives the bytes of IP and L4 headers, which each wire packet of a super-packet has. */
export function wireHeaders(parsed: ParsedPacket): number {
  return parsed.length - parsed.payload;
}

/** wireBytes gives the bytes of all wire packets that a packet stands for, from the IP header on. */
export function wireBytes(parsed: ParsedPacket): number {
  return parsed.length + (parsed.segments - 1) * wireHeaders(parsed);
}

function familyOf(packet: PacketIn): IpFamily | undefined {
  const etherType = packet.etherType ?? ((packet.data[0] ?? 0) >> 4 === 6 ? ETHER_IP6 : ETHER_IP4);
  if (etherType === ETHER_IP4) return 4;
  return etherType === ETHER_IP6 ? 6 : undefined;
}

function blank(family: IpFamily, gsoSize: number): ParsedPacket {
  const none = addressOfWords(family, 0);
  return {
    shape: "foreign", family, proto: 0, source: none, destination: none, sourcePort: 0, destinationPort: 0, ttl: 0, length: 0, l4: 0, payloadAt: 0,
    payload: 0, keyed: true, gsoSize, segments: 1, tcpFlags: 0, seq: 0, ack: 0, udpLength: 0, window: 0, icmpType: 0,
  };
}

/** What the IP header says; a super-packet above 64 KiB says 0. */
function lengthOf(said: number, base: number, data: Uint8Array, gsoSize: number): number {
  return said === 0 && gsoSize > 0 ? data.length : said + base;
}

function parseIp4(data: Uint8Array, parsed: ParsedPacket): Shape {
  if (data.length < IPV4_HEADER) return "bad";
  parsed.proto = data[9]!;
  parsed.ttl = data[8]!;
  parsed.source = readAddress(data, 12, 4);
  parsed.destination = readAddress(data, 16, 4);
  if (data[16]! >= MULTICAST4) return "foreign";
  parsed.length = lengthOf(readU16(data, 2), 0, data, parsed.gsoSize);
  parsed.l4 = (data[0]! & 15) * 4;
  const whole = data[0]! >> 4 === 4 && parsed.l4 >= IPV4_HEADER && parsed.l4 <= parsed.length && parsed.length <= data.length;
  if (!whole) return "bad";
  return (readU16(data, 6) & 0x3fff) === 0 ? "ok" : "fragment";
}

function isLinkLocal(data: Uint8Array, at: number): boolean {
  return data[at] === 0xfe && (data[at + 1]! & 0xc0) === 0x80;
}

function parseIp6(data: Uint8Array, parsed: ParsedPacket): Shape {
  if (data.length < IPV6_HEADER) return "bad";
  parsed.proto = data[6]!;
  parsed.ttl = data[7]!;
  parsed.source = readAddress(data, 8, 6);
  parsed.destination = readAddress(data, 24, 6);
  if (data[24] === 0xff || isLinkLocal(data, 24) || isLinkLocal(data, 8)) return "foreign";
  parsed.length = lengthOf(readU16(data, 4), IPV6_HEADER, data, parsed.gsoSize);
  parsed.l4 = IPV6_HEADER;
  if (data[0]! >> 4 !== 6 || parsed.length > data.length) return "bad";
  if (parsed.proto === PROTO_FRAGMENT) return "fragment";
  return EXTENSIONS.includes(parsed.proto) ? "extended" : "ok";
}

function parseL4(data: Uint8Array, parsed: ParsedPacket, icmpByType: boolean): Shape {
  const room = parsed.length - parsed.l4;
  parsed.payloadAt = parsed.length;
  if (parsed.proto === PROTO_TCP) return parseTcp(data, parsed, room);
  if (parsed.proto === PROTO_UDP) return parseUdp(data, parsed, room);
  if (isPorted(parsed.proto)) return parsePorted(data, parsed, room);
  return parsed.proto === (parsed.family === 4 ? PROTO_ICMP : PROTO_ICMPV6) ? parseIcmp(data, parsed, { room, icmpByType }) : "ok";
}

function parseTcp(data: Uint8Array, parsed: ParsedPacket, room: number): Shape {
  if (room < TCP_HEADER) return "bad";
  const header = (data[parsed.l4 + 12]! >> 4) * 4;
  if (header < TCP_HEADER || header > room) return "bad";
  readPorts(data, parsed);
  parsed.seq = readU32(data, parsed.l4 + 4);
  parsed.ack = readU32(data, parsed.l4 + 8);
  parsed.window = readU16(data, parsed.l4 + 14);
  parsed.tcpFlags = data[parsed.l4 + 13]! & 0x3f;
  parsed.payloadAt = parsed.l4 + header;
  parsed.payload = room - header;
  return "ok";
}

function parseUdp(data: Uint8Array, parsed: ParsedPacket, room: number): Shape {
  if (room < UDP_HEADER) return "bad";
  readPorts(data, parsed);
  parsed.udpLength = readU16(data, parsed.l4 + 4);
  parsed.payloadAt = parsed.l4 + UDP_HEADER;
  parsed.payload = room - UDP_HEADER;
  return "ok";
}

function parsePorted(data: Uint8Array, parsed: ParsedPacket, room: number): Shape {
  if (room < portedHeader(parsed.proto)) return "bad";
  readPorts(data, parsed);
  return "ok";
}

function readPorts(data: Uint8Array, parsed: ParsedPacket): void {
  parsed.sourcePort = readU16(data, parsed.l4);
  parsed.destinationPort = readU16(data, parsed.l4 + 2);
}

/** MLD and neighbour discovery never leave their link: not ours. */
function isLinkMessage(type: number): boolean {
  return (type >= 130 && type <= 137) || type === 143;
}

function parseIcmp(data: Uint8Array, parsed: ParsedPacket, of: { room: number; icmpByType: boolean }): Shape {
  if (of.room < ICMP_HEADER) return "bad";
  parsed.icmpType = data[parsed.l4]!;
  if (parsed.proto === PROTO_ICMPV6 && isLinkMessage(parsed.icmpType)) return "foreign";
  const ports = queryPorts({ family: parsed.family, type: parsed.icmpType, identifier: readU16(data, parsed.l4 + ICMP_IDENTIFIER_AT) }, of.icmpByType);
  parsed.keyed = ports !== undefined;
  parsed.sourcePort = ports?.source ?? 0;
  parsed.destinationPort = ports?.destination ?? 0;
  return "ok";
}
