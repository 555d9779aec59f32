// RouterConfig: everything one router needs to know, compiled from the configuration objects. Plain data that survives
// canonical JSON. Made by compile.ts, read by the lookup, by explain and by pkg/router. Names only: the numbers that live
// sessions keep (tenant, service, path, next hop) are given by the data plane, so they survive a reload.
import type { IpAddress, IpFamily } from "../base/address.ts";
import type { Prefix } from "../base/prefix.ts";
import type { InterfaceFilter } from "../svr/filter.ts";

/** globalTenant is the name of traffic without a tenant (behaviour 2.1). */
export const globalTenant = "<global>";

/** Origin says which object and field a line came from, for example `Service shop/web` and `spec.access[0]`. */
export interface Origin {
  object: string;
  field: string;
}

/** PortRange is inclusive at both ends. */
export interface PortRange {
  first: number;
  last: number;
}

/** RouterConfig is the whole configuration of one router; every list is sorted, so equal input gives equal bytes. */
export interface RouterConfig {
  /** version of this structure; other versions are refused */
  format: 1;
  name: string;
  origin: Origin;
  interfaces: InterfaceConfig[];
  nexthops: NexthopConfig[];
  locals: LocalConfig[];
  tenants: TenantConfig[];
  members: MemberConfig[];
  services: ServiceConfig[];
  routes: RouteConfig[];
  peers: PeerConfig[];
  paths: PathConfig[];
  /** pools of source NAT in the order in which they are tried */
  natPools: NatPoolConfig[];
  staticNats: StaticNatConfig[];
  limits: LimitsConfig;
  timers: TimersConfig;
  /** first match wins; absent: none */
  sessionTypes?: SessionTypeConfig[];
  /** clamp of the TCP MSS option (protocol 10.4); a number is bytes */
  mssClamp: "Automatic" | "None" | number;
  /** whose certificates count; absent: those of the authorities that the identity of the router came with, none revoked */
  trust?: TrustConfig;
  /** age at which keys from an exchange are replaced, 1-720, 0 never; absent: 24 */
  keyRotationHours?: number;
  /** path MTU discovery (protocol 10.3) */
  pathMtu: { discovery: boolean; intervalMs: number };
  /** sessions of ICMP (behaviour 3.7); absent: matched by identifier, begun by requests alone */
  icmp?: { byType: boolean; asyncReply: boolean };
  /** worker threads for first packets; 0: one per processor */
  shards: number;
}

/** TrustConfig says whose certificates count (protocol 15.1). */
export interface TrustConfig {
  /** certificates in PEM */
  authorities: string[];
  /** files with more of them, found as the files of pre-shared keys are; absent: none */
  authorityFiles?: string[];
  /** serial numbers, lower-case hexadecimal */
  revoked: string[];
  /** keys of routers whose origin signatures can be verified, in order of router and key; absent: none (protocol 7.6) */
  origins?: OriginConfig[];
  /** an expired certificate takes keys away at the next rotation only; absent: within 60 s */
  failSoft?: true;
  /** key id of the authority that signs in this network, lower-case hexadecimal: a router renews what another one signed; absent: nobody says */
  issuer?: string;
}

/** OriginConfig is an Ed25519 key of a router that signs what it asserts; a router may have several. */
export interface OriginConfig {
  router: string;
  /** raw public key, base64; absent: not known yet */
  ed25519?: string;
  /** tenants it may assert, each with its children; absent: those of the peer of this name */
  allowedTenants?: string[];
}

/** InterfaceConfig is one interface of the router. */
export interface InterfaceConfig {
  /** the router's own name of it */
  name: string;
  /** kernel device name */
  device: string;
  /** the router's own number, 1-2047, part of every flow key */
  ifnum: number;
  type: "LAN" | "WAN" | "Shared";
  /** hosts live here: packets to foreign addresses are first packets */
  hosts: boolean;
  sharedWithHost: boolean;
  /** bytes of an IP packet */
  mtu: number;
  neighbourhood?: string;
  /** sources of first packets must be known here (behaviour 10); absent: any source */
  sourceCheck?: true;
  /** what is refused of packets that arrive here; absent: nothing */
  filter?: InterfaceFilter;
  /** untagged network first (vlan 0), then by VLAN */
  networks: NetworkConfig[];
  origin: Origin;
}

/** NetworkConfig is what is attached to an interface untagged (vlan 0) or under one VLAN. */
export interface NetworkConfig {
  vlan: number;
  /** own addresses with the length of their network; host bits kept */
  addresses: Prefix[];
  /** keys of next hops for what is not on link */
  gateways: { 4?: string; 6?: string };
  /** keys of next hops for what is on link */
  onLink: { 4: string; 6: string };
}

/** NexthopConfig is where a packet leaves; `key` is stable as long as its meaning is the same. */
export interface NexthopConfig {
  key: string;
  interface: string;
  ifnum: number;
  vlan: number;
  family: IpFamily;
  /** absent: on link, the packet's own destination is the neighbour */
  gateway?: IpAddress;
  /** bytes of an IP packet */
  mtu: number;
  /** its packets toward peers may be cut on their way: DF=0 (protocol 2.7). Set at run time, while a path has no MTU that is known */
  cuttable?: true;
  origin: Origin;
}

/** LocalConfig is an address of the router; at waypoint addresses peers reach it. */
export interface LocalConfig {
  address: IpAddress;
  interface: string;
  vlan: number;
  waypoint: boolean;
  /** what peers send to, when a 1:1 NAT stands in front */
  publicAddress?: IpAddress;
  /** range announced to peers; absent: protocol 2.2 */
  ports?: PortRange;
  origin: Origin;
}

/** TenantConfig is one tenant. */
export interface TenantConfig {
  name: string;
  /** number in this configuration: 0 is `<global>`, others count in name order; changes when tenants change */
  id: number;
  /** 0 unlimited */
  maxSessions: number;
  /** 0 unlimited */
  firstPacketsPerSecond: number;
  origin: Origin;
}

/** MemberConfig gives a tenant to sources on one interface and VLAN; the longest prefix wins (behaviour 2.1). */
export interface MemberConfig {
  ifnum: number;
  vlan: number;
  prefix: Prefix;
  tenant: string;
  origin: Origin;
}

/** ServiceConfig is one service with what selects it. */
export interface ServiceConfig {
  /** `namespace/name`, as on the wire (TLV 10) */
  name: string;
  enabled: boolean;
  addresses: { prefix: Prefix; origin: Origin }[];
  /** empty: any protocol */
  transports: TransportConfig[];
  access: AccessConfig[];
  enforcement: "Reset" | "Block" | "Allow" | "Strict";
  sourceNat: "None" | "Interface" | "Pool";
  trafficClass: "High" | "Medium" | "Low" | "BestEffort";
  /** milliseconds; absent: by traffic (behaviour 3.5), see idleTimeout */
  idleMs?: number;
  /** name for TLV 15 */
  securityPolicy?: string;
  /** of its SecurityPolicy; absent: metadata signed, payload as it is */
  security?: SecurityConfig;
  /** of its SecurityPolicy: only peers whose keys come from a post-quantum exchange carry it */
  postQuantum?: true;
  servicePolicy?: string;
  /** of its ServicePolicy: hosts do not see who raised an ICMP error */
  hideTopology?: true;
  /** of its ServicePolicy: what tells that a peer lost a session */
  sessionRecovery: "PacketBased" | "InactivityBased";
  /** strict reverse flow enforcement (behaviour 3.10) */
  strictReverse?: true;
  origin: Origin;
}

/** SecurityConfig is how sessions of a service are protected between routers (protocol 7.1, 8.2). */
export interface SecurityConfig {
  /** of payloads: 0 clear, 1 AES-256-CBC, 2 AES-256-GCM */
  suite: 0 | 1 | 2;
  /** a tag on each packet, not only with metadata */
  everyPacket: boolean;
  /** what hosts encrypt themselves is left as it is (protocol 8.3) */
  adaptive: boolean;
  /** age of a payload key, milliseconds */
  rotationMs: number;
  /** not encrypted on paths that say so */
  clearPaths?: true;
}

/** TransportConfig is a protocol with an optional port range; ICMP is 1 in IPv4 and 58 in IPv6. */
export interface TransportConfig {
  protocol4: number;
  protocol6: number;
  ports?: PortRange;
  origin: Origin;
}

/** AccessConfig lets a tenant open a service, or forbids it. */
export interface AccessConfig {
  tenant: string;
  permission: "Allow" | "Deny";
  origin: Origin;
}

interface RouteBase {
  service: string;
  /** `namespace/name` of the ServiceRoute; its limits hold for all candidates of it together */
  route: string;
  /** lowest first; ties by route, then path name (behaviour 6.3) */
  cost: number;
  /** 0 unlimited */
  maxSessions: number;
  /** new sessions a second, 0 unlimited */
  sessionRate: number;
  origin: Origin;
}

/** PeerRouteConfig reaches a service through one path of a peer. */
export interface PeerRouteConfig extends RouteBase {
  kind: "peer";
  peer: string;
  /** PathConfig.key */
  path: string;
}

/** LocalRouteConfig reaches a service from here; a family without next hop is not served by it. */
export interface LocalRouteConfig extends RouteBase {
  kind: "local" | "host";
  interface: string;
  ifnum: number;
  vlan: number;
  /** NexthopConfig.key by family; on link when the key is an on-link one */
  nexthops: { 4?: string; 6?: string };
  /** own addresses on that network, in order, for source NAT */
  addresses: IpAddress[];
  /** destination NAT (kind host): addresses that answer, in order, same family as the destination */
  targets: IpAddress[];
}

/** RouteConfig is one candidate way to a service. */
export type RouteConfig = PeerRouteConfig | LocalRouteConfig;

/** PeerConfig is a neighbouring router and what we believe of it. */
export interface PeerConfig {
  name: string;
  /** tenants it may assert; each covers its children (protocol 7.5) */
  allowedTenants: { tenant: string; origin: Origin }[];
  hmac: { mode: "Disabled" | "Regular" | "TimeBased"; window: number };
  /** `required`: clear payload TLVs from it are dropped */
  metadataEncryption: { enabled: boolean; suite: "CBC" | "GCM"; required: boolean };
  /** certificate: keys come from an exchange (protocol 15.2), with the psk mixed in where there is one; absent: psk, keys are derived from it (15.4) */
  authentication?: "certificate";
  /** there for sure without `authentication` */
  psk?: { file: string; generation: number };
  /** who begins an exchange; absent: the router with the lower name */
  initiator?: "self" | "peer";
  /** of its metadata; absent: VerifyIfPresent (protocol 7.6) */
  originSignature?: "Ignore" | "Require";
  origin: Origin;
}

/** PathConfig is one way to a peer: a local waypoint address and a remote one. */
export interface PathConfig {
  /** `peer/name`, also TLV 19 */
  key: string;
  peer: string;
  name: string;
  vector?: string;
  interface: string;
  ifnum: number;
  vlan: number;
  family: IpFamily;
  local: IpAddress;
  remote: IpAddress;
  nexthop: string;
  /** bytes of an IP packet */
  mtu: number;
  /** as for a next hop */
  cuttable?: true;
  /** suite of payloads in place of that of the service; absent: as the service asks */
  payload?: 0 | 1 | 2;
  /** waypoint pairs */
  pairs: number;
  /** range the peer announced, for destination ports; absent: protocol 2.2 */
  remotePorts?: PortRange;
  origin: Origin;
}

/** NatPoolConfig is a pool of source addresses; no tenants: for all. */
export interface NatPoolConfig {
  name: string;
  addresses: Prefix[];
  /** each covers its children */
  tenants: string[];
  origin: Origin;
}

/** StaticNatConfig maps two prefixes of one length and family onto each other, host part kept, where a network leads outside. */
export interface StaticNatConfig {
  inside: Prefix;
  outside: Prefix;
  ifnum: number;
  vlan: number;
  /** tenants whose sources it translates; none: all */
  tenants: string[];
  origin: Origin;
}

/** LimitsConfig bounds what the router keeps; 0 is unlimited except for sessions. */
export interface LimitsConfig {
  sessions: number;
  halfOpen: number;
  /** packets a second and tenant on host interfaces */
  firstPacketRate: number;
  /** packets a second and remote address on waypoint addresses */
  perRemoteRate: number;
  /** live sessions of one source address of a tenant */
  sessionsPerSource: number;
  /** guard against floods of SYN: half-open sessions of one source address, and of one tenant */
  halfOpenPerSource: number;
  halfOpenPerTenant: number;
}

/** TimersConfig holds milliseconds (behaviour 3.3, 3.5, 1.3). */
export interface TimersConfig {
  quarantineMs: number;
  guardMs: number;
  synSentMs: number;
  synRcvdMs: number;
  halfClosedIdleMs: number;
  closingMs: number;
  resetMs: number;
  interimMs: number;
  /** silence of a peer after which a session asks (inactivity-based recovery), or takes a changed address (behaviour 7.5) */
  inactivityMs: number;
  /** idle timeouts when no session type matches */
  tcpIdleMs: number;
  udpIdleMs: number;
  icmpIdleMs: number;
  otherIdleMs: number;
  /** idle timeout of UDP until the first reverse packet; absent: that of UDP */
  udpInitialMs?: number;
}

/** SessionTypeConfig gives timeouts and class to traffic (behaviour 3.5); what is absent is that of its protocol, or of its service. */
export interface SessionTypeConfig {
  name: string;
  protocol4: number;
  protocol6: number;
  ports?: PortRange;
  /** `namespace/name` */
  service?: string;
  idleMs?: number;
  initialMs?: number;
  trafficClass?: ServiceConfig["trafficClass"];
}
