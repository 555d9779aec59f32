// The configuration of a topology: Router objects made from its devices and addresses, tenants and services as a test says,
// service routes along the shortest way, pre-shared keys per router pair. Called by router.ts and by tests that change one
// object while routers run. Knows the form of the objects, not what becomes of them.
import { createHash } from "node:crypto";
import type { End, Topology } from "./net.ts";

/** ConfigObject is one object as it stands in a YAML file. */
export interface ConfigObject { apiVersion: string; kind: string; metadata: { name: string; namespace?: string }; spec: Record<string, unknown> }

/** SiteTenant is a tenant and where its hosts are. */
export interface SiteTenant { name: string; members?: { router: string; interface: string; vlan?: number; prefixes?: string[] }[]; budgets?: Record<string, number> }

/** SiteService is a service and the router and interface it is behind. */
export interface SiteService {
  name: string;
  addresses: string[];
  transports?: { protocol: string; ports?: (number | string)[] }[];
  /** tenants that may, default all of the site; `!name` is denied */
  access?: string[];
  at: { router: string; interface: string; vlan?: number; gateway?: string };
  /** destination NAT: addresses that answer instead */
  targets?: string[];
  /** further fields of the Service */
  more?: Record<string, unknown>;
}

/** SiteRouter changes what is made of the topology. */
export interface SiteRouter {
  /** fields of spec: limits, timers, quarantine, shards, mssClamp */
  more?: Record<string, unknown>;
  /** fields of each peer, by its name: hmac, metadataEncryption, allowedTenants */
  peers?: Record<string, Record<string, unknown>>;
  /** fields of each path toward a peer: pairs, mtu, ports */
  paths?: Record<string, Record<string, unknown>>;
  /** fields of waypoints by device: ports */
  waypoints?: Record<string, Record<string, unknown>>;
}

/** Site is what is configured on a topology. */
export interface Site {
  tenants: SiteTenant[];
  services: SiteService[];
  /** SecurityPolicies by name */
  policies?: Record<string, Record<string, unknown>>;
  routers?: Record<string, SiteRouter>;
}

const VERSION = "opensvr.io/v1alpha1";
const NAMESPACE = "test";
const FEW_SESSIONS = 20_000; // small maps, so that a router starts sooner

/** openSite lets hosts on both LANs of r1 and r2, or of two others, reach each other, one tenant, no source NAT. */
export function openSite(change: { more?: Record<string, unknown>; routers?: Record<string, SiteRouter>; names?: [string, string] } = {}): Site {
  const { more, routers, names: [first, second] = ["r1", "r2"] } = change;
  const service = (name: string, router: string, network: number): SiteService => ({
    name, addresses: [`10.${network}.0.0/24`, `fd00:${network}::/64`], at: { router, interface: "lan0" }, ...(more && { more }),
  });
  return {
    tenants: [{ name: "corp", members: [first, second].map((router) => ({ router, interface: "lan0" })) }],
    services: [service("west", first, 1), service("east", second, 2)], ...(routers && { routers }),
  };
}

/** objectsOf gives all objects of a site; each is a value of its own that a test may change. */
export function objectsOf(topology: Topology, site: Site): ConfigObject[] {
  return structuredClone([
    ...site.tenants.map((tenant) => clusterObject("Tenant", tenant.name, { ...(tenant.members && { members: tenant.members }), ...(tenant.budgets && { budgets: tenant.budgets }) })),
    ...Object.entries(site.policies ?? {}).map(([name, spec]) => namespacedObject("SecurityPolicy", name, spec)),
    ...site.services.flatMap((service) => [serviceObject(site, service), ...routeObjects(topology, service)]),
    ...routersOf(topology).map((name) => routerObject(topology, site, name)),
  ]);
}

/** routersOf are the names of the routers of a topology. */
export function routersOf(topology: Topology): string[] {
  return Object.entries(topology.nodes).filter(([, node]) => node.kind === "router").map(([name]) => name);
}

/** pskOf is the pre-shared key of a pair: secret enough for a test, and every test can derive it. */
export function pskOf(a: string, b: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(["opensvr test psk", ...[a, b].sort()].join(" ")).digest());
}

/** pskFile is the file of a pair below the configuration directory. */
export function pskFile(a: string, b: string): string {
  return `keys/${[a, b].sort().join("-")}.psk`;
}

/** Neighbour is a router on a path of another one, with both ends of it. */
export interface Neighbour { name: string; own: End; theirs: End; mtu: number }

/** neighboursOf are the routers linked with one, or on a detour from it. */
export function neighboursOf(topology: Topology, router: string): Neighbour[] {
  const routers = new Set(routersOf(topology));
  const linked = topology.links.flatMap(({ ends: [a, b], mtu = 1500 }) => {
    const [own, theirs] = a.node === router ? [a, b] : [b, a];
    return own.node === router && routers.has(theirs.node) ? [{ name: theirs.node, own, theirs, mtu }] : [];
  });
  return [...linked, ...detoursOf(topology, router)];
}

function detoursOf({ detours = [], links }: Topology, router: string): Neighbour[] {
  return detours.flatMap(({ ends: [a, b] }) => {
    const [own, theirs] = a.node === router ? [a, b] : [b, a];
    const link = links.find(({ ends }) => ends.some((end) => end.node === own.node && end.device === own.device));
    const end = link?.ends.find((one) => one.node === own.node);
    if (own.node !== router || end === undefined) return [];
    return [{ name: theirs.node, own: end, theirs: { node: theirs.node, device: theirs.device, addresses: [`${theirs.seenAs}/32`] }, mtu: link?.mtu ?? 1500 }];
  });
}

function clusterObject(kind: string, name: string, spec: Record<string, unknown>): ConfigObject {
  return { apiVersion: VERSION, kind, metadata: { name }, spec };
}

function namespacedObject(kind: string, name: string, spec: Record<string, unknown>): ConfigObject {
  return { apiVersion: VERSION, kind, metadata: { name, namespace: NAMESPACE }, spec };
}

function serviceObject(site: Site, service: SiteService): ConfigObject {
  const access = service.access ?? site.tenants.map((tenant) => tenant.name);
  return namespacedObject("Service", service.name, {
    addresses: service.addresses, ...(service.transports && { transports: service.transports }),
    access: access.map((text) => (text.startsWith("!") ? { tenant: text.slice(1), permission: "Deny" } : { tenant: text })), ...service.more,
  });
}

/** One route where the service is, one toward the next router on every other. */
function routeObjects(topology: Topology, service: SiteService): ConfigObject[] {
  const { at, targets } = service;
  const way = { interface: at.interface, ...(at.vlan !== undefined && { vlan: at.vlan }), ...(at.gateway !== undefined && { gateway: at.gateway }) };
  const last = targets === undefined ? { type: "Local", local: way } : { type: "Host", host: { ...way, targets } };
  return routersOf(topology).flatMap((router) => {
    const next = router === at.router ? undefined : nextToward(topology, router, at.router);
    if (router !== at.router && next === undefined) return [];
    const spec = { serviceRef: { name: service.name }, routers: [router], ...(next === undefined ? last : { type: "Peer", peer: { peer: next } }) };
    return [namespacedObject("ServiceRoute", `${service.name}-${router}`, spec)];
  });
}

/** The neighbour on a shortest way: rings of routers around the far end, until one touches `from`. */
function nextToward(topology: Topology, from: string, to: string): string | undefined {
  const seen = new Set([to]);
  for (let ring = [to]; ring.length > 0;) {
    const next = ring.find((name) => neighboursOf(topology, name).some((neighbour) => neighbour.name === from));
    if (next !== undefined) return next;
    ring = ring.flatMap((name) => neighboursOf(topology, name).map((neighbour) => neighbour.name)).filter((name) => !seen.has(name));
    for (const name of ring) seen.add(name);
  }
  return undefined;
}

function routerObject(topology: Topology, site: Site, name: string): ConfigObject {
  const own = site.routers?.[name] ?? {};
  const neighbours = neighboursOf(topology, name);
  const interfaces = topology.links.flatMap(({ ends, mtu = 1500 }) => ends.filter((end) => end.node === name).map((end) => ({ end, mtu })));
  return clusterObject("Router", name, {
    interfaces: interfaces.map(({ end, mtu }, index) => interfaceOf(end, { id: index + 1, mtu, own, wan: neighbours.some((one) => one.own === end) })),
    peers: [...Map.groupBy(neighbours, (one) => one.name)].map(([peer, links]) => ({
      name: peer, psk: { file: pskFile(name, peer) }, allowedTenants: site.tenants.map((tenant) => tenant.name), ...own.peers?.[peer],
      paths: links.flatMap(({ own: { device }, theirs }) => addressesOf(theirs).map(({ address, vlan }) => ({
        name: `${device}-${address.includes(":") ? "v6" : "v4"}${vlan === undefined ? "" : `-${vlan}`}`, interface: device, remoteAddress: address, ...(vlan !== undefined && { vlan }), ...own.paths?.[peer],
      }))),
    })),
    ...own.more, limits: { sessions: FEW_SESSIONS, ...(own.more?.["limits"] as Record<string, unknown> | undefined) },
  });
}

function interfaceOf(end: End, of: { id: number; mtu: number; own: SiteRouter; wan: boolean }): Record<string, unknown> {
  const { id, mtu, own, wan } = of;
  return {
    name: end.device, id, type: wan ? "WAN" : "LAN", addresses: end.addresses ?? [], mtu, ...(end.vlans && { vlans: end.vlans }),
    ...(wan && { waypoints: addressesOf(end).map(({ address }) => ({ address, ...own.waypoints?.[end.device] })) }),
  };
}

/** Addresses without length, untagged ones and those of VLANs. */
function addressesOf(end: End): { address: string; vlan?: number }[] {
  const plain = (text: string): string => text.split("/", 1)[0] ?? "";
  return [...(end.addresses ?? []).map((text) => ({ address: plain(text) })), ...(end.vlans ?? []).flatMap(({ id, addresses }) => addresses.map((text) => ({ address: plain(text), vlan: id })))];
}
