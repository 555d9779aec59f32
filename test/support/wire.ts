// What captured packets say on the wire: headers, ports, metadata, tags, with the keys of the router pair. Reads with the
// codec of pkg/svr, whose bytes are proved by the vectors of protocol 16. Called by tests on captures; decides nothing.
import { createHash } from "node:crypto";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { nodeHkdf } from "../../pkg/security/hkdf.ts";
import { formatAddress } from "../../pkg/base/addresstext.ts";
import { PEERING_PORT, PROTO_TCP, PROTO_UDP, SUITE_CLEAR } from "../../pkg/svr/constants.ts";
import { isEmptyHeader, parseHeader, startsWithCookie } from "../../pkg/svr/decode.ts";
import type { MetadataHeader } from "../../pkg/svr/decode.ts";
import { acceptedEpochs, epochAt } from "../../pkg/svr/epoch.ts";
import { pskKeys } from "../../pkg/svr/keys.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { finishOpen, planOpen } from "../../pkg/svr/open.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import { ipOf } from "./pcap.ts";
import type { Frame } from "./pcap.ts";

/** WireMetadata is what stands between L4 header and body. */
export interface WireMetadata {
  /** 3.4: says only that the body looks like metadata */
  empty: boolean;
  /** clear TLVs, and the others where the tag was right and the section could be decrypted */
  tlvs: Metadata;
  /** the tag is right for the key that TLV 16 names, at the time of the capture */
  authentic: boolean;
  encrypted: boolean;
  headerLength: number;
  payloadLength: number;
}

/** WirePacket is one captured IP packet. */
export interface WirePacket {
  unixNs: bigint;
  vlan: number;
  packet: Packet;
  source: string;
  destination: string;
  metadata?: WireMetadata;
  /** L4 payload without metadata and its tag: the body */
  body: Uint8Array;
}

/** PairKeys are the keys of two routers, both directions. */
export type PairKeys = readonly PeerKeys[];

/** pairKeys derives the keys of a router pair from its pre-shared key. */
export function pairKeys(psk: Uint8Array, pair: readonly [string, string], generation = 1): PairKeys {
  return [pair, [pair[1], pair[0]] as const].map(([sender, receiver]) => {
    const keys = pskKeys(nodeHkdf, psk, { sender, receiver, generation });
    if (!keys.ok) throw new Error(keys.error);
    return keys.value;
  });
}

const engine = createNodeEngine();

/** readWire gives the IP packets of captured frames; those that parsePacket refuses are left out, and what routers say to each other on UDP 1280. */
export function readWire(frames: readonly Frame[], keys: PairKeys = []): WirePacket[] {
  return frames.flatMap((frame) => {
    const ip = ipOf(frame);
    const parsed = ip === undefined ? undefined : parsePacket(ip.data.slice());
    return ip === undefined || parsed?.ok !== true || isPeering(parsed.value) ? [] : [readPacket({ unixNs: frame.unixNs, vlan: ip.vlan, packet: parsed.value }, keys)];
  });
}

function isPeering({ proto, sourcePort, destinationPort }: Packet): boolean {
  return proto === PROTO_UDP && (sourcePort === PEERING_PORT || destinationPort === PEERING_PORT);
}

/** readPacket says what one parsed packet means; it decrypts in place. */
export function readPacket({ unixNs, vlan, packet }: Pick<WirePacket, "unixNs" | "vlan" | "packet">, keys: PairKeys): WirePacket {
  const base = { unixNs, vlan, packet, source: formatAddress(packet.source), destination: formatAddress(packet.destination) };
  const plain = { ...base, body: packet.data.subarray(packet.payload, packet.end) };
  const carries = (packet.proto === PROTO_TCP || packet.proto === PROTO_UDP) && packet.fragment === undefined && startsWithCookie(packet.data, packet.payload, packet.end);
  if (!carries) return plain;
  const header = parseHeader(packet.data, packet.payload, packet.end);
  return header.ok ? { ...base, ...openMetadata(packet, header.value, { keys, seconds: Number(unixNs / 1_000_000_000n) }) } : plain;
}

function openMetadata(packet: Packet, header: MetadataHeader, at: { keys: PairKeys; seconds: number }): Pick<WirePacket, "metadata" | "body"> {
  const facts = { empty: isEmptyHeader(header), encrypted: header.suite !== SUITE_CLEAR, headerLength: header.headerLength, payloadLength: header.payloadLength };
  const keys = at.keys.filter((one) => header.metadata.keyId === undefined || one.keyId === header.metadata.keyId);
  const job = keys.length === 0 ? undefined : planOpen(packet, header, { mode: "time-based", keys, epochs: acceptedEpochs("time-based", epochAt(at.seconds), 1) });
  const result = job?.ok === true ? engine.open([job.value])[0] : undefined;
  const opened = job?.ok === true && result !== undefined ? finishOpen({ packet, header, job: job.value, requireEncryption: false }, result) : undefined;
  if (opened?.ok !== true) return { metadata: { ...facts, tlvs: header.metadata, authentic: false }, body: packet.data.subarray(header.body, packet.end) };
  return { metadata: { ...facts, tlvs: opened.value.metadata, authentic: true }, body: packet.data.subarray(opened.value.bodyAt, opened.value.bodyEnd) };
}

/** conversationKey tells the packets of one 5-tuple, whichever direction, from all others. */
export function conversationKey({ source, destination, packet }: WirePacket): string {
  const ends = [`${source} ${packet.sourcePort}`, `${destination} ${packet.destinationPort}`].sort();
  return `${packet.proto} ${ends.join(" ")}`;
}

/** conversationsOf groups packets by 5-tuple, oldest first. */
export function conversationsOf(packets: readonly WirePacket[]): WirePacket[][] {
  return [...Map.groupBy(packets, conversationKey).values()];
}

/** isHandshake tells metadata that says something: no empty header, no control message. */
export function isHandshake({ metadata }: WirePacket): boolean {
  return metadata !== undefined && !metadata.empty && metadata.tlvs.control === undefined;
}

/** directionsOf splits a conversation into the direction of its first packet and the other one. */
export function directionsOf(conversation: readonly WirePacket[]): { forward: WirePacket[]; reverse: WirePacket[] } {
  const [first] = conversation;
  const isForward = (one: WirePacket): boolean => one.source === first?.source && one.packet.sourcePort === first.packet.sourcePort;
  return { forward: conversation.filter(isForward), reverse: conversation.filter((one) => !isForward(one)) };
}

/** innerKey is what SVR leaves as it is: TCP numbers and flags, and the body. Inner and outer packet have the same. */
export function innerKey({ packet, body }: WirePacket): string {
  const { tcp } = packet;
  return [tcp === undefined ? "" : `${tcp.seq} ${tcp.ack} ${tcp.flags} ${tcp.window}`, body.length, digestOf(body)].join(" ");
}

/** ipLength is what a packet takes on the wire from its IP header on. */
export function ipLength({ packet }: WirePacket): number {
  return packet.end;
}

/** digestOf is a short name of bytes, to compare long bodies with. */
export function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
}
