// How many live sessions each service, route and tenant has, and what was denied of a service last: what a router in a cluster reports
// of its busiest ones (conventions 1.5). All sessions are looked at, in pieces, at the pace of readers of whole tables. Made by the
// app; denials come from the record pump.
import type { Clock } from "../ports/clock.ts";
import type { Datapath } from "../ports/datapath.ts";
import { Role } from "../svr/session.ts";
import { kindOf, plainName } from "./names.ts";
import type { NameKind } from "./names.ts";
import type { Pace } from "./pace.ts";
import type { Denial } from "./recordwriter.ts";

/** BusyName is a service, route or tenant with its live sessions here. */
export interface BusyName { name: string; sessions: number }

/** BusyUser is a service or tenant; `entered`, when there are any, are its sessions that came from a host, not from a peer. */
export interface BusyUser extends BusyName { entered?: number }

/** BusyService is a service; `denied` counts flows that were refused, as reported (behaviour 2.6), since this process began. */
export interface BusyService extends BusyUser { denied?: number; /** time (RFC 3339) and reason */ lastDenial?: string }

/** Busiest are the first of each kind, most sessions first; a thousand routers write it twice a minute, so it says nothing twice. */
export interface Busiest { services: BusyService[]; routes: BusyName[]; tenants: BusyUser[] }

/** Census counts when told, and gives what it counted last. */
export interface Census {
  /** rejects when the table cannot be read; one at a time, and not again before it has rested for a hundred times the work, 20 s at most */
  take(): Promise<void>;
  denied(denials: readonly Denial[]): void;
  /** undefined: not counted yet */
  latest(): Busiest | undefined;
  /** the data plane is asked no more */
  stop(): void;
}

/** CensusParts is what it counts in. */
export interface CensusParts { datapath: Pick<Datapath, "count" | "nameOf">; pace: Pace; clock: Clock }

const PAGE = 16_384;                       // sessions of one piece: some milliseconds
/** busiestOfKind is how many of a kind are reported. */
export const busiestOfKind = 200;
const REST_WORK = 100, REST_MS = 20_000;   // a million sessions: 0.2 s of work
const lastDenied = 50;                     // of these services the ones that were denied last are among them
const DENIED_MOST = 1_024;                 // remembered; the one that was denied longest ago is forgotten

interface Refusals { count: number; last: string }
type Counts = Map<number, { sessions: number; entered: number }>;
type NameOf = (id: number) => string | undefined;

/** createCensus starts with nothing counted. */
export function createCensus({ datapath, pace, clock }: CensusParts): Census {
  const refusals = new Map<string, Refusals>(); // the last one of all last
  const nameOf = createNames(datapath);
  let latest: Busiest | undefined, running: Promise<void> | undefined, isOver = false, restedMs = -Infinity;
  const count = async (): Promise<void> => {
    const services: Counts = new Map(), routes: Counts = new Map(), tenants: Counts = new Map();
    const told = (tenant: number, service: number, route: number, role: number): void => {
      const entered = role === Role.single || role === Role.ingress ? 1 : 0;
      add(tenants, tenant, entered);
      add(services, service, entered);
      add(routes, route, entered);
    };
    let workMs = 0;
    const page = (from: number) => (): number | undefined => {
      if (isOver) return undefined;
      const startMs = clock.monotonicMs(), next = datapath.count(from, PAGE, told);
      workMs += clock.monotonicMs() - startMs;
      return next;
    };
    for (let at: number | undefined = 0; at !== undefined;) at = await pace.piece(page(at));
    restedMs = clock.monotonicMs() + Math.min(REST_MS, REST_WORK * workMs);
    if (isOver) return;
    latest = {
      services: busyServices(usersIn(services, "service", nameOf), refusals), tenants: firstOf(usersIn(tenants, "tenant", nameOf)),
      routes: firstOf(usersIn(routes, "route", nameOf)).map(({ name, sessions }) => ({ name, sessions })),
    };
  };
  return {
    take: () => (clock.monotonicMs() < restedMs ? Promise.resolve() : running ??= count().finally(() => { running = undefined; })),
    denied(denials) {
      const time = `${new Date(clock.unixMs()).toISOString().slice(0, 19)}Z`;
      for (const { service, reason } of denials) if (service !== undefined) note(refusals, service, `${time} ${reason}`);
    },
    latest: () => latest,
    stop() { isOver = true; },
  };
}

function add(counts: Counts, id: number, entered: number): void {
  const one = counts.get(id);
  if (one === undefined) return void counts.set(id, { sessions: 1, entered });
  one.sessions += 1;
  one.entered += entered;
}

function note(refusals: Map<string, Refusals>, service: string, last: string): void {
  const count = (refusals.get(service)?.count ?? 0) + 1;
  refusals.delete(service);
  refusals.set(service, { count, last });
  const [oldest] = refusals.keys();
  if (refusals.size > DENIED_MOST && oldest !== undefined) refusals.delete(oldest);
}

/** A number keeps its name while the process lives; there are at most 65,535. */
function createNames(datapath: Pick<Datapath, "nameOf">): NameOf {
  const known = new Map<number, string>();
  return (id) => {
    const name = known.get(id) ?? datapath.nameOf(id);
    if (name !== undefined) known.set(id, name);
    return name;
  };
}

function usersIn(counts: Counts, kind: NameKind, nameOf: NameOf): BusyUser[] {
  return [...counts].flatMap(([id, { sessions, entered }]) => {
    const key = nameOf(id);
    return key === undefined || kindOf(key) !== kind ? [] : [{ name: plainName(key), sessions, ...(entered > 0 && { entered }) }];
  });
}

function byBusiness(a: BusyName, b: BusyName): number {
  return b.sessions - a.sessions || (a.name < b.name ? -1 : 1);
}

function firstOf<T extends BusyName>(names: T[]): T[] {
  return names.sort(byBusiness).slice(0, busiestOfKind);
}

/** Those that were denied last, and then those with the most sessions. */
function busyServices(counted: readonly BusyUser[], refusals: ReadonlyMap<string, Refusals>): BusyService[] {
  const all = new Map(counted.map((one) => [one.name, one]));
  const denied = [...refusals.keys()].slice(-lastDenied);
  const chosen = new Map(denied.map((name): [string, BusyUser] => [name, all.get(name) ?? { name, sessions: 0 }]));
  for (const one of [...counted].sort(byBusiness)) {
    if (chosen.size >= busiestOfKind) break;
    chosen.set(one.name, one);
  }
  return [...chosen.values()].sort(byBusiness).map((one) => {
    const refused = refusals.get(one.name);
    return refused === undefined ? one : { ...one, denied: refused.count, lastDenial: refused.last };
  });
}
