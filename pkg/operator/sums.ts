// What a status tells of the reports of routers: sessions summed, ways that are up, the last denial. Pure; called by statuses.ts.
import type { ServiceRoute } from "../api/serviceroute.ts";
import { compareNames } from "../plan/entries.ts";
import type { RouteConfig, RouterConfig } from "../plan/config.ts";
import type { Report, Reports } from "./reports.ts";

/** SumParts is what is summed; `routers` are those that use the object. */
export interface SumParts {
  reports: Pick<Reports, "of" | "lastDenial">;
  configOf: (router: string) => Pick<RouterConfig, "routes"> | undefined;
  /** the router has programmed the object */
  isProgrammed: (router: string) => boolean;
}

/** serviceSums counts the sessions of a service where they entered; `before` is the last denial that its status tells. */
export function serviceSums({ reports }: Pick<SumParts, "reports">, of: { name: string; routers: readonly string[]; before: unknown }): { sessions: number; lastDenial?: string } {
  const last = lastDenial(reports.lastDenial(of.name), of.before);
  return { sessions: sumOf(reports, of.routers, (report) => report.services.get(of.name)), ...(last !== undefined && { lastDenial: last }) };
}

/** tenantSums counts the sessions of a tenant and its children where they entered. */
export function tenantSums({ reports }: Pick<SumParts, "reports">, of: { name: string; routers: readonly string[] }): { sessions: number } {
  return { sessions: sumOf(reports, of.routers, (report) => report.tenants.get(of.name)) };
}

/** routeSums counts the sessions of a route at each router, and its ways: up and all. */
export function routeSums(parts: SumParts, of: { name: string; route: ServiceRoute; routers: readonly string[] }): { sessions: number; up: string } {
  const { name, route: { metadata, spec }, routers } = of;
  const service = `${metadata.namespace}/${spec.serviceRef.name}`;
  let up = 0, all = 0;
  for (const router of routers) {
    const report = parts.isProgrammed(router) ? parts.reports.of(router) : undefined;
    for (const way of routesTo(parts.configOf(router)?.routes ?? [], service)) {
      if (way.route !== name) continue;
      const ways = way.kind === "host" ? way.targets.length : 1;
      all += ways;
      if (report !== undefined && (way.kind !== "peer" || !report.silentPeers.has(way.peer))) up += ways;
    }
  }
  return { sessions: sumOf(parts.reports, routers, (report) => report.routes.get(name)), up: `${up}/${all}` };
}

/** roundedCount keeps three digits: of thousands of sessions some always come and go, and each other number is a write. */
export function roundedCount(count: number): number {
  return count < 1_000 ? count : Number(count.toPrecision(3));
}

const largest = 2_147_483_647; // of the schema

function sumOf(reports: SumParts["reports"], routers: readonly string[], count: (report: Report) => number | undefined): number {
  const sum = routers.reduce((total, router) => {
    const report = reports.of(router);
    return total + (report === undefined ? 0 : count(report) ?? 0);
  }, 0);
  return Math.min(roundedCount(sum), largest);
}

function lastDenial(known: ReturnType<Reports["lastDenial"]>, before: unknown): string | undefined {
  const old = typeof before === "string" ? before : undefined;
  if (known === undefined || old === undefined) return known?.text ?? old;
  return known.isNews || known.text > old ? known.text : old;
}

/** Routes are sorted by service. */
function* routesTo(routes: readonly RouteConfig[], service: string): Iterable<RouteConfig> {
  let low = 0, high = routes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareNames(routes[middle]?.service ?? "", service) < 0) low = middle + 1;
    else high = middle;
  }
  for (let at = low; at < routes.length; at++) {
    const route = routes[at];
    if (route?.service !== service) return;
    yield route;
  }
}
