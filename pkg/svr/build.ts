// Builds complete packets with right lengths and checksums: what a router generates itself (control messages, resets)
// and what tests send. Not for the forwarding path, which rewrites packets in place of building them (rewrite.ts).
import { addressBytes, writeAddress, type IpAddress } from "../base/address.ts";
import { writeU16, writeU32 } from "../base/bytes.ts";
import { finishChecksum, finishIpv4Header } from "./checksum.ts";
import * as wire from "./constants.ts";

/** IpFields are the header fields a caller may choose; both addresses are of one family. */
export interface IpFields {
  source: IpAddress;
  destination: IpAddress;
  /** default 64 */
  ttl?: number;
  /** DSCP and ECN, default 0 */
  tos?: number;
  /** IPv4 identification, default 0 */
  ipId?: number;
  /** IPv4 DF, default true */
  dontFragment?: boolean;
  /** IPv6, 20 bits, default 0 */
  flowLabel?: number;
}

/** TcpSpec, UdpSpec, IcmpSpec and OtherSpec say what follows the IP header. */
export interface TcpSpec { kind: "tcp"; sourcePort: number; destinationPort: number; seq?: number; ack?: number; flags: number; window?: number; options?: Uint8Array }
export interface UdpSpec { kind: "udp"; sourcePort: number; destinationPort: number; /** stored as 0, IPv4 only */ noChecksum?: boolean }
export interface IcmpSpec { kind: "icmp"; type: number; code?: number; /** bytes 4-7 */ rest?: number }
export interface OtherSpec { kind: "other"; proto: number }
export type TransportSpec = TcpSpec | UdpSpec | IcmpSpec | OtherSpec;

const NOTHING = new Uint8Array(0);

/** buildPacket makes a packet; TCP options are padded to words with zeros and must not exceed 40 bytes. */
export function buildPacket(ip: IpFields, transport: TransportSpec, payload: Uint8Array = NOTHING): Uint8Array {
  const l4 = ip.source.family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER;
  const header = transportBytes(transport);
  const data = new Uint8Array(l4 + header + payload.length);
  data.set(payload, l4 + header);
  writeIpHeader(data, ip, protoOf(transport, ip));
  writeTransport(data, l4, transport);
  if (transport.kind !== "udp" || transport.noChecksum !== true) finishChecksum(data, l4);
  return data;
}

/** writeIpHeader fills the IP header for a packet of data.length bytes; IPv4 header checksum included. */
export function writeIpHeader(data: Uint8Array, ip: IpFields, proto: number): void {
  const tos = ip.tos ?? 0;
  const ttl = ip.ttl ?? wire.GENERATED_TTL;
  if (ip.source.family === 4) {
    data[0] = 0x45;
    data[1] = tos;
    writeU16(data, 2, data.length);
    writeU16(data, 4, ip.ipId ?? 0);
    writeU16(data, 6, ip.dontFragment === false ? 0 : wire.IPV4_DF);
    data[8] = ttl;
    data[9] = proto;
    writeAddress(data, 12, ip.source);
    writeAddress(data, 16, ip.destination);
    finishIpv4Header(data);
    return;
  }
  writeU32(data, 0, (6 << 28) | (tos << 20) | ((ip.flowLabel ?? 0) & 0xfffff));
  writeU16(data, 4, data.length - wire.IPV6_HEADER);
  data[6] = proto;
  data[7] = ttl;
  writeAddress(data, 8, ip.source);
  writeAddress(data, 8 + addressBytes(6), ip.destination);
}

function protoOf(transport: TransportSpec, ip: IpFields): number {
  switch (transport.kind) {
    case "tcp": return wire.PROTO_TCP;
    case "udp": return wire.PROTO_UDP;
    case "icmp": return ip.source.family === 4 ? wire.PROTO_ICMP : wire.PROTO_ICMPV6;
    case "other": return transport.proto;
  }
}

function transportBytes(transport: TransportSpec): number {
  switch (transport.kind) {
    case "tcp": return wire.TCP_HEADER + Math.ceil((transport.options?.length ?? 0) / 4) * 4;
    case "udp": return wire.UDP_HEADER;
    case "icmp": return wire.ICMP_HEADER;
    case "other": return 0;
  }
}

function writeTransport(data: Uint8Array, l4: number, transport: TransportSpec): void {
  if (transport.kind === "tcp") return writeTcp(data, l4, transport);
  if (transport.kind === "udp") {
    writeU16(data, l4, transport.sourcePort);
    writeU16(data, l4 + 2, transport.destinationPort);
    writeU16(data, l4 + 4, data.length - l4);
  } else if (transport.kind === "icmp") {
    data[l4] = transport.type;
    data[l4 + 1] = transport.code ?? 0;
    writeU32(data, l4 + 4, transport.rest ?? 0);
  }
}

function writeTcp(data: Uint8Array, l4: number, tcp: TcpSpec): void {
  writeU16(data, l4, tcp.sourcePort);
  writeU16(data, l4 + 2, tcp.destinationPort);
  writeU32(data, l4 + 4, tcp.seq ?? 0);
  writeU32(data, l4 + 8, tcp.ack ?? 0);
  data[l4 + 12] = (transportBytes(tcp) / 4) << 4;
  data[l4 + 13] = tcp.flags;
  writeU16(data, l4 + 14, tcp.window ?? 0);
  if (tcp.options !== undefined) data.set(tcp.options, l4 + wire.TCP_HEADER);
}
