// What one decision may use: tables, time, this shard's ports, and the batch it writes into. Made by shard.ts once a turn.
import type { RandomSource } from "../ports/clock.ts";
import type { Punt, SessionRef, ShardPort } from "../ports/datapath.ts";
import type { PeerKeys } from "../svr/keys.ts";
import type { Metadata } from "../svr/metadata.ts";
import type { Packet } from "../svr/packet.ts";
import type { DropReason } from "../svr/reasons.ts";
import type { Session, SideIndex } from "../svr/session.ts";
import type { ExtIds } from "../svr/fragment.ts";
import type { WholeIp } from "../svr/ipfragments.ts";
import type { ReplayWindow } from "../svr/replay.ts";
import type { Batch, Handle } from "./batch.ts";
import type { Capturing } from "./capturing.ts";
import type { Held } from "./held.ts";
import type { Denial } from "./recordwriter.ts";
import type { HealthKind } from "./health.ts";
import type { Handing } from "./handing.ts";
import type { OriginSigner } from "./origin.ts";
import type { Protection } from "./protection.ts";
import type { FragmentJoiner } from "./reassemble.ts";
import type { SealSource } from "./sealing.ts";
import type { PathEntry, PeerEntry, Tables } from "./tables.ts";

/** WaypointPair is our port and the peer's port on one hop (protocol 2.2). */
export interface WaypointPair {
  local: number;
  remote: number;
}

/** PortSource gives out this shard's waypoint pairs and NAT ports; only allocation has state, uniqueness is the flow index's. */
export interface PortSource {
  /** absent: every pair is used or rests */
  pair(path: PathEntry, nowMs: number): WaypointPair | undefined;
  /** the pair was never used on the wire: free at once */
  giveBack(path: PathEntry, pair: WaypointPair): void;
  /** somebody else holds this 5-tuple: the pair goes to the end of the queue */
  lost(path: PathEntry, pair: WaypointPair, nowMs: number): void;
  /** where the search for a source NAT port starts, 0 .. NAT_COUNT - 1; spreads shards and sessions */
  natStart(): number;
}

/** Turn is everything a decision sees besides the packet. */
export interface Turn {
  readonly tables: Tables;
  readonly batch: Batch;
  /** monotonic and unix milliseconds of this turn */
  readonly nowMs: number;
  readonly nowUnixMs: number;
  readonly shard: number;
  readonly random: RandomSource;
  readonly ports: PortSource;
  readonly replay: ReplayWindow;
  readonly seals: SealSource;
  readonly origin: Pick<OriginSigner, "sign" | "verify" | "mayAsk">;
  readonly protection: Protection;
  /** limits code 2 (protocol 6.4) */
  readonly enableGate: EnableGate;
  readonly skewGate: SkewGate;
  /** limits ICMP errors (behaviour 10.3) */
  readonly errorGate: ErrorGate;
  /** limits ICMP errors that pass through, by session */
  readonly sessionErrors: ErrorGate;
  readonly capturing: Capturing;
  readonly fragments: FragmentJoiner;
  readonly handing: Pick<Handing, "takes">;
  /** fresh identifications: of fragmented packets toward peers, and of IP fragments toward hosts */
  readonly ids: ExtIds;
  /** sessions of the router as the turn began; batch.opened are those on top */
  readonly load: Load;
  /** live sessions of a tenant now */
  readonly sessionsOf: (tenant: number) => number;
  /** session that holds a flow key, for packets that raced with their own installation */
  readonly find: FindSession;
  /** zeroed bytes for a packet that leaves with this turn; gone when it was sent */
  readonly take: (length: number) => Uint8Array;
  /** `skew`: how many epochs the peer is ahead */
  count(reason: DropReason, peer?: PeerEntry, skew?: number): void;
  countHealth(kind: HealthKind): void;
  /** an ICMP error says that packets of ours are too big for a path */
  tooBig(path: number): void;
  /** a packet of a peer was valid under this key */
  keyUsed(key: PeerKeys): void;
  deny(denial: Denial): void;
}

/** Load is how many sessions of the router are live, and how many of them half open. */
export type Load = ReturnType<ShardPort["load"]>;

/** EnableGate permits code 2 once per 5-tuple and second, 1,000 times per peer and second. */
export interface EnableGate {
  permits(arrival: Arrival, peer: PeerEntry, nowMs: number): boolean;
  held(nowMs: number): Held[];
}

/** SkewGate permits the search for a clock skew at most 10 times a second and peer (protocol 7.1). */
export interface SkewGate {
  permits(peer: Pick<PeerEntry, "name">, nowMs: number): boolean;
  held(nowMs: number): Held[];
}

/** ErrorGate permits ICMP errors 100 times a second and key: own ones by interface, others by session. */
export interface ErrorGate {
  permits(key: number, nowMs: number): boolean;
  held(nowMs: number): Held[];
}

/** Original is how a host sent a packet, as TLV 1 tells it: identification and largest fragment are 0 when it arrived whole. */
export type Original = WholeIp["original"];

/** FindSession looks a session up in the data plane by the key of a received packet, or by uuid. */
export interface FindSession {
  byArrival(arrival: Arrival): { index: number; side: SideIndex; state: Session } | undefined;
  byUuid(uuid: Uint8Array): { index: number; state: Session } | undefined;
  /** one that the app ended */
  ended(ref: SessionRef): Session | undefined;
}

/** Carried is a packet as received with the place of its body: metadata and trailers are outside. */
export interface Carried {
  packet: Packet;
  bodyAt: number;
  bodyEnd: number;
  /** metadata it arrived with, whose session-scoped TLVs go on (protocol 5) */
  tlvs?: Metadata | undefined;
  /** absent: nobody told */
  original?: Original | undefined;
}

/** Opened is metadata whose tag, where one is due, was right, and whose payload section is clear now. */
export interface Opened {
  peer: PeerEntry;
  tlvs: Metadata;
  /** nothing but the base header (protocol 3.4) */
  empty: boolean;
  /** no payload section */
  headerOnly: boolean;
  /** body of the packet: offsets into packet.data */
  bodyAt: number;
  bodyEnd: number;
  /** tag and epoch, for the replay window; absent with HMAC disabled */
  tag?: Uint8Array | undefined;
  epoch: number;
}

/** Arrival is one packet that came up, parsed, its metadata opened when it had any. */
export interface Arrival {
  punt: Punt;
  packet: Packet;
  /** see arrivalKey, which makes it once */
  key?: string;
  opened?: Opened;
  /** the packet before its metadata was decrypted, where it may have to be copied */
  raw?: Uint8Array;
  /** it came from a host, in IP fragments */
  original?: Original;
  /** it is of another session than this one, which holds its flow: a dead one of the peer's (protocol 6.1) */
  replaces?: Handle;
}

/** OpenedArrival is a packet with metadata that was opened. */
export type OpenedArrival = Arrival & { opened: Opened };

/** carriesNothing tells a packet that is for routers only: a control message, or path metrics without a user's body (protocol 6.4, 9.5). */
export function carriesNothing(opened: Opened | undefined): boolean {
  return opened !== undefined && (opened.tlvs.control !== undefined || opened.tlvs.pathMetrics?.drop === true);
}

/** isOpened tells whether a packet had metadata for us. */
export function isOpened(arrival: Arrival): arrival is OpenedArrival {
  return arrival.opened !== undefined;
}

/** needsKeyId tells whether TLV 16 is mandatory: it may be absent only with HMAC disabled and clear metadata (protocol 4). */
export function needsKeyId({ peer, tlvs }: Opened): boolean {
  return peer.mode !== "disabled" || tlvs.iv !== undefined;
}

/** Opener is what a packet with forward metadata of another session is given to (protocol 6.1, last rows). */
export type Opener = (turn: Turn, arrival: Arrival) => void;

/** carriedOf is the body of a packet without its metadata: for ICMP the whole message (protocol 3.3). */
export function carriedOf(arrival: Pick<Arrival, "packet" | "opened" | "original">): Carried {
  const { packet, opened } = arrival;
  const original = opened?.tlvs.fragment ?? arrival.original;
  if (opened !== undefined) return { packet, bodyAt: opened.bodyAt, bodyEnd: opened.bodyEnd, tlvs: opened.tlvs, original };
  return { packet, bodyAt: packet.icmpType === undefined ? packet.payload : packet.l4, bodyEnd: packet.end, tlvs: undefined, original };
}
