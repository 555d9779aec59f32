// SVR fragments as received (protocol 10.2): which packet one belongs to, and the whole packet in the form its tag was
// computed over. Called after the header TLVs of a packet show TLV 1 and before the tag is verified: a fragment cannot be
// authenticated alone. Verifies nothing.
import { addressKey } from "../base/address.ts";
import { writeU16 } from "../base/bytes.ts";
import { finishIpv4Header } from "./checksum.ts";
import * as wire from "./constants.ts";
import type { WholePacket } from "./fragment.ts";
import type { FragmentTlv } from "./metadata.ts";
import { parsePacket } from "./packet.ts";
import type { Packet } from "./packet.ts";
import { isMarked, markWhole, type Joined, type Reassembler } from "./reassembly.ts";

/** SvrFragment is a packet with TLV 1, parsed up to its header TLVs. */
export interface SvrFragment {
  readonly packet: Packet;
  readonly ifnum: number;
  readonly vlan: number;
  readonly fragment: FragmentTlv;
  /** offset behind the metadata of this fragment */
  readonly body: number;
  /** bytes of the tag at the end of the last fragment: 16, or 0 with HMAC disabled and in key exchange */
  readonly tag: number;
}

/** joinSvr takes a fragment at `now` (ms) and gives the whole packet once it is complete. Its data is one array from the
 * IP header to the tag; UDP length is what the tag covers, IP length fields wrap above 65,535, the L4 checksum is void. */
export function joinSvr(reassembler: Reassembler, arrival: SvrFragment, now: number): WholePacket | undefined {
  const { packet, fragment, body } = arrival;
  const tail = fragment.more ? packet.end : Math.max(body, packet.end - arrival.tag);
  const joined = reassembler.accept({
    key: keyOf(arrival), remote: addressKey(packet.source), offset: fragment.offset, more: fragment.more,
    head: packet.data.subarray(0, body), slice: packet.data.subarray(body, tail), tail: packet.data.subarray(tail, packet.end),
    size: packet.end, marked: isMarked(packet.tos),
  }, now);
  return joined === undefined ? undefined : wholeOf(joined);
}

function keyOf({ packet, ifnum, vlan, fragment }: SvrFragment): string {
  const { family, source, destination, sourcePort, destinationPort, proto } = packet;
  return `${ifnum}.${vlan}.${family}.${addressKey(source)}.${addressKey(destination)}.${sourcePort}.${destinationPort}.${proto}.${fragment.extId}`;
}

/** The first fragment's own headers say where its parts are: it need not have the same options as the last one. */
function wholeOf(joined: Joined): WholePacket {
  const { data, headLength } = joined;
  const isV4 = data[0]! >>> 4 === 4;
  const l4 = isV4 ? (data[0]! & 0x0f) * 4 : wire.IPV6_HEADER;
  const isUdp = data[isV4 ? 9 : 6] === wire.PROTO_UDP;
  if (isUdp) writeU16(data, l4 + 4, data.length - l4);
  markWhole(joined);
  writeU16(data, isV4 ? 2 : 4, isV4 ? data.length : data.length - l4);
  if (isV4) finishIpv4Header(data);
  return { data, l4, payload: l4 + (isUdp ? wire.UDP_HEADER : (data[l4 + 12]! >>> 4) * 4), body: headLength };
}

/** packetOfWhole is the parsed view of a joined packet; undefined when the headers of its first fragment do not fit its bytes. */
export function packetOfWhole(whole: WholePacket): Packet | undefined {
  const { data, l4, payload } = whole;
  const head = data.slice(0, payload); // lengths of the whole may have wrapped, so the headers are read as a packet of their own
  const isV4 = head[0]! >>> 4 === 4;
  writeU16(head, isV4 ? 2 : 4, isV4 ? head.length : head.length - l4);
  const packet = parsePacket(head);
  return packet.ok ? { ...packet.value, data, end: data.length } : undefined;
}
