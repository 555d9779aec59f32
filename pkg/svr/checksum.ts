// The Internet checksum (RFC 1071) over IPv4 and IPv6 packets, whole and by difference (RFC 1624). Called by the packet
// builders, the rewriter and the sanity check. Sums are ones' complement sums of big-endian 16-bit words, kept as plain
// numbers that fold() brings to 16 bits. Must not change anything but the checksum field.
import type { IpAddress } from "../base/address.ts";
import { readU16, writeU16 } from "../base/bytes.ts";
import { IPV4_HEADER, IPV6_HEADER, PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP, ICMP_CHECKSUM_AT, TCP_CHECKSUM_AT, UDP_CHECKSUM_AT } from "./constants.ts";

const CHUNK = 0x4000; // bytes summed before folding: 8,192 words stay below 2^30, so additions stay integers

/** sumBytes adds bytes [from, to) to a sum; an odd last byte is the high half of a word. */
export function sumBytes(data: Uint8Array, from: number, to: number): number {
  let total = 0;
  for (let start = from; start < to; start += CHUNK) total = fold(total + sumChunk(data, start, Math.min(to, start + CHUNK)));
  return total;
}

function sumChunk(data: Uint8Array, from: number, to: number): number {
  let high = 0;
  let low = 0;
  let at = from;
  for (const end = to - 7; at < end; at += 8) {
    high += data[at]! + data[at + 2]! + data[at + 4]! + data[at + 6]!;
    low += data[at + 1]! + data[at + 3]! + data[at + 5]! + data[at + 7]!;
  }
  for (const end = to - 1; at < end; at += 2) {
    high += data[at]!;
    low += data[at + 1]!;
  }
  if (at < to) high += data[at]!;
  return (high << 8) + low;
}

/** fold brings a sum below 2^32 to 16 bits; zero only for a sum of zeros. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** checksumOf is the field value for a sum. */
export function checksumOf(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** negate gives the sum that cancels another one (RFC 1624). */
export function negate(sum: number): number {
  return ~fold(sum) & 0xffff;
}

/** sumAddress is the sum of the words of an address. */
export function sumAddress(address: IpAddress): number {
  const { w0, w1, w2, w3 } = address;
  return (w0 >>> 16) + (w0 & 0xffff) + (w1 >>> 16) + (w1 & 0xffff) + (w2 >>> 16) + (w2 & 0xffff) + (w3 >>> 16) + (w3 & 0xffff);
}

/** Ends names the addresses and protocol that a transport checksum covers. */
export interface Ends { source: IpAddress; destination: IpAddress; proto: number }

/** pseudoSum is the folded pseudo-header sum of `length` L4 bytes; 0 for ICMP over IPv4, which has none. */
export function pseudoSum(ends: Ends, length: number): number {
  if (ends.proto === PROTO_ICMP) return 0;
  return fold(sumAddress(ends.source) + sumAddress(ends.destination) + ends.proto + (length >>> 16) + (length & 0xffff));
}

/** checksumAt is the offset of the checksum in the L4 header of a protocol; -1 when this codec knows none. */
export function checksumAt(proto: number): number {
  switch (proto) {
    case PROTO_TCP: return TCP_CHECKSUM_AT;
    case PROTO_UDP: return UDP_CHECKSUM_AT;
    case PROTO_ICMP: case PROTO_ICMPV6: return ICMP_CHECKSUM_AT;
    default: return -1;
  }
}

/** writeChecksum stores the field for a sum that covers the segment and pseudo-header; UDP never stores 0 (RFC 768). */
export function writeChecksum(data: Uint8Array, field: number, sum: number, proto: number): void {
  const value = checksumOf(sum);
  writeU16(data, field, value === 0 && proto === PROTO_UDP ? 0xffff : value);
}

/** finishIpv4Header computes the checksum of the IPv4 header of a packet that starts at 0. */
export function finishIpv4Header(data: Uint8Array): void {
  writeU16(data, 10, 0);
  writeU16(data, 10, checksumOf(sumBytes(data, 0, (data[0]! & 0x0f) * 4)));
}

/** finishChecksum computes the L4 checksum of a complete packet whose L4 header stands at `l4`, reading all of it; other protocols stay as they are. Call it after sealing: it covers the sealed bytes. IPv6 extension headers are not looked into. */
export function finishChecksum(data: Uint8Array, l4: number): void {
  const v6 = data[0]! >>> 4 === 6;
  const proto = data[v6 ? 6 : 9]!;
  const field = checksumAt(proto);
  if (field < 0) return;
  writeU16(data, l4 + field, 0);
  const length = data.length - l4;
  const pseudo = proto === PROTO_ICMP ? 0 : sumAddressesAt(data, v6) + proto + length;
  writeChecksum(data, l4 + field, pseudo + sumBytes(data, l4, data.length), proto);
}

function sumAddressesAt(data: Uint8Array, v6: boolean): number {
  return v6 ? sumBytes(data, 8, IPV6_HEADER) : sumBytes(data, 12, IPV4_HEADER);
}

/** storedChecksum reads the field of an L4 header at `l4`. */
export function storedChecksum(data: Uint8Array, l4: number, proto: number): number {
  return readU16(data, l4 + checksumAt(proto));
}
