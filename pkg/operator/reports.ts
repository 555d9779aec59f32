// What routers report in the status of their Router: sessions of their busiest services, routes and tenants, denials, silent peers. The last
// report of each router that is heard of; a router that is gone or silent has none, so its counts are in no sum. Says which objects have
// other sums now, at a bounded pace: counts of ten thousand services change with every report. Made by operator.ts; sums.ts reads it.
import { tenantLine } from "../plan/entries.ts";
import type { KubeObject, KubeStore } from "../ports/kube.ts";
import type { Silence } from "./silence.ts";

/** Report is the last of one router; counts by `namespace/name` of services and routes and by name of tenants, whose counts hold those of their children. */
export interface Report {
  services: ReadonlyMap<string, number>;
  routes: ReadonlyMap<string, number>;
  tenants: ReadonlyMap<string, number>;
  /** by service: time and reason */
  denials: ReadonlyMap<string, string>;
  silentPeers: ReadonlySet<string>;
}

/** LastDenial of a service; news: it was reported while we listened, so it is the last one whatever the clocks of routers say. */
export interface LastDenial { text: string; isNews: boolean }

/** Reports are those of all routers. */
export interface Reports {
  of(router: string): Report | undefined;
  lastDenial(service: string): LastDenial | undefined;
  /** the service is gone */
  forget(service: string): void;
  /** the counts of this object are other ones: its turn will come */
  later(id: string): void;
  /** whether it is the object's turn to have other counts written; ends the turn */
  takeTurn(id: string): boolean;
  stop(): void;
}

/** ReportParts is what reports are read from, and who is told of turns. */
export interface ReportParts {
  routers: KubeStore;
  silence: Pick<Silence, "secondsOf">;
  /** ServiceRoutes that a router has, as `namespace/name` */
  routesAt: (router: string) => Iterable<string>;
  /** whether there is such an object */
  exists: (id: string) => boolean;
  /** the object's turn came */
  turn: (id: string) => void;
  every: (ms: number, work: () => void) => { stop(): void };
}

const TURNS_MS = 1_000;
const turnsAtOnce = 25; // writes of counts in a second, at most

/** createReports reads what the store has, and follows it. */
export function createReports(parts: ReportParts): Reports {
  const reports = new Map<string, Report>();
  const denials = new Map<string, LastDenial>();
  const waiting = new Set<string>(); // in the order in which they came
  const turns = new Set<string>();
  const later = (id: string): void => { if (parts.exists(id)) waiting.add(id); };
  const put = (router: string, after: Report | undefined): void => {
    const before = reports.get(router);
    if (after === undefined) reports.delete(router);
    else reports.set(router, after);
    for (const [kind, field] of summed) tellChanges(before?.[field], after?.[field], (name) => { later(`${kind} ${name}`); });
    if (before === undefined || after === undefined || !sameSet(before.silentPeers, after.silentPeers)) for (const route of parts.routesAt(router)) later(`ServiceRoute ${route}`);
    for (const [service, text] of after?.denials ?? []) noteDenial(denials, service, { text: `${text} at ${router}`, isFresh: before !== undefined, isSame: before?.denials.get(service) === text });
  };
  for (const object of parts.routers.list()) put(object.metadata.name, reportOf(object));
  const watch = parts.routers.watch(({ before, after }) => {
    if (after === undefined) return put(before?.metadata.name ?? "", undefined);
    if (timeOf(after) !== timeOf(before)) put(after.metadata.name, reportOf(after));
  });
  const timer = parts.every(TURNS_MS, () => {
    for (const router of [...reports.keys()]) if (parts.silence.secondsOf(router) !== undefined) put(router, undefined);
    for (const id of [...waiting].slice(0, turnsAtOnce)) {
      waiting.delete(id);
      turns.add(id);
      parts.turn(id);
    }
  });
  return {
    of: (router) => reports.get(router), lastDenial: (service) => denials.get(service), forget: (service) => void denials.delete(service),
    later, takeTurn: (id) => turns.delete(id),
    stop() { watch.stop(); timer.stop(); },
  };
}

/** What was there before we listened is only compared by its time. */
function noteDenial(denials: Map<string, LastDenial>, service: string, { text, isFresh, isSame }: { text: string; isFresh: boolean; isSame: boolean }): void {
  const known = denials.get(service);
  if (isSame || (!isFresh && known !== undefined && (known.isNews || known.text >= text))) return;
  denials.set(service, { text, isNews: isFresh });
}

interface Line { name?: unknown; sessions?: unknown; entered?: unknown; lastDenial?: unknown }

/** reportOf reads a status; what is not as it should be counts as nothing. */
export function reportOf(object: KubeObject): Report | undefined {
  if (timeOf(object) === undefined) return undefined;
  const { services, routes, tenants, silentPeers } = object["status"] as Record<string, unknown>;
  return {
    services: valuesIn(services, ({ entered }) => countOf(entered)), routes: valuesIn(routes, ({ sessions }) => countOf(sessions)), tenants: withChildren(valuesIn(tenants, ({ entered }) => countOf(entered))),
    denials: valuesIn(services, ({ lastDenial }) => (typeof lastDenial === "string" ? lastDenial : undefined)),
    silentPeers: new Set(Array.isArray(silentPeers) ? silentPeers.filter((name) => typeof name === "string") : []),
  };
}

function countOf(value: unknown): number | undefined {
  return typeof value === "number" && value > 0 ? value : undefined;
}

function valuesIn<T>(list: unknown, valueOf: (line: Line) => T | undefined): Map<string, T> {
  const values = new Map<string, T>();
  for (const line of Array.isArray(list) ? list as (Line | null)[] : []) {
    if (typeof line !== "object" || line === null || typeof line.name !== "string") continue;
    const value = valueOf(line);
    if (value !== undefined) values.set(line.name, value);
  }
  return values;
}

function withChildren(counts: ReadonlyMap<string, number>): Map<string, number> {
  const sums = new Map<string, number>();
  for (const [name, count] of counts) for (const one of tenantLine(name)) sums.set(one, (sums.get(one) ?? 0) + count);
  return sums;
}

/** Which objects a list of a report is about. */
const summed = [["Service", "services"], ["Service", "denials"], ["ServiceRoute", "routes"], ["Tenant", "tenants"]] as const;

const nothing: ReadonlyMap<string, unknown> = new Map();

function tellChanges(before: ReadonlyMap<string, unknown> = nothing, after: ReadonlyMap<string, unknown> = nothing, told: (name: string) => void): void {
  for (const [name, value] of after) if (before.get(name) !== value) told(name);
  for (const name of before.keys()) if (!after.has(name)) told(name);
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one));
}

function timeOf(object: KubeObject | undefined): unknown {
  return (object?.["status"] as { time?: unknown } | undefined)?.time;
}
