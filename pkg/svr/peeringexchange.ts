// Packets of key exchange on UDP 1280 (protocol 9.1, 10.2, 15.2): metadata with TLV 0x8010 = 6 alone, then the message; no tag. What does not
// fit 1,280 bytes leaves in SVR fragments. Pure; what the message says is the exchange's own.
import { fail, ok, type Result } from "../base/result.ts";
import { buildPacket } from "./build.ts";
import * as wire from "./constants.ts";
import { parseHeader } from "./decode.ts";
import { planMetadata, writeMetadata } from "./encode.ts";
import { PATH_MTU_FLOOR, cutPacket, planFragments } from "./fragment.ts";
import type { Metadata } from "./metadata.ts";
import type { PeeringPacket, PeeringWay } from "./peering.ts";
import type { Reassembler } from "./reassembly.ts";
import { joinSvr, packetOfWhole } from "./svrfragments.ts";

/** MESSAGE_KEY_EXCHANGE is the type of TLV 0x8010. */
export const MESSAGE_KEY_EXCHANGE = 6;

const CONTENT: Metadata = { message: MESSAGE_KEY_EXCHANGE };

/** writeExchange gives the IP packets of a message; `extId` must be new for each message to one address; `too-big` above 65,535 bytes. */
export function writeExchange(message: Uint8Array, way: PeeringWay, extId: number): Result<Uint8Array[], "too-big"> {
  const headers = (way.source.family === 4 ? wire.IPV4_HEADER : wire.IPV6_HEADER) + wire.UDP_HEADER;
  const plain = packetOf(CONTENT, message.subarray(0, PATH_MTU_FLOOR), way); // no more of it can be in one packet
  if (message.length <= PATH_MTU_FLOOR && plain.data.length <= PATH_MTU_FLOOR) return ok([plain.data]);
  const plan = planFragments({
    headers, carrier: "udp", metadata: { length: plain.metadata, hasKeyId: false }, isSigned: false, body: message.length, pathMtu: PATH_MTU_FLOOR,
    original: { ipId: 0, largest: 0, dontFragment: true }, extId,
  });
  if (!plan.ok) return plan;
  const { data, metadata } = packetOf({ ...CONTENT, fragment: plan.value.slices[0]!.tlv }, message, way);
  const l4 = headers - wire.UDP_HEADER;
  return ok(cutPacket({ data, l4, payload: headers, body: headers + metadata }, plan.value, Number)); // DF is set: nobody asks for an identification
}

function packetOf(content: Metadata, message: Uint8Array, way: PeeringWay): { data: Uint8Array; metadata: number } {
  const plan = planMetadata(content);
  const metadata = plan.ok ? plan.value.length : 0; // two TLVs always fit
  const payload = new Uint8Array(metadata + message.length);
  if (plan.ok) writeMetadata(plan.value, payload, 0);
  payload.set(message, metadata);
  return { data: buildPacket(way, { kind: "udp", sourcePort: wire.PEERING_PORT, destinationPort: way.destinationPort }, payload), metadata };
}

/** isExchange tells whether a packet is a message of key exchange, or a fragment of one: no other message here is cut. */
export function isExchange({ header: { metadata } }: PeeringPacket): boolean {
  return metadata.message === MESSAGE_KEY_EXCHANGE || metadata.fragment !== undefined;
}

/** readExchange gives the message once all of it is there; undefined while fragments are missing. */
export function readExchange({ packet, header }: PeeringPacket, reassembler: Reassembler, nowMs: number): Result<Uint8Array | undefined, "metadata-malformed"> {
  const { fragment } = header.metadata;
  if (fragment === undefined) return ok(packet.data.subarray(header.body, packet.end));
  const joined = joinSvr(reassembler, { packet, ifnum: 0, vlan: 0, fragment, body: header.body, tag: 0 }, nowMs);
  if (joined === undefined) return ok(undefined);
  const whole = packetOfWhole(joined);
  const first = whole === undefined ? undefined : parseHeader(whole.data, whole.payload, whole.end);
  if (first?.ok !== true || first.value.metadata.message !== MESSAGE_KEY_EXCHANGE) return fail("metadata-malformed");
  return ok(joined.data.subarray(first.value.body));
}
