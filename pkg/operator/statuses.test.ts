// Statuses: written when they differ, the first change at once and then at most once in 5 s an object, by the leader only; silence of a
// router is told by our own clock; acknowledgements bring those back that wait.
import { kindNames } from "../api/kinds.ts";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { createPlanner } from "../plan/planner.ts";
import type { KubeEvent, KubeObject, WorkQueue } from "../ports/kube.ts";
import { followAcks } from "./acks.ts";
import { createBook } from "./book.ts";
import { createInventory } from "./inventory.ts";
import { plan } from "./planning.ts";
import { namespaces, planned, resourceOf, routerConfigs } from "../api/resources.ts";
import { createReports } from "./reports.ts";
import { createSilence } from "./silence.ts";
import { reconcileStatus } from "./statuses.ts";
import type { StatusParts } from "./statuses.ts";
import { followUsers } from "./users.ts";

const apiVersion = "opensvr.io/v1alpha1";
const router: KubeObject = { apiVersion, kind: "Router", metadata: { name: "r1" }, spec: { interfaces: [{ name: "lan0", type: "LAN" }] } };
const id = "Router r1";

async function world(): Promise<{ kube: MemoryKube; parts: StatusParts; now: { ms: number; leads: boolean }; events: KubeEvent[]; turn(): void; run(one?: string): Promise<unknown>; ready(): Promise<string>; compile(): void }> {
  const kube = new MemoryKube();
  const now = { ms: 1_000_000, leads: true };
  const events: KubeEvent[] = [];
  await kube.create(resourceOf("Router"), router);
  const stores = new Map(kindNames.map((kind) => [kind, kube.follow(planned[kind])]));
  const inventory = createInventory({ stores, namespaces: kube.follow(namespaces), changed: () => undefined });
  const [planner, book] = [createPlanner(), createBook()];
  const clock = { monotonicMs: () => now.ms, unixMs: () => now.ms };
  const silence = createSilence(stores.get("Router")!, () => now.ms), turns: (() => void)[] = [];
  const reports = createReports({ routers: stores.get("Router")!, silence, routesAt: (name) => new Set(planner.config(name)?.routes.map(({ route }) => route)), exists: (one) => inventory.object(one) !== undefined, turn: () => undefined, every: (_ms, work) => { turns.push(work); return { stop: () => undefined }; } });
  const parts: StatusParts = {
    kube, inventory, planner, configOf: (name) => planner.config(name), book, configs: kube.follow(routerConfigs, { fieldSelector: "spec.type=Head" }), silence, reports, users: followUsers(stores.get("Service")!, () => undefined), clock,
    events: { emit: (event) => { events.push(event); }, dropped: () => 0 }, leads: () => now.leads, written: new Map(), waiting: new Set(),
  };
  const compile = (): void => {
    plan({ inventory, planner, book, log: { info: () => undefined, warn: () => undefined, error: () => undefined }, nowMs: () => now.ms, concerned: () => undefined });
    book.wanted("r1", JSON.stringify(planner.config("r1")));
  };
  compile();
  const ready = async (): Promise<string> => {
    const conditions = ((await kube.get(resourceOf("Router"), { name: "r1" }))?.["status"] as { conditions?: { type: string; status: string; reason: string }[] } | undefined)?.conditions ?? [];
    return conditions.filter(({ type }) => type === "Ready").map(({ status, reason }) => `${status} ${reason}`).join();
  };
  return { kube, parts, now, events, compile, ready, turn: () => { for (const work of turns) work(); }, run: (one = id) => reconcileStatus(parts, one) };
}

test("the first change is written at once, the next in 5 s, and what is the same not at all", async () => {
  const { kube, parts, now, run, ready, events } = await world();
  expect([await run(), await ready(), parts.waiting.has(id)]).toEqual([{ after: 30_000 }, "False Pending", true]);
  const writes = kube.calls.length;
  await run();
  expect(kube.calls).toHaveLength(writes);
  parts.book.acked("r1", parts.book.wantedHash("r1"));
  now.ms += 2_000;
  expect([await run(), await ready()]).toEqual([{ after: 3_000 }, "False Pending"]);
  now.ms += 3_000;
  expect([await run(), await ready(), parts.waiting.has(id)]).toEqual([{ after: 30_000 }, "True Ready", false]);
  expect(events).toEqual([]); // the way of each edit is no news
});

test("who does not lead writes nothing; an object that is gone is forgotten", async () => {
  const { kube, parts, now, run, ready, compile } = await world();
  now.leads = false;
  expect([await run(), await ready()]).toEqual([{ after: 30_000 }, ""]);
  now.leads = true;
  await run();
  await kube.remove(resourceOf("Router"), { name: "r1" });
  compile();
  expect([await run(), parts.written.size, parts.waiting.size]).toEqual([{ done: true }, 0, 0]);
  expect(await reconcileStatus(parts, "Oddity x")).toEqual({ done: true });
});

test("a router that is not heard of any more is told, whatever time it wrote; facts of it end the silence", async () => {
  const { kube, parts, now, run, ready, events } = await world();
  const heard = async (time: string): Promise<void> => kube.status(resourceOf("Router"), { name: "r1" }, { ...((await kube.get(resourceOf("Router"), { name: "r1" }))?.["status"] as object), time });
  parts.book.acked("r1", parts.book.wantedHash("r1"));
  await heard("1970-01-01T00:00:00Z");
  await run();
  expect(await ready()).toBe("True Ready");
  now.ms += 94_000;
  await run();
  expect(await ready()).toBe("True Ready");
  now.ms += 2_000;
  await run();
  expect(await ready()).toBe("Unknown NoAnswer");
  await heard("1969-12-31T00:00:00Z"); // its clock was set back
  now.ms += 6_000;
  await run();
  expect([await ready(), events.map(({ type, reason }) => `${type} ${reason}`)]).toEqual(["True Ready", ["Warning NoAnswer", "Normal Ready"]]);
});

test("a router that needs a certificate and has none is not ready after a minute; the end of the one that it has is told before and when it comes", async () => {
  const { kube, parts, now, run, ready, events, compile } = await world();
  const peer = { name: "r2", allowedTenants: [], paths: [{ name: "main", interface: "wan0", remoteAddress: "192.0.2.2" }] };
  await kube.apply(resourceOf("Router"), { ...router, spec: { authentication: "Certificate", interfaces: [{ name: "lan0", type: "LAN" }, { name: "wan0", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] }], peers: [peer] } }, { manager: "svrctl" });
  compile();
  parts.book.acked("r1", parts.book.wantedHash("r1"));
  const look = async (ms: number, report: object = {}): Promise<string> => {
    now.ms += ms;
    await kube.status(resourceOf("Router"), { name: "r1" }, { ...((await kube.get(resourceOf("Router"), { name: "r1" }))?.["status"] as object), time: String(now.ms), ...report });
    await run();
    return ready();
  };
  expect([await look(0), await look(59_000), await look(6_000)]).toEqual(["False Pending", "False Pending", "False CertificateMissing"]);
  const time = (ms: number): string => new Date(ms).toISOString();
  const certificate = { serial: "0a", notBefore: time(now.ms), notAfter: time(now.ms + 3_600_000) };
  expect([await look(6_000, { certificate }), await look(2_700_000, { certificate }), await look(894_000, { certificate })]).toEqual(["True Ready", "True Ready", "False CertificateExpired"]);
  expect(events.map(({ type, reason }) => `${type} ${reason}`)).toEqual(["Warning CertificateMissing", "Normal Ready", "Normal CertificateInUse", "Warning RenewalLate", "Warning CertificateExpired"]);
});

test("a router that refuses its configuration is told with its words; what it said of an earlier one is not", async () => {
  const { kube, parts, now, run, ready } = await world();
  const hash = "f".repeat(64);
  await kube.create(routerConfigs, { apiVersion, kind: "RouterConfig", metadata: { name: "r1" }, spec: { type: "Head", head: { router: "r1", hash } }, status: { error: { hash: "0".repeat(64), message: "earlier" } } });
  await run();
  expect(await ready()).toBe("False Pending");
  await kube.status(routerConfigs, { name: "r1" }, { error: { hash, message: "no device eth7" } });
  now.ms += 6_000;
  await run();
  expect([await ready(), JSON.stringify(await kube.get(resourceOf("Router"), { name: "r1" }))]).toEqual(["False RouterRefused", expect.stringContaining("r1: no device eth7")]);
  parts.silence.stop();
});

test("acknowledgements bring back what waits, together; a head that is not ours is written again", async () => {
  const { kube, parts } = await world();
  const [heads, statuses]: [string[], string[]] = [[], []];
  const behind: string[] = [];
  const queue = (keys: string[]): WorkQueue => ({ add: (key) => { keys.push(key); }, addBehind: (more) => { behind.push(...more); }, addAfter: () => undefined, gauges: () => ({ waiting: 0, running: 0, retries: 0, outcomes: { done: 0, after: 0, retry: 0, terminal: 0 } }), drain: () => Promise.resolve() });
  const timers: { ms: number; work: () => void }[] = [];
  const waiting = new Set(["Service d/a", "Service d/b"]);
  const follow = followAcks({ configs: parts.configs, book: parts.book, heads: queue(heads), statuses: queue(statuses), waiting, after: (ms, work) => { timers.push({ ms, work }); return { stop: () => undefined }; } });
  for (const edited of [[], ["Service d/b"]]) parts.book.changed(edited);
  const hash = parts.book.wantedHash("r1") ?? "";
  const head: KubeObject = { apiVersion, kind: "RouterConfig", metadata: { name: "r1" }, spec: { type: "Head", head: { router: "r1", hash } } };
  await kube.create(routerConfigs, head);
  expect([heads, parts.book.isCurrent("r1")]).toEqual([[], false]);
  await kube.status(routerConfigs, { name: "r1" }, { acked: { hash } });
  expect([parts.book.isCurrent("r1"), statuses.at(-1), timers.map(({ ms }) => ms)]).toEqual([true, id, [100]]);
  timers[0]?.work();
  expect([statuses.at(-1), behind]).toEqual(["Service d/b", ["Service d/a"]]); // what was edited is waited for
  await kube.apply(routerConfigs, { ...head, spec: { type: "Head", head: { router: "r1", hash: "somebody else's" } } }, { manager: "svrctl" });
  expect(heads).toEqual(["r1"]);
  await kube.remove(routerConfigs, { name: "r1" });
  expect([heads, parts.book.isCurrent("r1")]).toEqual([["r1", "r1"], false]);
  follow.stop();
});

const [serviceId, routeId, policyId, tenantId] = ["Service shop/web", "ServiceRoute shop/web", "ServicePolicy shop/gold", "Tenant a"];
const others: KubeObject[] = [
  { apiVersion, kind: "Tenant", metadata: { name: "a" }, spec: { members: [{ router: "r1", interface: "lan0" }], serviceNamespaces: { names: ["shop"] } } },
  { apiVersion, kind: "ServicePolicy", metadata: { name: "gold", namespace: "shop" }, spec: {} },
  { apiVersion, kind: "Service", metadata: { name: "web", namespace: "shop" }, spec: { addresses: ["10.1.0.10"], access: [{ tenant: "a" }], servicePolicyRef: { name: "gold" } } },
  { apiVersion, kind: "ServiceRoute", metadata: { name: "web", namespace: "shop" }, spec: { serviceRef: { name: "web" }, routers: ["r1"], type: "Host", host: { interface: "lan0", targets: ["10.9.0.1", "10.9.0.2"] } } },
];

test("a SecurityPolicy that asks for a post-quantum exchange tells who is not ready, and is ready itself", async () => {
  const { kube, parts, now, run, compile } = await world();
  const policy: KubeObject = { apiVersion, kind: "SecurityPolicy", metadata: { name: "pq", namespace: "shop" }, spec: { postQuantumRequired: true } };
  const wan = { name: "wan0", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] };
  const peering = async (psk: object): Promise<void> => { await kube.apply(resourceOf("Router"), { ...router, spec: { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.9.0.254/24"] }, wan], peers: [{ name: "r2", paths: [{ name: "main", interface: "wan0", remoteAddress: "192.0.2.2" }], ...psk }] } }, { manager: "svrctl" }); };
  await peering({ psk: { file: "r1-r2.psk" } });
  await kube.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  const [tenant, , web, route] = others as [KubeObject, KubeObject, KubeObject, KubeObject];
  for (const one of [tenant, policy, { ...web, spec: { ...web["spec"] as object, servicePolicyRef: undefined, securityPolicyRef: { name: "pq" } } }, route]) await kube.create(resourceOf(one.kind as "Tenant"), one);
  const look = async (): Promise<Record<string, string>> => {
    compile();
    parts.book.acked("r1", parts.book.wantedHash("r1"));
    now.ms += 6_000;
    await run("SecurityPolicy shop/pq");
    const { conditions = [] } = (await kube.get(resourceOf("SecurityPolicy"), { namespace: "shop", name: "pq" }))?.["status"] as { conditions?: { type: string; status: string; reason: string; message: string }[] };
    return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]));
  };
  expect(await look()).toMatchObject({ PostQuantumReady: "False PeersNotReady", Ready: "True Ready" });
  await peering({});
  expect(await look()).toMatchObject({ PostQuantumReady: "True PeersReady", Ready: "True Ready" });
  await kube.apply(resourceOf("SecurityPolicy"), { ...policy, spec: {} }, { manager: "svrctl" });
  expect(Object.keys(await look())).toEqual(["Accepted", "ResolvedRefs", "Programmed", "Ready"]);
});

test("columns that follow reports: sessions and denials when it is the object's turn, ways with what is programmed, and what a silent router said no more", async () => {
  const { kube, parts, now, run, turn, compile } = await world();
  const lan = { name: "lan0", type: "LAN", addresses: ["10.9.0.254/24"] };
  await kube.apply(resourceOf("Router"), { ...router, spec: { interfaces: [lan] } }, { manager: "svrctl" });
  await kube.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  for (const one of others) await kube.create(resourceOf(one.kind as "Tenant"), one);
  compile();
  const ids = [serviceId, routeId, policyId, tenantId];
  const rounds = async (): Promise<void> => {
    now.ms += 6_000;
    turn();
    for (const one of ids) await run(one);
  };
  const statusOf = async (kind: string, name: string, namespace?: string): Promise<unknown> => {
    const { observedGeneration, conditions, ...counts } = (await kube.get(resourceOf(kind as "Tenant"), { name, ...(namespace !== undefined && { namespace }) }))?.["status"] as Record<string, unknown>;
    expect([observedGeneration, (conditions as unknown[]).length]).toEqual([1, 4]);
    return counts;
  };
  const columns = async (): Promise<unknown[]> => [await statusOf("Service", "web", "shop"), await statusOf("ServiceRoute", "web", "shop"), await statusOf("ServicePolicy", "gold", "shop"), await statusOf("Tenant", "a")];
  await rounds();
  expect(await columns()).toEqual([{ programmed: "0/1", tenants: "a", sessions: 0 }, { programmed: "0/1", sessions: 0, up: "0/2" }, { routers: "0/1", usedBy: 1 }, { routers: "0/1", members: 1, parent: "", sessions: 0 }]);
  parts.book.acked("r1", parts.book.wantedHash("r1"));
  const report = { services: [{ name: "shop/web", sessions: 9, entered: 7, denied: 1, lastDenial: "2026-01-01T00:00:00Z access" }], routes: [{ name: "shop/web", sessions: 9, entered: 7 }], tenants: [{ name: "x.a", sessions: 3, entered: 2 }, { name: "a", sessions: 6, entered: 5 }], silentPeers: [] };
  await kube.status(resourceOf("Router"), { name: "r1" }, { time: "t1" });
  await kube.status(resourceOf("Router"), { name: "r1" }, { time: "t2", ...report });
  await rounds();
  const lastDenial = "2026-01-01T00:00:00Z access at r1";
  expect(await columns()).toEqual([{ programmed: "1/1", tenants: "a", sessions: 7, lastDenial }, { programmed: "1/1", sessions: 9, up: "2/2" }, { routers: "1/1", usedBy: 1 }, { routers: "1/1", members: 1, parent: "", sessions: 7 }]);
  const writes = kube.calls.length;
  await kube.status(resourceOf("Router"), { name: "r1" }, { time: "t3", ...report, services: [{ name: "shop/web", sessions: 4, entered: 4 }] });
  now.ms += 6_000;
  await run(serviceId);
  expect(kube.calls).toHaveLength(writes); // its turn did not come
  await rounds();
  expect([kube.calls.length, await statusOf("Service", "web", "shop")]).toEqual([writes + 1, { programmed: "1/1", tenants: "a", sessions: 4, lastDenial }]);
  now.ms += 100_000;
  await rounds();
  expect((await columns()).slice(0, 2)).toEqual([{ programmed: "1/1", tenants: "a", sessions: 0, lastDenial }, { programmed: "1/1", sessions: 0, up: "0/2" }]);
  await kube.remove(resourceOf("Service"), { name: "web", namespace: "shop" });
  compile();
  await rounds();
  expect([parts.reports.lastDenial("shop/web"), await statusOf("ServicePolicy", "gold", "shop")]).toEqual([undefined, { routers: "0/0", usedBy: 0 }]);
});
