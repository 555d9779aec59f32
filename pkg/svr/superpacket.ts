// Cuts a super-packet (segmentation or receive offload) into the wire segments it stands for (protocol 3.1), inside a tunnel too. Called before
// metadata is looked for or added: each segment may carry its own. Pure; a packet that is no super-packet comes back as is.
import { concatBytes, readU16, readU32, writeU16, writeU32 } from "../base/bytes.ts";
import { checksumOf, finishChecksum, finishIpv4Header, sumBytes } from "./checksum.ts";
import * as wire from "./constants.ts";
import { parsePacket } from "./packet.ts";
import type { Packet } from "./packet.ts";

const PROTO_GRE = 47, GRE_CHECKSUM = 0x80; // RFC 2784

/** SEGMENTS_MAX bounds a super-packet: 64 KiB of at least 536-byte segments, rounded up. */
export const SEGMENTS_MAX = 128;

/**
 * cutSegments gives the wire segments of a packet whose segments carry `gsoSize` payload bytes; 0 means it is none. `sumStart` is where
 * the part begins whose checksum was left to offload: when that is inside a tunnel, the packet in the tunnel is what is cut.
 */
export function cutSegments(data: Uint8Array, gsoSize: number, sumStart?: number): Uint8Array[] {
  if (gsoSize === 0) return [data];
  const parsed = parsePacket(data);
  if (!parsed.ok || parsed.value.fragment !== undefined) return [data];
  const packet = parsed.value;
  if (sumStart !== undefined && sumStart > packet.l4) return cutTunnel(packet, gsoSize, sumStart);
  const count = Math.ceil((packet.end - packet.payload) / gsoSize);
  if (count < 2 || count > SEGMENTS_MAX || (packet.proto !== wire.PROTO_TCP && packet.proto !== wire.PROTO_UDP)) return [data];
  return Array.from({ length: count }, (_, index) => segment(packet, gsoSize, { index, last: index === count - 1 }));
}

/** Each segment of the inner packet behind the headers of the tunnel; a packet whose inner header is not found stays whole. */
function cutTunnel(outer: Packet, gsoSize: number, innerL4: number): Uint8Array[] {
  const at = innerHeader(outer, innerL4);
  if (at === undefined) return [outer.data];
  return cutSegments(outer.data.subarray(at, outer.end), gsoSize).map((inner, index) => {
    const data = concatBytes(outer.data.subarray(0, at), inner);
    writeLengths(data, outer, index);
    finishTunnel(data, outer);
    return data;
  });
}

/** The inner IP header stands right before what the checksum covers, and says the length that is left. */
function innerHeader({ data, l4, end }: Packet, innerL4: number): number | undefined {
  const [v4, v6] = [innerL4 - wire.IPV4_HEADER, innerL4 - wire.IPV6_HEADER];
  if (v4 >= l4 && data[v4] === 0x45 && readU16(data, v4 + 2) === end - v4) return v4;
  return v6 >= l4 && data[v6]! >> 4 === 6 && readU16(data, v6 + 4) === end - innerL4 ? v6 : undefined;
}

/** Length and checksum of a UDP tunnel, checksum of GRE where it has one; others have neither. */
function finishTunnel(data: Uint8Array, { proto, l4 }: Packet): void {
  if (proto === wire.PROTO_UDP) {
    writeU16(data, l4 + 4, data.length - l4);
    if (readU16(data, l4 + 6) !== 0) finishChecksum(data, l4);
  }
  if (proto === PROTO_GRE && (data[l4]! & GRE_CHECKSUM) !== 0) {
    writeU16(data, l4 + 4, 0);
    writeU16(data, l4 + 4, checksumOf(sumBytes(data, l4, data.length)));
  }
}

function segment(packet: Packet, gsoSize: number, place: { index: number; last: boolean }): Uint8Array {
  const from = packet.payload + place.index * gsoSize;
  const to = Math.min(packet.end, from + gsoSize);
  const data = new Uint8Array(packet.payload + (to - from));
  data.set(packet.data.subarray(0, packet.payload));
  data.set(packet.data.subarray(from, to), packet.payload);
  writeLengths(data, packet, place.index);
  if (packet.proto === wire.PROTO_TCP) writeTcp(data, packet.l4, { offset: from - packet.payload, ...place });
  else writeU16(data, packet.l4 + 4, data.length - packet.l4);
  finishChecksum(data, packet.l4);
  return data;
}

function writeLengths(data: Uint8Array, packet: Packet, index: number): void {
  if (packet.family === 6) {
    writeU16(data, 4, data.length - wire.IPV6_HEADER);
    return;
  }
  writeU16(data, 2, data.length);
  writeU16(data, 4, (packet.ipId + index) & 0xffff);
  finishIpv4Header(data);
}

/** FIN and PSH belong to the last segment, CWR to the first (RFC 3168 6.1.2). */
function writeTcp(data: Uint8Array, l4: number, place: { offset: number; index: number; last: boolean }): void {
  writeU32(data, l4 + 4, (readU32(data, l4 + 4) + place.offset) >>> 0);
  if (!place.last) data[l4 + 13]! &= ~(wire.TCP_FIN | wire.TCP_PSH);
  if (place.index > 0) data[l4 + 13]! &= ~wire.TCP_CWR;
}
