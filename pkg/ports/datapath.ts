// What the router needs of a data plane: established packets are forwarded below this line, first packets come up as
// punts, and decisions go down as operations. Implemented by pkg/datapath (eBPF) and by its TypeScript model.
import type { IpAddress, IpFamily } from "../base/address.ts";
import type { InterfaceFilter } from "../svr/filter.ts";
import type { DropReason } from "../svr/reasons.ts";
import type { HandshakeMemory, Session, SessionSide, SideIndex } from "../svr/session.ts";

/** Why a packet came up; enum svr_punt_cause. */
export type PuntCause = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11;

/** Why a packet went to a protect worker, enum svr_punt_cause: to be opened as it came, or to be sealed before it leaves. */
export type ProtectCause = 12 | 13;

/** One packet from eBPF. `data` is a view that is valid until the next drain. */
export interface Punt {
  cause: PuntCause;
  ifnum: number;
  vlan: number;
  /** 0: one wire packet; else payload bytes of each segment but the last, if there is more than one; of a tunnel those of the packet inside */
  gsoSize: number;
  /** where the part begins whose checksum was left to offload and is finished now: behind the IP header, or inside a tunnel; absent when none was */
  sumStart?: number;
  /** the destination is one of our waypoint addresses */
  toWaypoint: boolean;
  /** its session is captured, and the data plane copied it as it came; of an ICMP error, the session it quotes is captured */
  isCopied?: true;
  /** a protect worker verified and decrypted it: nothing of it is sealed any more */
  isOpened?: true;
  /** when the data plane saw it, in monotonic milliseconds; absent: now */
  arrivedMs?: number;
  /** the packet from its IP header on */
  data: Uint8Array;
  /** session the data plane found, with the side of arrival */
  session?: { index: number; side: SideIndex; state: Session };
}

/** A session reference that cannot hit a re-used slot: the uuid must still be there. */
export interface SessionRef { index: number; uuid: Uint8Array }

/** What a shard asks of the data plane; one batch is one foreign call. Operations of a batch are executed in order. */
export type SessionOp =
  /** Dry: only tell what would happen. Claim a slot, install side 1 then side 0. Fails as a whole: result is a negative code and, for `exists`, the other session. */
  | { kind: "install"; session: Session; natSearch?: NatSearch | undefined; limits?: InstallLimits | undefined; dry?: true }
  /** Change flags and bits of Protect with atomic and/or, replace the handshake memory, add packets handled in user space. */
  | { kind: "patch"; ref: SessionRef; clearFlags: number; setFlags: number; clearProtect?: number; setProtect?: number; handshake?: HandshakeMemory; fields?: Partial<SessionPatchFields>;
      addPackets?: [number, number]; addBytes?: [number, number] }
  /** Replace one side (segment joins or moves); the new key is in force before the old one goes. */
  | { kind: "replaceSide"; ref: SessionRef; side: SideIndex; to: SessionSide }
  /** End the session: life becomes guard with this reason, the sweeper writes its record and removes it. `now`: its side-0 key is free at once. */
  | { kind: "end"; ref: SessionRef; reason: number; now: boolean };

/** What an install must keep to, in sessions of the session's tenant, route, and source address within its tenant; 0 is unlimited. routeRate: sessions that begin on the route in one second. */
export interface InstallLimits { tenant: number; tenantHalfOpen: number; route: number; routeRate: number; source: number; sourceHalfOpen: number }

/** LimitName names the limit that refused an install. */
export type LimitName = keyof InstallLimits;

/** Source NAT port search: side 1 takes the first local port of first .. first + count - 1, cyclic from `start`, whose key is free. */
export interface NatSearch { first: number; count: number; start: number }

/** Fields that a shard may write on a live session (it owns them, or owns the moment). */
export interface SessionPatchFields {
  tcpState: number; tcpBeforeReset: number; sinceMs: number; isn: number; retransmissions: number; outOfOrder: number; seenMs: [number, number]; nextSeq: [number, number]; lastAck: [number, number]; window: [number, number]; idleMs: number;
  setupMs: number; service: number; tenant: number; answer: IpAddress; health: number; security: number;
}

/** Result of one operation: index of the session and, for an install, its side-1 local port; or why not. `exists`: `other` holds the key that `side` of this session wants, or its uuid (side 0). */
export type OpResult =
  | { ok: true; index: number; localPort: number }
  | { ok: false; why: "exists"; other: SessionRef; side: SideIndex }
  | { ok: false; why: "limit"; limit: LimitName }
  | { ok: false; why: "full" | "gone" };

/** A packet to send: complete from its IP header on, checksums final; leaves by the next hop. Next hop 0 is the kernel of this router: it gets the packet as if it had arrived. */
export interface Frame { nexthop: number; data: Uint8Array }

/** CapturePoint is where a packet of a session was seen at a router: forward in, forward out, reverse in, reverse out; enum svr_point. */
export type CapturePoint = 0 | 1 | 2 | 3;

/** CopiedPacket is a packet at one point: its first bytes from the IP header on, and how long it is. */
export interface CopiedPacket {
  uuid: Uint8Array;
  point: CapturePoint;
  /** unix nanoseconds */
  timeNs: bigint;
  ifnum: number;
  vlan: number;
  /** 0: one wire packet; else payload bytes of each segment but the last */
  gsoSize: number;
  length: number;
  data: Uint8Array;
}

/** Key of a flow as received. */
export interface FlowKey { source: IpAddress; destination: IpAddress; sourcePort: number; destinationPort: number; ifnum: number; vlan: number; proto: number }

/** A shard's hold on the data plane; owned by one worker, every call is synchronous. */
export interface ShardPort {
  /** Wait at most timeoutMs for punted packets; at most `max` of them. */
  drain(max: number, timeoutMs: number): Punt[];
  apply(ops: readonly SessionOp[]): OpResult[];
  /** Sends; returns how many the kernel took. */
  send(frames: readonly Frame[]): number;
  /** Sessions by flow key, absent when there is none. */
  find(key: FlowKey): { index: number; side: SideIndex; state: Session } | undefined;
  /** Session with this uuid, live or in guard, through its key in the flow index. */
  findUuid(uuid: Uint8Array): { index: number; state: Session } | undefined;
  /** Number of the shard that packets of a flow without a session come to. */
  shardOf(key: FlowKey): number;
  /** A session that ended, while it holds its slot or nothing else took it since; the data plane may forget it sooner. */
  ended(ref: SessionRef): Session | undefined;
  /** Copies up to so many packets of a session at each point, while its flag `capture` is set; false when too many sessions are captured. */
  wantCopies(index: number, packets: number): boolean;
  /** Unix time in nanoseconds, for copies that a shard makes itself. */
  unixNs(): bigint;
  /** How many sessions of the router are live and half open now; read once a turn. */
  load(): Pick<DatapathGauges, "live" | "halfOpen">;
  /** As Datapath.usage. */
  usage(id: number): Pick<DatapathGauges, "live" | "halfOpen">;
  /** As Datapath.nameId and nameOf, safe beside other shards. */
  nameId(name: string): number;
  nameOf(id: number): string | undefined;
  close(): void;
}

/** InterfaceEntry is one interface of the router by its own number and its device name. */
export interface InterfaceEntry {
  ifnum: number; name: string; shared: boolean; hosts: boolean;
  /** first packets of hosts must come from an address in `members`; default no */
  sourceCheck?: boolean;
  filter?: InterfaceFilter;
}
/** NexthopEntry is one way out; mtu in bytes of an IP packet. */
export interface NexthopEntry {
  index: number; interface: string; ifnum: number; vlan: number; family: IpFamily;
  /** absent: on link */
  gateway?: IpAddress;
  mtu: number;
  /** packets toward peers leave with DF=0 and an identification of their own; absent: DF=1 */
  cuttable?: true;
  /** clamp of the MSS option for inner IPv4 and IPv6; 0 none */
  mss4: number; mss6: number;
}
/** MemberEntry gives a tenant to sources on an interface and VLAN; without a tenant they are known there, and nothing else. */
export interface MemberEntry { ifnum: number; vlan: number; prefix: { address: IpAddress; length: number }; tenant?: number }
/** RateEntry bounds the first packets of a tenant, in packets. */
export interface RateEntry { tenant: number; perSecond: number; burst: number }

/** Everything the data plane is told besides sessions. `program` makes it so, in an order that never opens a hole. */
export interface DatapathConfig {
  interfaces: InterfaceEntry[];
  nexthops: NexthopEntry[];
  /** addresses of peers; on a shared interface only they are answered when a packet hits no session */
  peers: IpAddress[];
  /** local addresses; waypoint ones are where peers send. An address that is given twice counts as given last. */
  locals: { address: IpAddress; waypoint: boolean }[];
  members: MemberEntry[];
  rates: RateEntry[];
  /** rate per remote address on waypoint addresses; perSecond 0 is unlimited */
  remoteRate: { perSecond: number; burst: number };
  timers: { quarantineMs: number; guardMs: number; synSentMs: number; synRcvdMs: number; halfClosedIdleMs: number; closingMs: number; resetMs: number; interimMs: number; inactivityMs: number };
  waypointPorts: { first: number; last: number };
  /** sessions of ICMP are told apart by the type of the request too (behaviour 3.7) */
  icmpByType?: true;
}

/** A record of the sweeper: a copy of the session at that moment. */
export interface DatapathRecord { type: "start" | "interim" | "end" | "release"; timeMs: number; index: number; session: Session }

/** DatapathRefusal is a packet that the data plane refused, with the tuple that its hosts know where its session is known. */
export interface DatapathRefusal extends FlowKey {
  reason: DropReason;
  /** name ids, 0 not known; path: the peer path that it came by */
  tenant: number; service: number; path: number;
}

/** DatapathGauges counts what is bounded, with its bounds. */
export interface DatapathGauges { slotsUsed: number; live: number; /** TCP before its three-way handshake is done */ halfOpen: number; highWater: number; quarantined: number; recordsLost: number; sweeps: number; sessionLimit: number; flowEntries: number; flowLimit: number }

/** TableFaultKind is what can be wrong with a slot or a place of the flow index; enum svr_fault_kind. */
export type TableFaultKind = "stale-entry" | "unfinished-entry" | "double-entry" | "missing-entry" | "shadowed" | "stuck" | "life" | "unswept";

/** TableFault is a suspicion: a look without a lock, so it is looked at again (`at`, one step) before it is believed. */
export interface TableFault {
  kind: TableFaultKind;
  /** cursor of the place */
  at: number;
  /** absent: an entry that names no slot */
  slot?: number;
  /** key of the session that it is about */
  key?: "forward" | "reverse" | "uuid";
  /** Life of the slot, whatever number stands there */
  life: number;
  /** what tells it from another fault of that place */
  mark: string;
}

/** PortHold is a waypoint pair of a path, or a source NAT port (path 0), that a session holds or rests with. */
export interface PortHold { path: number; local: number; remote: number; resting: boolean }

/** TableLook is what a bounded look over slots and index found; `next` is absent at the end. */
export interface TableLook { faults: TableFault[]; holds: PortHold[]; entries: number; found: Pick<DatapathGauges, "slotsUsed" | "live" | "halfOpen" | "quarantined">; next?: number }

/** SiftVerdict is what becomes of the sessions of a kind: they are given or passed over, or ended at once for a reason number. */
export type SiftVerdict = boolean | { end: number };

/**
 * Sift gives, or ends, the live sessions of some kinds. A kind are the sessions that are alike in all that a configuration decides
 * on: tenant, service, translation of the source; protocol, destination and port of the context; path and next hop of side 0; of side 1
 * also network, family and addresses. A question that reads anything else has no certain answer.
 */
export interface Sift {
  /**
   * At most `max` sessions from `cursor` on, or none where it found none in a while; next cursor, absent at the end. Copies, no lock.
   * `ended` are those that it ended, as by the operation `end` with `now`: their hosts and peers are not told (ShardPort.ended).
   */
  next(cursor: number, max: number): { sessions: { index: number; state: Session }[]; ended: SessionRef[]; next?: number };
}

/** The data plane of one router. Owner: the router's main thread; `close` leaves pinned maps forwarding. */
export interface Datapath {
  program(config: DatapathConfig): void;
  /** Sends packets of the router's own, as ShardPort.send does. */
  send(frames: readonly Frame[]): number;
  /** Stable number of a name (tenant, service, router, path, next hop), kept with the sessions across restarts; 0 when the table of names is full or the name has more than 255 bytes. */
  nameId(name: string): number;
  nameOf(id: number): string | undefined;
  /** How many numbers of names are taken, as of the last minute. */
  names(): { used: number; limit: number };
  records(max: number): DatapathRecord[];
  /** Refused packets since this was last asked, oldest first: a tuple once in ten seconds and reason, a bounded number of packets. */
  refusals(max: number): DatapathRefusal[];
  /** Refused packets that are not among them, by reason name, since the maps were made. */
  untold(): Record<string, number>;
  /** Slots from `cursor` on that are live or in guard, at most `max`; next cursor, absent at the end. Copies, no lock. */
  sessions(cursor: number, max: number): { sessions: { index: number; state: Session }[]; next?: number };
  /** Begins to look for the live sessions that a question with one answer for all of a kind says yes to; it is asked about few of each kind. */
  sift(judge: (session: Session) => SiftVerdict): Sift;
  /** Tells of each live session what is counted, at most `max` from `cursor` on: name numbers of tenant, service and route, and its Role; next cursor, undefined at the end. No lock. */
  count(cursor: number, max: number, told: (tenant: number, service: number, route: number, role: number) => void): number | undefined;
  /** Session with this uuid, live or in guard, through its key in the flow index; a copy. */
  findUuid(uuid: Uint8Array): { index: number; state: Session } | undefined;
  /** Packets that were copied since this was last asked, oldest first, at most `max`. */
  copies(max: number): CopiedPacket[];
  /** How many copies of the session in this slot were wanted and lost so far, since it began to be captured. */
  lostCopies(index: number): number;
  /** No more copies of the session in this slot; how many were wanted and lost because nobody took copies in time. */
  forgetCopies(index: number): number;
  /** Slots in quarantine, for the port allocator at start. */
  resting(cursor: number, max: number): { sessions: { index: number; state: Session }[]; next?: number };
  gauges(): DatapathGauges;
  /** How full everything else is that is bounded, in what its name says: maps of the configuration, rings, memories; estimates are called `about`. */
  fill(): { name: string; entries: number; limit: number }[];
  /** The shard that a packet with this key goes to while no session holds it. */
  shardOf(key: FlowKey): number;
  /** Session that holds a flow key, a copy. */
  find(key: FlowKey): { index: number; side: SideIndex; state: Session } | undefined;
  /** Looks at slots, then at places of the index, at most `steps` from `cursor` on; no lock, nothing is changed. */
  verify(cursor: number, steps: number): TableLook;
  /** Sessions of a tenant or a route by its number, live now and half open. */
  usage(id: number): Pick<DatapathGauges, "live" | "halfOpen">;
  /** Records that were lost since this was last asked, by this process or an earlier one: each is told once. */
  takeRecordsLost(): number;
  /** Drops by reason name since the maps were made, and packets by interface number. */
  counters(): { drops: Record<string, bigint>; interfaces: Record<number, { rxPackets: bigint; rxBytes: bigint; txPackets: bigint; txBytes: bigint }> };
  /** Packets that each rule of an interface's filter denied, by its place in the list; rules that denied none are absent. */
  denied(ifnum: number): Map<number, number>;
  /** Whether sessions were adopted from an earlier process. */
  adopted(): boolean;
  close(): void;
  /** Remove pins too: forwarding stops. */
  destroy(): void;
}
