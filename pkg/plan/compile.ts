// The compiler: configuration objects in, one RouterConfig per router out. Pure and deterministic: the same objects in any
// order give the same bytes of canonical JSON. Called by routers, by the command line and later by the operator.
import type { ParsedObject, ParseResult } from "../api/document.ts";
import { millisOf } from "../api/duration.ts";
import { compareProblems } from "../api/problem.ts";
import type { Problem } from "../api/problem.ts";
import type { Router } from "../api/router.ts";
import { canonicalJson } from "./canonical.ts";
import type { LimitsConfig, RouterConfig, ServiceConfig, TenantConfig, TimersConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import { sortInputs } from "./inputs.ts";
import type { Input, PlanInputs } from "./inputs.ts";
import { compileInterfaces } from "./interfaces.ts";
import { reportLoops } from "./loops.ts";
import { compileMembers, reportUnusedMembers } from "./members.ts";
import { compilePeers } from "./peers.ts";
import { createReport, originIn } from "./report.ts";
import type { Report } from "./report.ts";
import { compileRoutes, reportRoutes } from "./routes.ts";
import { compileServices, reportPolicies } from "./services.ts";
import { compileTenants, knownTenants } from "./tenants.ts";

/** Compiled is the configuration of every router, and every problem of the input, those of parsing included. */
export interface Compiled {
  routers: Map<string, RouterConfig>;
  problems: Problem[];
}

/** CompileInput is what a parser gives; problems are passed on. */
export type CompileInput = Pick<ParseResult, "objects"> & Partial<Pick<ParseResult, "problems">>;

interface Shared { inputs: PlanInputs; known: ReadonlySet<string>; services: ServiceConfig[]; tenants: TenantConfig[]; report: Report }

/** compile compiles every Router of the input. What is invalid is reported and left out; the rest is compiled. */
export function compile(input: CompileInput): Compiled {
  const { shared, routers } = compileAll(input.objects);
  return { routers, problems: mergeProblems(input.problems ?? [], shared.report.problems) };
}

/** compileRouter compiles one router; undefined when there is no Router object of the name. */
export function compileRouter(input: CompileInput, name: string): { config: RouterConfig | undefined; problems: Problem[] } {
  const shared = prepare(input.objects);
  const router = shared.inputs.Router.get(name);
  const config = router === undefined ? undefined : compileOne(shared, router);
  return { config, problems: mergeProblems(input.problems ?? [], shared.report.problems) };
}

/**
 * keepLastGood replaces each object of `next` that is broken, by itself or beside the others, by its version in `previous`,
 * which must be what was in force. Objects that are gone stay gone, unless a file became unreadable that held them.
 * The problems of the broken versions are kept, with a warning for each object that stays as it was.
 */
export function keepLastGood(previous: CompileInput, next: ParseResult): ParseResult {
  const before = new Map(previous.objects.map((one) => [one.id, one]));
  const present = new Set(next.objects.map((one) => one.id));
  const broken = new Set(next.problems.flatMap((problem) => (problem.severity === "error" && problem.object !== undefined ? [problem.object] : [])));
  const unreadable = new Set(next.unreadable);
  const missing = previous.objects.filter((one) => !present.has(one.id) && (broken.has(one.id) || unreadable.has(one.source?.file ?? "")));
  const objects = [...next.objects, ...missing];
  const { shared } = compileAll(objects);
  const refused = [...shared.report.refused].flatMap((id) => before.get(id) ?? []).filter((old) => objects.some((one) => one.id === old.id && isOther(one, old)));
  const restored = new Map(refused.map((one) => [one.id, one]));
  const lost = shared.report.problems.filter((problem) => restored.has(problem.object ?? ""));
  const kept = [...missing, ...refused].map(keptProblem);
  return {
    objects: objects.map((one) => restored.get(one.id) ?? one),
    problems: mergeProblems(next.problems, [...lost, ...kept]),
    unreadable: next.unreadable,
  };
}

function isOther(one: ParsedObject, old: ParsedObject): boolean {
  return canonicalJson(one.object.spec) !== canonicalJson(old.object.spec);
}

function keptProblem(one: ParsedObject): Problem {
  const file = one.source === undefined ? {} : { file: one.source.file };
  return { severity: "warning", code: "kept", object: one.id, ...file, message: "the last good version stays in force", fix: "correct the object, or remove it" };
}

/** Problems sorted, each once. */
function mergeProblems(...lists: readonly Problem[][]): Problem[] {
  const unique = new Map(lists.flat().map((problem) => [canonicalJson(problem), problem]));
  return [...unique.values()].sort(compareProblems);
}

function compileAll(objects: readonly ParsedObject[]): { shared: Shared; routers: Map<string, RouterConfig> } {
  const shared = prepare(objects);
  const { inputs, report } = shared;
  const routers = new Map([...inputs.Router].map(([name, input]) => [name, compileOne(shared, input)]));
  reportUnusedMembers(inputs, new Map([...routers].map(([name, config]) => [name, config.interfaces])), report);
  reportLoops(routers, inputs, report);
  return { shared, routers };
}

function prepare(objects: readonly ParsedObject[]): Shared {
  const report = createReport();
  const inputs = sortInputs(objects, report);
  const known = knownTenants(inputs, report);
  const services = compileServices(inputs, known, report);
  reportPolicies(inputs, report);
  reportRoutes(inputs, report);
  return { inputs, known, services, tenants: compileTenants(inputs, known, services), report };
}

function compileOne(shared: Shared, input: Input<"Router">): RouterConfig {
  const { inputs, known, report, services, tenants } = shared;
  const { name } = input.object.metadata;
  const { spec } = input.object;
  const { interfaces, locals, nexthops: links } = compileInterfaces(input, report);
  const peering = compilePeers({ input, inputs, tenants: known, interfaces, locals, nexthops: links, report });
  const nexthops = [...links, ...peering.nexthops];
  const routes = compileRoutes({ router: name, inputs, services, interfaces, peers: peering.peers, paths: peering.paths, nexthops, report });
  return {
    format: 1, name, origin: originIn(input, "metadata.name"), interfaces, locals, tenants, services, routes,
    nexthops: nexthops.sort((a, b) => compareNames(a.key, b.key)),
    members: compileMembers({ router: name, interfaces, inputs, tenants: known, report }),
    peers: peering.peers, paths: peering.paths,
    limits: limitsOf(spec.limits), timers: timersOf(spec), mssClamp: spec.mssClamp, shards: spec.shards ?? 0,
  };
}

function limitsOf(limits: Router["spec"]["limits"]): LimitsConfig {
  return { sessions: limits.sessions, halfOpen: limits.halfOpen ?? 0, firstPacketRate: limits.firstPacketRate ?? 0, perRemoteRate: limits.perRemoteRate ?? 0 };
}

function timersOf({ timers, quarantine }: Router["spec"]): TimersConfig {
  return {
    quarantineMs: millisOf(quarantine), guardMs: millisOf(timers.guard), synSentMs: millisOf(timers.synSent), synRcvdMs: millisOf(timers.synReceived),
    halfClosedIdleMs: millisOf(timers.halfClosedIdle), closingMs: millisOf(timers.closing), resetMs: millisOf(timers.reset), interimMs: millisOf(timers.interim),
    tcpIdleMs: millisOf(timers.tcpIdle), udpIdleMs: millisOf(timers.udpIdle), icmpIdleMs: millisOf(timers.icmpIdle), otherIdleMs: millisOf(timers.otherIdle),
  };
}
