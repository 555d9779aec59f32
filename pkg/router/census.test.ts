// The census: who has how many sessions, who was denied last, within its bounds.
import { Role } from "../svr/session.ts";
import { busiestOfKind, createCensus } from "./census.ts";
import type { Census } from "./census.ts";
import type { Denial } from "./recordwriter.ts";

type Live = [tenant: number, service: number, route: number, role: number];

/** A census over sessions, a few a page; 1000 and more are names of services, 2000 of routes, 1 of a tenant, 9 of nothing. */
function censusOf(live: readonly Live[], size = 3): Census {
  const nameOf = (id: number): string | undefined => (id === 9 ? undefined : id >= 2_000 ? `route/d/r${id}` : id >= 1_000 ? `service/d/s${id}` : `tenant/t${id}`);
  return createCensus({
    datapath: { nameOf, count: (at, _max, told) => { for (const one of live.slice(at, at + size)) told(...one); return at + size < live.length ? at + size : undefined; } },
    pace: { piece: (work) => Promise.resolve(work()) }, clock: { monotonicMs: () => 0, unixMs: () => 1_767_225_600_000 },
  });
}

const denial = (service: string, reason = "access"): Denial => ({ reason, service } as Denial);

test("sessions are counted where they are, and where they entered; what has no name any more is left out", async () => {
  const census = censusOf([[1, 1_000, 2_000, Role.ingress], [1, 1_000, 2_000, Role.transit], [2, 1_001, 2_000, Role.single], [1, 1_001, 2_001, Role.egress], [3, 1_002, 2_002, Role.egress], [9, 9, 9, Role.single]]);
  expect(census.latest()).toBeUndefined();
  await census.take();
  expect(census.latest()).toEqual({
    services: [{ name: "d/s1000", sessions: 2, entered: 1 }, { name: "d/s1001", sessions: 2, entered: 1 }, { name: "d/s1002", sessions: 1 }],
    routes: [{ name: "d/r2000", sessions: 3 }, { name: "d/r2001", sessions: 1 }, { name: "d/r2002", sessions: 1 }],
    tenants: [{ name: "t1", sessions: 3, entered: 1 }, { name: "t2", sessions: 1, entered: 1 }, { name: "t3", sessions: 1 }],
  });
});

test("the busiest 200, and among the services the 50 that were denied last, by their time and reason", async () => {
  const live = Array.from({ length: 300 }, (_, n): Live[] => Array.from({ length: n < 10 ? 2 : 1 }, (): Live => [1, 1_000 + n, 2_000 + n, Role.single])).flat();
  const census = censusOf(live, 100);
  census.denied([denial("d/s1299"), { ...denial("d/s1299"), service: undefined } as unknown as Denial, denial("d/gone", "limit"), denial("d/s1299", "state")]);
  await census.take();
  const { services = [], routes = [] } = census.latest() ?? {};
  expect([services.length, routes.length, services[0], services.slice(0, 10).every((one) => one.sessions === 2)]).toEqual([busiestOfKind, busiestOfKind, { name: "d/s1000", sessions: 2, entered: 2 }, true]);
  expect(services.filter((one) => one.denied !== undefined)).toEqual([
    { name: "d/s1299", sessions: 1, entered: 1, denied: 2, lastDenial: "2026-01-01T00:00:00Z state" }, { name: "d/gone", sessions: 0, denied: 1, lastDenial: "2026-01-01T00:00:00Z limit" },
  ]);
  census.denied(Array.from({ length: 2_000 }, (_, n) => denial(`d/n${n}`)));
  await census.take();
  const denied = (census.latest()?.services ?? []).filter((one) => one.denied !== undefined).map(({ name }) => name);
  expect([denied.length, denied.includes("d/n1999"), denied.includes("d/s1299")]).toEqual([50, true, false]);
});

test("a census that is stopped asks the data plane no more, and tells what it had", async () => {
  let asked = 0;
  const census = createCensus({ datapath: { nameOf: () => undefined, count: () => (asked += 1) }, pace: { piece: async (work) => { const done = work(); if (asked === 3) census.stop(); return Promise.resolve(done); } }, clock: { monotonicMs: () => 0, unixMs: () => 0 } });
  await census.take();
  expect([asked, census.latest()]).toEqual([3, undefined]);
});

test("much work is followed by much rest, so that counting costs a hundredth of a CPU", async () => {
  let nowMs = 0, counts = 0;
  const take = (census: Census): Promise<number> => census.take().then(() => counts);
  const of = (workMs: number): Census => createCensus({ datapath: { nameOf: () => undefined, count: () => { counts += 1; nowMs += workMs; return undefined; } }, pace: { piece: (work) => Promise.resolve(work()) }, clock: { monotonicMs: () => nowMs, unixMs: () => 0 } });
  const quick = of(50), slow = of(1_000);
  expect([await take(quick), await take(quick)]).toEqual([1, 1]);
  nowMs += 5_000;
  expect([await take(quick), await take(slow)]).toEqual([2, 3]);
  nowMs += 19_999;
  expect(await take(slow)).toBe(3);
  nowMs += 1;
  expect(await take(slow)).toBe(4);
});
