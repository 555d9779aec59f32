// A question like "tcp from here to there" as the packet a host would send, and where it would arrive. Called by the admin API for
// `svrctl trace`; throws AdminFault 400 for what cannot be meant.
import { parseAddress } from "../base/addresstext.ts";
import type { IpAddress } from "../base/address.ts";
import { containsAddress } from "../base/prefix.ts";
import type { FlowKey } from "../ports/datapath.ts";
import type { InterfaceConfig, RouterConfig } from "../plan/config.ts";
import { buildPacket } from "../svr/build.ts";
import type { TransportSpec } from "../svr/build.ts";
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN } from "../svr/constants.ts";
import type { Packet } from "../svr/packet.ts";
import { parsePacket } from "../svr/packet.ts";
import { AdminFault } from "./admin.ts";
import { boundedNumber } from "./sessionquery.ts";

/** TraceQuestion is the packet, from its IP header on, and the network where it arrives. */
export interface TraceQuestion {
  interface: InterfaceConfig;
  vlan: number;
  packet: Packet;
  /** as the data plane sees it */
  key: FlowKey;
}

/** Tuple is what is asked about. */
interface Tuple { source: IpAddress; destination: IpAddress; sourcePort: number; destinationPort: number; proto: number }

const FLAGS: Readonly<Record<string, number>> = { S: TCP_SYN, A: TCP_ACK, F: TCP_FIN, R: TCP_RST, P: TCP_PSH };
const ECHO4 = 8, ECHO6 = 128;
const BODY = 16;

function wrong(text: string): never {
  throw new AdminFault(400, "SVR_USAGE", text);
}

/** traceQuestion reads a query: from, fromPort, to, toPort, protocol; optional interface, vlan, tenant, flags, ttl. */
export function traceQuestion(config: RouterConfig, query: URLSearchParams): TraceQuestion {
  const source = addressOf(query, "from"), destination = addressOf(query, "to");
  if (source.family !== destination.family) wrong("from and to are of different families");
  const number = (name: string, max: number, fallback = 0): number => boundedNumber(query.get(name), { fallback, min: 0, max, name });
  const protocol = number("protocol", 255);
  const proto = destination.family === 6 && protocol === PROTO_ICMP ? PROTO_ICMPV6 : protocol;
  const tuple = { source, destination, sourcePort: number("fromPort", 65_535), destinationPort: number("toPort", 65_535), proto };
  const at = entranceOf(config, query, source);
  const data = buildPacket({ source, destination, ttl: number("ttl", 255, 64) }, transportOf(tuple, query.get("flags")), new Uint8Array(BODY));
  const packet = parsePacket(data);
  if (!packet.ok) return wrong(`such a packet cannot be made (${packet.error})`);
  const { sourcePort, destinationPort } = packet.value;
  return { ...at, packet: packet.value, key: { source, destination, sourcePort, destinationPort, ifnum: at.interface.ifnum, vlan: at.vlan, proto } };
}

function addressOf(query: URLSearchParams, name: string): IpAddress {
  return parseAddress(query.get(name) ?? "") ?? wrong(`${name}=${query.get(name) ?? ""} is not an IP address`);
}

/** What a host would send first: a SYN, unless other flags are asked for, a datagram, an echo request whose identifier is the source port. */
function transportOf({ proto, sourcePort, destinationPort }: Tuple, flags: string | null): TransportSpec {
  if (proto === PROTO_TCP) return { kind: "tcp", sourcePort, destinationPort, seq: 1, flags: flagsOf(flags ?? "S") };
  if (proto === PROTO_UDP) return { kind: "udp", sourcePort, destinationPort };
  if (proto === PROTO_ICMP || proto === PROTO_ICMPV6) return { kind: "icmp", type: proto === PROTO_ICMP ? ECHO4 : ECHO6, rest: sourcePort * 65_536 };
  return { kind: "other", proto };
}

function flagsOf(text: string): number {
  return [...text].reduce((all, letter) => all | (FLAGS[letter] ?? wrong(`flags=${text}: write letters of ${Object.keys(FLAGS).join("")}, S for a SYN`)), 0);
}

/** The network that was named, else the one where the source is a member of its tenant, else the one that it is on. */
function entranceOf(config: RouterConfig, query: URLSearchParams, source: IpAddress): { interface: InterfaceConfig; vlan: number } {
  const name = query.get("interface"), tenant = query.get("tenant");
  const vlan = boundedNumber(query.get("vlan"), { fallback: 0, min: 0, max: 4094, name: "vlan" });
  if (name !== null) {
    const named = config.interfaces.find((one) => one.name === name);
    return { interface: named ?? wrong(`there is no interface ${name}; there are ${config.interfaces.map((one) => one.name).join(", ")}`), vlan };
  }
  const members = config.members.filter((one) => containsAddress(one.prefix, source) && (tenant === null || one.tenant === tenant)).sort((a, b) => b.prefix.length - a.prefix.length);
  const onLink = config.interfaces.flatMap((one) => one.networks.filter(({ addresses }) => addresses.some((own) => containsAddress(own, source))).map((network) => ({ ifnum: one.ifnum, vlan: network.vlan })));
  const [place] = tenant === null ? [...onLink, ...members] : members;
  const found = config.interfaces.find((one) => one.ifnum === place?.ifnum);
  if (found === undefined || place === undefined) return wrong(`no interface of this router has hosts with that address${tenant === null ? "" : ` of tenant ${tenant}`}: name one with interface=`);
  return { interface: found, vlan: place.vlan };
}
