// What hosts of the lab send, and how tests read what arrives or crosses a link. Builders and readers only.
import { sameAddress } from "../../pkg/base/address.ts";
import type { IpAddress, IpFamily } from "../../pkg/base/address.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { IpFields, TcpSpec } from "../../pkg/svr/build.ts";
import { parseHeader, startsWithCookie } from "../../pkg/svr/decode.ts";
import type { MetadataHeader } from "../../pkg/svr/decode.ts";
import { finishChecksum } from "../../pkg/svr/checksum.ts";
import type { Suite } from "../../pkg/svr/encode.ts";
import { acceptedEpochs, epochAt } from "../../pkg/svr/epoch.ts";
import type { AuthMode } from "../../pkg/svr/epoch.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { finishOpen, planOpen } from "../../pkg/svr/open.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import { planSeal } from "../../pkg/svr/seal.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { address } from "./config.ts";
import type { LabService } from "./config.ts";
import { keysOf } from "./lab.ts";
import type { Lab, Wire } from "./lab.ts";

/** Ends are a client at the left end and a server at the right one. */
export interface Ends { client: IpAddress; server: IpAddress }

/** endsOf are the two hosts in a family; n names further clients. */
export function endsOf(family: IpFamily, n = 10): Ends {
  const client = family === 4 ? `10.1.${n >>> 8}.${n & 255}` : `2001:db8:1::${n.toString(16)}`;
  return { client: address(client), server: address(family === 4 ? "10.2.0.20" : "2001:db8:2::20") };
}

/** everything lets the tenant reach all hosts of the right end, in both families. */
export const everything: LabService = { name: "shop/all", prefixes: ["10.2.0.0/16", "2001:db8:2::/64"] };

/** backwards lets the tenant reach the hosts of the left end. */
export const backwards: LabService = { name: "shop/back", prefixes: ["10.1.0.0/16", "2001:db8:1::/64"] };

/** content is `length` bytes that differ from each other enough to show a swap; `salt` tells packets apart. */
export function content(length: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >>> 8) * 13 + salt * 31) & 0xff);
}

/** text is the bytes of a string. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** UdpOptions choose the ports and the IP header of a datagram. */
export interface UdpOptions { from?: number; to?: number; ip?: Partial<IpFields> }

/** udpUp is a datagram of the client, default 40000 to 53. */
export function udpUp(ends: Ends, body: Uint8Array, options: UdpOptions = {}): Uint8Array {
  const { from = 40000, to = 53, ip } = options;
  return buildPacket({ source: ends.client, destination: ends.server, ...ip }, { kind: "udp", sourcePort: from, destinationPort: to }, body);
}

/** udpDown is the server's answer to it. */
export function udpDown(ends: Ends, body: Uint8Array, options: UdpOptions = {}): Uint8Array {
  const { from = 40000, to = 53, ip } = options;
  return buildPacket({ source: ends.server, destination: ends.client, ...ip }, { kind: "udp", sourcePort: to, destinationPort: from }, body);
}

/** Flags of TCP segments. */
export const FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16;

/** SegmentOptions are the fields of a segment that tests choose. */
export interface SegmentOptions { seq: number; ack?: number; flags: number; body?: Uint8Array; port?: number; mss?: number; ip?: Partial<IpFields> }

function tcp(way: { source: IpAddress; destination: IpAddress }, ports: { sourcePort: number; destinationPort: number }, segment: SegmentOptions): Uint8Array {
  const { seq, ack = 0, flags, body, mss, ip } = segment;
  const options = mss === undefined ? {} : { options: Uint8Array.of(2, 4, mss >>> 8, mss & 0xff) };
  const spec: TcpSpec = { kind: "tcp", ...ports, seq, ack, flags, window: 64240, ...options };
  return buildPacket({ ...way, ...ip }, spec, body);
}

/** tcpUp is a segment of the client to port 80. */
export function tcpUp(ends: Ends, segment: SegmentOptions): Uint8Array {
  return tcp({ source: ends.client, destination: ends.server }, { sourcePort: segment.port ?? 40000, destinationPort: 80 }, segment);
}

/** tcpDown is a segment of the server. */
export function tcpDown(ends: Ends, segment: SegmentOptions): Uint8Array {
  return tcp({ source: ends.server, destination: ends.client }, { sourcePort: 80, destinationPort: segment.port ?? 40000 }, segment);
}

/** connect runs a three-way handshake through the lab: client 1000, server 5000. */
export function connect(lab: Lab, ends: Ends, port = 40000): void {
  lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN, mss: 1460, port }));
  lab.run();
  lab.fromRight(tcpDown(ends, { seq: 5000, ack: 1001, flags: SYN | ACK, mss: 1460, port }));
  lab.run();
  lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, port }));
  lab.run();
}

/** parsed reads a packet that must be sound. */
export function parsed(data: Uint8Array | undefined): Packet {
  const packet = parsePacket(data ?? new Uint8Array(0));
  if (!packet.ok) throw new Error(packet.error);
  return packet.value;
}

/** bodyOf is what follows the L4 header. */
export function bodyOf(data: Uint8Array | undefined): Uint8Array {
  const packet = parsed(data);
  return packet.data.slice(packet.payload, packet.end);
}

/** textOf is the body as text. */
export function textOf(data: Uint8Array | undefined): string {
  return new TextDecoder().decode(bodyOf(data));
}

/** hasMetadata tells whether a packet on a link starts with the cookie. */
export function hasMetadata({ data }: Pick<Wire, "data">): boolean {
  const packet = parsed(data);
  return startsWithCookie(data, packet.payload, packet.end);
}

/** headerOf reads the header section of a packet on a link, without any key. */
export function headerOf({ data }: Pick<Wire, "data">): MetadataHeader {
  const packet = parsed(data);
  const header = parseHeader(data, packet.payload, packet.end);
  if (!header.ok) throw new Error(header.error);
  return header.value;
}

/** readWire opens the metadata of a packet on a link with the keys of its sender; undefined when it has none. */
export function readWire(lab: Lab, wire: Wire): Metadata | undefined {
  if (!hasMetadata(wire)) return undefined;
  const [left, right] = [lab.routers[wire.link]!.name, lab.routers[wire.link + 1]!.name];
  return openWith(wire.forward ? keysOf(left, right) : keysOf(right, left), wire.data, lab.unixMs());
}

function openWith(keys: PeerKeys, data: Uint8Array, unixMs: number): Metadata {
  const packet = parsed(data.slice());
  const header = headerOf({ data: packet.data });
  const job = planOpen(packet, header, { mode: "time-based", keys: [keys], epochs: acceptedEpochs("time-based", epochAt(unixMs / 1000), 5) });
  if (!job.ok) throw new Error(job.error);
  const opened = finishOpen({ packet, header, job: job.value, requireEncryption: false }, createNodeEngine().open([job.value])[0]!);
  if (!opened.ok) throw new Error(opened.error);
  return opened.value.metadata;
}

/** Forged is a packet that a neighbour of the chain could have sent: `like` gives the addresses, turned round when it went the other way. */
export interface Forged { link: number; forward: boolean; like: Uint8Array; tlvs: Metadata; body?: Uint8Array; suite?: Suite; mode?: AuthMode; unixMs?: number }

/** authentic seals a packet with the keys of the neighbour on a link; key id unless the TLVs bring one. */
export function authentic(lab: Lab, forged: Forged): Uint8Array {
  const { link, forward, like, tlvs, body = new Uint8Array(0), suite = 1, mode = "time-based", unixMs = lab.unixMs() } = forged;
  const [left, right] = [lab.routers[link]!.name, lab.routers[link + 1]!.name];
  const key = forward ? keysOf(left, right) : keysOf(right, left);
  const seen = parsed(like);
  const [source, destination, sourcePort, destinationPort] = wentForward(seen, lab, link) === forward
    ? [seen.source, seen.destination, seen.sourcePort, seen.destinationPort] : [seen.destination, seen.source, seen.destinationPort, seen.sourcePort];
  const ports = { sourcePort, destinationPort };
  const bare = parsed(buildPacket({ source, destination }, seen.tcp === undefined ? { kind: "udp", ...ports } : { kind: "tcp", ...ports, seq: seen.tcp.seq, ack: seen.tcp.ack, flags: ACK }, body));
  const job = planSeal(bare, { source, destination, ...ports }, {
    ttl: 64, metadata: { keyId: key.keyId, ...tlvs }, suite, key, mode, epoch: epochAt(unixMs / 1000), counter: forgedCounter++,
  });
  if (!job.ok) throw new Error(job.error);
  createNodeEngine().seal([job.value]);
  finishChecksum(job.value.data, job.value.l4);
  return job.value.data;
}

let forgedCounter = 1n << 62n;

function wentForward(packet: Packet, lab: Lab, link: number): boolean {
  return lab.routers[link + 1]!.config.locals.some((local) => sameAddress(local.address, packet.destination));
}
