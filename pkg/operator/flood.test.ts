// Reports of routers whose counts never stand still are no flood of writes: so many in a second, an object once in 5 s; and when they do
// stand still, every status soon says what the routers say.
import { kindNames } from "../api/kinds.ts";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { createPlanner } from "../plan/planner.ts";
import type { KubeObject } from "../ports/kube.ts";
import { createBook } from "./book.ts";
import { createInventory } from "./inventory.ts";
import { plan } from "./planning.ts";
import { createReports } from "./reports.ts";
import { namespaces, planned, resourceOf, routerConfigs } from "../api/resources.ts";
import { createSilence } from "./silence.ts";
import { reconcileStatus } from "./statuses.ts";
import type { StatusParts } from "./statuses.ts";
import { followUsers } from "./users.ts";

const apiVersion = "opensvr.io/v1alpha1";
const SERVICES = 80, ROUTERS = 4, EVERY_S = 27;
const router = resourceOf("Router"), service = resourceOf("Service");
const names = (count: number, of: string): string[] => Array.from({ length: count }, (_, n) => `${of}${n}`);
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

function objects(): KubeObject[] {
  const namespace = "d";
  return [
    { apiVersion, kind: "Tenant", metadata: { name: "a" }, spec: { serviceNamespaces: { names: [namespace] } } },
    ...names(ROUTERS, "r").map((name): KubeObject => ({ apiVersion, kind: "Router", metadata: { name }, spec: { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.255.254/16"] }] } })),
    ...names(SERVICES, "s").flatMap((name, n): KubeObject[] => [
      { apiVersion, kind: "Service", metadata: { name, namespace }, spec: { addresses: [`10.1.${n}.1`], access: [{ tenant: "a" }] } },
      { apiVersion, kind: "ServiceRoute", metadata: { name, namespace }, spec: { serviceRef: { name }, routers: names(ROUTERS, "r"), type: "Local", local: { interface: "lan0" } } },
    ]),
  ];
}

interface World { kube: MemoryKube; parts: StatusParts; /** one second later */ second(): Promise<string[]>; report(name: string, counts: readonly number[]): Promise<void> }

/** An operator's statuses with a queue that runs what is due, once a second. */
async function world(): Promise<World> {
  const kube = new MemoryKube(), due = new Map<string, number>();
  let nowMs = 0, reported = 0, turn = (): void => undefined;
  await kube.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "d" } });
  for (const one of objects()) await kube.create(resourceOf(one.kind as "Router"), one);
  const stores = new Map(kindNames.map((kind) => [kind, kube.follow(planned[kind])]));
  const inventory = createInventory({ stores, namespaces: kube.follow(namespaces), changed: () => undefined }), planner = createPlanner(), book = createBook();
  plan({ inventory, planner, book, log: quiet, nowMs: () => nowMs, concerned: (_routers, ids) => { for (const id of ids) due.set(id, 0); } });
  for (const name of names(ROUTERS, "r")) {
    book.wanted(name, "hash");
    book.acked(name, "hash");
  }
  const silence = createSilence(stores.get("Router")!, () => nowMs);
  const reports = createReports({ routers: stores.get("Router")!, silence, routesAt: () => [], exists: (id) => inventory.object(id) !== undefined, turn: (id) => { due.set(id, nowMs); }, every: (_ms, work) => { turn = work; return { stop: () => undefined }; } });
  const parts: StatusParts = { kube, inventory, planner, configOf: (name) => planner.config(name), book, configs: kube.follow(routerConfigs), silence, reports, users: followUsers(stores.get("Service")!, () => undefined), clock: { monotonicMs: () => nowMs, unixMs: () => nowMs }, events: { emit: () => undefined, dropped: () => 0 }, leads: () => true, written: new Map(), waiting: new Set() };
  return {
    kube, parts,
    async second() {
      const from = kube.calls.length;
      turn();
      for (const [id, atMs] of [...due]) {
        if (atMs > nowMs) continue;
        due.delete(id);
        const outcome = await reconcileStatus(parts, id);
        if ("after" in outcome) due.set(id, nowMs + outcome.after);
      }
      nowMs += 1_000;
      return kube.calls.slice(from);
    },
    report: async (name, counts) => kube.status(router, { name }, { ...(await kube.get(router, { name }))?.["status"] as object, time: String(reported += 1), services: counts.map((entered, n) => ({ name: `d/s${n}`, sessions: entered, entered })), routes: counts.map((sessions, n) => ({ name: `d/s${n}`, sessions })), tenants: [{ name: "a", sessions: 1, entered: counts.reduce((sum, one) => sum + one, 0) }], silentPeers: [] }),
  };
}

test("no flood of writes while all counts change with every report, and all of them right when they stand still", async () => {
  const { kube, second, report } = await world();
  await second(); // every object is written for the first time
  const last = new Map<string, number>();
  let most = 0, all = 0, soonest = Infinity;
  const watch = (calls: readonly string[], at: number): void => {
    [most, all] = [Math.max(most, calls.length), all + calls.length];
    for (const call of calls) {
      soonest = Math.min(soonest, at - (last.get(call) ?? -Infinity));
      last.set(call, at);
    }
  };
  const counts = (at: number, n: number): number => (at * 7 + n * 13) % 90;
  for (let at = 0; at < 120; at += 1) {
    for (const [n, name] of names(ROUTERS, "r").entries()) if (at % EVERY_S === n * 5) await report(name, names(SERVICES, "").map((_one, place) => counts(at, place + n)));
    watch(await second(), at);
  }
  expect([most <= 25, soonest >= 5, all > 300]).toEqual([true, true, true]);
  const final = names(SERVICES, "").map((_one, n) => 1 + n);
  for (const name of names(ROUTERS, "r")) await report(name, final);
  const turns = Math.ceil((2 * SERVICES + 1) / 25) + 10;
  for (let at = 120; at < 120 + turns; at += 1) watch(await second(), at);
  const sessions = (await kube.list(service)).map(({ metadata, status }) => [metadata.name, (status as { sessions: number }).sessions] as const);
  expect(Object.fromEntries(sessions)).toEqual(Object.fromEntries(final.map((count, n) => [`s${n}`, ROUTERS * count])));
  expect([most <= 25, soonest >= 5, await second()]).toEqual([true, true, []]);
});
