// RouterConfigs for routers in one process: a chain of routers with hosts at both ends, every service allowed to one tenant.
// Written by hand rather than compiled, so that a fault of the compiler does not hide one of the router.
import { parseAddress } from "../../pkg/base/addresstext.ts";
import type { IpAddress } from "../../pkg/base/address.ts";
import { parsePrefix } from "../../pkg/base/prefix.ts";
import type { Prefix } from "../../pkg/base/prefix.ts";
import type { PathConfig, PeerConfig, RouteConfig, RouterConfig, ServiceConfig } from "../../pkg/plan/config.ts";

const origin = { object: "test", field: "spec" };

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

/** LabService is one service as tests write it. */
export interface LabService {
  name: string;
  prefixes: string[];
  proto?: number;
  ports?: { first: number; last: number };
  allow?: string[];
  deny?: string[];
  enforcement?: ServiceConfig["enforcement"];
  sourceNat?: boolean;
  /** destination NAT at the last router */
  target?: string;
}

/** Chain says where a router stands: interface 1 toward the left, 2 toward the right. */
export interface Chain {
  names: string[];
  index: number;
  services: LabService[];
  /** tenants a router lets its left and right neighbour assert */
  allowed?: string[];
  tenants?: string[];
  pairs?: number;
  suite?: "CBC" | "GCM" | "off";
  mode?: PeerConfig["hmac"]["mode"];
  mtu?: number;
}

/** linkAddress is the address of a router on the link between routers `left` and `left + 1`. */
export function linkAddress(left: number, end: 0 | 1): IpAddress {
  return address(`192.0.${left + 2}.${end + 1}`);
}

/** hostGateway is the address of the first and of the last router on their LAN. */
export const gateways = { left: "10.1.0.1", right: "10.2.0.1" } as const;

function service(one: LabService): ServiceConfig {
  return {
    name: one.name, enabled: true, addresses: one.prefixes.map((text) => ({ prefix: prefix(text), origin })),
    transports: one.proto === undefined ? [] : [{ protocol4: one.proto, protocol6: one.proto, ...(one.ports === undefined ? {} : { ports: one.ports }), origin }],
    access: [
      ...(one.allow ?? ["corp"]).map((tenant) => ({ tenant, permission: "Allow" as const, origin })),
      ...(one.deny ?? []).map((tenant) => ({ tenant, permission: "Deny" as const, origin })),
    ],
    enforcement: one.enforcement ?? "Reset", sourceNat: one.sourceNat === true ? "Interface" : "Off", trafficClass: "BestEffort", hmacScope: "MetadataOnly", origin,
  };
}

function peer(name: string, chain: Chain): PeerConfig {
  const suite = chain.suite ?? "CBC";
  return {
    name, allowedTenants: (chain.allowed ?? ["corp"]).map((tenant) => ({ tenant, origin })), hmac: { mode: chain.mode ?? "TimeBased", window: 1 },
    metadataEncryption: { enabled: suite !== "off", suite: suite === "GCM" ? "GCM" : "CBC", required: suite !== "off" }, psk: { file: "-", generation: 1 }, origin,
  };
}

function path(chain: Chain, side: "left" | "right"): PathConfig {
  const name = chain.names[chain.index + (side === "left" ? -1 : 1)] ?? "";
  const link = side === "left" ? chain.index - 1 : chain.index;
  const own = side === "left" ? 1 : 0;
  return {
    key: `${name}/${side}`, peer: name, name: side, interface: side, ifnum: side === "left" ? 1 : 2, vlan: 0, family: 4, local: linkAddress(link, own),
    remote: linkAddress(link, own === 0 ? 1 : 0), nexthop: `${side}-link`, mtu: chain.mtu ?? 1500, pairs: chain.pairs ?? 64, origin,
  };
}

function routes(chain: Chain, one: LabService): RouteConfig[] {
  const base = { service: one.name, route: one.name, cost: 1, maxSessions: 0, sessionRate: 0, origin };
  const last = chain.names.length - 1;
  const toward = (side: "left" | "right"): RouteConfig => ({ ...base, kind: "peer", peer: path(chain, side).peer, path: path(chain, side).key });
  const local = (side: "left" | "right"): RouteConfig => ({
    ...base, kind: one.target === undefined ? "local" : "host", interface: side, ifnum: side === "left" ? 1 : 2, vlan: 0, nexthops: { 4: `${side}-link` },
    addresses: [address(gateways[side])], targets: one.target === undefined ? [] : [address(one.target)],
  });
  const goesLeft = one.prefixes.every((text) => text.startsWith("10.1."));
  if (goesLeft) return [chain.index === 0 ? local("left") : toward("left")];
  return [chain.index === last ? local("right") : toward("right")];
}

/** chainConfig is the configuration of one router of a chain. */
export function chainConfig(chain: Chain): RouterConfig {
  const last = chain.names.length - 1;
  const isFirst = chain.index === 0;
  const isLast = chain.index === last;
  const sides = ["left", "right"] as const;
  const toPeer = sides.filter((side) => (side === "left" ? !isFirst : !isLast));
  const lans = sides.filter((side) => (side === "left" ? isFirst : isLast));
  const ifnum = { left: 1, right: 2 } as const;
  const mtu = chain.mtu ?? 1500;
  const tenants = chain.tenants ?? ["corp"];
  return {
    format: 1, name: chain.names[chain.index] ?? "", origin,
    interfaces: sides.map((side) => ({
      name: side, device: side, ifnum: ifnum[side], type: lans.includes(side) ? "LAN" : "WAN", hosts: lans.includes(side), sharedWithHost: false, mtu,
      networks: [{ vlan: 0, addresses: lans.includes(side) ? [{ address: address(gateways[side]), length: 16 }] : [], gateways: {}, onLink: { 4: `${side}-link`, 6: `${side}-link6` } }], origin,
    })),
    nexthops: sides.map((side) => ({ key: `${side}-link`, interface: side, ifnum: ifnum[side], vlan: 0, family: 4, mtu, origin })),
    locals: [
      ...toPeer.map((side) => ({ address: path(chain, side).local, interface: side, vlan: 0, waypoint: true, origin })),
      ...lans.map((side) => ({ address: address(gateways[side]), interface: side, vlan: 0, waypoint: false, origin })),
    ],
    tenants: tenants.map((name, index) => ({ name, id: index + 1, maxSessions: 0, firstPacketsPerSecond: 0, origin, ...parentOf(name) })),
    members: lans.flatMap((side) => [{ ifnum: ifnum[side], vlan: 0, prefix: prefix("0.0.0.0/0"), tenant: tenants[0] ?? "corp", origin }]),
    services: chain.services.map(service).sort((a, b) => (a.name < b.name ? -1 : 1)),
    routes: chain.services.flatMap((one) => routes(chain, one)),
    peers: toPeer.map((side) => peer(path(chain, side).peer, chain)), paths: toPeer.map((side) => path(chain, side)),
    limits: { sessions: 1024, halfOpen: 0, firstPacketRate: 0, perRemoteRate: 0 },
    timers: {
      quarantineMs: 30_000, guardMs: 2000, synSentMs: 10_000, synRcvdMs: 10_000, halfClosedIdleMs: 300_000, closingMs: 10_000, resetMs: 5000, interimMs: 300_000,
      tcpIdleMs: 1_900_000, udpIdleMs: 180_000, icmpIdleMs: 10_000, otherIdleMs: 180_000,
    },
    mssClamp: "Automatic", shards: 1,
  };
}

function parentOf(name: string): { parent?: string } {
  const dot = name.indexOf(".");
  return dot < 0 ? {} : { parent: name.slice(dot + 1) };
}
