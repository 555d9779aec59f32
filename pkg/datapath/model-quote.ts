// The session that an ICMP error quotes (protocol 12.2), as bpf/svr_quote.h finds it: the quote read backwards is the key of the side
// that the error came from. Called by model-forward.ts. Total.
import { readAddress } from "../base/address.ts";
import { readU16 } from "../base/bytes.ts";
import type { FlowKey } from "../ports/datapath.ts";
import { ICMP_HEADER, ICMP_IDENTIFIER_AT, IPV4_HEADER, IPV4_OFFSET_MASK, IPV6_HEADER, PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP } from "../svr/constants.ts";
import { isIcmpError, queryPorts } from "../svr/icmp.ts";
import type { PortPair } from "../svr/icmp.ts";
import type { PacketIn, ParsedPacket } from "./model-parse.ts";
import { findFlow } from "./model-state.ts";
import type { Model } from "./model-state.ts";

const L4_BYTES = 8; // of the quoted L4 header

/** isError tells an ICMP error of a whole packet. */
export function isError(parsed: ParsedPacket): boolean {
  return parsed.shape === "ok" && !parsed.keyed && isIcmpError(parsed.family, parsed.icmpType);
}

/** quotedFlow finds the session that an ICMP error is about, and the side it came from. */
export function quotedFlow(model: Model, packet: PacketIn, parsed: ParsedPacket): ReturnType<typeof findFlow> {
  const key = isError(parsed) ? quotedKey(packet, parsed, model.config.icmpByType === true) : undefined;
  return key === undefined ? undefined : findFlow(model, key);
}

function quotedKey(packet: PacketIn, parsed: ParsedPacket, byType: boolean): FlowKey | undefined {
  const { family } = parsed;
  const data = packet.data.subarray(0, parsed.length);
  const at = parsed.l4 + ICMP_HEADER;
  const header = headerBytes(data, at, family);
  if (header === 0 || at + header + L4_BYTES > data.length) return undefined;
  const addresses = family === 4 ? { from: 12, to: 16, proto: 9 } : { from: 8, to: 24, proto: 6 };
  const proto = data[at + addresses.proto]!;
  const ports = quotedPorts(data, at + header, { proto, family, byType });
  if (ports === undefined) return undefined;
  return {
    source: readAddress(data, at + addresses.to, family), destination: readAddress(data, at + addresses.from, family), proto,
    sourcePort: ports.destination, destinationPort: ports.source, ifnum: packet.ifnum, vlan: packet.vlan,
  };
}

/** 0: no IP header of the family, or a later fragment. */
function headerBytes(data: Uint8Array, at: number, family: 4 | 6): number {
  if (data.length < at + (family === 4 ? IPV4_HEADER : IPV6_HEADER) || data[at]! >> 4 !== family) return 0;
  if (family === 6) return IPV6_HEADER;
  const header = (data[at]! & 15) * 4;
  return header < IPV4_HEADER || (readU16(data, at + 6) & IPV4_OFFSET_MASK) !== 0 ? 0 : header;
}

/** As the quoted packet was sent; undefined for an error about an error. */
function quotedPorts(data: Uint8Array, l4: number, of: { proto: number; family: 4 | 6; byType: boolean }): PortPair | undefined {
  const { proto, family, byType } = of;
  if (proto === PROTO_TCP || proto === PROTO_UDP) return { source: readU16(data, l4), destination: readU16(data, l4 + 2) };
  if (proto !== (family === 4 ? PROTO_ICMP : PROTO_ICMPV6)) return { source: 0, destination: 0 };
  return queryPorts({ family, type: data[l4]!, identifier: readU16(data, l4 + ICMP_IDENTIFIER_AT) }, byType);
}
