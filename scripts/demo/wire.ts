// What was on a link, read from a capture: sessions between two routers, and packets of hosts, in a form in which both can be
// compared. Called by proof.ts and main.ts; judges nothing. Packets and metadata are read by test/support/wire.ts.
import { crc32 } from "node:zlib";
import { formatAddress } from "../../pkg/base/addresstext.ts";
import { uuidHex } from "../../pkg/base/ids.ts";
import * as svr from "../../pkg/svr/constants.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import type { Frame } from "../../test/support/pcap.ts";
import { readWire } from "../../test/support/wire.ts";
import type { PairKeys, WirePacket } from "../../test/support/wire.ts";

/** FoundMetadata is the metadata of one packet. */
export interface FoundMetadata {
  /** control: carries no body; mark: header only, with a body (protocol 3.4, 9.5) */
  kind: "forward" | "reverse" | "control" | "mark";
  /** the tag is right under the psk of the pair; metadata that is not authentic has no other fields */
  authentic: boolean;
  uuid?: string;
  tenant?: string;
  service?: string;
  /** inner flow as the session entered its first router: `tcp 10.1.0.10:40000 10.9.0.10:80` */
  context?: string;
}

/** Carried is one packet of a capture, on a link between routers or on a LAN. */
export interface Carried {
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

/** readCarried reads the packets of a capture; with keys those of an inter-router link, without those of hosts. */
export function readCarried(frames: readonly Frame[], keys: PairKeys = []): Carried[] {
  return readWire(frames, keys).map((one) => {
    const { packet, source, destination, metadata } = one;
    const [from, to] = [end(source, packet.sourcePort), end(destination, packet.destinationPort)];
    return {
      flow: flowText(packet.proto, from, to), back: flowText(packet.proto, to, from), proto: protoNames[packet.proto] ?? String(packet.proto), ipBytes: packet.end,
      body: packet.icmpType === undefined ? bodyOf(packet, one.body) : messageOf(packet), ...(metadata && { metadata: told(metadata) }),
    };
  });
}

function told({ tlvs, authentic }: NonNullable<WirePacket["metadata"]>): FoundMetadata {
  const { uuid, tenant, service, forwardContext: context } = authentic ? tlvs : {};
  return {
    kind: kindOf(tlvs), authentic, ...(uuid && { uuid: uuidHex(uuid) }), ...(tenant !== undefined && { tenant }), ...(service !== undefined && { service }),
    ...(context && { context: flowText(context.proto, end(formatAddress(context.source), context.sourcePort), end(formatAddress(context.destination), context.destinationPort)) }),
  };
}

function kindOf({ control, forwardContext, reverseContext }: Metadata): FoundMetadata["kind"] {
  if (control !== undefined) return "control";
  return forwardContext !== undefined ? "forward" : reverseContext !== undefined ? "reverse" : "mark";
}

function end(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

function flowText(proto: number, source: string, destination: string): string {
  return `${protoNames[proto] ?? proto} ${source} ${destination}`;
}

function bodyOf({ tcp }: Packet, body: Uint8Array): string {
  const bytes = `${body.length} ${crc32(body).toString(16)}`;
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
  forward: Carried[];
  reverse: Carried[];
  /** control messages of either direction: they carry nothing of a host */
  control: Carried[];
}

/** segmentsOf sorts the packets of a link into sessions; `strangers` belong to none. */
export function segmentsOf(packets: readonly Carried[]): { segments: Segment[]; strangers: Carried[] } {
  const open = new Map<string, { segment: Segment; direction: "forward" | "reverse" }>();
  const segments: Segment[] = [];
  const strangers: Carried[] = [];
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
