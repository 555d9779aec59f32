// Builds a shard's tables from the compiled configuration, the data plane's numbers and the peer keys. Called by the
// shard when the app posts a configuration; keeps nothing of the one before.
import { addressKey } from "../base/address.ts";
import type { IpAddress, IpFamily } from "../base/address.ts";
import { buildLookup } from "../plan/lookup.ts";
import type { Lookup } from "../plan/lookup.ts";
import { sessionTypeOf, timeoutsOf } from "../plan/idle.ts";
import { globalTenant } from "../plan/config.ts";
import { tenantLine } from "../plan/entries.ts";
import type { LocalRouteConfig, PathConfig, PeerConfig, RouteConfig, RouterConfig, ServiceConfig } from "../plan/config.ts";
import { kindOf, nameKey, plainName } from "./names.ts";
import { mssToward } from "./program.ts";
import type { Ids, NameKind } from "./names.ts";
import type { Enforcement, PathEntry, PeerEntry, PeerKeyPair, RouteEntry, RouteLimits, ServiceEntry, Tables } from "./tables.ts";

/** ShardConfig is what the app posts to its shards. */
export interface ShardConfig {
  config: RouterConfig;
  ids: Ids;
  /** keys by peer name; without them nothing is sent to a peer */
  keys: Record<string, PeerKeyPair>;
  /** peers that are not believed any more: they are as if not there */
  refused?: readonly string[];
}

/** NameTable numbers names that are learnt from metadata. */
export interface NameTable {
  nameId(name: string): number;
  nameOf(id: number): string | undefined;
}

const enforcements: Record<ServiceConfig["enforcement"], Enforcement> = { Reset: "reset", Block: "block", Allow: "allow", Strict: "strict" };
const trafficClasses: Record<ServiceConfig["trafficClass"], number> = { BestEffort: 0, Low: 1, Medium: 2, High: 3 };
const originPolicies = { Ignore: "ignore", VerifyIfPresent: "verify-if-present", Require: "require" } as const;
const modes = { Disabled: "disabled", Regular: "regular", TimeBased: "time-based" } as const;

/** buildTables makes the tables of one configuration. */
export function buildTables(posted: ShardConfig, names: NameTable): Tables {
  const { config, ids } = posted;
  const numbers = numbersOf(ids);
  const idOf = (kind: NameKind, name: string): number => numbers[kind].get(name) ?? 0;
  const lookup = buildLookup(config, { tenantId: (name) => idOf("tenant", name) });
  const peers = peerEntries(posted, lookup, idOf);
  const paths = new Map(peers.flatMap((peer) => peer.paths.map((path) => [path.name, path] as const)));
  const services = serviceEntries(lookup, paths, idOf);
  const byId = new Map([...services.values()].map((service) => [service.id, service]));
  const pathsById = new Map([...paths.values()].map((path) => [path.id, path]));
  const byRemote = Map.groupBy(paths.values(), (path) => remoteKey(path.ifnum, path.vlan, path.remote));
  const rules = new Map(config.interfaces.flatMap((one) => (one.filter === undefined ? [] : [[one.ifnum, one.filter.rules] as const])));
  const interfaces = new Map(config.interfaces.map((one) => [one.ifnum, one.name]));
  return {
    routerName: config.name, routerId: idOf("router", config.name),
    tenantOf: (ifnum, vlan, source) => tenantOf(lookup, idOf, { ifnum, vlan, source }),
    tenantId: (name) => lookup.tenantId(name),
    select: (tenantId, proto, port, destination) => {
      const found = lookup.find(tenantId, proto, port, destination);
      const service = found.access === "miss" ? undefined : services.get(found.service.name);
      if (found.access === "allow" && service !== undefined) return { kind: "allow", service };
      return { kind: "deny", reason: found.why === "access" ? "access" : "no-service", ...(service === undefined ? {} : { service }) };
    },
    serviceById: (id) => byId.get(id),
    nameOf: (id) => names.nameOf(id),
    plainNameOf: plainNames(names),
    idOf: (kind, name) => numbers[kind].get(name) ?? names.nameId(nameKey(kind, name)),
    ...keyring(peers), origin: originsOf(config, lookup),
    paths: [...paths.values()],
    pathById: (id) => pathsById.get(id),
    pathsAt: (ifnum, vlan, remote) => byRemote.get(remoteKey(ifnum, vlan, remote)) ?? [],
    nexthopTo: (ifnum, vlan, remote) => {
      const nexthop = lookup.nexthopTo(ifnum, vlan, remote);
      return nexthop === undefined ? 0 : idOf("nexthop", nexthop.key);
    },
    ...networkTables(config, idOf),
    rulesAt: (ifnum) => rules.get(ifnum) ?? [],
    interfaceName: (ifnum) => interfaces.get(ifnum) ?? `interface-${ifnum}`, nat: lookup.nat, returnsBy: lookup.returnsBy,
    ...limitsOf(config, idOf), inactivityMs: config.timers.inactivityMs, icmp: config.icmp ?? { byType: false, asyncReply: false },
  };
}

/** Keys of origins; a router may have two while it changes them. */
function originsOf({ trust }: RouterConfig, lookup: Lookup): Tables["origin"] {
  const known = (trust?.origins ?? []).flatMap(({ router, ed25519 }) => (ed25519 === undefined ? [] : [{ router, key: new Uint8Array(Buffer.from(ed25519, "base64")) }]));
  const entries = new Map([...Map.groupBy(known, ({ router }) => router)].map(([router, listed]) => [router, {
    keys: listed.map(({ key }) => key), mayAssert: (tenant: string) => lookup.allowedByOrigin(router, tenant),
  }]));
  return (router) => entries.get(router);
}

function limitsOf(config: RouterConfig, idOf: IdOf): Pick<Tables, "limits" | "tenantSessions" | "budgetsOf"> {
  const { sessions, halfOpen, halfOpenPerTenant, sessionsPerSource, halfOpenPerSource } = config.limits;
  const budgets = new Map(config.tenants.filter((tenant) => tenant.maxSessions > 0).map((tenant) => [idOf("tenant", tenant.name), tenant.maxSessions]));
  return {
    limits: { live: sessions, halfOpen, halfOpenPerTenant, perSource: sessionsPerSource, halfOpenPerSource },
    tenantSessions: (id) => budgets.get(id) ?? 0,
    budgetsOf: sharedBudgets(config, idOf),
  };
}

/** Budgets of more than one tenant: a tenant without children is held to its budget by the data plane. */
function sharedBudgets({ tenants }: RouterConfig, idOf: IdOf): Tables["budgetsOf"] {
  const budgets = new Map(tenants.filter((tenant) => tenant.maxSessions > 0).map((tenant) => [tenant.name, { sessions: tenant.maxSessions, members: [] as number[] }]));
  const lines = tenants.map(({ name }) => ({ id: idOf("tenant", name), above: tenantLine(name).flatMap((one) => budgets.get(one) ?? []) }));
  for (const { id, above } of lines) for (const budget of above) budget.members.push(id);
  const shared = new Map(lines.map(({ id, above }) => [id, above.filter((budget) => budget.members.length > 1)]));
  return (id) => shared.get(id) ?? [];
}

function networkTables(config: RouterConfig, idOf: IdOf): Pick<Tables, "mtuOf" | "addressOn" | "isOwn"> {
  const mtus = new Map(config.nexthops.map((nexthop) => [idOf("nexthop", nexthop.key), nexthop.mtu]));
  const own = new Set(config.locals.map((local) => addressKey(local.address)));
  const addresses = new Map(config.interfaces.flatMap(({ ifnum, networks }) => networks.flatMap(({ vlan, addresses: list }) =>
    list.toReversed().map(({ address }) => [`${ifnum}.${vlan}.${address.family}`, address] as const)))); // the first of a family stays
  return {
    mtuOf: (nexthop) => mtus.get(nexthop) ?? 0,
    addressOn: (ifnum, vlan, family) => addresses.get(`${ifnum}.${vlan}.${family}`),
    isOwn: (address) => own.has(addressKey(address)),
  };
}

/** The names of a configuration by kind: found without putting kind and name together for every packet. */
function numbersOf(ids: Ids): Record<NameKind, Map<string, number>> {
  const numbers = { tenant: new Map<string, number>(), service: new Map<string, number>(), router: new Map<string, number>(), path: new Map<string, number>(), nexthop: new Map<string, number>(), route: new Map<string, number>() };
  for (const [key, id] of Object.entries(ids)) numbers[kindOf(key)].set(plainName(key), id);
  return numbers;
}

/** A number keeps its name, so its text is made once; there are at most 65,535. */
function plainNames(names: NameTable): (id: number) => string | undefined {
  const known = new Map<number, string>();
  return (id) => {
    const found = known.get(id);
    if (found !== undefined) return found;
    const name = names.nameOf(id);
    if (name === undefined) return undefined;
    const plain = plainName(name);
    known.set(id, plain);
    return plain;
  };
}

type IdOf = (kind: NameKind, name: string) => number;

function tenantOf(lookup: Lookup, idOf: IdOf, at: { ifnum: number; vlan: number; source: IpAddress }): { id: number; name: string } {
  const name = lookup.memberOf(at.ifnum, at.vlan, at.source)?.tenant ?? globalTenant;
  return { id: idOf("tenant", name), name };
}

function remoteKey(ifnum: number, vlan: number, remote: IpAddress): string {
  return `${ifnum}.${vlan}.${addressKey(remote)}`;
}

function peerEntries(posted: ShardConfig, lookup: Lookup, idOf: IdOf): PeerEntry[] {
  return posted.config.peers.flatMap((peer) => {
    const keys = keysIn(posted.keys, peer.name) ?? (peer.authentication === "certificate" ? NO_KEYS : undefined);
    if (keys === undefined || posted.refused?.includes(peer.name) === true) return [];
    const entry: PeerEntry = peerEntry(peer, keys, { lookup, id: idOf("router", peer.name) });
    entry.paths = posted.config.paths.filter((path) => path.peer === peer.name).map((path) => pathEntry(posted.config, path, { peer: entry, idOf }));
    return [entry];
  });
}

const NO_KEYS: PeerKeyPair = { send: undefined, receive: [] };

/** keysIn gives the keys of a peer; a router may be named "constructor". */
export function keysIn(keys: Readonly<Record<string, PeerKeyPair>>, peer: string): PeerKeyPair | undefined {
  return Object.hasOwn(keys, peer) ? keys[peer] : undefined;
}

/** Keys change under the tables, so that a rotation builds nothing anew. */
function keyring(peers: readonly PeerEntry[]): Pick<Tables, "peerByKeyId" | "rekey"> {
  const numbered = (): Map<number, PeerEntry> => new Map(peers.flatMap((peer) => peer.receive.map(({ keyId }) => [keyId, peer] as const)));
  let byKeyId = numbered();
  return {
    peerByKeyId: (keyId) => byKeyId.get(keyId),
    rekey(keys) {
      for (const peer of peers) Object.assign(peer, keysIn(keys, peer.name));
      byKeyId = numbered();
    },
  };
}

function peerEntry(peer: PeerConfig, keys: PeerKeyPair, of: { lookup: Lookup; id: number }): PeerEntry {
  const { enabled, suite, required } = peer.metadataEncryption;
  return {
    id: of.id, name: peer.name, send: keys.send, receive: keys.receive, mode: modes[peer.hmac.mode], window: peer.hmac.window,
    suite: !enabled ? 0 : suite === "GCM" ? 2 : 1, requireEncryption: required,
    mayAssert: (tenant) => of.lookup.allowedByPeer(peer.name, tenant), paths: [],
    originSignature: originPolicies[peer.originSignature ?? "VerifyIfPresent"], ...(peer.authentication === undefined && { isClassical: true as const }),
  };
}

function pathEntry(config: RouterConfig, path: PathConfig, of: { peer: PeerEntry; idOf: IdOf }): PathEntry {
  const { peer, idOf } = of;
  return {
    id: idOf("path", path.key), name: path.key, peer, ifnum: path.ifnum, vlan: path.vlan, family: path.family,
    local: path.local, remote: path.remote, nexthop: idOf("nexthop", path.nexthop), mtu: path.mtu, mss: mssToward(config, path), pairs: path.pairs,
    ...(path.remotePorts === undefined ? {} : { remotePorts: path.remotePorts }), ...(path.cuttable && { cuttable: true as const }), ...(path.payload !== undefined && { payload: path.payload }),
  };
}

const CLEAR = { suite: 0, everyPacket: false, adaptive: false } as const;

function serviceEntries(lookup: Lookup, paths: ReadonlyMap<string, PathEntry>, idOf: IdOf): Map<string, ServiceEntry> {
  return new Map(lookup.config.services.map((service) => {
    const routes = (family: IpFamily): RouteEntry[] => lookup.routes(service.name, family).flatMap((route) => routeEntries(route, paths, idOf));
    return [service.name, {
      id: idOf("service", service.name), name: service.name, enforcement: enforcements[service.enforcement],
      sourceNat: service.sourceNat, strictReverse: service.strictReverse === true, asksHealth: service.sessionRecovery === "InactivityBased", trafficClass: trafficClasses[service.trafficClass],
      security: service.security ?? CLEAR, ...(service.postQuantum === true ? { postQuantum: true as const } : {}), ...(service.hideTopology === true ? { hideTopology: true as const } : {}),
      idleMs: (proto, port) => timeoutsOf(lookup.config, service, { proto, port }).idleMs,
      initialMs: (proto, port) => timeoutsOf(lookup.config, service, { proto, port }).initialMs,
      classOf: (proto, port) => trafficClasses[sessionTypeOf(lookup.config, service, { proto, port })?.trafficClass ?? service.trafficClass],
      routes: { 4: routes(4), 6: routes(6) },
    }];
  }));
}

function routeEntries(route: RouteConfig, paths: ReadonlyMap<string, PathEntry>, idOf: IdOf): RouteEntry[] {
  if (route.kind === "peer") {
    const path = paths.get(route.path);
    return path === undefined ? [] : [{ kind: "peer", path, limits: routeLimits(route, idOf) }];
  }
  const entry = localRoute(route, idOf);
  return route.kind === "local" ? [entry] : route.targets.map((target) => ({ ...entry, target }));
}

function routeLimits(route: RouteConfig, idOf: IdOf): RouteLimits {
  return { id: idOf("route", route.route), sessions: route.maxSessions, perSecond: route.sessionRate };
}

function localRoute(route: LocalRouteConfig, idOf: IdOf): Extract<RouteEntry, { kind: "local" }> {
  const nexthop = (key: string | undefined): number => (key === undefined ? 0 : idOf("nexthop", key));
  return {
    kind: "local", limits: routeLimits(route, idOf), ifnum: route.ifnum, vlan: route.vlan, addresses: route.addresses,
    nexthop: { 4: nexthop(route.nexthops[4]), 6: nexthop(route.nexthops[6]) },
  };
}
