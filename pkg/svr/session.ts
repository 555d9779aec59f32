// The state of one session on one router, as plain data. Same fields, names and numbers as struct svr_session
// (compared with the BTF of the eBPF object at load). Read by the router's decisions; owned by the pinned maps.
import type { IpAddress, IpFamily } from "../base/address.ts";

/** Life of a slot; see enum svr_life. */
export const Life = { free: 0, claimed: 1, live: 2, guard: 3, quarantine: 4 } as const;
export type Life = (typeof Life)[keyof typeof Life];

/** TCP states of behaviour 3.3; see enum svr_tcp. */
export const TcpState = { none: 0, synSent: 1, synRcvd: 2, established: 3, halfClosed: 4, closing: 5, reset: 6 } as const;
export type TcpState = (typeof TcpState)[keyof typeof TcpState];

/** Bits of Session.flags; see enum svr_flag for who changes them. */
export const Flag = {
  fwdMeta: 0x0001, revMeta: 0x0002, holdMeta: 0x0004, fwdSlow: 0x0008, revSlow: 0x0010, started: 0x0020, ended: 0x0040,
  finFwd: 0x0080, finRev: 0x0100, ackedFwd: 0x0200, ackedRev: 0x0400, strict: 0x0800, rstOnEnd: 0x1000, delete: 0x2000,
  snat: 0x4000, dnat: 0x8000, setup: 0x10000, cookies: 0x20000, mixed: 0x100000, capture: 0x200000, health: 0x400000, moved: 0x800000,
} as const;

/**
 * Bits of Session.protect, by direction: packets without metadata are opened (verified, decrypted) when they arrive, and sealed
 * when they leave; body: it is encrypted, not only authenticated. Watch: adaptive encryption is armed, so TCP payload comes to the
 * shard. Encrypted: forward bodies are, encryptedRev: reverse ones, also where this router does not read them. See enum svr_protect.
 */
export const Protect = { openFwd: 0x01, openRev: 0x02, sealFwd: 0x04, sealRev: 0x08, bodyFwd: 0x10, bodyRev: 0x20, watch: 0x40, encrypted: 0x80, encryptedRev: 0x100 } as const;

/** Where this router stands on the path of a session. */
export const Role = { single: 0, ingress: 1, transit: 2, egress: 3 } as const;
export type Role = (typeof Role)[keyof typeof Role];

/** Side index: forward packets arrive on side 0 and leave on side 1. */
export type SideIndex = 0 | 1;

/** One side of a session. The flow key of a side is (ifnum, vlan, remote to local, ports, proto) as received. */
export interface SessionSide {
  remote: IpAddress;
  local: IpAddress;
  remotePort: number;
  localPort: number;
  ifnum: number;
  vlan: number;
  nexthop: number;
  /** peer path number; 0 for a host side */
  path: number;
  /** IP protocol on the wire of this side */
  proto: number;
  family: IpFamily;
}

/** Handshake memory of one session; eBPF never touches it. See struct svr_handshake. */
export interface HandshakeMemory {
  forwardRepeats: number;
  reverseRepeats: number;
  modifyOut: number;
  modifyIn: number;
  modifyFlags: number;
  haveReverse: number;
  control3Ms: number;
  reverseService: number;
  egressRouter: number;
}

/** The inner 5-tuple as the session entered its ingress router (TLV 2 or 3). ICMP: source port is the identifier, destination port 0. */
export interface SessionContext {
  source: IpAddress;
  destination: IpAddress;
  sourcePort: number;
  destinationPort: number;
  proto: number;
  family: IpFamily;
}

/** One session on one router. Times are monotonic milliseconds; 32-bit ones wrap. */
export interface Session {
  side: [SessionSide, SessionSide];
  flags: number;
  life: Life;
  tcpState: TcpState;
  tcpBeforeReset: TcpState;
  endReason: number;
  seenMs: [number, number];
  sinceMs: number;
  idleMs: number;
  nextSeq: [number, number];
  lastAck: [number, number];
  /** TCP under enforcement strict: last window field of each side, not scaled */
  window: [number, number];
  packets: [bigint, bigint];
  bytes: [bigint, bigint];
  /** TCP: initial sequence of the opener; else the idle timeout until the first reverse packet, 0 none */
  isn: number;
  tenant: number;
  service: number;
  /** 16 bytes */
  uuid: Uint8Array;
  createdMs: number;
  context: SessionContext;
  role: Role;
  shard: number;
  sourceRouter: number;
  security: number;
  /** requests of the health check under way (health.ts) */
  health: number;
  /** 8 bytes each */
  span: Uint8Array;
  parentSpan: Uint8Array;
  traceFlags: number;
  trafficClass: number;
  /** name number of the service route it was opened on, 0 none */
  route: number;
  handshake: HandshakeMemory;
  setupMs: number;
  retransmissions: number;
  outOfOrder: number;
  interimMs: number;
  /** address that answers at the egress (source of the reverse context); all zero while unknown */
  answer: IpAddress;
  /** outer IPv6 flow label toward peers, low 20 bits of CRC-32 of the uuid (protocol 14); 0 leaves it */
  flowLabel: number;
  /** what protection its packets need, bits of Protect */
  protect: number;
}

/** passes tells whether packets of a session pass: late ones too for a moment, unless somebody ended it (behaviour 1.2, 3.9). */
export function passes({ life, flags }: Pick<Session, "life" | "flags">): boolean {
  return life === Life.live || (life === Life.guard && (flags & Flag.delete) === 0);
}
