// Sums of any reports equal a plain count over what the routers said last: whatever the order of reports, routers that go, fall silent
// and speak again. And turns: a bounded number in a second, each object once.
import fc from "fast-check";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import type { ServiceRoute } from "../api/serviceroute.ts";
import { tenantLine } from "../plan/entries.ts";
import type { RouteConfig } from "../plan/config.ts";
import { createReports, reportOf } from "./reports.ts";
import { resourceOf } from "../api/resources.ts";
import { createSilence } from "./silence.ts";
import { roundedCount, routeSums, serviceSums, tenantSums } from "./sums.ts";

const apiVersion = "opensvr.io/v1alpha1";
const router = resourceOf("Router");
const names = ["r1", "r2", "r3", "r4"];
const services = ["d/a", "d/b", "d/c"], tenants = ["acme", "x.acme", "y.x.acme", "other"];

interface Said { services: { name: string; sessions: number; entered: number; lastDenial?: string }[]; routes: { name: string; sessions: number; entered: number }[]; tenants: { name: string; sessions: number; entered: number }[]; silentPeers: string[] }

const line = (of: readonly string[]): fc.Arbitrary<{ name: string; sessions: number; entered: number }[]> =>
  fc.uniqueArray(fc.record({ name: fc.constantFrom(...of), sessions: fc.nat(5_000), entered: fc.nat(700) }), { selector: ({ name }) => name });
const said: fc.Arbitrary<Said> = fc.record({ services: line(services), routes: line(services), tenants: line(tenants), silentPeers: fc.subarray(names) });
const step = fc.oneof(fc.record({ router: fc.constantFrom(...names), said }), fc.record({ gone: fc.constantFrom(...names) }), fc.record({ passes: fc.constantFrom(10_000, 60_000, 120_000) }));

/** By the words of the conventions: sums of what routers said that are there and were heard of in 95 s. */
function oracle(state: ReadonlyMap<string, { said: Said; atMs: number }>, nowMs: number): { live: Map<string, Said>; service: (name: string) => number; tenant: (name: string) => number; route: (name: string) => number } {
  const live = new Map([...state].filter(([, one]) => nowMs - one.atMs < 95_000).map(([name, one]) => [name, one.said]));
  const sum = (count: (one: Said) => number): number => roundedCount([...live.values()].reduce((total, one) => total + count(one), 0));
  return {
    live, service: (name) => sum((one) => one.services.find((other) => other.name === name)?.entered ?? 0), route: (name) => sum((one) => one.routes.find((other) => other.name === name)?.sessions ?? 0),
    tenant: (name) => sum((one) => one.tenants.filter((other) => tenantLine(other.name).includes(name)).reduce((total, other) => total + other.entered, 0)),
  };
}

test("sums over random reports equal the oracle", async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const kube = new MemoryKube(), store = kube.follow(router);
    let nowMs = 0, number = 0, turn = (): void => undefined;
    const silence = createSilence(store, () => nowMs);
    const reports = createReports({ routers: store, silence, routesAt: () => [], exists: () => true, turn: () => undefined, every: (_ms, work) => { turn = work; return { stop: () => undefined }; } });
    const state = new Map<string, { said: Said; atMs: number }>();
    for (const one of steps) {
      if ("passes" in one) nowMs += one.passes;
      else if ("gone" in one) { state.delete(one.gone); await kube.remove(router, { name: one.gone }); }
      else {
        if ((await kube.get(router, { name: one.router })) === undefined) await kube.create(router, { apiVersion, kind: "Router", metadata: { name: one.router }, spec: {} });
        await kube.status(router, { name: one.router }, { ...one.said, time: String(number += 1) });
        state.set(one.router, { said: one.said, atMs: nowMs });
      }
      turn();
    }
    const want = oracle(state, nowMs);
    for (const name of services) expect(serviceSums({ reports }, { name, routers: names, before: undefined })).toEqual({ sessions: want.service(name) });
    for (const name of tenants) expect(tenantSums({ reports }, { name, routers: names })).toEqual({ sessions: want.tenant(name) });
    const ways = services.flatMap((service): RouteConfig[] => [{ service, route: "d/b", kind: "peer", peer: "r2" }, { service, route: "d/x", kind: "peer", peer: "r1" }, { service, route: "d/b", kind: "host", targets: [1, 2, 3] }] as never);
    const route = { metadata: { name: "b", namespace: "d" }, spec: { serviceRef: { name: "b" } } } as ServiceRoute;
    const up = names.filter((name) => name !== "r3" && want.live.has(name)).reduce((total, name) => total + 3 + (want.live.get(name)?.silentPeers.includes("r2") === true ? 0 : 1), 0);
    expect(routeSums({ reports, configOf: () => ({ routes: ways }), isProgrammed: (name) => name !== "r3" }, { name: "d/b", route, routers: names })).toEqual({ sessions: want.route("d/b"), up: `${up}/16` });
  }), { numRuns: 200 });
});

test("a service is counted at routers that use it only, and a report of any shape is read", () => {
  const report = reportOf({ apiVersion, kind: "Router", metadata: { name: "r1" }, status: { time: "t", services: [null, 7, { name: 3 }, { name: "d/a", entered: "9" }, { name: "d/b", entered: -4 }, { name: "d/c", entered: 5, lastDenial: 8 }], routes: "no", silentPeers: [1, "r2"] } });
  expect(report).toEqual({ services: new Map([["d/c", 5]]), routes: new Map(), tenants: new Map(), denials: new Map(), silentPeers: new Set(["r2"]) });
  expect(reportOf({ apiVersion, kind: "Router", metadata: { name: "r1" }, status: { conditions: [] } })).toBeUndefined();
  const reports = { of: (name: string) => (name === "r1" ? report : undefined), lastDenial: () => undefined };
  expect([serviceSums({ reports }, { name: "d/c", routers: ["r1", "r2"], before: "old" }), serviceSums({ reports }, { name: "d/c", routers: ["r2"], before: undefined })]).toEqual([{ sessions: 5, lastDenial: "old" }, { sessions: 0 }]);
});

test("three digits of a count are kept", () => {
  expect([0, 999, 1_004, 1_234_567, 99_960].map(roundedCount)).toEqual([0, 999, 1_000, 1_230_000, 100_000]);
});

test("turns come in the order of the changes, 25 in a second, once for many changes; only for objects that are there", async () => {
  const kube = new MemoryKube(), store = kube.follow(router);
  const [told, timers]: [string[], (() => void)[]] = [[], []];
  const reports = createReports({ routers: store, silence: { secondsOf: () => undefined }, routesAt: () => ["d/route"], exists: (id) => !id.endsWith("gone"), turn: (id) => { told.push(id); }, every: (_ms, work) => { timers.push(work); return { stop: () => undefined }; } });
  await kube.create(router, { apiVersion, kind: "Router", metadata: { name: "r1" }, spec: {} });
  const report = async (time: string, entered: number): Promise<void> => kube.status(router, { name: "r1" }, { time, services: Array.from({ length: 60 }, (_, n) => ({ name: n === 59 ? "d/gone" : `d/s${n}`, entered })), silentPeers: [] });
  await report("1", 1);
  await report("2", 2);
  expect(told).toEqual([]);
  const second = (): number => { const before = told.length; for (const work of timers) work(); return told.length - before; };
  expect([second(), second(), second(), second()]).toEqual([25, 25, 10, 0]);
  expect([told[0], told.at(-1), new Set(told).size]).toEqual(["Service d/s0", "ServiceRoute d/route", 60]);
  expect([reports.takeTurn("Service d/s0"), reports.takeTurn("Service d/s0"), reports.takeTurn("Service d/gone")]).toEqual([true, false, false]);
  await report("3", 2);
  expect(second()).toBe(0); // nothing changed
  reports.stop();
});

test("the last denial is the one that was heard of last, whatever the clocks of routers say; of those from before we listened the latest", async () => {
  const kube = new MemoryKube(), store = kube.follow(router);
  const deny = async (name: string, lastDenial: string | undefined, time: string): Promise<void> => kube.status(router, { name }, { time, services: lastDenial === undefined ? [] : [{ name: "d/a", lastDenial }] });
  for (const name of ["r1", "r2"]) await kube.create(router, { apiVersion, kind: "Router", metadata: { name }, spec: {} });
  await deny("r1", "2026-01-05T00:00:00Z access", "1");
  await deny("r2", "2026-01-04T00:00:00Z access", "1");
  const reports = createReports({ routers: store, silence: { secondsOf: () => undefined }, routesAt: () => [], exists: () => true, turn: () => undefined, every: () => ({ stop: () => undefined }) });
  const last = (before?: string): string | undefined => serviceSums({ reports }, { name: "d/a", routers: [], before }).lastDenial;
  expect([last(), last("2026-01-06T00:00:00Z state at r3"), last("2026-01-01T00:00:00Z state at r3")]).toEqual(["2026-01-05T00:00:00Z access at r1", "2026-01-06T00:00:00Z state at r3", "2026-01-05T00:00:00Z access at r1"]);
  await deny("r2", "2025-01-01T00:00:00Z limit", "2"); // its clock was set back
  expect(last("2026-01-06T00:00:00Z state at r3")).toBe("2025-01-01T00:00:00Z limit at r2");
  await deny("r1", "2026-01-05T00:00:00Z access", "2");
  await deny("r2", undefined, "3"); // started again
  expect(last("2026-01-06T00:00:00Z state at r3")).toBe("2025-01-01T00:00:00Z limit at r2");
  reports.forget("d/a");
  expect(last()).toBeUndefined();
});
