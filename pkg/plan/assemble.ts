// The parts of one router put together to its RouterConfig, with what its own object says of limits and timers. Called by graph.ts. Pure.
import { millisOf } from "../api/duration.ts";
import type { Router } from "../api/router.ts";
import type { LimitsConfig, MemberConfig, NatPoolConfig, NexthopConfig, OriginConfig, RouteConfig, RouterConfig, ServiceConfig, SessionTypeConfig, StaticNatConfig, TenantConfig, TimersConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import type { Input } from "./inputs.ts";
import type { CompiledInterfaces } from "./interfaces.ts";
import type { CompiledPeers } from "./peers.ts";
import { originIn } from "./report.ts";

const HOUR_MS = 3_600_000;
const DEFAULT_ROTATION_HOURS = 24;

/** RouterParts is what the steps made of a router. */
export interface RouterParts {
  links: CompiledInterfaces;
  peering: CompiledPeers;
  tenants: TenantConfig[];
  services: ServiceConfig[];
  /** with the next hops that only routes use */
  routes: { routes: RouteConfig[]; nexthops: NexthopConfig[] };
  members: MemberConfig[];
  nat: { natPools: NatPoolConfig[]; staticNats: StaticNatConfig[] };
  sessionTypes: SessionTypeConfig[];
}

/** assembleRouter gives the configuration. */
export function assembleRouter(input: Input<"Router">, parts: RouterParts): RouterConfig {
  const { links: { interfaces, locals }, peering: { peers, paths }, tenants, services, members, sessionTypes } = parts;
  const { metadata: { name }, spec } = input.object;
  const nexthops = [...parts.links.nexthops, ...parts.peering.nexthops, ...parts.routes.nexthops];
  return {
    format: 1, name, origin: originIn(input, "metadata.name"), interfaces, locals, tenants, services, routes: parts.routes.routes,
    nexthops: nexthops.sort((a, b) => compareNames(a.key, b.key)),
    members, peers, paths, ...parts.nat,
    limits: limitsOf(spec.limits), timers: timersOf(spec), ...(sessionTypes.length > 0 && { sessionTypes }), mssClamp: spec.mssClamp,
    pathMtu: { discovery: spec.pathMtuDiscovery.enabled, intervalMs: millisOf(spec.pathMtuDiscovery.interval) }, shards: spec.shards ?? 0, ...icmpOf(spec.icmp), ...trustOf(spec),
  };
}

/** Only what differs from the defaults. */
function trustOf({ trust, keyRotation }: Router["spec"]): Pick<RouterConfig, "trust" | "keyRotationHours"> {
  const hours = keyRotation.enabled ? Math.ceil(millisOf(keyRotation.interval) / HOUR_MS) : 0;
  const files = trust.authorities.flatMap(({ file }) => file ?? []);
  const isPlain = trust.authorities.length === 0 && trust.revoked.length === 0 && trust.origins.length === 0 && trust.onFailure === "Refuse";
  return {
    ...(!isPlain && { trust: {
      authorities: trust.authorities.flatMap(({ pem }) => pem ?? []), ...(files.length > 0 && { authorityFiles: files }), revoked: [...trust.revoked].sort(),
      ...(trust.origins.length > 0 && { origins: originsOf(trust.origins) }),
      ...(trust.onFailure === "KeepKeys" && { failSoft: true as const }),
    } }),
    ...(hours !== DEFAULT_ROTATION_HOURS && { keyRotationHours: hours }),
  };
}

function originsOf(origins: Router["spec"]["trust"]["origins"]): OriginConfig[] {
  const listed = origins.map(({ router, ed25519, allowedTenants }) => ({ router, ...(ed25519 !== undefined && { ed25519 }), ...(allowedTenants !== undefined && { allowedTenants: [...allowedTenants].sort() }) }));
  return listed.sort((a, b) => compareNames(a.router, b.router) || compareNames(a.ed25519 ?? "", b.ed25519 ?? ""));
}

/** Only what differs from the defaults. */
function icmpOf({ match, asyncReply }: Router["spec"]["icmp"]): Pick<RouterConfig, "icmp"> {
  const byType = match === "IdentifierAndType";
  return byType || asyncReply ? { icmp: { byType, asyncReply } } : {};
}

function limitsOf(limits: Router["spec"]["limits"]): LimitsConfig {
  return {
    sessions: limits.sessions, halfOpen: limits.halfOpen ?? 0, firstPacketRate: limits.firstPacketRate ?? 0, perRemoteRate: limits.perRemoteRate ?? 0,
    sessionsPerSource: limits.sessionsPerSource ?? 0, halfOpenPerSource: limits.halfOpenPerSource ?? 0, halfOpenPerTenant: limits.halfOpenPerTenant ?? 0,
  };
}

function timersOf({ timers, quarantine }: Router["spec"]): TimersConfig {
  return {
    quarantineMs: millisOf(quarantine), guardMs: millisOf(timers.guard), synSentMs: millisOf(timers.synSent), synRcvdMs: millisOf(timers.synReceived),
    halfClosedIdleMs: millisOf(timers.halfClosedIdle), closingMs: millisOf(timers.closing), resetMs: millisOf(timers.reset), interimMs: millisOf(timers.interim), inactivityMs: millisOf(timers.inactivity),
    ...(timers.udpInitial !== undefined && { udpInitialMs: millisOf(timers.udpInitial) }), tcpIdleMs: millisOf(timers.tcpIdle), udpIdleMs: millisOf(timers.udpIdle), icmpIdleMs: millisOf(timers.icmpIdle), otherIdleMs: millisOf(timers.otherIdle),
  };
}
