// What is always dropped before a session exists (behaviour 10.2). Called for first packets of hosts and peers; pure,
// looks at one packet only and changes nothing.
import { isBroadcast, isLoopback, isMulticast, isUnspecified, sameAddress } from "../base/address.ts";
import { readU16 } from "../base/bytes.ts";
import { checksumAt, fold, pseudoSum, storedChecksum, sumBytes } from "./checksum.ts";
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_UDP, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from "./constants.ts";
import type { Packet } from "./packet.ts";

const TCP_FLAGS = TCP_FIN | TCP_SYN | TCP_RST | TCP_PSH | TCP_ACK | TCP_URG;

/** checkSanity gives the reason to drop a first packet, undefined when it is sound. Fragments are judged by addresses only. */
export function checkSanity(packet: Packet): "filter" | "state" | undefined {
  if (hasBadAddress(packet) || hasBadHeader(packet)) return "filter";
  if (packet.fragment !== undefined) return undefined;
  if (packet.tcp !== undefined && hasBadFlags(packet.tcp.flags)) return "state";
  if (packet.proto === PROTO_UDP && readU16(packet.data, packet.l4 + 4) !== packet.end - packet.l4) return "filter";
  return hasGoodChecksum(packet) ? undefined : "filter";
}

function hasBadAddress(packet: Packet): boolean {
  const { source, destination } = packet;
  return isMulticast(source) || isBroadcast(source) || isUnspecified(source) || isLoopback(source) || isLoopback(destination) ||
    sameAddress(source, destination);
}

/** IPv6 extension headers go with their packet (protocol 14); IPv4 options pass, the header checksum is checked (RFC 1812 5.2.2). */
function hasBadHeader(packet: Packet): boolean {
  if (packet.family === 6) return packet.hasOptions;
  return fold(sumBytes(packet.data, 0, (packet.data[0]! & 0x0f) * 4)) !== 0xffff;
}

/** hasBadFlags tells the combinations that no TCP sends: none, SYN+FIN, SYN+RST, FIN without ACK (all flags hold SYN+FIN). */
export function hasBadFlags(flags: number): boolean {
  if ((flags & TCP_FLAGS) === 0) return true;
  if ((flags & TCP_SYN) !== 0 && (flags & (TCP_FIN | TCP_RST)) !== 0) return true;
  return (flags & (TCP_FIN | TCP_ACK)) === TCP_FIN;
}

/** hasGoodChecksum verifies the L4 checksum by reading the packet; true for protocols without a known one, and for one left to offload. */
export function hasGoodChecksum(packet: Packet): boolean {
  const { data, l4, end, proto, family } = packet;
  if (checksumAt(proto) < 0 || isForeignIcmp(packet)) return true;
  const stored = storedChecksum(data, l4, proto);
  if (proto === PROTO_UDP && stored === 0) return family === 4;
  const pseudo = pseudoSum(packet, end - l4);
  return fold(pseudo + sumBytes(data, l4, end)) === 0xffff || isOffloaded(stored, pseudo, proto);
}

/** isOffloaded tells a field that holds only the pseudo-header sum: the kernel left the rest to the network card. */
export function isOffloaded(stored: number, pseudo: number, proto: number): boolean {
  return proto !== PROTO_ICMP && stored === pseudo;
}

function isForeignIcmp(packet: Packet): boolean {
  return packet.proto === (packet.family === 4 ? PROTO_ICMPV6 : PROTO_ICMP);
}
