// Protocols between hosts that are neither TCP nor UDP (protocol 3.3): which of them have ports, and which have a checksum over
// addresses and ports. They ride in UDP between routers, whole, as the hosts of the session's context would send them. Pure; called by
// the packet parser, the layout and the model of the data plane. Of ICMP only icmp.ts knows more.
import type { IpAddress } from "../base/address.ts";
import { readU16, writeU16 } from "../base/bytes.ts";
import { checksumOf, fold, negate, sumAddress } from "./checksum.ts";
import { DCCP_HEADER, PROTO_DCCP, PROTO_SCTP, PROTO_UDP_LITE, SCTP_HEADER, UDP_CHECKSUM_AT, UDP_HEADER } from "./constants.ts";
import type { SessionContext } from "./session.ts";

/** PacketEnds are the addresses and ports of a packet, as its checksum covers them. */
export interface PacketEnds { source: IpAddress; destination: IpAddress; sourcePort: number; destinationPort: number }

/** isPorted tells SCTP, DCCP and UDP-Lite: carried with their real ports. */
export function isPorted(proto: number): boolean {
  return proto === PROTO_SCTP || proto === PROTO_DCCP || proto === PROTO_UDP_LITE;
}

/** portedHeader is the least length of such a packet, bytes. */
export function portedHeader(proto: number): number {
  if (proto === PROTO_UDP_LITE) return UDP_HEADER; // the same layout
  return proto === PROTO_SCTP ? SCTP_HEADER : DCCP_HEADER;
}

/** hasCoveringSum tells the protocols whose checksum follows addresses and ports; that of SCTP covers its ports and no addresses. */
export function hasCoveringSum(proto: number): boolean {
  return proto === PROTO_DCCP || proto === PROTO_UDP_LITE;
}

/** contextEnds are those of the inner packet between routers, forward or back. */
export function contextEnds(context: SessionContext, forward: boolean): PacketEnds {
  const { source, destination, sourcePort, destinationPort } = context;
  return forward ? { source, destination, sourcePort, destinationPort } : { source: destination, destination: source, sourcePort: destinationPort, destinationPort: sourcePort };
}

/** hasEnds tells whether the ports of a packet are these. */
export function hasEnds(data: Uint8Array, at: number, { sourcePort, destinationPort }: PacketEnds): boolean {
  return readU16(data, at) === sourcePort && readU16(data, at + 2) === destinationPort;
}

/** turnEnds gives a DCCP or UDP-Lite packet at `at` other ports, and a checksum that follows them and the addresses (RFC 1624). */
export function turnEnds(data: Uint8Array, at: number, from: Pick<PacketEnds, "source" | "destination">, to: PacketEnds): void {
  const sumOf = (ends: Pick<PacketEnds, "source" | "destination">): number => fold(sumAddress(ends.source) + sumAddress(ends.destination) + readU16(data, at) + readU16(data, at + 2));
  const before = sumOf(from);
  const field = readU16(data, at + UDP_CHECKSUM_AT);
  writeU16(data, at, to.sourcePort);
  writeU16(data, at + 2, to.destinationPort);
  const value = checksumOf(negate(field) + negate(before) + sumOf(to));
  writeU16(data, at + UDP_CHECKSUM_AT, value === 0 ? 0xffff : value);
}
