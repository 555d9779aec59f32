// Statuses: written when they differ, the first change at once and then at most once in 5 s an object, by the leader only; silence of a
// router is told by our own clock; acknowledgements bring those back that wait.
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { createPlanner } from "../plan/planner.ts";
import type { KubeEvent, KubeObject, WorkQueue } from "../ports/kube.ts";
import { followAcks } from "./acks.ts";
import { createBook } from "./book.ts";
import { createInventory } from "./inventory.ts";
import { plan } from "./planning.ts";
import { namespaces, planned, resourceOf, routerConfigs } from "./resources.ts";
import { createSilence } from "./silence.ts";
import { reconcileStatus } from "./statuses.ts";
import type { StatusParts } from "./statuses.ts";

const apiVersion = "opensvr.io/v1alpha1";
const router: KubeObject = { apiVersion, kind: "Router", metadata: { name: "r1" }, spec: { interfaces: [{ name: "lan0", type: "LAN" }] } };
const id = "Router r1";

async function world(): Promise<{ kube: MemoryKube; parts: StatusParts; now: { ms: number; leads: boolean }; events: KubeEvent[]; run(): Promise<unknown>; ready(): Promise<string>; compile(): void }> {
  const kube = new MemoryKube();
  const now = { ms: 1_000_000, leads: true };
  const events: KubeEvent[] = [];
  await kube.create(resourceOf("Router"), router);
  const stores = new Map([...planned].map(([kind, resource]) => [kind, kube.follow(resource)]));
  const inventory = createInventory({ stores, namespaces: kube.follow(namespaces), changed: () => undefined });
  const [planner, book] = [createPlanner(), createBook()];
  const clock = { monotonicMs: () => now.ms, unixMs: () => now.ms };
  const parts: StatusParts = {
    kube, inventory, planner, book, configs: kube.follow(routerConfigs), silence: createSilence(stores.get("Router")!, () => now.ms), clock,
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
  return { kube, parts, now, events, compile, ready, run: () => reconcileStatus(parts, id) };
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
  const queue = (keys: string[]): WorkQueue => ({ add: (key) => { keys.push(key); }, addAfter: () => undefined, gauges: () => ({ waiting: 0, running: 0, retries: 0, outcomes: { done: 0, after: 0, retry: 0, terminal: 0 } }), drain: () => Promise.resolve() });
  const timers: { ms: number; work: () => void }[] = [];
  const waiting = new Set(["Service d/a", "Service d/b"]);
  const follow = followAcks({ configs: parts.configs, book: parts.book, heads: queue(heads), statuses: queue(statuses), waiting, after: (ms, work) => { timers.push({ ms, work }); return { stop: () => undefined }; } });
  const hash = parts.book.wantedHash("r1") ?? "";
  const head: KubeObject = { apiVersion, kind: "RouterConfig", metadata: { name: "r1" }, spec: { type: "Head", head: { router: "r1", hash } } };
  await kube.create(routerConfigs, head);
  expect([heads, parts.book.isCurrent("r1")]).toEqual([[], false]);
  await kube.status(routerConfigs, { name: "r1" }, { acked: { hash } });
  expect([parts.book.isCurrent("r1"), statuses.at(-1), timers.map(({ ms }) => ms)]).toEqual([true, id, [100]]);
  timers[0]?.work();
  expect(statuses.slice(-2)).toEqual([...waiting]);
  await kube.apply(routerConfigs, { ...head, spec: { type: "Head", head: { router: "r1", hash: "somebody else's" } } }, { manager: "svrctl" });
  expect(heads).toEqual(["r1"]);
  await kube.remove(routerConfigs, { name: "r1" });
  expect([heads, parts.book.isCurrent("r1")]).toEqual([["r1", "r1"], false]);
  follow.stop();
});
