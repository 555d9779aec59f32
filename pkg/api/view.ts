// What a router's admin API answers: plain JSON shapes shared by pkg/router, which fills them, and pkg/cli, which shows
// them. Fields are added, never re-used. Paths and resources are those of behaviour 14.
import type { SessionRecord } from "./record.ts";

/** FlowView is one direction of a session at one router, as received. */
export interface FlowView {
  direction: "forward" | "reverse";
  interface: string;
  vlan: number;
  source: string;
  destination: string;
  protocol: number;
  /** true: established packets of this direction are handled by eBPF alone */
  fast: boolean;
  packets: number;
  bytes: number;
}

/** SessionView is one session on one router. */
export interface SessionView extends Partial<SessionRecord> {
  sessionId: string;
  life: "live" | "guard";
  /** metadata state of the segment toward the ingress and toward the egress; absent on host sides */
  upstream?: "R-META" | "R-QUIET";
  downstream?: "I-META" | "I-QUIET";
  flows: FlowView[];
  /** milliseconds since the last packet of either direction */
  idle: number;
}

/** SessionList is one page of sessions. */
export interface SessionList {
  items: SessionView[];
  /** pass as cursor for the next page; absent at the end */
  next?: string;
}

/** CountersView holds all counters of one router. */
export interface CountersView {
  /** by reason; all reasons are present */
  drops: Record<string, number>;
  /** by peer, then reason; those counted in user space */
  peerDrops: Record<string, Record<string, number>>;
  interfaces: { name: string; rxPackets: number; rxBytes: number; txPackets: number; txBytes: number }[];
  /** what rules of interface filters denied, by their place in the list; rules that denied nothing are absent */
  filtered: { interface: string; rule: number; packets: number }[];
  /** by shard: packets that came up from eBPF, and denials that were not reported because one like them just was */
  shards: { punts: number; denialsSuppressed: number }[];
  /** packets that the data plane refused and that have no deny record of their own, by reason; reasons without any are absent */
  refusalsSuppressed: Record<string, number>;
  /** session health checks by outcome (protocol 6.7) */
  healthChecks: { sent: number; received: number; exists: number; timeout: number; stale: number };
  /** session records of this boot; those that wait are neither delivered nor lost */
  records: { created: number; lost: number; waiting: number };
}

/** TableView is the occupancy of one bounded thing. */
export interface TableView {
  name: string;
  entries: number;
  limit: number;
  /** raised at 85 %, cleared at 80 % (behaviour 3.8) */
  alarm: boolean;
}

/** AlarmView is something that an operator should look at, while it holds. */
export interface AlarmView {
  severity: "critical" | "major" | "minor";
  name: string;
  /** `Router east` or `peer west` */
  object: string;
  text: string;
}

/** PeerView is one peer with its paths. */
export interface PeerView {
  name: string;
  state: "up" | "down";
  /** why it is down, where that is known */
  reason?: string | undefined;
  /** how keys come about */
  authentication?: "psk" | "certificate" | undefined;
  /** what the peer showed last */
  certificate?: CertificateView | undefined;
  /** seconds since the newest keys came; absent for keys of a pre-shared key */
  keyAge?: number | undefined;
  /** of a peer by certificate: whether keys were exchanged, and why the last exchange came to nothing, until one completes */
  exchange?: { state: "none" | "running" | "done"; refusal?: string | undefined } | undefined;
  hmac: string;
  metadataEncryption: string;
  /** key ids in hex; never key bytes */
  keys: { send: string; receive: string };
  allowedTenants: string[];
  paths: { name: string; interface: string; local: string; remote: string; /** in force */ mtu: number; mtuDiscovery: "off" | "searching" | "found" | "silent" | "below-floor"; state: "up" | "down"; waypoints: { used: number; free: number; size: number } }[];
}

/** CertificateView is a certificate by whom it names, its serial number, lower-case hexadecimal, and its end, RFC 3339. */
export interface CertificateView { subject?: string | undefined; serial: string; notAfter: string }

/** ProblemView is an error of the admin API (RFC 9457). */
export interface ProblemView {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: string;
}

/** StatusView answers /api/v1/routers/{router}. */
export interface StatusView {
  name: string;
  version: string;
  boot: string;
  /** seconds */
  uptime: number;
  shards: number;
  configuration: { hash: string; appliedAt: string; stale: boolean; problems: string[] };
  sessions: number;
  adopted: boolean;
  /** what holds now; absent: the router does not tell */
  alarms?: readonly AlarmView[] | undefined;
  /** the router's own; absent while it has none */
  certificate?: CertificateView | undefined;
  /** what seals and opens packets of protected sessions; absent: nothing does */
  protection?: string | undefined;
}

/** PreviewView says what a configuration would do to the live sessions of a router. */
export interface PreviewView {
  /** live sessions that were judged; cut + moved + left */
  sessions: number;
  cut: number;
  moved: number;
  left: number;
  /** how many are cut for which end reason */
  reasons: Record<string, number>;
  /** the first ones that are not left */
  named: PreviewSession[];
}

/** PreviewSession is a session that would be cut or moved. */
export interface PreviewSession {
  sessionId: string;
  effect: "cut" | "moved";
  /** end reason, of a cut one */
  reason?: string | undefined;
  tenant?: string;
  service?: string;
}

/** AuditView says where the audit log of a router is, and where it ends by the word of the router. */
export interface AuditView { path: string; head: { sequence: number; hash: string } }

/** VerifyView says whether the tables of a router fit together; taken without a lock, and looked at again before it is said. */
export interface VerifyView {
  ok: boolean;
  /** milliseconds */
  duration: number;
  checked: { slots: number; sessions: number; entries: number; pairs: number };
  /** what the router says it holds, and what was counted */
  gauges: { name: string; told: number; counted: number }[];
  /** waypoint pairs by path: used + resting + free + moving = size; `moving` are on their way from one to another, or faults below */
  pools: { path: string; used: number; resting: number; free: number; moving: number; size: number }[];
  faults: { kind: string; object: string; text: string }[];
  /** faults that are not listed */
  more: number;
}

/** traceStages are the steps of a first packet in their order (behaviour 3.1). */
export const traceStages = ["reassembly", "filter", "flags", "tenant", "static-nat", "service", "enforcement", "limits", "path", "nat", "security", "install"] as const;

/** TraceStage is one of them. */
export type TraceStage = (typeof traceStages)[number];

/** TraceView says what would become of a packet: nothing was sent, installed or counted to find out. */
export interface TraceView {
  /** allow: it opens a session; existing: it belongs to one; deny: it is refused with `reason` */
  verdict: "allow" | "existing" | "deny";
  reason?: string | undefined;
  interface: string;
  vlan: number;
  tenant: string;
  service?: string;
  /** the shard that would decide */
  shard: number;
  stages: { stage: TraceStage; result: "pass" | "refuse" | "not reached"; text: string }[];
  /** how it leaves */
  leaves?: { interface: string; vlan: number; source: string; destination: string; protocol: number; nextHop: string; peerPath?: string; bytes: number[] };
  /** of an existing session */
  sessionId?: string;
}

/** CaptureView is a capture of sessions on one router (behaviour 13.5); its packets are fetched as a file. */
export interface CaptureView {
  id: string;
  state: "running" | "done";
  /** peer: begun by a router on the way, for sessions that came with its tag */
  origin: "user" | "peer";
  /** which sessions; empty: all of a user's, those with the tag of a peer's */
  filter: Record<string, string>;
  /** packets that are wanted of a session at each point, and sessions */
  limits: { packets: number; sessions: number };
  /** RFC 3339; `ends` is when it ended or will at the latest */
  begun: string;
  ends: string;
  sessions: CaptureSession[];
  /** packets that are kept, and bytes of them */
  packets: number;
  bytes: number;
  /** packets that were wanted and could not be kept */
  lost: number;
}

/** CaptureSession is a session of a capture, with its packets at each point. */
export interface CaptureSession { sessionId: string; forwardIn: number; forwardOut: number; reverseIn: number; reverseOut: number }
