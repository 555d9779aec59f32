// What a shard decides by: the compiled configuration of this router with the data plane's stable numbers filled in.
// Built by build.ts from a RouterConfig; read-only afterwards, replaced as a whole on reload; only keys change in between (rekey).
import type { IpAddress, IpFamily } from "../base/address.ts";
import type { ServiceConfig } from "../plan/config.ts";
import type { NatTable } from "../plan/nat.ts";
import type { ReturnRoutes } from "../plan/returnroute.ts";
import type { Suite } from "../svr/encode.ts";
import type { FilterRule } from "../svr/filter.ts";
import type { PeerKeys } from "../svr/keys.ts";
import type { SecurityAsk } from "../svr/protected.ts";

/** Enforcement is what happens to a first TCP packet that is no SYN (behaviour 3.4). */
export type Enforcement = "reset" | "block" | "allow" | "strict";

/** PathEntry is one way to a peer: a local interface and address, a remote address (protocol 1). */
export interface PathEntry {
  /** stable number, also in SessionSide.path */
  id: number;
  name: string;
  peer: PeerEntry;
  ifnum: number;
  vlan: number;
  family: IpFamily;
  local: IpAddress;
  remote: IpAddress;
  nexthop: number;
  /** bytes of an IP packet */
  mtu: number;
  /** what leaves may be cut on its way: DF=0 and an identification of its own (protocol 2.7); absent: DF=1 */
  cuttable?: true;
  /** clamp of the MSS option toward the peer, 0 none */
  mss: number;
  /** suite of payloads in place of that of the service */
  payload?: Suite;
  /** waypoint pairs of all shards together */
  pairs: number;
  /** port range that the peer announced, for the destination port */
  remotePorts?: { first: number; last: number };
}

/** PeerKeyPair holds the keys of one router pair: of packets we send, absent while there are none, and of packets we receive, newest first. */
export interface PeerKeyPair {
  send: PeerKeys | undefined;
  receive: readonly PeerKeys[];
}

/** PeerEntry is a neighbouring router: its keys, what it may assert, how to reach it. */
export interface PeerEntry extends PeerKeyPair {
  id: number;
  name: string;
  mode: "disabled" | "regular" | "time-based";
  /** accepted epochs before and after now, 1-5 */
  window: number;
  /** 0 clear, 1 CBC, 2 GCM */
  suite: 0 | 1 | 2;
  requireEncryption: boolean;
  /** whether the peer may assert this tenant (protocol 7.5) */
  mayAssert(tenantName: string): boolean;
  paths: PathEntry[];
  /** what holds of signatures of the ingress in metadata from it, and whether ours are said to it (protocol 7.6) */
  originSignature: "ignore" | "verify-if-present" | "require";
  /** its keys come from a pre-shared key alone, not from an exchange with ML-KEM */
  isClassical?: true;
}

/** OriginEntry is a router whose signatures can be verified here: its raw Ed25519 keys, and what it may assert. */
export interface OriginEntry {
  keys: readonly Uint8Array[];
  mayAssert(tenantName: string): boolean;
}

/** TenantBudget is what a tenant and its children together may have of sessions. */
export interface TenantBudget {
  sessions: number;
  members: readonly number[];
}

/** RouteLimits is the service route that a way belongs to, by its number, and what it takes at most; 0 is unlimited. */
export interface RouteLimits {
  id: number;
  sessions: number;
  /** sessions that begin in one second */
  perSecond: number;
}

/** RouteEntry is one way a service can be reached from here, cheapest first. */
export type RouteEntry =
  | { kind: "peer"; path: PathEntry; limits?: RouteLimits }
  | {
      kind: "local";
      limits?: RouteLimits;
      ifnum: number;
      vlan: number;
      /** next hops by inner family; 0: not served */
      nexthop: { 4: number; 6: number };
      /** interface addresses in order, for source NAT */
      addresses: IpAddress[];
      /** destination NAT: the address that really answers */
      target?: IpAddress;
    };

/** ServiceEntry is one service as this router sees it. */
export interface ServiceEntry {
  id: number;
  name: string;
  enforcement: Enforcement;
  sourceNat: ServiceConfig["sourceNat"];
  /** the answers to a host must leave by the network that it entered by */
  strictReverse?: boolean;
  /** recovery by inactivity: sessions ask when nothing comes back (protocol 6.7) */
  asksHealth: boolean;
  trafficClass: number;
  /** how its sessions are protected between routers */
  security: SecurityAsk;
  /** only with peers whose keys come from a post-quantum exchange */
  postQuantum?: true;
  /** ICMP errors reach hosts from this router's address, not from where they were raised (protocol 12.3) */
  hideTopology?: true;
  /** idle timeout in milliseconds for an IP protocol and destination port (behaviour 3.5) */
  idleMs(proto: number, port: number): number;
  /** the same until the first reverse packet; 0: no other (not for TCP) */
  initialMs(proto: number, port: number): number;
  classOf(proto: number, port: number): number;
  /** by inner family */
  routes: Readonly<Record<IpFamily, readonly RouteEntry[]>>;
}

/** Selection is the answer of the lookup of behaviour 2.3. */
export type Selection =
  | { kind: "allow"; service: ServiceEntry }
  | { kind: "deny"; reason: "no-service" | "access"; service?: ServiceEntry };

/** Tables are everything `decide` may look at besides sessions. */
export interface Tables {
  routerName: string;
  routerId: number;
  /** tenant of a host packet (behaviour 2.1) */
  tenantOf(ifnum: number, vlan: number, source: IpAddress): { id: number; name: string };
  tenantId(name: string): number | undefined;
  select(tenantId: number, proto: number, port: number, destination: IpAddress): Selection;
  serviceById(id: number): ServiceEntry | undefined;
  /** name of a number with its kind in front (names.ts), and without */
  nameOf(id: number): string | undefined;
  plainNameOf(id: number): string | undefined;
  /** stable number for a router, service or tenant name learnt from metadata; 0 when the table of names is full */
  idOf(kind: "router" | "service" | "tenant", name: string): number;
  peerByKeyId(keyId: number): PeerEntry | undefined;
  /** other keys of some peers; those that it does not name keep theirs */
  rekey(keys: Readonly<Record<string, PeerKeyPair>>): void;
  /** by name of a router; absent: nobody listed its key */
  origin(router: string): OriginEntry | undefined;
  paths: readonly PathEntry[];
  pathById(id: number): PathEntry | undefined;
  /** paths whose remote address is this, on this interface */
  pathsAt(ifnum: number, vlan: number, remote: IpAddress): PathEntry[];
  /** next hop toward an address on a network; 0 none */
  nexthopTo(ifnum: number, vlan: number, remote: IpAddress): number;
  /** bytes of an IP packet that a next hop takes; 0 when it is not known */
  mtuOf(nexthop: number): number;
  /** own address on a network, the source of what this router says to hosts there */
  addressOn(ifnum: number, vlan: number, family: IpFamily): IpAddress | undefined;
  /** whether an address is one of this router's */
  isOwn(address: IpAddress): boolean;
  interfaceName(ifnum: number): string;
  /** rules of the filter of an interface, for packets that arrived in fragments */
  rulesAt(ifnum: number): readonly FilterRule[];
  readonly nat: NatTable;
  /** whether the answers to a source would leave by a network (behaviour 3.10) */
  readonly returnsBy: ReturnRoutes;
  /** how sessions of ICMP are told apart, and whether an answer may begin one (behaviour 3.7) */
  icmp: { byType: boolean; asyncReply: boolean };
  /** 0 is unlimited */
  limits: { live: number; halfOpen: number; halfOpenPerTenant: number; perSource: number; halfOpenPerSource: number };
  /** most sessions of a tenant, 0 unlimited */
  tenantSessions(id: number): number;
  /** budgets that a tenant shares with its ancestors or children; none: an empty list */
  budgetsOf(id: number): readonly TenantBudget[];
  /** silence of a peer after which recovery by inactivity asks, milliseconds */
  inactivityMs: number;
}
