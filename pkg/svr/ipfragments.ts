// Plain IP fragments (protocol 10.1, 10.2): joining those of hosts, and cutting a packet for the link behind the egress so
// that no fragment is larger than those its host sent. Called for punted fragments and for packets above the egress MTU.
// L4 checksums are not touched: they cover the whole packet.
import { addressKey } from "../base/address.ts";
import { writeU16, writeU32 } from "../base/bytes.ts";
import { finishIpv4Header } from "./checksum.ts";
import * as wire from "./constants.ts";
import { SLICE_UNIT } from "./fragment.ts";
import type { Packet } from "./packet.ts";
import { isMarked, markWhole, type Joined, type Reassembler } from "./reassembly.ts";

const IPV6_FRAGMENT_HEADER = 8;
const NOTHING = new Uint8Array(0);

/** IpFragment is a packet that parsePacket found to be a fragment. */
export interface IpFragment {
  readonly packet: Packet;
  readonly ifnum: number;
  readonly vlan: number;
}

/** WholeIp is a reassembled packet as its host would have sent it in one piece, and what TLV 1 says of it. */
export interface WholeIp {
  readonly data: Uint8Array;
  readonly original: { readonly ipId: number; readonly largest: number; readonly dontFragment: boolean };
}

/** joinIp takes a fragment at `now` (ms) and gives the whole packet once it is complete; undefined too when the packet is no fragment. */
export function joinIp(reassembler: Reassembler, arrival: IpFragment, now: number): WholeIp | undefined {
  const { packet } = arrival;
  const { fragment } = packet;
  if (fragment === undefined) return undefined;
  const fits = packet.family === 4 ? packet.end + fragment.offset <= wire.IP_LENGTH_MAX : packet.l4 === wire.IPV6_HEADER + IPV6_FRAGMENT_HEADER;
  const joined = reassembler.accept({
    key: keyOf(arrival, fragment.id), remote: addressKey(packet.source), offset: fragment.offset, more: fragment.more, head: headOf(packet),
    // an empty slice is refused with all of its packet: too long for IPv4, or behind other extension headers
    slice: fits ? packet.data.subarray(packet.l4, packet.end) : NOTHING, tail: NOTHING,
    size: packet.end, marked: isMarked(packet.tos),
  }, now);
  return joined === undefined ? undefined : wholeOf(joined, fragment.id);
}

/** IPv6 names a packet by addresses and identification only (RFC 8200 4.5), IPv4 by the protocol too (RFC 791). */
function keyOf({ packet, ifnum, vlan }: IpFragment, id: number): string {
  const proto = packet.family === 4 ? packet.proto : 0;
  return `${ifnum}.${vlan}.${packet.family}.${addressKey(packet.source)}.${addressKey(packet.destination)}.${proto}.${id}`;
}

function headOf(packet: Packet): Uint8Array {
  if (packet.family === 4) return packet.data.subarray(0, packet.l4);
  const head = packet.data.slice(0, wire.IPV6_HEADER);
  head[6] = packet.proto;
  return head;
}

function wholeOf(joined: Joined, id: number): WholeIp {
  const { data, largest } = joined;
  const isV4 = data[0]! >>> 4 === 4;
  markWhole(joined);
  if (!isV4) {
    writeU16(data, 4, data.length - wire.IPV6_HEADER);
    return { data, original: { ipId: id & 0xffff, largest, dontFragment: true } };
  }
  const dontFragment = (data[6]! & 0x40) !== 0;
  writeU16(data, 2, data.length);
  writeU16(data, 6, dontFragment ? wire.IPV4_DF : 0);
  finishIpv4Header(data);
  return { data, original: { ipId: id, largest, dontFragment } };
}

/** EgressFate is what happens to a packet behind the last router; `id` says which identification its fragments carry. */
export type EgressFate = { kind: "whole" } | { kind: "fragment"; size: number; id: "original" | "new" } | { kind: "too-big" };

/** decideEgress applies protocol 10.2 to a packet of `length` IP bytes; `original` is its TLV 1, absent when it came without. */
export function decideEgress(length: number, family: 4 | 6, link: { mtu: number; original?: WholeIp["original"] }): EgressFate {
  const { mtu, original } = link;
  const largest = original?.largest ?? 0;
  const size = largest === 0 ? mtu : Math.min(mtu, largest);
  if (length <= size) return { kind: "whole" };
  const mustNotCut = family === 6 || original?.dontFragment === true;
  if (mustNotCut && (largest === 0 || largest > mtu)) return { kind: "too-big" };
  return { kind: "fragment", size, id: family === 4 && largest !== 0 ? "original" : "new" };
}

/** cutIp makes IP fragments of at most `size` bytes from a packet without fragment header; IPv4 DF and options stay on each. Sizes below one unit behind the headers are raised to it. */
export function cutIp(data: Uint8Array, cut: { size: number; id: number }): Uint8Array[] {
  const isV4 = data[0]! >>> 4 === 4;
  const header = isV4 ? (data[0]! & 0x0f) * 4 : wire.IPV6_HEADER;
  const overhead = isV4 ? header : header + IPV6_FRAGMENT_HEADER;
  const room = cut.size - overhead;
  const unit = Math.max(SLICE_UNIT, room - (room % SLICE_UNIT));
  const fragments: Uint8Array[] = [];
  for (let from = header; from < data.length; from += unit) {
    const to = data.length - from <= room ? data.length : Math.min(data.length, from + unit);
    const fragment = new Uint8Array(overhead + to - from);
    fragment.set(data.subarray(0, header));
    fragment.set(data.subarray(from, to), overhead);
    const place = { offset: from - header, more: to < data.length, id: cut.id };
    if (isV4) finishIpv4(fragment, place);
    else finishIpv6(fragment, place);
    fragments.push(fragment);
    if (to === data.length) break;
  }
  return fragments;
}

interface Place {
  readonly offset: number;
  readonly more: boolean;
  readonly id: number;
}

function finishIpv4(fragment: Uint8Array, place: Place): void {
  const dontFragment = fragment[6]! & 0x40 ? wire.IPV4_DF : 0;
  writeU16(fragment, 2, fragment.length);
  writeU16(fragment, 4, place.id);
  writeU16(fragment, 6, dontFragment | (place.more ? wire.IPV4_MF : 0) | (place.offset >>> 3));
  finishIpv4Header(fragment);
}

function finishIpv6(fragment: Uint8Array, place: Place): void {
  writeU16(fragment, 4, fragment.length - wire.IPV6_HEADER);
  fragment[wire.IPV6_HEADER] = fragment[6]!;
  fragment[6] = wire.PROTO_FRAGMENT;
  writeU16(fragment, wire.IPV6_HEADER + 2, place.offset | (place.more ? 1 : 0));
  writeU32(fragment, wire.IPV6_HEADER + 4, place.id);
}
