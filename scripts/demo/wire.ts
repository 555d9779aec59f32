// What is on a link between two routers, read from a capture: every packet with its metadata opened by the psk of the pair,
// and the sessions that they belong to. Called by proof.ts; judges nothing and needs no running router.
import { crc32 } from "node:zlib";
import { formatAddress } from "../../pkg/base/addresstext.ts";
import { uuidHex } from "../../pkg/base/ids.ts";
import * as svr from "../../pkg/svr/constants.ts";
import { parseHeader, startsWithCookie } from "../../pkg/svr/decode.ts";
import { acceptedEpochs, epochAt } from "../../pkg/svr/epoch.ts";
import { pskKeys } from "../../pkg/svr/keys.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { finishOpen, planOpen } from "../../pkg/svr/open.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import type { SealEngine } from "../../pkg/svr/seal.ts";
import { nodeHkdf } from "../../pkg/security/hkdf.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import type { Frame } from "./pcap.ts";

/** FoundMetadata is the metadata of one packet. */
export interface FoundMetadata {
  /** metadata and tag: what the packet carries besides its body */
  bytes: number;
  /** control: carries no body; mark: header only, with a body (protocol 3.4, 9.5) */
  kind: "forward" | "reverse" | "control" | "mark";
  /** the tag is right under the psk of the pair; metadata that is not authentic has no other fields */
  authentic: boolean;
  uuid?: string;
  tenant?: string;
  service?: string;
  router?: string;
  /** inner flow as the session entered its first router: `tcp 10.1.0.10:40000 10.9.0.10:80` */
  context?: string;
}

/** WirePacket is one packet of a capture, on a link between routers or on a LAN. */
export interface WirePacket {
  at: number;
  /** `tcp 192.0.2.1:16384 192.0.2.2:16385` */
  flow: string;
  /** the same flow seen from the other side */
  back: string;
  proto: string;
  /** whole IP packet */
  ipBytes: number;
  /** identifies what the packet carries from host to host: TCP numbers and flags, length and checksum of the body */
  body: string;
  metadata?: FoundMetadata;
}

const protoNames: Record<number, string> = { [svr.PROTO_TCP]: "tcp", [svr.PROTO_UDP]: "udp", [svr.PROTO_ICMP]: "icmp", [svr.PROTO_ICMPV6]: "icmp6" };

/** pairKeys derives the keys of both directions of a pair from its psk (protocol 15.4). */
export function pairKeys(psk: Uint8Array, [a, b]: readonly [string, string], generation = 1): PeerKeys[] {
  return [[a, b], [b, a]].flatMap(([sender = "", receiver = ""]) => {
    const keys = pskKeys(nodeHkdf, psk, { sender, receiver, generation });
    return keys.ok ? [keys.value] : [];
  });
}

/** readLink reads the packets of an inter-router link. */
export function readLink(frames: readonly Frame[], keys: readonly PeerKeys[]): WirePacket[] {
  const engine = createNodeEngine();
  return frames.flatMap((frame) => {
    const parsed = parsePacket(frame.ip);
    return parsed.ok ? [linkPacket(frame.at, parsed.value, { keys, engine })] : [];
  });
}

/** readLan reads the packets of hosts; ICMP has its identifier where others have ports. */
export function readLan(frames: readonly Frame[]): WirePacket[] {
  return frames.flatMap((frame) => {
    const parsed = parsePacket(frame.ip);
    if (!parsed.ok) return [];
    const packet = parsed.value;
    const body = packet.icmpType === undefined ? bodyOf(packet, packet.payload, packet.end) : messageOf(packet);
    return [{ ...headOf(frame.at, packet), body }];
  });
}

interface Opener { keys: readonly PeerKeys[]; engine: SealEngine }

function linkPacket(at: number, packet: Packet, opener: Opener): WirePacket {
  const head = headOf(at, packet);
  if (!startsWithCookie(packet.data, packet.payload, packet.end)) return { ...head, body: bodyOf(packet, packet.payload, packet.end) };
  const opened = open(at, { ...packet, data: packet.data.slice() }, opener);
  const { bodyAt, bodyEnd, ...metadata } = opened;
  return { ...head, body: bodyOf(packet, bodyAt, bodyEnd), metadata };
}

type Opened = FoundMetadata & { bodyAt: number; bodyEnd: number };

/** open verifies and decrypts in place; the caller gave it a copy. */
function open(at: number, packet: Packet, { keys, engine }: Opener): Opened {
  const nothing: Opened = { bytes: packet.end - packet.payload, kind: "mark", authentic: false, bodyAt: packet.end, bodyEnd: packet.end };
  const header = parseHeader(packet.data, packet.payload, packet.end);
  if (!header.ok) return nothing;
  const candidates = keys.filter((key) => header.value.metadata.keyId === undefined || key.keyId === header.value.metadata.keyId);
  if (candidates.length === 0) return nothing;
  const job = planOpen(packet, header.value, { mode: "time-based", keys: candidates, epochs: acceptedEpochs("time-based", epochAt(at), 1) });
  if (!job.ok) return nothing;
  const [result = { ok: false as const, reason: "hmac-failure" as const }] = engine.open([job.value]);
  const opened = finishOpen({ packet, header: header.value, job: job.value, requireEncryption: false }, result);
  if (!opened.ok) return nothing;
  const { metadata, bodyAt, bodyEnd } = opened.value;
  return { bytes: bodyAt - packet.payload + packet.end - bodyEnd, authentic: true, ...told(metadata), bodyAt, bodyEnd };
}

function told(metadata: Metadata): Omit<FoundMetadata, "bytes" | "authentic"> {
  const { uuid, tenant, service, sourceRouter, forwardContext: context, reverseContext, control } = metadata;
  const kind = control !== undefined ? "control" : context !== undefined ? "forward" : reverseContext !== undefined ? "reverse" : "mark";
  return {
    kind,
    ...(uuid && { uuid: uuidHex(uuid) }), ...(tenant !== undefined && { tenant }), ...(service !== undefined && { service }), ...(sourceRouter !== undefined && { router: sourceRouter }),
    ...(context && { context: flowText(context.proto, end(formatAddress(context.source), context.sourcePort), end(formatAddress(context.destination), context.destinationPort)) }),
  };
}

function headOf(at: number, packet: Packet): Omit<WirePacket, "body"> {
  const [source, destination] = [end(formatAddress(packet.source), packet.sourcePort), end(formatAddress(packet.destination), packet.destinationPort)];
  return {
    at, flow: flowText(packet.proto, source, destination), back: flowText(packet.proto, destination, source),
    proto: protoNames[packet.proto] ?? String(packet.proto), ipBytes: packet.end,
  };
}

function end(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function flowText(proto: number, source: string, destination: string): string {
  return `${protoNames[proto] ?? proto} ${source} ${destination}`;
}

function bodyOf(packet: Packet, at: number, endAt: number): string {
  const { tcp } = packet;
  const bytes = `${endAt - at} ${crc32(packet.data.subarray(at, endAt)).toString(16)}`;
  return tcp === undefined ? bytes : `${tcp.seq} ${tcp.ack} ${tcp.flags} ${bytes}`;
}

/** messageOf is the body of an ICMP packet between routers: the whole message with checksum 0 (protocol 3.3). */
function messageOf(packet: Packet): string {
  const message = packet.data.slice(packet.l4, packet.end);
  message.fill(0, 2, 4);
  return `${message.length} ${crc32(message).toString(16)}`;
}

/** Segment is what a link carried of one session. */
export interface Segment {
  uuid: string;
  tenant: string;
  service: string;
  context: string;
  forward: WirePacket[];
  reverse: WirePacket[];
  /** control messages of either direction: they carry nothing of a host */
  control: WirePacket[];
}

/** segmentsOf sorts the packets of a link into sessions; `strangers` belong to none. */
export function segmentsOf(packets: readonly WirePacket[]): { segments: Segment[]; strangers: WirePacket[] } {
  const open = new Map<string, { segment: Segment; direction: "forward" | "reverse" }>();
  const segments: Segment[] = [];
  const strangers: WirePacket[] = [];
  for (const packet of packets) {
    const { metadata } = packet;
    if (metadata?.kind === "forward" && metadata.uuid !== undefined && open.get(packet.flow)?.segment.uuid !== metadata.uuid) {
      const segment: Segment = {
        uuid: metadata.uuid, tenant: metadata.tenant ?? "", service: metadata.service ?? "", context: metadata.context ?? "", forward: [], reverse: [], control: [],
      };
      segments.push(segment);
      open.set(packet.flow, { segment, direction: "forward" }).set(packet.back, { segment, direction: "reverse" });
    }
    const found = open.get(packet.flow);
    if (found === undefined) strangers.push(packet);
    else found.segment[metadata?.kind === "control" ? "control" : found.direction].push(packet);
  }
  return { segments, strangers };
}
