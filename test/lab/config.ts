// RouterConfigs for routers in one process: a chain of routers with hosts at both ends, IPv4 and IPv6 side by side, one VLAN a
// tenant. Written by hand rather than compiled, so that a fault of the compiler does not hide one of the router.
import { parseAddress } from "../../pkg/base/addresstext.ts";
import type { IpAddress, IpFamily } from "../../pkg/base/address.ts";
import { parsePrefix } from "../../pkg/base/prefix.ts";
import type { Prefix } from "../../pkg/base/prefix.ts";
import type { LimitsConfig, LocalConfig, NetworkConfig, PathConfig, PeerConfig, PortRange, RouteConfig, RouterConfig, ServiceConfig } from "../../pkg/plan/config.ts";

const origin = { object: "test", field: "spec" };
const families = [4, 6] as const;
const sides = ["left", "right"] as const;

/** Side is a direction of the chain; interface 1 points left, 2 right. */
export type Side = (typeof sides)[number];

/** ifnumOf is the interface of every router toward a side. */
export const ifnumOf = { left: 1, right: 2 } as const;

/** address reads an address that the test wrote. */
export function address(text: string): IpAddress {
  const value = parseAddress(text);
  if (value === undefined) throw new Error(`${text} is no address`);
  return value;
}

/** prefix reads a prefix that the test wrote. */
export function prefix(text: string): Prefix {
  const value = parsePrefix(text);
  if (value === undefined) throw new Error(`${text} is no prefix`);
  return value;
}

/** LabService is one service as tests write it; hosts of prefixes that begin with 10.1. or 2001:db8:1: live at the left end. */
export interface LabService {
  name: string;
  prefixes: string[];
  proto?: number;
  ports?: { first: number; last: number };
  allow?: string[];
  deny?: string[];
  enforcement?: ServiceConfig["enforcement"];
  /** true: on the interface */
  sourceNat?: boolean | "Pool";
  /** destination NAT at the last router */
  target?: string;
  /** VLAN on which the hosts of the service live, default 0 */
  vlan?: number;
  idleMs?: number;
  /** recovery by inactivity */
  asksHealth?: boolean;
  /** only with peers by certificate */
  postQuantum?: true;
}

/** Chain says where a router stands: interface 1 toward the left, 2 toward the right. */
export interface Chain {
  names: string[];
  index: number;
  services: LabService[];
  /** tenants a router lets its left and right neighbour assert */
  allowed?: string[];
  /** by VLAN of the LANs: the first untagged, the next ones on VLAN 1, 2 ... */
  tenants?: string[];
  pairs?: number;
  suite?: "CBC" | "GCM" | "off";
  mode?: PeerConfig["hmac"]["mode"];
  /** of all interfaces, unless lanMtu names that of the LANs */
  mtu?: number;
  lanMtu?: number;
  /** no path knows its MTU yet */
  cuttable?: true;
  /** port range that each router announces to its neighbours (protocol 2.4) */
  waypointPorts?: PortRange;
  limits?: Partial<LimitsConfig>;
  /** sessions of ICMP; default: by identifier, begun by requests alone */
  icmp?: RouterConfig["icmp"];
  shards?: number;
  /** families of the paths on link 0, 1 ...: outer families, default both */
  outer?: readonly IpFamily[];
}

/** linkAddress is the address of a router on the link between routers `left` and `left + 1`. */
export function linkAddress(left: number, end: 0 | 1, family: IpFamily = 4): IpAddress {
  return address(family === 4 ? `192.0.${left + 2}.${end + 1}` : `2001:db8:f:${left + 2}::${end + 1}`);
}

/** gateways are the addresses of the first and of the last router on their LAN. */
export const gateways = { left: { 4: "10.1.0.1", 6: "2001:db8:1::1" }, right: { 4: "10.2.0.1", 6: "2001:db8:2::1" } } as const;

function service(one: LabService): ServiceConfig {
  return {
    name: one.name, enabled: true, addresses: one.prefixes.map((text) => ({ prefix: prefix(text), origin })),
    transports: one.proto === undefined ? [] : [{ protocol4: one.proto, protocol6: one.proto === 1 ? 58 : one.proto, ...(one.ports === undefined ? {} : { ports: one.ports }), origin }],
    access: [
      ...(one.allow ?? ["corp"]).map((tenant) => ({ tenant, permission: "Allow" as const, origin })),
      ...(one.deny ?? []).map((tenant) => ({ tenant, permission: "Deny" as const, origin })),
    ],
    enforcement: one.enforcement ?? "Reset", sourceNat: one.sourceNat === "Pool" ? "Pool" : one.sourceNat === true ? "Interface" : "None", trafficClass: "BestEffort",
    sessionRecovery: one.asksHealth === true ? "InactivityBased" : "PacketBased",
    ...(one.idleMs === undefined ? {} : { idleMs: one.idleMs }), ...(one.postQuantum && { postQuantum: true as const }), origin,
  };
}

function peer(name: string, chain: Chain): PeerConfig {
  const suite = chain.suite ?? "CBC";
  return {
    name, allowedTenants: (chain.allowed ?? tenantsOf(chain)).map((tenant) => ({ tenant, origin })), hmac: { mode: chain.mode ?? "TimeBased", window: 1 },
    metadataEncryption: { enabled: suite !== "off", suite: suite === "GCM" ? "GCM" : "CBC", required: suite !== "off" }, psk: { file: "-", generation: 1 }, origin,
  };
}

function linkKey(side: Side, family: IpFamily): string {
  return family === 4 ? `${side}-link` : `${side}-link6`;
}

function path(chain: Chain, side: Side, family: IpFamily): PathConfig {
  const name = chain.names[chain.index + (side === "left" ? -1 : 1)] ?? "";
  const link = side === "left" ? chain.index - 1 : chain.index;
  const own = side === "left" ? 1 : 0;
  return {
    key: `${name}/${side}${family}`, peer: name, name: `${side}${family}`, interface: side, ifnum: ifnumOf[side], vlan: 0, family, local: linkAddress(link, own, family),
    remote: linkAddress(link, own === 0 ? 1 : 0, family), nexthop: linkKey(side, family), mtu: chain.mtu ?? 1500, pairs: chain.pairs ?? 64, ...(chain.cuttable && { cuttable: true as const }),
    ...(chain.waypointPorts === undefined ? {} : { remotePorts: chain.waypointPorts }), origin,
  };
}

/** Families of the paths on the link toward a side. */
function outerOf(chain: Chain, side: Side): readonly IpFamily[] {
  const family = chain.outer?.[side === "left" ? chain.index - 1 : chain.index];
  return family === undefined ? families : [family];
}

function tenantsOf(chain: Chain): string[] {
  return chain.tenants ?? ["corp"];
}

function lanKey(side: Side, vlan: number, family: IpFamily): string {
  return vlan === 0 ? linkKey(side, family) : `${side}.${vlan}-link${family}`;
}

function routes(chain: Chain, one: LabService): RouteConfig[] {
  const base = { service: one.name, route: one.name, cost: 1, maxSessions: 0, sessionRate: 0, origin };
  const last = chain.names.length - 1;
  const toward = (side: Side): RouteConfig[] => outerOf(chain, side).map((family) => ({ ...base, kind: "peer", peer: path(chain, side, family).peer, path: path(chain, side, family).key }));
  const local = (side: Side): RouteConfig[] => [{
    ...base, kind: one.target === undefined ? "local" : "host", interface: side, ifnum: ifnumOf[side], vlan: one.vlan ?? 0,
    nexthops: { 4: lanKey(side, one.vlan ?? 0, 4), 6: lanKey(side, one.vlan ?? 0, 6) },
    addresses: families.map((family) => address(gateways[side][family])), targets: one.target === undefined ? [] : [address(one.target)],
  }];
  const goesLeft = one.prefixes.every((text) => text.startsWith("10.1.") || text.startsWith("2001:db8:1:"));
  if (goesLeft) return chain.index === 0 ? local("left") : toward("left");
  return chain.index === last ? local("right") : toward("right");
}

function network(chain: Chain, side: Side, at: { vlan: number; isLan: boolean }): NetworkConfig {
  const { vlan, isLan } = at;
  const link = side === "left" ? chain.index - 1 : chain.index;
  const own = (family: IpFamily): IpAddress => (isLan ? address(gateways[side][family]) : linkAddress(link, side === "left" ? 1 : 0, family));
  return {
    vlan, addresses: families.map((family) => ({ address: own(family), length: family === 4 ? (isLan ? 16 : 24) : 64 })), gateways: {},
    onLink: { 4: lanKey(side, vlan, 4), 6: lanKey(side, vlan, 6) },
  };
}

function localsOf(chain: Chain, isLan: (side: Side) => boolean): LocalConfig[] {
  return sides.flatMap((side) => families.map((family): LocalConfig => (isLan(side)
    ? { address: address(gateways[side][family]), interface: side, vlan: 0, waypoint: false, origin }
    : { address: path(chain, side, family).local, interface: side, vlan: 0, waypoint: true, ...(chain.waypointPorts === undefined ? {} : { ports: chain.waypointPorts }), origin })));
}

/** chainConfig is the configuration of one router of a chain. */
export function chainConfig(chain: Chain): RouterConfig {
  const isLan = (side: Side): boolean => (side === "left" ? chain.index === 0 : chain.index === chain.names.length - 1);
  const toPeer = sides.filter((side) => !isLan(side));
  const tenants = tenantsOf(chain);
  const vlansOf = (side: Side): number[] => (isLan(side) ? tenants.map((_name, vlan) => vlan) : [0]);
  const mtuOf = (side: Side): number => (isLan(side) ? chain.lanMtu : undefined) ?? chain.mtu ?? 1500;
  return {
    format: 1, name: chain.names[chain.index] ?? "", origin,
    interfaces: sides.map((side) => ({
      name: side, device: side, ifnum: ifnumOf[side], type: isLan(side) ? "LAN" : "WAN", hosts: isLan(side), sharedWithHost: false, mtu: mtuOf(side),
      networks: vlansOf(side).map((vlan) => network(chain, side, { vlan, isLan: isLan(side) })), origin,
    })),
    nexthops: sides.flatMap((side) => vlansOf(side).flatMap((vlan) => families.map((family) =>
      ({ key: lanKey(side, vlan, family), interface: side, ifnum: ifnumOf[side], vlan, family, mtu: mtuOf(side), ...(chain.cuttable && !isLan(side) && { cuttable: true as const }), origin })))),
    locals: localsOf(chain, isLan),
    tenants: tenants.map((name, index) => ({ name, id: index + 1, maxSessions: 0, firstPacketsPerSecond: 0, origin, ...parentOf(name) })),
    members: sides.filter(isLan).flatMap((side) => tenants.flatMap((tenant, vlan) => ["0.0.0.0/0", "::/0"].map((text) =>
      ({ ifnum: ifnumOf[side], vlan, prefix: prefix(text), tenant, origin })))),
    services: chain.services.map(service).sort((a, b) => (a.name < b.name ? -1 : 1)),
    routes: chain.services.flatMap((one) => routes(chain, one)),
    peers: toPeer.map((side) => peer(path(chain, side, 4).peer, chain)), paths: toPeer.flatMap((side) => outerOf(chain, side).map((family) => path(chain, side, family))),
    natPools: [], staticNats: [],
    limits: { sessions: 1024, halfOpen: 0, firstPacketRate: 0, perRemoteRate: 0, sessionsPerSource: 0, halfOpenPerSource: 0, halfOpenPerTenant: 0, ...chain.limits },
    timers: {
      quarantineMs: 30_000, guardMs: 2000, synSentMs: 10_000, synRcvdMs: 10_000, halfClosedIdleMs: 300_000, closingMs: 10_000, resetMs: 5000, interimMs: 300_000, inactivityMs: 5_000,
      tcpIdleMs: 1_900_000, udpIdleMs: 180_000, icmpIdleMs: 10_000, otherIdleMs: 180_000,
    },
    mssClamp: "Automatic", pathMtu: { discovery: true, intervalMs: 600_000 }, shards: chain.shards ?? 1, ...(chain.icmp && { icmp: chain.icmp }),
  };
}

function parentOf(name: string): { parent?: string } {
  const dot = name.indexOf(".");
  return dot < 0 ? {} : { parent: name.slice(dot + 1) };
}
