// A small world for tests of the data plane: interfaces, next hops, addresses, and sessions of every kind with packets that
// hit them. Used by the model's unit tests and by the differential fuzz. Data and constructors only.
import { addressOfWords } from "../../pkg/base/address.ts";
import type { IpAddress, IpFamily } from "../../pkg/base/address.ts";
import { writeU16, writeU32 } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { IpFields, TransportSpec } from "../../pkg/svr/build.ts";
import { contextEnds, isPorted } from "../../pkg/svr/carried.ts";
import { answersFirst } from "../../pkg/svr/icmp.ts";
import { PROTO_DCCP, PROTO_ICMP, PROTO_ICMPV6, PROTO_SCTP, PROTO_TCP, PROTO_UDP, PROTO_UDP_LITE, TCP_ACK } from "../../pkg/svr/constants.ts";
import type { DatapathConfig } from "../../pkg/ports/datapath.ts";
import { Flag, Life, Role, TcpState } from "../../pkg/svr/session.ts";
import type { Session, SessionSide, SideIndex } from "../../pkg/svr/session.ts";

/** Interface and next hop numbers of the world; nexthop.missing has no entry. */
export const ifnum = { lan: 1, wan: 2, shared: 3, farLan: 4 } as const;
export const nexthop = { lan: 1, wan: 2, shared: 3, farLan: 4, missing: 9 } as const;
const vlanOf: Record<number, number> = { [ifnum.lan]: 0, [ifnum.wan]: 0, [ifnum.shared]: 7, [ifnum.farLan]: 12 };

/** place is an address of the world: `net` tells hosts, servers, our waypoints, peers and NAT apart. */
export function place(family: IpFamily, net: "host" | "server" | "waypoint" | "peer" | "nat" | "plain", n = 1): IpAddress {
  const high = { host: 0x0a010000, server: 0x0a020000, waypoint: 0xc0000200, peer: 0xcb007100, nat: 0xc6336400, plain: 0xc0000280 }[net];
  return family === 4 ? addressOfWords(4, high + n) : addressOfWords(6, 0x20010db8, high, 0, n);
}

/** worldConfig is what the data plane is told. */
export function worldConfig(change: Partial<DatapathConfig> = {}): DatapathConfig {
  const hop = (index: number, at: { ifnum: number; mtu: number; mss: number }, family: IpFamily = 4): DatapathConfig["nexthops"][number] => ({
    index, interface: `eth${at.ifnum}`, ifnum: at.ifnum, vlan: vlanOf[at.ifnum] ?? 0, family, mtu: at.mtu, mss4: at.mss, mss6: Math.max(0, at.mss - 20),
  });
  const families: readonly IpFamily[] = [4, 6];
  return {
    interfaces: [
      { ifnum: ifnum.lan, name: "eth1", shared: false, hosts: true }, { ifnum: ifnum.wan, name: "eth2", shared: false, hosts: false },
      { ifnum: ifnum.shared, name: "eth3", shared: true, hosts: false }, { ifnum: ifnum.farLan, name: "eth4", shared: false, hosts: true },
    ],
    nexthops: [
      hop(nexthop.lan, { ifnum: ifnum.lan, mtu: 1500, mss: 0 }), hop(nexthop.wan, { ifnum: ifnum.wan, mtu: 1400, mss: 1360 }),
      hop(nexthop.shared, { ifnum: ifnum.shared, mtu: 1280, mss: 500 }), hop(nexthop.farLan, { ifnum: ifnum.farLan, mtu: 0, mss: 0 }),
    ],
    peers: [],
    locals: families.flatMap((family) => [
      { address: place(family, "waypoint"), waypoint: true }, { address: place(family, "waypoint", 2), waypoint: true },
      { address: place(family, "nat"), waypoint: false }, { address: place(family, "plain"), waypoint: false },
    ]),
    members: [], rates: [], remoteRate: { perSecond: 0, burst: 0 },
    timers: {
      quarantineMs: 30_000, guardMs: 2_000, synSentMs: 10_000, synRcvdMs: 10_000, halfClosedIdleMs: 300_000, closingMs: 10_000, resetMs: 5_000, interimMs: 300_000, inactivityMs: 5_000,
    },
    waypointPorts: { first: 16384, last: 65534 },
    ...change,
  };
}

/** FlowKind is what distinguishes sessions: family, inner protocol, where this router stands, and the family between routers where it is another. */
export interface FlowKind { family: IpFamily; proto: "tcp" | "udp" | "icmp" | keyof typeof others; role: "ingress" | "egress" | "transit" | "single"; outer?: IpFamily }

const others = { sctp: PROTO_SCTP, dccp: PROTO_DCCP, udplite: PROTO_UDP_LITE, gre: 47, esp: 50 } as const;

/** flowKinds lists all of them. */
export const flowKinds: readonly FlowKind[] = ([4, 6] as const).flatMap((family) => (["tcp", "udp", "icmp"] as const).flatMap((proto) =>
  (["ingress", "egress", "transit", "single"] as const).map((role) => ({ family, proto, role }))));

/** carriedKinds are sessions of other protocols, and sessions whose families differ. */
export const carriedKinds: readonly FlowKind[] = ([4, 6] as const).flatMap((family) => (["ingress", "egress", "transit", "single"] as const).flatMap((role) => [
  ...(["sctp", "dccp", "udplite", "gre", "esp"] as const).map((proto): FlowKind => ({ family, proto, role })),
  ...(["tcp", "udp", "icmp", "dccp", "gre"] as const).map((proto): FlowKind => ({ family, proto, role, outer: family === 4 ? 6 : 4 })),
])).filter(({ role, outer }) => role !== "single" || outer === undefined);

/** innerProto is the protocol number of a kind between hosts. */
export function innerProto(kind: FlowKind): number {
  if (kind.proto === "icmp") return kind.family === 4 ? PROTO_ICMP : PROTO_ICMPV6;
  if (kind.proto === "tcp" || kind.proto === "udp") return kind.proto === "tcp" ? PROTO_TCP : PROTO_UDP;
  return others[kind.proto];
}

const hasPorts = ({ proto }: FlowKind): boolean => proto !== "gre" && proto !== "esp";
const hasNatPort = ({ proto }: FlowKind): boolean => hasPorts({ proto } as FlowKind) && proto !== "sctp";

/** The side toward the host that opened the session, or toward the server; an identifier takes the place of its own port. */
function hostSide(kind: FlowKind, n: number, at: "host" | "server"): SessionSide {
  const icmp = kind.proto === "icmp";
  const isHost = at === "host";
  const snat = !isHost && kind.role !== "ingress";
  const hostPort = !hasPorts(kind) ? 0 : snat && hasNatPort(kind) ? 20000 + n : 40000 + n;
  const serverPort = icmp || !hasPorts(kind) ? 0 : 443;
  const host = snat ? place(kind.family, "nat") : place(kind.family, "host", n);
  const server = place(kind.family, "server", isHost ? 1 : hasPorts(kind) ? 2 : n); // one session a server without ports
  return {
    remote: isHost ? host : server, local: isHost ? server : host, remotePort: isHost ? hostPort : serverPort, localPort: isHost ? serverPort : hostPort,
    ifnum: isHost ? ifnum.lan : ifnum.farLan, vlan: vlanOf[isHost ? ifnum.lan : ifnum.farLan] ?? 0, nexthop: isHost ? nexthop.lan : nexthop.farLan, path: 0,
    proto: innerProto(kind), family: kind.family,
  };
}

function peerSide(kind: FlowKind, n: number, index: SideIndex): SessionSide {
  const own = 16384 + 2 * n, theirs = 16385 + 2 * n;
  const family = kind.outer !== undefined && (index === 1 || kind.role !== "transit") ? kind.outer : kind.family; // a transit changes it
  return {
    remote: place(family, "peer", index + 1), local: place(family, "waypoint", index + 1), remotePort: index === 0 ? own : theirs,
    localPort: index === 0 ? theirs : own, ifnum: index === 0 ? ifnum.shared : ifnum.wan, vlan: vlanOf[index === 0 ? ifnum.shared : ifnum.wan] ?? 0,
    nexthop: index === 0 ? nexthop.shared : nexthop.wan, path: index + 1, proto: kind.proto === "tcp" ? PROTO_TCP : PROTO_UDP, family,
  };
}

/** flowSession is session n of a kind, live and past its handshake; n from 1 to 4,000. */
export function flowSession(kind: FlowKind, n: number, change: Partial<Session> = {}): Session {
  const fromHost = kind.role === "ingress" || kind.role === "single";
  const toPeer = kind.role === "ingress" || kind.role === "transit";
  const uuid = new Uint8Array(16).fill(0x40);
  writeU32(uuid, 12, n);
  const none = addressOfWords(kind.family, 0);
  const identifier = hasPorts(kind) ? 40000 + n : 0;
  return {
    side: [fromHost ? hostSide(kind, n, "host") : peerSide(kind, n, 0), toPeer ? peerSide(kind, n, 1) : hostSide(kind, n, "server")],
    flags: (toPeer ? 0 : Flag.snat) | (kind.outer === undefined ? 0 : Flag.mixed), life: Life.live, tcpState: kind.proto === "tcp" ? TcpState.established : TcpState.none, tcpBeforeReset: TcpState.none, endReason: 0,
    seenMs: [1, 1], sinceMs: 1, idleMs: 180_000, nextSeq: [1000, 5000], lastAck: [5000, 1000], packets: [0n, 0n], bytes: [0n, 0n], isn: kind.proto === "tcp" ? 999 : 0, tenant: 1,
    service: 2, uuid, createdMs: 1,
    context: {
      source: place(kind.family, "host", n), destination: place(kind.family, "server"), sourcePort: identifier, destinationPort: kind.proto === "icmp" || !hasPorts(kind) ? 0 : 443,
      proto: innerProto(kind), family: kind.family,
    },
    role: Role[kind.role], shard: 0, sourceRouter: 3, security: 0, health: 0, span: new Uint8Array(8), parentSpan: new Uint8Array(8), traceFlags: 1, trafficClass: 0,
    route: 0, window: [0, 0],
    handshake: { forwardRepeats: 0, reverseRepeats: 0, modifyOut: 0, modifyIn: 0, modifyFlags: 0, haveReverse: 0, control3Ms: 0, reverseService: 0, egressRouter: 0 },
    setupMs: 0, retransmissions: 0, outOfOrder: 0, interimMs: 1, answer: none, flowLabel: kind.family === 6 || kind.outer === 6 ? 0x54321 ^ n : 0, protect: 0, ...change,
  };
}

/** Arriving says what a packet on a side carries; the rest follows from the session. */
export interface Arriving { flags?: number; seq?: number; ack?: number; options?: Uint8Array; payload?: Uint8Array; ip?: Partial<IpFields>; noChecksum?: boolean; icmpType?: number }

/** packetOn builds a packet as it arrives on a side of a session: valid lengths and checksums, ICMP in its carrier on peer sides. */
export function packetOn(session: Session, side: SideIndex, arriving: Arriving = {}): Uint8Array {
  const from = session.side[side];
  const ip = { source: from.remote, destination: from.local, ...arriving.ip };
  const payload = arriving.payload ?? new Uint8Array(0);
  if (from.proto === PROTO_TCP) {
    const tcp: TransportSpec = {
      kind: "tcp", sourcePort: from.remotePort, destinationPort: from.localPort, flags: arriving.flags ?? TCP_ACK, seq: arriving.seq ?? session.nextSeq[side],
      ack: arriving.ack ?? session.nextSeq[side === 0 ? 1 : 0], window: 64240, ...(arriving.options && { options: arriving.options }),
    };
    return buildPacket(ip, tcp, payload);
  }
  const udp: TransportSpec = { kind: "udp", sourcePort: from.remotePort, destinationPort: from.localPort, noChecksum: arriving.noChecksum === true };
  if (!isIcmpFlow(session)) return otherOn(session, side, { ip, udp, payload });
  const type = arriving.icmpType ?? queryOn(session, side);
  if (from.proto === PROTO_UDP && !carriesIcmp(session, side)) return buildPacket(ip, udp, payload);
  if (from.proto === PROTO_UDP) return buildPacket(ip, udp, icmpBody(type, identifierOf(session.context), payload));
  return buildPacket(ip, { kind: "icmp", type, rest: (((asksOn(session, side) ? from.remotePort : from.localPort) << 16) | 1) >>> 0 }, payload);
}

/** UDP, or another protocol in it or alone; behind ports it has only the payload. */
function otherOn(session: Session, side: SideIndex, of: { ip: IpFields; udp: TransportSpec; payload: Uint8Array }): Uint8Array {
  const { ip, udp, payload } = of;
  const from = session.side[side];
  const { proto } = session.context;
  if (proto === PROTO_UDP || (from.proto === PROTO_UDP && from.path === 0)) return buildPacket(ip, udp, payload);
  const ends = from.path === 0 ? { sourcePort: from.remotePort, destinationPort: from.localPort } : contextEnds(session.context, side === 0);
  const body = new Uint8Array((isPorted(proto) ? 4 : 0) + payload.length);
  if (isPorted(proto)) {
    writeU16(body, 0, ends.sourcePort);
    writeU16(body, 2, ends.destinationPort);
  }
  body.set(payload, body.length - payload.length);
  return from.path === 0 ? buildPacket(ip, { kind: "other", proto: from.proto }, body) : buildPacket(ip, udp, body);
}

function isIcmpFlow({ context }: Session): boolean {
  return context.proto === PROTO_ICMP || context.proto === PROTO_ICMPV6;
}

/** carriesIcmp tells whether UDP of a side carries ICMP messages. */
export function carriesIcmp(session: Session, side: SideIndex): boolean {
  return session.side[side].path !== 0 && isIcmpFlow(session);
}

/** queryType is the ICMP type that travels in a direction: echo requests forward, replies back. */
export function queryType(family: IpFamily, side: SideIndex): number {
  if (family === 4) return side === 0 ? 8 : 0;
  return side === 0 ? 128 : 129;
}

/** queryOn is the ICMP type that travels in a direction of a session: the other way round where it began with an answer. */
export function queryOn(session: Session, side: SideIndex): number {
  return queryType(session.context.family, asksOn(session, side) ? 0 : 1);
}

function asksOn({ context }: Session, side: SideIndex): boolean {
  return (side === 0) !== answersFirst(context);
}

function identifierOf(context: Session["context"]): number {
  return answersFirst(context) ? context.destinationPort : context.sourcePort;
}

/** An ICMP message with checksum 0, as it rides in UDP (protocol 3.3). */
function icmpBody(type: number, identifier: number, payload: Uint8Array): Uint8Array {
  const body = new Uint8Array(8 + payload.length);
  body[0] = type;
  writeU16(body, 4, identifier);
  writeU16(body, 6, 1);
  body.set(payload, 8);
  return body;
}
