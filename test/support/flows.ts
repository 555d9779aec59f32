// A small world for tests of the data plane: interfaces, next hops, addresses, and sessions of every kind with packets that
// hit them. Used by the model's unit tests and by the differential fuzz. Data and constructors only.
import { addressOfWords } from "../../pkg/base/address.ts";
import type { IpAddress, IpFamily } from "../../pkg/base/address.ts";
import { writeU16, writeU32 } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { IpFields, TransportSpec } from "../../pkg/svr/build.ts";
import { PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP, TCP_ACK } from "../../pkg/svr/constants.ts";
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
      quarantineMs: 30_000, guardMs: 2_000, synSentMs: 10_000, synRcvdMs: 10_000, halfClosedIdleMs: 300_000, closingMs: 10_000, resetMs: 5_000, interimMs: 300_000,
    },
    waypointPorts: { first: 16384, last: 65534 },
    ...change,
  };
}

/** FlowKind is what distinguishes sessions: family, inner protocol, and where this router stands. */
export interface FlowKind { family: IpFamily; proto: "tcp" | "udp" | "icmp"; role: "ingress" | "egress" | "transit" | "single" }

/** flowKinds lists all of them. */
export const flowKinds: readonly FlowKind[] = ([4, 6] as const).flatMap((family) => (["tcp", "udp", "icmp"] as const).flatMap((proto) =>
  (["ingress", "egress", "transit", "single"] as const).map((role) => ({ family, proto, role }))));

/** innerProto is the protocol number of a kind between hosts. */
export function innerProto(kind: FlowKind): number {
  if (kind.proto === "icmp") return kind.family === 4 ? PROTO_ICMP : PROTO_ICMPV6;
  return kind.proto === "tcp" ? PROTO_TCP : PROTO_UDP;
}

/** The side toward the host that opened the session, or toward the server; an identifier takes the place of its own port. */
function hostSide(kind: FlowKind, n: number, at: "host" | "server"): SessionSide {
  const icmp = kind.proto === "icmp";
  const isHost = at === "host";
  const snat = !isHost && kind.role !== "ingress";
  const hostPort = snat ? 20000 + n : 40000 + n;
  const serverPort = icmp ? 0 : 443;
  const host = snat ? place(kind.family, "nat") : place(kind.family, "host", n);
  const server = place(kind.family, "server", isHost ? 1 : 2);
  return {
    remote: isHost ? host : server, local: isHost ? server : host, remotePort: isHost ? hostPort : serverPort, localPort: isHost ? serverPort : hostPort,
    ifnum: isHost ? ifnum.lan : ifnum.farLan, vlan: vlanOf[isHost ? ifnum.lan : ifnum.farLan] ?? 0, nexthop: isHost ? nexthop.lan : nexthop.farLan, path: 0,
    proto: innerProto(kind), family: kind.family,
  };
}

function peerSide(kind: FlowKind, n: number, index: SideIndex): SessionSide {
  const own = 16384 + 2 * n, theirs = 16385 + 2 * n;
  return {
    remote: place(kind.family, "peer", index + 1), local: place(kind.family, "waypoint", index + 1), remotePort: index === 0 ? own : theirs,
    localPort: index === 0 ? theirs : own, ifnum: index === 0 ? ifnum.shared : ifnum.wan, vlan: vlanOf[index === 0 ? ifnum.shared : ifnum.wan] ?? 0,
    nexthop: index === 0 ? nexthop.shared : nexthop.wan, path: index + 1, proto: kind.proto === "tcp" ? PROTO_TCP : PROTO_UDP, family: kind.family,
  };
}

/** flowSession is session n of a kind, live and past its handshake; n from 1 to 4,000. */
export function flowSession(kind: FlowKind, n: number, change: Partial<Session> = {}): Session {
  const fromHost = kind.role === "ingress" || kind.role === "single";
  const toPeer = kind.role === "ingress" || kind.role === "transit";
  const uuid = new Uint8Array(16).fill(0x40);
  writeU32(uuid, 12, n);
  const none = addressOfWords(kind.family, 0);
  const identifier = 40000 + n;
  return {
    side: [fromHost ? hostSide(kind, n, "host") : peerSide(kind, n, 0), toPeer ? peerSide(kind, n, 1) : hostSide(kind, n, "server")],
    flags: toPeer ? 0 : Flag.snat, life: Life.live, tcpState: kind.proto === "tcp" ? TcpState.established : TcpState.none, tcpBeforeReset: TcpState.none, endReason: 0,
    seenMs: [1, 1], sinceMs: 1, idleMs: 180_000, nextSeq: [1000, 5000], lastAck: [5000, 1000], packets: [0n, 0n], bytes: [0n, 0n], isn: 999, tenant: 1,
    service: 2, uuid, createdMs: 1,
    context: {
      source: place(kind.family, "host", n), destination: place(kind.family, "server"), sourcePort: identifier, destinationPort: kind.proto === "icmp" ? 0 : 443,
      proto: innerProto(kind), family: kind.family,
    },
    role: Role[kind.role], shard: 0, sourceRouter: 3, security: 0, span: new Uint8Array(8), parentSpan: new Uint8Array(8), traceFlags: 1, trafficClass: 0,
    route: 0, window: [0, 0],
    handshake: { forwardRepeats: 0, reverseRepeats: 0, modifyOut: 0, modifyIn: 0, modifyFlags: 0, haveReverse: 0, control3Ms: 0, reverseService: 0, egressRouter: 0 },
    setupMs: 0, retransmissions: 0, outOfOrder: 0, interimMs: 1, answer: none, flowLabel: kind.family === 6 ? 0x54321 ^ n : 0, ...change,
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
  if (from.proto === PROTO_UDP && !carriesIcmp(session, side)) return buildPacket(ip, udp, payload);
  const type = arriving.icmpType ?? queryType(from.family, side);
  if (from.proto === PROTO_UDP) return buildPacket(ip, udp, icmpBody(type, session.context.sourcePort, payload));
  return buildPacket(ip, { kind: "icmp", type, rest: (((side === 0 ? from.remotePort : from.localPort) << 16) | 1) >>> 0 }, payload);
}

/** carriesIcmp tells whether UDP of a side carries ICMP messages. */
export function carriesIcmp(session: Session, side: SideIndex): boolean {
  return session.side[side].path !== 0 && session.context.proto !== PROTO_UDP && session.context.proto !== PROTO_TCP;
}

/** queryType is the ICMP type that travels in a direction: echo requests forward, replies back. */
export function queryType(family: IpFamily, side: SideIndex): number {
  if (family === 4) return side === 0 ? 8 : 0;
  return side === 0 ? 128 : 129;
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
