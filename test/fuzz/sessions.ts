// Sessions for the differential fuzz: one or two of every kind, in random states, with the odd ones that user space must
// handle. Data only; the same sessions go into the kernel's maps and into the model.
import { addressOfWords } from "../../pkg/base/address.ts";
import { PROTO_DCCP, PROTO_TCP, PROTO_UDP } from "../../pkg/svr/constants.ts";
import { COOKIE_TRUST } from "../../pkg/datapath/model-cookie.ts";
import { Flag, Life, Protect, TcpState } from "../../pkg/svr/session.ts";
import type { Session, SessionSide } from "../../pkg/svr/session.ts";
import { carriedKinds, flowKinds, flowSession, nexthop, place } from "../support/flows.ts";
import type { FlowKind } from "../support/flows.ts";
import type { Random } from "./random.ts";

const PROTO_GRE = 47;
const RARE_FLAGS = [Flag.fwdMeta, Flag.revMeta, Flag.holdMeta, Flag.fwdSlow, Flag.revSlow, Flag.dnat, Flag.setup, Flag.started, Flag.rstOnEnd, Flag.cookies, Flag.health, Flag.moved, Flag.capture];
const TCP_FLAGS = [Flag.finFwd, Flag.finRev, Flag.ackedFwd, Flag.ackedRev, Flag.strict, Flag.strict];
const PROTECTIONS = Object.values(Protect);
const LIVES = [Life.live, Life.live, Life.live, Life.live, Life.live, Life.live, Life.guard, Life.quarantine];
const STATES = [
  TcpState.synSent, TcpState.synRcvd, TcpState.established, TcpState.established, TcpState.halfClosed, TcpState.closing, TcpState.reset, TcpState.none,
];

/** fuzzSessions gives the sessions of one round; their index is their slot. */
export function fuzzSessions(random: Random): Session[] {
  const plain = flowKinds.map((kind, index) => randomised(random, flowSession(kind, index + 1)));
  const again = flowKinds.filter((kind) => kind.proto === "tcp").map((kind, index) => randomised(random, flowSession(kind, 100 + index)));
  const carried = carriedKinds.map((kind, index) => randomised(random, flowSession(kind, 300 + index)));
  return [...plain, ...again, ...carried, ...oddSessions(random)].map(someDeleted);
}

/** Every other session in guard was ended by somebody. */
function someDeleted(session: Session, index: number): Session {
  return session.life === Life.guard && index % 2 === 0 ? { ...session, flags: (session.flags | Flag.delete) >>> 0 } : session;
}

function someFlags(random: Random, flags: readonly number[], percent: number): number {
  return flags.reduce((all, flag) => (random.chance(percent) ? all | flag : all), 0);
}

/** A sequence number, now and then close to the wrap. */
function sequence(random: Random): number {
  return random.chance(30) ? (0x1_0000_0000 - random.below(2000)) >>> 0 : random.word();
}

const WINDOWS = [0, 1, 100, 502, 8192, 64_240, 65_535];

/** Window scales + 1 of both sides, or that of the opener alone, in the highest byte of the flags. */
function scalesOf(random: Random): number {
  return (random.below(16) << 24) | (random.chance(70) ? (1 + random.below(15)) << 28 : 0);
}

function randomised(random: Random, session: Session): Session {
  const isTcp = session.context.proto === PROTO_TCP;
  const tcp = isTcp ? { tcpState: random.pick(STATES), tcpBeforeReset: random.pick([TcpState.established, TcpState.halfClosed, TcpState.closing]) } : {};
  const flags = session.flags | someFlags(random, RARE_FLAGS, 6) | (isTcp ? someFlags(random, TCP_FLAGS, 25) : 0);
  const next: [number, number] = [sequence(random), sequence(random)];
  return {
    ...session, ...tcp, flags: ((flags & 0xffffff) | (isTcp ? scalesOf(random) : 0)) >>> 0, life: random.pick(LIVES), nextSeq: next, lastAck: random.chance(20) ? [0, 0] : [next[1], next[0]], isn: (next[0] - 1) >>> 0,
    window: [random.pick(WINDOWS), random.pick(WINDOWS)],
    bytes: random.chance(50) ? [0n, 0n] : [BigInt(COOKIE_TRUST), BigInt(COOKIE_TRUST)], setupMs: random.chance(20) ? 5 : 0, flowLabel: random.chance(70) ? session.flowLabel : 0, protect: random.chance(30) ? someFlags(random, PROTECTIONS, 40) : 0, side: [someHop(random, session.side[0]), someHop(random, session.side[1])],
  };
}

function someHop(random: Random, side: SessionSide): SessionSide {
  return random.chance(3) ? { ...side, nexthop: nexthop.missing } : side;
}

/** Identifier 0, carriers and protocols that only user space can turn, families that differ. */
function oddSessions(random: Random): Session[] {
  const kind = (family: 4 | 6, proto: FlowKind["proto"], role: FlowKind["role"]): FlowKind => ({ family, proto, role });
  const make = (n: number, of: FlowKind, change: (session: Session) => Partial<Session>): Session => {
    const session = randomised(random, flowSession(of, n));
    return { ...session, ...change(session) };
  };
  const host = (session: Session, change: Partial<SessionSide>): Partial<Session> => ({ side: [{ ...session.side[0], ...change }, session.side[1]] });
  const peer = (session: Session, change: Partial<SessionSide>): Partial<Session> => ({ side: [session.side[0], { ...session.side[1], ...change }] });
  const both = (session: Session, proto: number): Partial<Session> => {
    const none = { proto, remotePort: 0, localPort: 0 };
    return { side: [{ ...session.side[0], ...none }, { ...session.side[1], ...none }], context: { ...session.context, proto }, tcpState: TcpState.none };
  };
  return [
    make(200, kind(4, "icmp", "ingress"), (s) => host(s, { remotePort: 0 })),
    make(201, kind(6, "icmp", "ingress"), (s) => host(s, { remotePort: 0 })),
    make(202, kind(4, "tcp", "ingress"), (s) => peer(s, { proto: PROTO_UDP })),
    make(203, kind(4, "udp", "single"), (s) => both(s, PROTO_GRE)),
    make(204, kind(6, "udp", "single"), (s) => both(s, PROTO_GRE)),
    make(205, kind(4, "udp", "single"), (s) => both(s, PROTO_DCCP)),
    make(206, kind(4, "udp", "ingress"), (s) => peer(s, { family: 6, remote: place(6, "peer", 9), local: place(6, "waypoint", 2) })),
    make(207, kind(6, "icmp", "ingress"), (s) => peer(s, { family: 4, remote: place(4, "peer", 9), local: place(4, "waypoint", 2) })),
    make(208, kind(4, "udp", "transit"), (s) => host(s, { remote: addressOfWords(4, -2), remotePort: 65535 })),
  ];
}
