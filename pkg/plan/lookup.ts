// What a router asks of its configuration for each first packet: whose packet, which service, which ways, may this peer say so.
// Built from a RouterConfig by the router's shards and by explain; read-only afterwards, replaced as a whole on reload.
import type { IpAddress, IpFamily } from "../base/address.ts";
import { createPrefixTable } from "../base/lpm.ts";
import type { PrefixTable } from "../base/lpm.ts";
import { globalTenant } from "./config.ts";
import type { MemberConfig, NetworkConfig, NexthopConfig, PathConfig, PeerConfig, RouteConfig, RouterConfig, ServiceConfig, TenantConfig } from "./config.ts";
import { tenantLine } from "./entries.ts";
import { isOnLink } from "./links.ts";
import { createNatTable } from "./nat.ts";
import type { NatTable } from "./nat.ts";
import { createReturnRoutes } from "./returnroute.ts";
import type { ReturnRoutes } from "./returnroute.ts";
import { createServiceTable } from "./servicetable.ts";
import type { Selection } from "./servicetable.ts";

/** LookupOptions lets the caller use its own stable tenant numbers instead of TenantConfig.id. */
export interface LookupOptions {
  tenantId?: (name: string) => number;
}

/** Lookup answers questions about one RouterConfig; unknown input gives a miss, never an exception. */
export interface Lookup {
  readonly config: RouterConfig;
  /** Service for a packet (behaviour 2.3); port 0 for protocols without ports. */
  find(tenantId: number, proto: number, port: number, destination: IpAddress): Selection;
  /** Number of a tenant, or of its nearest configured ancestor; undefined when no level of the name is configured. */
  tenantId(name: string): number | undefined;
  /** Configured tenant with this number. */
  tenantById(id: number): TenantConfig | undefined;
  /** Member line that gives a host packet its tenant (behaviour 2.1 (2), (3)); undefined: `<global>`. */
  memberOf(ifnum: number, vlan: number, source: IpAddress): MemberConfig | undefined;
  /** Tenant number of a host packet (behaviour 2.1 (2)-(4)). */
  tenantOf(ifnum: number, vlan: number, source: IpAddress): number;
  /** Whether a peer may assert a tenant; a listed tenant covers its children (protocol 7.5). */
  allowedByPeer(peer: string, tenant: string): boolean;
  /** Whether a router whose signature was right may assert a tenant: by its own list, else by that of the peer of its name. */
  allowedByOrigin(router: string, tenant: string): boolean;
  service(name: string): ServiceConfig | undefined;
  /** Candidates of a service for a destination family, cheapest first (behaviour 6.3). */
  routes(service: string, family: IpFamily): readonly RouteConfig[];
  peer(name: string): PeerConfig | undefined;
  path(key: string): PathConfig | undefined;
  /** Next hop toward an address of a host or an unlisted peer on a network: on link, else the network's gateway. */
  nexthopTo(ifnum: number, vlan: number, remote: IpAddress): NexthopConfig | undefined;
  readonly nat: NatTable;
  /** whether the answers to a source would leave by a network (behaviour 3.10) */
  readonly returnsBy: ReturnRoutes;
}

/** buildLookup indexes a configuration; costs time in proportion to its lines, then answers in about a microsecond. */
export function buildLookup(config: RouterConfig, options: LookupOptions = {}): Lookup {
  const numbers = new Map(config.tenants.map((tenant) => [tenant.name, options.tenantId?.(tenant.name) ?? tenant.id]));
  const globalId = numbers.get(globalTenant) ?? 0;
  const table = createServiceTable(config, numbers);
  const lines = new Map([...numbers].map(([name, id]) => [id, numberLine(name, numbers)]));
  const noLine = new Int32Array(0);
  const members = memberTables(config.members);
  const memberOf = (ifnum: number, vlan: number, source: IpAddress): MemberConfig | undefined =>
    members.get(networkKey(ifnum, vlan))?.longest(source)?.value;
  return {
    config,
    find: (tenantId, proto, port, destination) => table.find(lines.get(tenantId) ?? noLine, proto, port, destination),
    tenantId: (name) => nearestNumber(name, numbers),
    ...byName(config, numbers),
    memberOf,
    tenantOf: (ifnum, vlan, source) => numbers.get(memberOf(ifnum, vlan, source)?.tenant ?? globalTenant) ?? globalId,
    routes: routesBy(config),
    nexthopTo: nexthopsBy(config),
    nat: createNatTable(config),
    returnsBy: createReturnRoutes(config),
  };
}

function byName(config: RouterConfig, numbers: ReadonlyMap<string, number>): Pick<Lookup, "tenantById" | "service" | "peer" | "path" | "allowedByPeer" | "allowedByOrigin"> {
  const tenants = new Map(config.tenants.map((tenant) => [numbers.get(tenant.name), tenant]));
  const services = new Map(config.services.map((service) => [service.name, service]));
  const peers = new Map(config.peers.map((peer) => [peer.name, peer]));
  const paths = new Map(config.paths.map((path) => [path.key, path]));
  const allowed = new Map(config.peers.map((peer) => [peer.name, new Set(peer.allowedTenants.map((one) => one.tenant))]));
  const origins = new Map((config.trust?.origins ?? []).flatMap(({ router, allowedTenants }) => (allowedTenants === undefined ? [] : [[router, new Set(allowedTenants)] as const])));
  return {
    tenantById: (id) => tenants.get(id),
    service: (name) => services.get(name),
    peer: (name) => peers.get(name),
    path: (key) => paths.get(key),
    allowedByPeer: (peer, tenant) => covers(allowed.get(peer), tenant),
    allowedByOrigin: (router, tenant) => covers(origins.get(router) ?? allowed.get(router), tenant),
  };
}

/** A listed tenant covers its children. */
function covers(names: ReadonlySet<string> | undefined, tenant: string): boolean {
  return names !== undefined && (names.has(tenant) || tenantLine(tenant).some((one) => names.has(one)));
}

function numberLine(name: string, numbers: ReadonlyMap<string, number>): Int32Array {
  return Int32Array.from(tenantLine(name).flatMap((one) => numbers.get(one) ?? []));
}

function nearestNumber(name: string, numbers: ReadonlyMap<string, number>): number | undefined {
  const own = numbers.get(name);
  if (own !== undefined) return own;
  for (const one of tenantLine(name)) {
    const id = numbers.get(one);
    if (id !== undefined) return id;
  }
  return undefined;
}

/** One number for (interface, VLAN): VLANs have 12 bits. */
function networkKey(ifnum: number, vlan: number): number {
  return ifnum * 4096 + vlan;
}

function memberTables(members: readonly MemberConfig[]): Map<number, PrefixTable<MemberConfig>> {
  const groups = Map.groupBy(members, (member) => networkKey(member.ifnum, member.vlan));
  return new Map([...groups].map(([key, list]) => [key, createPrefixTable(list.map((member) => [member.prefix, member] as const))]));
}

/** A peer path carries both families (protocol 14); of equal ones that of the packet's own goes first: it needs no other header. */
function routesBy(config: RouterConfig): Lookup["routes"] {
  const families = new Map(config.paths.map((path) => [path.key, path.family]));
  const serves = (route: RouteConfig, family: IpFamily): boolean => route.kind === "peer"
    ? families.has(route.path)
    : route.nexthops[family] !== undefined && (route.kind === "local" || route.targets.some((target) => target.family === family));
  const isForeign = (route: RouteConfig, family: IpFamily): boolean => route.kind === "peer" && families.get(route.path) !== family;
  const group = (family: IpFamily): Map<string, RouteConfig[]> => Map.groupBy(
    config.routes.filter((route) => serves(route, family)).sort((a, b) => a.cost - b.cost || Number(isForeign(a, family)) - Number(isForeign(b, family))),
    (route) => route.service,
  );
  const groups = { 4: group(4), 6: group(6) };
  return (service, family) => groups[family].get(service) ?? [];
}

function nexthopsBy(config: RouterConfig): Lookup["nexthopTo"] {
  const nexthops = new Map(config.nexthops.map((nexthop) => [nexthop.key, nexthop]));
  const networks = new Map<number, NetworkConfig>();
  for (const one of config.interfaces) {
    for (const network of one.networks) networks.set(networkKey(one.ifnum, network.vlan), network);
  }
  return (ifnum, vlan, remote) => {
    const network = networks.get(networkKey(ifnum, vlan));
    if (network === undefined) return undefined;
    const key = isOnLink(network, remote) ? network.onLink[remote.family] : network.gateways[remote.family];
    return key === undefined ? undefined : nexthops.get(key);
  };
}
