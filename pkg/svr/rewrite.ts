// A packet for the other side of its session, without metadata: new addresses, ports or identifier, TTL, carrier, and the
// checksum derived from the received one (RFC 1624), so that damage on the way in still shows at the host. Called for
// packets that came up although they need nothing; the data plane does the same for all others.
import { readU16 } from "../base/bytes.ts";
import { ok, type Result } from "../base/result.ts";
import { checksumAt, finishChecksum, fold, negate, pseudoSum, storedChecksum, sumBytes, writeChecksum } from "./checksum.ts";
import * as wire from "./constants.ts";
import { layoutPacket, type Endpoints, type Layout, type LayoutOptions } from "./layout.ts";
import type { Packet } from "./packet.ts";
import { isOffloaded } from "./sanity.ts";

const NO_ROOM = { before: 0, behind: 0 };

/** rewritePacket gives the packet as it leaves toward `to`, checksums final; `too-big` and `filter` as layoutPacket says. The caller has judged the TTL. */
export function rewritePacket(packet: Packet, to: Endpoints, options: LayoutOptions = {}): Result<Uint8Array, "too-big" | "filter"> {
  const layout = layoutPacket(packet, to, { options, room: NO_ROOM });
  if (!layout.ok) return layout;
  writeTransportChecksum(packet, layout.value, to);
  return ok(layout.value.data);
}

function writeTransportChecksum(packet: Packet, layout: Layout, to: Endpoints): void {
  const { data, proto, l4 } = layout;
  const field = checksumAt(proto);
  if (field < 0) return;
  const same = packet.proto === proto;
  if (same && proto === wire.PROTO_UDP && to.source.family === 4 && storedChecksum(packet.data, packet.l4, proto) === 0 && !layout.changed) return; // protocol 2.7
  const received = layout.changed ? -1 : bodySum(packet);
  if (received < 0) return finishChecksum(data, l4);
  const pseudo = pseudoSum({ source: to.source, destination: to.destination, proto }, data.length - l4);
  const sum = fold(received + negate(portsSum(packet.data, packet.l4, packet.proto)) + portsSum(data, l4, proto) + identifierChange(packet, layout) + pseudo);
  if (sum === 0xffff && proto === wire.PROTO_ICMP) return finishChecksum(data, l4); // a message of zeros looks the same
  writeChecksum(data, l4 + field, sum, proto);
}

/** Sum of the L4 bytes without the checksum field, derived from that field; -1 when it says nothing about them. */
function bodySum(packet: Packet): number {
  const { data, l4, end, proto } = packet;
  if (checksumAt(proto) < 0) return -1;
  const stored = storedChecksum(data, l4, proto);
  const pseudo = pseudoSum(packet, end - l4);
  if (isOffloaded(stored, pseudo, proto) || (proto === wire.PROTO_UDP && stored === 0)) return -1;
  return fold(negate(stored) + negate(pseudo));
}

/** Sum of the fields of a TCP or UDP header that a rewrite replaces: ports and UDP length. */
function portsSum(data: Uint8Array, l4: number, proto: number): number {
  if (proto === wire.PROTO_TCP) return sumBytes(data, l4, l4 + 4);
  return proto === wire.PROTO_UDP ? sumBytes(data, l4, l4 + 6) : 0;
}

/** What a new identifier in an ICMP message adds; the received message stands at l4, or behind the UDP header that carried it. */
function identifierChange(packet: Packet, layout: Layout): number {
  if (layout.proto !== wire.PROTO_ICMP && layout.proto !== wire.PROTO_ICMPV6) return 0;
  const message = packet.proto === wire.PROTO_UDP ? packet.payload : packet.l4;
  return negate(readU16(packet.data, message + wire.ICMP_IDENTIFIER_AT)) + readU16(layout.data, layout.l4 + wire.ICMP_IDENTIFIER_AT);
}
