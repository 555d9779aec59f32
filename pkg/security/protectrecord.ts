// Records of a protect ring as the engine on node:crypto reads them: single wire packets out of super-packets, and their headers made true
// again when they leave. Says the same as pkg/native/src/protectsplit.c.
import { readU16, readU32, writeU16, writeU32 } from "../base/bytes.ts";
import { finishChecksum, finishIpv4Header, fold, sumBytes } from "../svr/checksum.ts";
import { PAYLOAD_POSITIONS } from "../svr/payload.ts";
import { IPV4_HEADER, IPV6_HEADER, PROTO_TCP, PROTO_UDP, TCP_HEADER, UDP_CHECKSUM_AT, UDP_HEADER } from "../svr/constants.ts";

const P_LENGTH = 8, P_ENTRY = 12, P_CAUSE = 16, P_GSO = 22, P_NEXTHOP = 26, P_FLAGS = 34, PUNT = 40; // struct svr_punt
const OPEN = 12, SEAL = 13, PARTIAL = 1, COPIED = 2, PLAIN = 8; // enum svr_punt_cause, SVR_PUNT_PARTIAL, SVR_PUNT_COPIED, SVR_PUNT_PLAIN
const FIN_PSH = 0x09, CWR = 0x80, SEQ_AT = 4, FLAGS_AT = 13;
const PACKET_BYTES = 65_535, GROWTH = 64;

/** PuntRecord is one record. */
export interface PuntRecord { entry: number; slot: number; side: 0 | 1; opens: boolean; gsoSize: number; nexthop: number; marked: boolean; partial: boolean; /** bodies of its direction were not encrypted when it passed */ plain: boolean; packet: Uint8Array }
/** WirePacket is one packet: a copy, its L4 header and payload at `l4` and `body`. */
export interface WirePacket { data: Uint8Array; l4: number; body: number; /** its checksum is computed anew; otherwise it is UDP over IPv4 without one */ summed: boolean; /** it came in a super-packet */ split: boolean; /** of a whole segment in it, which a train that leaves may have too */ position: number }

/** readRecords reads all records of a call; what is none is left out. */
export function readRecords(bytes: Uint8Array): PuntRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), records: PuntRecord[] = [];
  for (let at = 0; bytes.length - at >= PUNT;) {
    const length = view.getUint32(at + P_LENGTH, true), entry = view.getUint32(at + P_ENTRY, true), cause = view.getUint16(at + P_CAUSE, true), flags = view.getUint16(at + P_FLAGS, true);
    if (length > bytes.length - at - PUNT) break;
    if (entry >= 2 && (cause === OPEN || cause === SEAL)) {
      records.push({
        entry, slot: (entry >>> 1) - 1, side: (entry & 1) as 0 | 1, opens: cause === OPEN, gsoSize: view.getUint16(at + P_GSO, true), nexthop: view.getUint16(at + P_NEXTHOP, true),
        marked: (flags & COPIED) !== 0, partial: (flags & PARTIAL) !== 0, plain: (flags & PLAIN) !== 0, packet: bytes.subarray(at + PUNT, at + PUNT + length),
      });
    }
    at += PUNT + length + 7 & ~7;
  }
  return records;
}

interface Shape { l4: number; body: number; each: number; proto: number; version: number }

function readShape({ packet, gsoSize }: PuntRecord): Shape | undefined {
  const version = packet.length === 0 ? 0 : packet[0]! >> 4, l4 = version === 4 ? (packet[0]! & 15) * 4 : IPV6_HEADER;
  if ((version !== 4 && version !== 6) || packet.length < l4 + UDP_HEADER) return undefined;
  const proto = packet[version === 4 ? 9 : 6]!;
  let l4Length = proto === PROTO_UDP ? UDP_HEADER : 0;
  if (proto === PROTO_TCP && packet.length >= l4 + TCP_HEADER) l4Length = (packet[l4 + 12]! >> 4) * 4;
  const body = l4 + l4Length, payload = packet.length - body;
  if (l4Length === 0 || (proto === PROTO_TCP && l4Length < TCP_HEADER) || payload < 0) return undefined;
  const each = gsoSize > 0 && payload > gsoSize ? gsoSize : payload;
  return body + each + GROWTH <= PACKET_BYTES ? { l4, body, each, proto, version } : undefined;
}

/** Sequence number, flags and identification of a segment of a super-packet. */
function numberSegment({ l4, each, proto, version }: Shape, data: Uint8Array, of: { at: number; number: number; isLast: boolean }): void {
  if (version === 4 && of.number > 0) writeU16(data, 4, readU16(data, 4) + of.number & 0xffff);
  if (proto !== PROTO_TCP || each === 0) return;
  writeU32(data, l4 + SEQ_AT, readU32(data, l4 + SEQ_AT) + of.at >>> 0);
  if (!of.isLast) data[l4 + FLAGS_AT]! &= ~FIN_PSH;
  if (of.number > 0) data[l4 + FLAGS_AT]! &= ~CWR;
}

/** The sum over L4 part and pseudo header: 0xffff when the checksum is right. */
function sumOf(data: Uint8Array, { l4, proto, version }: Shape): number {
  const [from, to] = version === 4 ? [12, IPV4_HEADER] : [8, IPV6_HEADER];
  return fold(sumBytes(data, from, to) + proto + data.length - l4 + sumBytes(data, l4, data.length));
}

/** splitRecord makes the wire packets of a record; or the reason for which it is dropped: sealing must not make good what a host or a link broke. */
export function splitRecord(record: PuntRecord): WirePacket[] | "too-big" | "filter" {
  const shape = readShape(record), { packet, partial, opens, gsoSize } = record;
  if (shape === undefined) return "too-big";
  const { l4, body, each, proto, version } = shape;
  const summed = proto !== PROTO_UDP || version === 6 || partial || readU16(packet, l4 + UDP_CHECKSUM_AT) !== 0;
  if (!opens && summed && gsoSize === 0 && !partial && sumOf(packet, shape) !== 0xffff) return "filter";
  const payload = packet.length - body, count = Math.max(1, Math.ceil(payload / Math.max(1, each)));
  return Array.from({ length: count }, (_, number) => {
    const at = number * each, part = packet.subarray(body + at, Math.min(packet.length, body + at + each)), data = new Uint8Array(body + part.length);
    data.set(packet.subarray(0, body));
    data.set(part, body);
    numberSegment(shape, data, { at, number, isLast: number === count - 1 });
    return { data, l4, body, summed, split: count > 1, position: proto === PROTO_TCP && part.length === each ? number % PAYLOAD_POSITIONS : 0 };
  });
}

/** moveSegment moves a TCP segment in its stream. */
export function moveSegment(packet: WirePacket, by: number): void {
  if (by !== 0) writeU32(packet.data, packet.l4 + SEQ_AT, readU32(packet.data, packet.l4 + SEQ_AT) + by >>> 0);
}

/** withPayload is the packet with another payload, its lengths not yet true. */
export function withPayload(packet: WirePacket, ...payload: readonly Uint8Array[]): WirePacket {
  const data = new Uint8Array(payload.reduce((sum, { length }) => sum + length, packet.body));
  data.set(packet.data.subarray(0, packet.body));
  let at = packet.body;
  for (const part of payload) {
    data.set(part, at);
    at += part.length;
  }
  return { ...packet, data };
}

/** isUdp tells by the length of its L4 header, as the engine does everywhere. */
export function isUdp({ l4, body }: WirePacket): boolean {
  return body - l4 === UDP_HEADER;
}

/** finish makes lengths and checksums of a packet true that leaves. */
export function finish(packet: WirePacket): void {
  const { data, l4, summed } = packet, isIp4 = data[0]! >> 4 === 4;
  writeU16(data, isIp4 ? 2 : 4, isIp4 ? data.length : data.length - l4);
  if (isUdp(packet)) writeU16(data, l4 + 4, data.length - l4);
  if (summed) finishChecksum(data, l4);
  else writeU16(data, l4 + UDP_CHECKSUM_AT, 0);
  if (isIp4) finishIpv4Header(data);
}

/** HEADER is the Ethernet header in front of a frame. */
export const FRAME_HEADER = 14;

/** frameOf puts in front of a packet where svr_inject takes it: to a next hop, or on as one of its session's. */
export function frameOf({ data }: WirePacket, { entry, opens, marked, nexthop }: PuntRecord, injectMac: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER + data.length);
  if (opens || marked) {
    writeU16(frame, 0, opens ? 0x024f : 0x024c); // SVR_INJECT_OPENED, SVR_INJECT_SEALED
    writeU32(frame, 2, entry);
  } else {
    writeU32(frame, 0, 0x02535652); // SVR_INJECT_MAGIC
    writeU16(frame, 4, nexthop);
  }
  frame.set(injectMac, 6);
  writeU16(frame, 12, data[0]! >> 4 === 6 ? 0x86dd : 0x0800);
  frame.set(data, FRAME_HEADER);
  return frame;
}
