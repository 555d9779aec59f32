// SVR fragmentation of one outgoing packet (protocol 10.2): where to cut, what TLV 1 says in each piece, and the pieces as
// complete packets. Called when a packet with everything added exceeds the path MTU. Between plan and cut the caller
// encodes the metadata of the first piece and has the whole signed as if it were one packet; no keys here.
import { fail, ok, type Result } from "../base/result.ts";
import { writeU16, writeU32 } from "../base/bytes.ts";
import { finishChecksum, finishIpv4Header } from "./checksum.ts";
import * as wire from "./constants.ts";
import type { FragmentTlv } from "./metadata.ts";
import { fragmentValue } from "./tlvvalue.ts";

/** PATH_MTU_FLOOR is the least size fragments are made for, and the least path MTU (protocol 10.2, 10.3). */
export const PATH_MTU_FLOOR = 1_280;
/** BODY_MAX is the largest B; a packet above it is dropped with ICMP "too big" (protocol 10.5). */
export const BODY_MAX = 65_535;
/** KEY_ID_TLV_BYTES is TLV 16 with its header. */
export const KEY_ID_TLV_BYTES = wire.TLV_OVERHEAD + 4;
/** LATER_HEADER is the metadata of every fragment but the first: base header and TLV 1. */
export const LATER_HEADER = wire.BASE_HEADER + wire.FRAGMENT_TLV_BYTES;
/** SLICE_UNIT is what offsets count in, and what all slices but the last are multiples of. */
export const SLICE_UNIT = 8;

/** FragmentTask describes the packet to be cut; all in bytes. */
export interface FragmentTask {
  /** outer IP header (20 or 40) and L4 header with options */
  readonly headers: number;
  readonly carrier: "tcp" | "udp";
  /** metadata M of the packet and whether it holds TLV 16; absent when the packet has none */
  readonly metadata?: { readonly length: number; readonly hasKeyId: boolean };
  /** false: HMAC disabled, or key exchange: neither TLV 16 nor tag is added */
  readonly isSigned: boolean;
  /** length of B: body, dup seq, FEC */
  readonly body: number;
  readonly pathMtu: number;
  /** what the original arrived as: zeros and false for a packet that arrived whole without DF */
  readonly original: { readonly ipId: number; readonly largest: number; readonly dontFragment: boolean };
  readonly extId: number;
}

/** FragmentSlice is one piece: bytes [from, to) of B and its TLV 1. */
export interface FragmentSlice {
  readonly from: number;
  readonly to: number;
  readonly tlv: FragmentTlv;
}

/** FragmentPlan is how a packet is cut. */
export interface FragmentPlan {
  readonly slices: readonly FragmentSlice[];
  /** length that M1, the metadata of the first fragment, must have: M with TLV 1, and TLV 16 where it is signed */
  readonly firstMetadata: number;
  readonly tag: number;
  /** UDP length to put into A when the tag is computed; 0 for TCP */
  readonly udpLength: number;
}

/** fragmentSize is the size limit of fragments on a path: no larger than what the sender of the original used, within the floor. */
export function fragmentSize(pathMtu: number, largest: number): number {
  return largest === 0 ? pathMtu : Math.min(pathMtu, Math.max(PATH_MTU_FLOOR, largest));
}

/** planFragments cuts a packet; `too-big` when B exceeds 65,535 bytes or the MTU leaves no room for a slice. */
export function planFragments(task: FragmentTask): Result<FragmentPlan, "too-big"> {
  const size = fragmentSize(task.pathMtu, task.original.largest);
  const firstMetadata = firstMetadataLength(task);
  const tag = task.isSigned ? wire.TAG_BYTES : 0;
  const room = { first: size - task.headers - firstMetadata, later: size - task.headers - LATER_HEADER };
  // a later fragment must hold one unit before the last one, and the last unit with the tag
  if (task.body > BODY_MAX || room.first < SLICE_UNIT + tag || room.later < SLICE_UNIT + tag) return fail("too-big");
  const slices: FragmentSlice[] = [];
  for (let from = 0; from < task.body || slices.length === 0;) {
    const length = sliceLength(task.body - from, from === 0 ? room.first : room.later, tag);
    slices.push({ from, to: from + length, tlv: tlvOf(task, from, from + length < task.body) });
    from += length;
  }
  return ok({ slices, firstMetadata, tag, udpLength: udpLengthOf(task, firstMetadata, tag) });
}

/** The rest with the tag where it fits, else as many whole units as fit and leave something for the last fragment. */
function sliceLength(rest: number, room: number, tag: number): number {
  if (rest + tag <= room) return rest;
  const most = Math.min(room, rest - 1);
  return most - (most % SLICE_UNIT);
}

function firstMetadataLength(task: FragmentTask): number {
  const length = task.metadata?.length ?? wire.BASE_HEADER;
  const adds = task.isSigned && task.metadata?.hasKeyId !== true;
  return length + wire.FRAGMENT_TLV_BYTES + (adds ? KEY_ID_TLV_BYTES : 0);
}

function tlvOf(task: FragmentTask, offset: number, more: boolean): FragmentTlv {
  const { ipId, largest, dontFragment } = task.original; // may be the TLV 1 of the segment before, whose ext-id is not ours
  return { extId: task.extId, ipId, largest, dontFragment, more, offset };
}

function udpLengthOf(task: FragmentTask, firstMetadata: number, tag: number): number {
  return task.carrier === "udp" ? (wire.UDP_HEADER + firstMetadata + task.body + tag) & 0xffff : 0;
}

/** WholePacket is a packet as the tag sees it: IP and L4 header, M1, B and tag in one array, whatever its size. */
export interface WholePacket {
  readonly data: Uint8Array;
  /** offset of the L4 header */
  readonly l4: number;
  /** offset of M1 */
  readonly payload: number;
  /** offset of B */
  readonly body: number;
}

/** cutPacket makes the fragments of a signed whole: lengths and checksums are final, IPv4 header flags as in the whole. `nextIpId` numbers packets with DF=0. */
export function cutPacket(whole: WholePacket, plan: FragmentPlan, nextIpId: () => number): Uint8Array[] {
  return plan.slices.map((slice) => cutSlice(whole, slice, { tag: slice.tlv.more ? 0 : plan.tag, nextIpId }));
}

function cutSlice(whole: WholePacket, slice: FragmentSlice, options: { tag: number; nextIpId: () => number }): Uint8Array {
  const { data, payload, body } = whole;
  const metadata = slice.from === 0 ? body - payload : LATER_HEADER;
  const packet = new Uint8Array(payload + metadata + slice.to - slice.from + options.tag);
  packet.set(data.subarray(0, slice.from === 0 ? body : payload));
  if (slice.from !== 0) writeLaterHeader(packet.subarray(payload), slice.tlv);
  packet.set(data.subarray(body + slice.from, body + slice.to + options.tag), payload + metadata);
  finishPacket(packet, whole.l4, options.nextIpId);
  return packet;
}

function writeLaterHeader(at: Uint8Array, tlv: FragmentTlv): void {
  writeU32(at, 0, wire.COOKIE_HIGH);
  writeU32(at, 4, wire.COOKIE_LOW);
  writeU16(at, 8, (wire.METADATA_VERSION << 12) | LATER_HEADER);
  writeU16(at, wire.BASE_HEADER, wire.TLV_FRAGMENT);
  writeU16(at, wire.BASE_HEADER + 2, wire.FRAGMENT_TLV_BYTES - wire.TLV_OVERHEAD);
  fragmentValue.write(tlv, at, wire.BASE_HEADER + wire.TLV_OVERHEAD);
}

function finishPacket(packet: Uint8Array, l4: number, nextIpId: () => number): void {
  const isV4 = packet[0]! >>> 4 === 4;
  writeU16(packet, isV4 ? 2 : 4, isV4 ? packet.length : packet.length - l4);
  if (isV4 && (packet[6]! & 0x40) === 0) writeU16(packet, 4, nextIpId());
  if (packet[isV4 ? 9 : 6] === wire.PROTO_UDP) writeU16(packet, l4 + 4, packet.length - l4);
  if (isV4) finishIpv4Header(packet);
  finishChecksum(packet, l4);
}

/** ExtIds numbers the fragmented packets of one peer path: shards take turns, so that 2^32 numbers pass before one returns. */
export class ExtIds {
  #last: number;
  readonly #step: number;

  /** `start` should be random, so that a restart does not meet numbers in use for 60 s; slice is the shard and how many there are. */
  constructor(start: number, slice: { readonly number: number; readonly count: number }) {
    this.#step = slice.count;
    this.#last = (start - (start % slice.count) + slice.number) >>> 0;
  }

  /** next gives an unused number, 32 bits. */
  next(): number {
    this.#last = (this.#last + this.#step) >>> 0;
    return this.#last;
  }
}
