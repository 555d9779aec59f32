// All objects together: sorted, checked against each other, compiled to one RouterConfig a router, in one fixed order of
// steps. Called by compile.ts only. Pure and deterministic.
import type { ParsedObject } from "../api/document.ts";
import { millisOf } from "../api/duration.ts";
import type { Problem } from "../api/problem.ts";
import type { Router } from "../api/router.ts";
import type { LimitsConfig, RouterConfig, ServiceConfig, TenantConfig, TimersConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import { sortInputs } from "./inputs.ts";
import type { Input, PlanInputs } from "./inputs.ts";
import { compileInterfaces } from "./interfaces.ts";
import { reportLoops } from "./loops.ts";
import { compileMembers, reportUnusedMembers } from "./members.ts";
import { compileNat } from "./natrules.ts";
import { createOverlapIndex } from "./overlap.ts";
import type { OverlapIndex } from "./overlap.ts";
import { compilePeers } from "./peers.ts";
import { createReport, originIn } from "./report.ts";
import type { Report } from "./report.ts";
import { compileRoutes, reportRoutes } from "./routes.ts";
import { compileServices } from "./services.ts";
import { runServiceTests } from "./servicetests.ts";
import { compileSessionTypes } from "./sessiontypes.ts";
import { warnWithoutEffect } from "./support.ts";
import { compileTenants, knownTenants } from "./tenants.ts";
import { servicesInUse } from "./use.ts";

/** Whole is what objects make: routers in name order, and what is wrong. */
export interface Whole {
  routers: Map<string, RouterConfig>;
  report: Report;
}

interface Shared { inputs: PlanInputs; known: ReadonlySet<string>; services: ReadonlyMap<string, ServiceConfig>; overlap: OverlapIndex; tenants: TenantConfig[]; report: Report }

/** compileWhole compiles every Router among the objects; `problems` of reading tell which other objects there would be. */
export function compileWhole(objects: readonly ParsedObject[], problems: readonly Problem[] = []): Whole {
  const shared = prepare(objects, problems);
  const { inputs, report } = shared;
  const routers = new Map([...inputs.Router].map(([name, input]) => [name, compileOne(shared, input)]));
  reportUnusedMembers(inputs, new Map([...routers].map(([name, config]) => [name, config.interfaces])), report);
  reportLoops(routers, inputs, report);
  runServiceTests(routers, inputs, report);
  return { routers, report };
}

function prepare(objects: readonly ParsedObject[], problems: readonly Problem[]): Shared {
  const report = createReport(new Set(problems.flatMap(({ severity, object }) => (severity === "error" ? object ?? [] : []))));
  const inputs = sortInputs(objects, report);
  const known = knownTenants(inputs, report);
  const services = compileServices(inputs, known, report);
  warnWithoutEffect(inputs, report);
  reportRoutes(inputs, report);
  const overlap = createOverlapIndex();
  for (const { name, addresses } of services) for (const { prefix } of addresses) overlap.add(prefix, name);
  return { inputs, known, services: new Map(services.map((service) => [service.name, service])), overlap, tenants: compileTenants(inputs, services), report };
}

function compileOne(shared: Shared, input: Input<"Router">): RouterConfig {
  const { inputs, known, report, tenants } = shared;
  const { name } = input.object.metadata;
  const services = servicesInUse({ ...shared, routed: routedAt(name, inputs) });
  const { spec } = input.object;
  const { interfaces, locals, nexthops: links } = compileInterfaces(input, report);
  const peering = compilePeers({ input, inputs, tenants: known, interfaces, locals, nexthops: links, report });
  const sessionTypes = compileSessionTypes(input, inputs, report);
  const nexthops = [...links, ...peering.nexthops];
  const routes = compileRoutes({ router: name, inputs, services, interfaces, peers: peering.peers, paths: peering.paths, nexthops, report });
  return {
    format: 1, name, origin: originIn(input, "metadata.name"), interfaces, locals, tenants, services, routes,
    nexthops: nexthops.sort((a, b) => compareNames(a.key, b.key)),
    members: compileMembers({ router: name, interfaces, inputs, report }),
    peers: peering.peers, paths: peering.paths, ...compileNat({ input, tenants: known, interfaces, locals, services, routes, report }),
    limits: limitsOf(spec.limits), timers: timersOf(spec), ...(sessionTypes.length > 0 && { sessionTypes }), mssClamp: spec.mssClamp,
    pathMtu: { discovery: spec.pathMtuDiscovery.enabled, intervalMs: millisOf(spec.pathMtuDiscovery.interval) }, shards: spec.shards ?? 0, ...icmpOf(spec.icmp),
  };
}

function routedAt(router: string, inputs: PlanInputs): string[] {
  return [...inputs.ServiceRoute.values()].flatMap(({ object: { spec, metadata } }) => (spec.routers.includes(router) ? [`${metadata.namespace}/${spec.serviceRef.name}`] : []));
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
