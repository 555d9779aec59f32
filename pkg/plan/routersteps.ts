// The steps of the compiler for each router: its parts, its configuration, services that run in a circle, and tests of services. A part is
// made anew only when what it read has changed. Called by graph.ts. Pure.
import { assembleRouter } from "./assemble.ts";
import type { RouterParts } from "./assemble.ts";
import type { RouterConfig, ServiceConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import type { Input } from "./inputs.ts";
import { compileInterfaces } from "./interfaces.ts";
import type { CompiledInterfaces } from "./interfaces.ts";
import { cheapestSteps, reportLoops } from "./loops.ts";
import { compileMembers } from "./members.ts";
import type { Changed, Derived, Memo } from "./memo.ts";
import { compileNat } from "./natrules.ts";
import type { Objects } from "./objects.ts";
import { compilePeers } from "./peers.ts";
import type { CompiledPeers } from "./peers.ts";
import type { Findings, Report } from "./report.ts";
import { compileRoutes, routedService } from "./routes.ts";
import { failedTests, reportTests } from "./servicetests.ts";
import { compileSessionTypes } from "./sessiontypes.ts";
import { makeWith, stages } from "./shared.ts";
import type { Made, Shared } from "./shared.ts";
import { servicesInUse } from "./use.ts";

/** Compiled is a router with what its parts found. */
export interface Compiled { config: RouterConfig; findings: readonly Findings[] }

/** GraphEvents hear of watched values that came out another way; tests are judged at `only` these routers, absent: at all. */
export interface GraphEvents { only?: ReadonlySet<string> | undefined; checked: Changed<readonly Findings[]>; looped: Changed<readonly Findings[]>; tested: Changed<readonly Findings[]>; compiled: Changed<Compiled> }

/** RouterSteps has the values of routers that are watched: by router, services that run in a circle; by service, its tests. */
export interface RouterSteps { routers: Derived<Compiled>; loops: Derived<readonly Findings[]>; tests: Derived<readonly Findings[]> }

interface Work { objects: Objects; shared: Shared; events: GraphEvents }
type Step<T> = (router: string) => Made<T>;
interface Basics { links: Step<CompiledInterfaces>; peering: Step<CompiledPeers>; services: (router: string) => ServiceConfig[]; routes: Step<RouterParts["routes"]> }

/** createRouterSteps makes the steps. */
export function createRouterSteps(memo: Memo, work: Work): RouterSteps {
  const basics = basicSteps(memo, work);
  const compileOne = routerStep(memo, work, basics);
  const routers = memo.derived(compileOne, { stage: stages.routers, changed: work.events.compiled });
  return { routers, loops: loopStep(memo, work, basics), tests: testStep(memo, work, routers) };
}

/** A step for routers that exist; only those are asked for. */
function stepOf<T>(memo: Memo, { objects }: Work, make: (input: Input<"Router">, report: Report) => T): Step<T> {
  return memo.derived((name) => makeWith(objects, (report) => make(routerNamed(objects, name), report))).get;
}

function routerNamed({ inputs }: Objects, name: string): Input<"Router"> {
  return inputs.Router.get(name) as Input<"Router">; // only routers that exist are asked for
}

function basicSteps(memo: Memo, work: Work): Basics {
  const { objects: { inputs, list }, shared } = work;
  const routesAt = (router: string): Input<"ServiceRoute">[] => list(`routes at ${router}`).flatMap((name) => inputs.ServiceRoute.get(name) ?? []);
  const links = stepOf(memo, work, compileInterfaces);
  const peering = stepOf(memo, work, (input, report) => compilePeers({ input, inputs, tenants: shared.known, ...links(nameOf(input)).value, report }));
  const services = memo.derived((router) => servicesInUse({ routed: routesAt(router).map(routedService), serviceOf: (name) => shared.service(name).value, beside: shared.beside })).get;
  const routes = stepOf(memo, work, (input, report) => routesOf(nameOf(input), { work, basics: { links, peering, services }, routes: routesAt(nameOf(input)), report }));
  return { links, peering, services, routes };
}

/** The routes of a router, and the next hops that only they use. */
function routesOf(router: string, of: { work: Work; basics: Omit<Basics, "routes">; routes: Input<"ServiceRoute">[]; report: Report }): RouterParts["routes"] {
  const { work, basics, report } = of;
  const links = basics.links(router).value;
  const { peers, paths, nexthops: own } = basics.peering(router).value;
  const nexthops = [...links.nexthops, ...own];
  const known = nexthops.length;
  const routes = compileRoutes({ router, inputs: work.objects.inputs, routes: of.routes, services: basics.services(router), interfaces: links.interfaces, peers, paths, nexthops, report });
  return { routes, nexthops: nexthops.slice(known) };
}

function routerStep(memo: Memo, work: Work, { links, peering, services, routes }: Basics): (name: string) => Compiled {
  const { objects, shared } = work;
  const { inputs, list } = objects;
  const members = stepOf(memo, work, (input, report) => {
    const router = nameOf(input);
    const tenants = [...new Set([...list(`members at ${router}`), ...list("members at *")])].sort(compareNames).flatMap((name) => inputs.Tenant.get(name) ?? []);
    return compileMembers({ router, interfaces: links(router).value.interfaces, tenants, report });
  });
  const nat = stepOf(memo, work, (input, report) => {
    const { interfaces, locals } = links(nameOf(input)).value;
    return compileNat({ input, tenants: shared.known, interfaces, locals, services: services(nameOf(input)), routes: routes(nameOf(input)).value.routes, report });
  });
  const sessionTypes = stepOf(memo, work, (input, report) => compileSessionTypes(input, inputs, report));
  return (name) => {
    const parts = { links: links(name), peering: peering(name), routes: routes(name), members: members(name), nat: nat(name), sessionTypes: sessionTypes(name) };
    const config = assembleRouter(routerNamed(objects, name), {
      links: parts.links.value, peering: parts.peering.value, routes: parts.routes.value, members: parts.members.value, nat: parts.nat.value, sessionTypes: parts.sessionTypes.value,
      tenants: shared.tenants(), services: services(name),
    });
    return { config, findings: Object.values(parts).map(({ findings }) => findings) };
  };
}

function loopStep(memo: Memo, { objects, events }: Work, { routes }: Basics): RouterSteps["loops"] {
  const { inputs } = objects;
  const cheapest = memo.derived((router) => cheapestSteps(inputs.Router.has(router) ? routes(router).value.routes : []));
  return memo.derived((start) => [makeWith(objects, (report) => reportLoops(start, { cheapestOf: cheapest.get, inputs, report })).findings], { stage: stages.routers, changed: events.looped });
}

function testStep(memo: Memo, { objects, events }: Work, routers: Derived<Compiled>): RouterSteps["tests"] {
  const { inputs, list } = objects;
  const { only } = events;
  const failures = memo.derived((router) => {
    if (only?.has(router) === false) return [];
    const services = [...new Set([...list(`tests at ${router}`), ...list("tests at *")])].flatMap((name) => inputs.Service.get(name) ?? []);
    return services.length === 0 ? [] : failedTests(routers.get(router).config, services);
  });
  return memo.derived((name) => [makeWith(objects, (report) => {
    const input = inputs.Service.get(name);
    if (input !== undefined) reportTests(input, { routers: list("routers"), inputs, failuresAt: failures.get, report });
  }).findings], { stage: stages.routers, changed: events.tested });
}

function nameOf({ object: { metadata: { name } } }: Input<"Router">): string {
  return name;
}
