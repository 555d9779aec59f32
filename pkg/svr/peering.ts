// Messages between peers on UDP 1280 (protocol 9.1): metadata with TLV 16 and 0x8010, the body, the tag. Builds and reads
// the packets of path MTU discovery (types 4 and 5, protocol 10.3). Pure; keys and sockets are the caller's.
import type { IpAddress } from "../base/address.ts";
import { readU16, readU32, writeU16, writeU32 } from "../base/bytes.ts";
import { fail, ok, type Result } from "../base/result.ts";
import { buildPacket } from "./build.ts";
import { finishChecksum } from "./checksum.ts";
import * as wire from "./constants.ts";
import { parseHeader, startsWithCookie, type MetadataHeader } from "./decode.ts";
import { planMetadata } from "./encode.ts";
import type { Metadata } from "./metadata.ts";
import { parsePacket, type Packet } from "./packet.ts";
import { planSeal, type SealEngine, type Signing } from "./seal.ts";

/** Message types of TLV 0x8010 that code names. */
export const MESSAGE_MTU_PROBE = 4, MESSAGE_MTU_REPLY = 5;
const MTU_BODY = 6; // probe id 4, size 2

/** MtuMessage is a probe, or the reply that names its size in bytes of an IP packet. */
export interface MtuMessage { kind: "probe" | "reply"; id: number; size: number }

/** PeeringWay is where a message goes; our port is always 1280. */
export interface PeeringWay { source: IpAddress; destination: IpAddress; destinationPort: number; /** a reply may be cut on its way (protocol 2.7); a probe never */ cuttable?: boolean }

/** writeMtuMessage gives the whole IP packet, signed; a probe has exactly its size, and DF whatever the path. */
export function writeMtuMessage(message: MtuMessage, way: PeeringWay, by: { signing: Signing; engine: SealEngine }): Uint8Array {
  const { signing, engine } = by;
  const metadata: Metadata = { keyId: signing.key.keyId, message: message.kind === "probe" ? MESSAGE_MTU_PROBE : MESSAGE_MTU_REPLY };
  const body = new Uint8Array(message.kind === "probe" ? Math.max(MTU_BODY, message.size - overhead(metadata, way, signing)) : MTU_BODY);
  writeU32(body, 0, message.id);
  writeU16(body, 4, message.size);
  const ports = { sourcePort: wire.PEERING_PORT, destinationPort: way.destinationPort };
  const packet = parsePacket(buildPacket(way, { kind: "udp", ...ports }, body));
  if (!packet.ok) throw new Error("a message that was just built is no packet");
  const { payload, end } = packet.value;
  const job = planSeal(packet.value, { source: way.source, destination: way.destination, ...ports }, {
    ...signing, metadata, ttl: wire.GENERATED_TTL, bodyAt: payload, bodyEnd: end,
    dontFragment: message.kind === "probe" || way.cuttable !== true, ipId: message.id & 0xffff, // ids of probes do not repeat soon
  });
  if (!job.ok) throw new Error(`a message of ${message.size} bytes cannot be sent (${job.error})`);
  engine.seal([job.value]);
  finishChecksum(job.value.data, job.value.l4);
  return job.value.data;
}

/** Bytes of a message around its body. */
function overhead(metadata: Metadata, way: PeeringWay, signing: Signing): number {
  const plan = planMetadata(metadata);
  const ip = way.source.family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER;
  return ip + wire.UDP_HEADER + (plan.ok ? plan.value.length : 0) + (signing.mode === "disabled" ? 0 : wire.TAG_BYTES);
}

/** Received is a datagram on UDP 1280 as the kernel gave it. */
export interface Received { local: IpAddress; remote: IpAddress; remotePort: number; data: Uint8Array }

/** PeeringPacket is a datagram with metadata that is not verified yet. */
export interface PeeringPacket { packet: Packet; header: MetadataHeader }

/** readPeering makes the packet that a datagram came in: the tag covers its UDP header. */
export function readPeering({ local, remote, remotePort, data }: Received): Result<PeeringPacket, "metadata-malformed" | "metadata-unknown-critical"> {
  const built = buildPacket({ source: remote, destination: local }, { kind: "udp", sourcePort: remotePort, destinationPort: wire.PEERING_PORT }, data);
  const packet = parsePacket(built);
  if (!packet.ok || !startsWithCookie(built, packet.value.payload, packet.value.end)) return fail("metadata-malformed");
  const header = parseHeader(built, packet.value.payload, packet.value.end);
  return header.ok ? ok({ packet: packet.value, header: header.value }) : header;
}

/** readMtuMessage reads the body of a verified message; undefined for other types, and for a probe that lies about its size. */
export function readMtuMessage(metadata: Metadata, packet: Packet, body: { at: number; end: number }): MtuMessage | undefined {
  const isProbe = metadata.message === MESSAGE_MTU_PROBE;
  if ((!isProbe && metadata.message !== MESSAGE_MTU_REPLY) || body.end - body.at < MTU_BODY) return undefined;
  const message: MtuMessage = { kind: isProbe ? "probe" : "reply", id: readU32(packet.data, body.at), size: readU16(packet.data, body.at + 4) };
  return isProbe && message.size !== packet.end ? undefined : message;
}
