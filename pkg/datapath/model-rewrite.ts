// The bytes of a packet that leaves: headers turned to the other side, checksums by difference (RFC 1624), ICMP on and off its
// carrier, MSS lowered. Called by model-forward.ts once nothing can refuse the packet. Works on copies, decides nothing.
import { addressBytes, writeAddress } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { readU16, readU32, writeU16, writeU32 } from "../base/bytes.ts";
import type { Session, SessionSide } from "../svr/session.ts";
import {
  IPV4_DF, IPV4_HEADER, IPV6_HEADER, MSS_FLOOR, PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP, TCP_HEADER, TCP_OPTION_END, TCP_OPTION_MSS,
  TCP_OPTION_MSS_BYTES, TCP_OPTION_NOP, TCP_SYN, UDP_HEADER,
} from "../svr/constants.ts";
import { contextEnds, hasCoveringSum, turnEnds } from "../svr/carried.ts";
import type { PacketEnds } from "../svr/carried.ts";
import { answersFirst, isIcmpRequest } from "../svr/icmp.ts";
import type { ParsedPacket } from "./model-parse.ts";

/** Leaving is a packet on its way out: the session, the side it leaves on, the MSS limit of the next hop (0 none), and toward a peer its identification, given where it may be cut. */
export interface Leaving { session: Session; out: SessionSide; mss: number; ipId?: number }

/** rewritePacket gives the packet as it leaves, from its IP header on, without link padding. */
export function rewritePacket(data: Uint8Array, parsed: ParsedPacket, leaving: Leaving): Uint8Array {
  const body = layFour(data, parsed, leaving);
  const header = headerOf(data, parsed, { leaving, bodyLength: body.length });
  const packet = new Uint8Array(header.length + body.length);
  packet.set(header);
  packet.set(body, header.length);
  return packet;
}

function headerOf(data: Uint8Array, parsed: ParsedPacket, of: { leaving: Leaving; bodyLength: number }): Uint8Array {
  const { leaving, bodyLength } = of;
  const { out } = leaving;
  const old = parsed.family === out.family ? data : out.family === 4 ? ip4From6(data) : ip6From4(data);
  const saysLength = old !== data || parsed.gsoSize === 0 || readU16(data, parsed.family === 4 ? 2 : 4) !== 0; // a super-packet above 64 KiB says 0
  return out.family === 4 ? ip4Header(old, saysLength ? bodyLength : undefined, leaving) : ip6Header(old, saysLength ? bodyLength : undefined, leaving);
}

/** The header of the other family: DSCP, ECN and TTL stay, an IPv4 packet may not be cut (protocol 2.7, 14). */
function ip4From6(data: Uint8Array): Uint8Array {
  const header = new Uint8Array(IPV4_HEADER);
  header[0] = 0x45;
  header[1] = (readU16(data, 0) >> 4) & 0xff;
  writeU16(header, 6, IPV4_DF);
  header[8] = data[7]!;
  writeU16(header, 10, changed(0xffff, 0, sumWords(header)));
  return header;
}

function ip6From4(data: Uint8Array): Uint8Array {
  const header = new Uint8Array(IPV6_HEADER);
  writeU16(header, 0, 0x6000 | (data[1]! << 4));
  header[7] = data[8]!;
  return header;
}

/** isIcmp tells the protocols whose queries ride in UDP between routers. */
export function isIcmp(proto: number): boolean {
  return proto === PROTO_ICMP || proto === PROTO_ICMPV6;
}

/** One's complement sum of 16-bit words; an odd last byte counts as the upper half of a word. */
function sumWords(data: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at + 1 < data.length; at += 2) sum += readU16(data, at);
  return data.length % 2 === 1 ? sum + (data[data.length - 1]! << 8) : sum;
}

function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = Math.floor(folded / 0x10000) + (folded & 0xffff);
  return folded;
}

/** A checksum field after bytes of sum `before` became bytes of sum `after` (RFC 1624, equation 3). */
function changed(field: number, before: number, after: number): number {
  return 0xffff - fold(0xffff - field + (0xffff - fold(before)) + after);
}

function wireAddress(address: IpAddress): Uint8Array {
  const bytes = new Uint8Array(addressBytes(address.family));
  writeAddress(bytes, 0, address);
  return bytes;
}

function addressSum(a: IpAddress, b: IpAddress): number {
  return sumWords(wireAddress(a)) + sumWords(wireAddress(b));
}

/** Pseudo header of RFC 9293 3.1 and RFC 8200 8.1. */
function pseudoSum(a: IpAddress, b: IpAddress, l4: { proto: number; length: number }): number {
  return addressSum(a, b) + l4.proto + l4.length;
}

/** IPv4 header without options, DF toward peers unless it may be cut on the way (protocol 2.7), TTL - 1. */
function ip4Header(data: Uint8Array, bodyLength: number | undefined, { out, ipId }: Leaving): Uint8Array {
  const old = data.subarray(0, (data[0]! & 15) * 4);
  const header = data.slice(0, IPV4_HEADER);
  header[0] = 0x45;
  if (bodyLength !== undefined) writeU16(header, 2, IPV4_HEADER + bodyLength);
  if (ipId !== undefined) writeU16(header, 4, ipId);
  if (out.path !== 0) writeU16(header, 6, (readU16(header, 6) & ~IPV4_DF) | (ipId === undefined ? IPV4_DF : 0));
  header[8] = data[8]! - 1;
  header[9] = out.proto;
  writeAddress(header, 12, out.local);
  writeAddress(header, 16, out.remote);
  const field = readU16(data, 10);
  writeU16(header, 10, changed(field, sumWords(old) - field, sumWords(header) - field));
  return header;
}

/** IPv6 header; the flow label is the session's toward peers (protocol 14). */
function ip6Header(data: Uint8Array, bodyLength: number | undefined, leaving: Leaving): Uint8Array {
  const { session, out } = leaving;
  const header = data.slice(0, IPV6_HEADER);
  if (out.path !== 0 && session.flowLabel !== 0) writeU32(header, 0, (readU32(header, 0) & 0xfff00000) | (session.flowLabel & 0xfffff));
  if (bodyLength !== undefined) writeU16(header, 4, bodyLength);
  header[6] = out.proto;
  header[7] = data[7]! - 1;
  writeAddress(header, 8, out.local);
  writeAddress(header, 24, out.remote);
  return header;
}

function layFour(data: Uint8Array, parsed: ParsedPacket, leaving: Leaving): Uint8Array {
  const body = data.slice(parsed.l4, parsed.length);
  const { out } = leaving;
  if (parsed.proto !== out.proto) return out.proto === PROTO_UDP ? toCarrier(body, parsed, leaving) : fromCarrier(body, parsed, leaving);
  if (parsed.proto === PROTO_TCP) return layTcp(body, parsed, leaving);
  if (parsed.proto === PROTO_UDP) return layUdp(body, parsed, out);
  if (hasCoveringSum(parsed.proto)) turnEnds(body, 0, parsed, endsOf(out));
  return isIcmp(parsed.proto) ? layIcmp(body, parsed, out) : body;
}

/** A checksum over pseudo header and body; `body` is changed already, `before` are its old words without the field. */
function follow(field: number, sums: { before: number; after: number }, parsed: ParsedPacket, out: SessionSide): number {
  return changed(field, sums.before + addressSum(parsed.source, parsed.destination), sums.after + addressSum(out.local, out.remote));
}

function setPorts(body: Uint8Array, out: SessionSide): void {
  writeU16(body, 0, out.localPort);
  writeU16(body, 2, out.remotePort);
}

function layTcp(body: Uint8Array, parsed: ParsedPacket, leaving: Leaving): Uint8Array {
  const before = sumWords(body);
  setPorts(body, leaving.out);
  if ((parsed.tcpFlags & TCP_SYN) !== 0) lowerMss(body.subarray(TCP_HEADER, parsed.payloadAt - parsed.l4), leaving.mss);
  writeU16(body, 16, follow(readU16(body, 16), { before, after: sumWords(body) }, parsed, leaving.out));
  return body;
}

/** Lowers the MSS option in place: never raised, never below 536; options that make no sense end the search. */
function lowerMss(options: Uint8Array, limit: number): void {
  if (limit === 0) return;
  let at = 0;
  while (at + TCP_OPTION_MSS_BYTES <= options.length && options[at] !== TCP_OPTION_END) {
    const length = options[at] === TCP_OPTION_NOP ? 1 : options[at + 1]!;
    if (options[at] === TCP_OPTION_MSS && length === TCP_OPTION_MSS_BYTES) {
      writeU16(options, at + 2, Math.min(readU16(options, at + 2), Math.max(limit, MSS_FLOOR)));
      return;
    }
    if (options[at] !== TCP_OPTION_NOP && length < 2) return;
    at += length;
  }
}

/** A host that sent checksum 0 over IPv4 keeps it; a computed 0 is written as all ones (protocol 2.7). */
function layUdp(body: Uint8Array, parsed: ParsedPacket, out: SessionSide): Uint8Array {
  const before = sumWords(body);
  const field = readU16(body, 6);
  setPorts(body, out);
  if (field === 0 && parsed.family === 4) return body;
  const sum = follow(field, { before, after: sumWords(body) }, parsed, out);
  writeU16(body, 6, sum === 0 ? 0xffff : sum);
  return body;
}

/** Host to host: only the identifier changes; ICMPv6 covers a pseudo header too. */
function layIcmp(body: Uint8Array, parsed: ParsedPacket, out: SessionSide): Uint8Array {
  const before = sumWords(body);
  const field = readU16(body, 2);
  writeU16(body, 4, identifierToward(out, body[0]!));
  const sums = { before, after: sumWords(body) };
  writeU16(body, 2, parsed.family === 6 ? follow(field, sums, parsed, out) : changed(field, sums.before, sums.after));
  return body;
}

/** The identifier of a query is the leaving source port, that of an answer the leaving destination port. */
function identifierToward(out: SessionSide, type: number): number {
  return isIcmpRequest(out.family, type) ? out.localPort : out.remotePort;
}

/** What is neither TCP nor UDP, in UDP (protocol 3.3), as hosts of the context would send it. */
function toCarrier(message: Uint8Array, parsed: ParsedPacket, { session, out }: Leaving): Uint8Array {
  const { sum, inner } = isIcmp(parsed.proto) ? icmpInside(message, parsed, session) : otherInside(message, parsed, { session, out });
  const body = new Uint8Array(UDP_HEADER + inner.length);
  body.set(inner, UDP_HEADER);
  setPorts(body, out);
  writeU16(body, 4, body.length);
  const field = changed(0xffff, 0, sum + sumWords(body.subarray(0, UDP_HEADER)) + pseudoSum(out.local, out.remote, { proto: PROTO_UDP, length: body.length }));
  writeU16(body, 6, field === 0 ? 0xffff : field);
  return body;
}

interface Inside { inner: Uint8Array; /** of its bytes */ sum: number }

/** The message with checksum 0 and the identifier of the context; its sum follows from the checksum it had, good or bad. */
function icmpInside(message: Uint8Array, parsed: ParsedPacket, { context }: Session): Inside {
  const gone = readU16(message, 4) + (parsed.family === 6 ? pseudoSum(parsed.source, parsed.destination, { proto: PROTO_ICMPV6, length: message.length }) : 0);
  const identifier = answersFirst(context) ? context.destinationPort : context.sourcePort;
  const sum = 0xffff - changed(readU16(message, 2), gone, identifier);
  writeU16(message, 2, 0);
  writeU16(message, 4, identifier);
  return { inner: message, sum };
}

function otherInside(packet: Uint8Array, parsed: ParsedPacket, { session, out }: Pick<Leaving, "session" | "out">): Inside {
  if (hasCoveringSum(parsed.proto)) turnEnds(packet, 0, parsed, contextEnds(session.context, out === session.side[1]));
  return { inner: packet, sum: sumWords(packet) };
}

/** UDP back to what it carried, as the side it leaves on has it. */
function fromCarrier(datagram: Uint8Array, parsed: ParsedPacket, { session, out }: Leaving): Uint8Array {
  if (isIcmp(out.proto)) return icmpFromCarrier(datagram, parsed, out);
  const packet = datagram.slice(UDP_HEADER);
  if (hasCoveringSum(out.proto)) turnEnds(packet, 0, session.context, endsOf(out));
  return packet;
}

function endsOf(out: SessionSide): PacketEnds {
  return { source: out.local, destination: out.remote, sourcePort: out.localPort, destinationPort: out.remotePort };
}

/** UDP back to ICMP: the identifier is the one of the side it leaves on. */
function icmpFromCarrier(datagram: Uint8Array, parsed: ParsedPacket, out: SessionSide): Uint8Array {
  const field = readU16(datagram, 6);
  const message = datagram.slice(UDP_HEADER);
  const ports = sumWords(datagram.subarray(0, UDP_HEADER)) - field;
  const gone = ports + pseudoSum(parsed.source, parsed.destination, { proto: PROTO_UDP, length: datagram.length }) + readU16(message, 2) + readU16(message, 4);
  const identifier = identifierToward(out, message[0]!);
  const pseudo = out.family === 6 ? pseudoSum(out.local, out.remote, { proto: PROTO_ICMPV6, length: message.length }) : 0;
  writeU16(message, 4, identifier);
  writeU16(message, 2, changed(field, gone, identifier + pseudo));
  return message;
}
