// ICMP errors that a router sends to hosts (RFC 792, 1191, 4443): time exceeded, and too big with the size that would pass.
// Called when a packet of a host cannot go on. Builds packets; rate limits and who may get one are the caller's.
import { isBroadcast, isMulticast, isUnspecified } from "../base/address.ts";
import type { IpAddress } from "../base/address.ts";
import { buildPacket } from "./build.ts";
import * as wire from "./constants.ts";
import { isIcmpQuery } from "./icmp.ts";
import type { QuotedError } from "./icmpquote.ts";
import type { Packet } from "./packet.ts";

/** IcmpError is what is wrong with a packet; mtu in bytes of an IP packet, that of the way it should have left by. */
export type IcmpError = { readonly kind: "time-exceeded" } | { readonly kind: "too-big"; readonly mtu: number };

const QUOTE_LIMIT = { 4: 576, 6: 1_280 } as const; // of the error with its quote: RFC 1812 4.3.2.3, RFC 4443 2.4
/** ERROR_LIMIT bounds an ICMP message with its quote, in bytes. */
export const ERROR_LIMIT = { 4: QUOTE_LIMIT[4] - wire.IPV4_HEADER, 6: QUOTE_LIMIT[6] - wire.IPV6_HEADER } as const;
const DESTINATION_UNREACHABLE = 3, FRAGMENTATION_NEEDED = 4, TIME_EXCEEDED = 11; // RFC 792, 1191
const PACKET_TOO_BIG = 2, TIME_EXCEEDED_V6 = 3; // RFC 4443

/** buildIcmpError makes the error about `packet` as its host sent it, from an address of ours; undefined where none may be sent. */
export function buildIcmpError(packet: Packet, source: IpAddress, error: IcmpError): Uint8Array | undefined {
  const said = errorAbout(packet, error);
  return said === undefined ? undefined : errorPacket(said, source, packet.source);
}

/** errorAbout says what is wrong with a packet as its host sent it; undefined where no error may be sent. */
export function errorAbout(packet: Packet, error: IcmpError): QuotedError | undefined {
  if (!mayBeAnswered(packet)) return undefined;
  const { family, data, end } = packet;
  return { family, ...messageOf(family, error), quote: data.subarray(0, Math.min(end, ERROR_LIMIT[family] - wire.ICMP_HEADER)) };
}

/** errorPacket is an error on its way to a host, both addresses of its family. */
export function errorPacket({ family, type, code, rest, quote }: QuotedError, source: IpAddress, destination: IpAddress): Uint8Array {
  const limited = quote.subarray(0, ERROR_LIMIT[family] - wire.ICMP_HEADER);
  return buildPacket({ source, destination, dontFragment: false }, { kind: "icmp", type, code, rest }, limited);
}

/** No error about an error, a later fragment, or a packet that nobody in particular sent (RFC 1122 3.2.2, RFC 4443 2.4). */
function mayBeAnswered(packet: Packet): boolean {
  const { source, destination, family, icmpType, fragment } = packet;
  if (isMulticast(source) || isBroadcast(source) || isUnspecified(source) || isMulticast(destination) || isBroadcast(destination)) return false;
  if (fragment !== undefined && fragment.offset !== 0) return false;
  return icmpType === undefined || isIcmpQuery(family, icmpType);
}

function messageOf(family: 4 | 6, error: IcmpError): { type: number; code: number; rest: number } {
  if (error.kind === "time-exceeded") return { type: family === 4 ? TIME_EXCEEDED : TIME_EXCEEDED_V6, code: 0, rest: 0 };
  if (family === 6) return { type: PACKET_TOO_BIG, code: 0, rest: error.mtu };
  return { type: DESTINATION_UNREACHABLE, code: FRAGMENTATION_NEEDED, rest: Math.min(error.mtu, wire.IP_LENGTH_MAX) };
}
