// The client and the list-watch on a real API server: the suite of the port, election, events, refusals, and connections that are cut.
import { createHash } from "node:crypto";
import type { SvrError } from "../../pkg/base/errors.ts";
import { openAccess } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import type { KubeClient } from "../../pkg/kube/client.ts";
import { createEventSink } from "../../pkg/kube/eventsink.ts";
import { electLeader } from "../../pkg/kube/lease.ts";
import { createWatcher } from "../../pkg/kube/watcher.ts";
import type { KubeResource, KubeWatcher } from "../../pkg/ports/kube.ts";
import { openCutter } from "../support/kube/cutter.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { waitFor } from "../support/wait.ts";
import { runKubeSuite } from "../ports/kube.ts";

const configMaps: KubeResource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
const namespace = "default";
const clocks = { nowMs: (): number => performance.now(), unixMs: (): number => Date.now(), random: (): number => Math.random() };
const quick = { firstPauseMs: 50, longestPauseMs: 500, answerMs: 5_000 };

let kube: Kube;
const clients: KubeClient[] = [];
const watchers: KubeWatcher[] = [];

function open(kubeconfig = kube.kubeconfig, times = {}): { kube: KubeClient; watcher: KubeWatcher } {
  const access = openAccess({ kubeconfig });
  const one = { kube: openKubeClient({ access }), watcher: createWatcher({ access, ...clocks, times: { ...quick, ...times } }) };
  clients.push(one.kube);
  watchers.push(one.watcher);
  return one;
}

const map = (name: string, text: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, labels: { cut: "yes" } }, data: { text } });

beforeAll(async () => { kube = await openKube(); }, testMs);
afterAll(async () => {
  await Promise.all(watchers.map((watcher) => watcher.stop()));
  for (const client of clients) client.close();
  await kube.close();
}, testMs);

runKubeSuite("a real API server", () => Promise.resolve(open()));

test("a list of more than one page is whole", async () => {
  const { kube: client, watcher } = open();
  const names = Array.from({ length: 1_203 }, (_, index) => `many-${index}`);
  for (let start = 0; start < names.length; start += 50) await Promise.all(names.slice(start, start + 50).map((name) => client.create(configMaps, { ...map(name, ""), metadata: { name, namespace, labels: { many: "yes" } } })));
  expect(await client.list(configMaps, { labelSelector: "many=yes" })).toHaveLength(1_203);
  const store = watcher.follow(configMaps, { labelSelector: "many=yes" });
  await watcher.synced(AbortSignal.timeout(slow.deadlineMs));
  expect(store.size()).toBe(1_203);
}, testMs);

test("refusals have a code, the fields and a way on", async () => {
  const { kube: client } = open();
  const caught = async (work: Promise<unknown>): Promise<SvrError> => work.then(() => { throw new Error("was accepted"); }, (error: unknown) => error as SvrError);
  const bad = await caught(client.create(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "Bad_Name", namespace } }));
  expect([bad.code, bad.object, bad.message]).toEqual(["SVR_KUBE_REFUSED", "configmaps default/Bad_Name", expect.stringContaining("metadata.name")]);
  const stranger = open(kube.configFor("nobody", { token: "nobody" })).kube;
  expect(await caught(stranger.list(configMaps))).toMatchObject({ code: "SVR_KUBE_DENIED", message: expect.stringMatching(/log in/) as string });
  expect(await caught(client.list({ ...configMaps, group: "nowhere.io" }))).toMatchObject({ code: "SVR_NOT_FOUND" });
  await client.apply(configMaps, map("owned", "ours"), { manager: "opensvr-operator" });
  expect(await caught(client.apply(configMaps, map("owned", "theirs"), { manager: "svrctl" }))).toMatchObject({ code: "SVR_KUBE_CONFLICT", message: expect.stringMatching(/\.data\.text/) as string });
  const away = openKubeClient({ access: openAccess({ kubeconfig: kube.configFor("away", { token: "x", url: "https://127.0.0.1:1" }) }), deadlineMs: 2_000 });
  expect(await caught(away.read("/version"))).toMatchObject({ code: "SVR_KUBE_UNREACHABLE", message: expect.stringMatching(/ECONNREFUSED/) as string });
  expect(() => openAccess({ kubeconfig: "/nowhere/config" })).toThrow(/SVR_KUBE_CONFIG.*--kubeconfig/);
  expect(() => openAccess({ kubeconfig: kube.kubeconfig, context: "other" })).toThrow(/no context "other"; there are test/);
});

test("credentials that are refused are read anew: who is let in again need not start again", async () => {
  const path = kube.configFor("renewed", { token: "expired" });
  const { kube: client, watcher } = open(path);
  await expect(client.list(configMaps)).rejects.toMatchObject({ code: "SVR_KUBE_DENIED" });
  const store = watcher.follow(configMaps, { namespace });
  await waitFor("the watch is refused", () => (watcher.gauges()[0]?.restarts["denied"] ?? 0) > 0, slow);
  expect(kube.configFor("renewed", { token: clientToken() })).toBe(path);
  expect(Array.isArray(await client.list(configMaps, { namespace }))).toBe(true);
  await waitFor("the store has synced", () => store.synced(), slow);
});

test("whatever is done to its connections, a store has in the end what the server has", async () => {
  const cutter = await openCutter(kube.port);
  try {
    const { kube: client } = open();
    const { watcher } = open(kube.configFor("cut", { token: clientToken(), url: `https://127.0.0.1:${cutter.port}` }), { idleMs: 1_000 });
    const store = watcher.follow(configMaps, { labelSelector: "cut=yes" });
    await watcher.synced(AbortSignal.timeout(slow.deadlineMs));
    const mishaps = [() => { cutter.reset(); }, () => { cutter.close(); }, () => { cutter.stall(); }, () => { cutter.resetAfter(300); }, () => { cutter.reset(); }];
    for (const [round, mishap] of mishaps.entries()) {
      for (let index = 0; index < 5; index += 1) await client.apply(configMaps, map(`cut-${index}`, `${round}`), { manager: "opensvr-operator", force: true });
      mishap();
      await client.remove(configMaps, { namespace, name: `cut-${round}` });
      for (let index = 0; index < 5; index += 1) await client.apply(configMaps, map(`late-${index}`, `${round}`), { manager: "opensvr-operator", force: true });
      const there = async (): Promise<string> => textOf(await client.list(configMaps, { labelSelector: "cut=yes" }));
      await waitFor(`the store has what the server has after mishap ${round}`, async () => textOf([...store.list()]) === await there(), { ...slow, show: () => textOf([...store.list()]) });
    }
    const restarts = watcher.gauges()[0]?.restarts ?? {};
    expect([restarts["reset"], restarts["idle"]]).toEqual([expect.any(Number), expect.any(Number)]);
    expect((restarts["reset"] ?? 0) + (restarts["closed"] ?? 0)).toBeGreaterThanOrEqual(3);
    expect(restarts["idle"]).toBeGreaterThanOrEqual(1);
  } finally {
    await cutter.stop();
  }
}, testMs);

test("a store keeps what it has while the API server is killed, and catches up when it is back", async () => {
  const { kube: client, watcher } = open();
  const store = watcher.follow(configMaps, { labelSelector: "cut=yes" });
  await watcher.synced(AbortSignal.timeout(slow.deadlineMs));
  await client.apply(configMaps, map("before", "1"), { manager: "opensvr-operator", force: true });
  await waitFor("the store has it", () => store.get("default/before"), slow);
  await kube.stopApi("SIGKILL");
  expect(store.get("default/before")).toBeDefined();
  await kube.startApi();
  await client.apply(configMaps, map("before", "2"), { manager: "opensvr-operator", force: true });
  await waitFor("the store has the change", () => textOf([store.get("default/before")]) === "before=2", slow);
}, testMs);

test("of three candidates one leads; it hands over at once when it goes, and after its time when it is killed", async () => {
  const times = { holdMs: 3_000, renewMs: 2_000, tryMs: 200 };
  const candidate = (identity: string) => electLeader({ kube: open().kube, namespace, name: "suite", identity, ...clocks, times });
  const [one, two] = [candidate("one"), candidate("two")];
  const leader = await waitFor("a leader", () => [one, two].find((each) => each.leads()), slow);
  const other = leader === one ? two : one;
  expect(other.leads()).toBe(false);
  let started = performance.now();
  await leader.release();
  expect(leader.leads()).toBe(false);
  await waitFor("the other leads", () => other.leads());
  expect(performance.now() - started).toBeLessThan(2_000);
  // A holder whose server is gone for it stops by itself before the lease has run out for others.
  started = performance.now();
  await kube.stopApi("SIGKILL");
  await waitFor("it has stopped to lead", () => !other.leads());
  expect(performance.now() - started).toBeLessThan(times.holdMs);
  await kube.startApi();
  await waitFor("it leads again", () => other.leads(), slow);
  await other.release();
}, testMs);

test("the same event about the same object is one, with a count, also when the object changes meanwhile", async () => {
  const { kube: client } = open();
  let now = 0;
  const failures: unknown[] = [];
  const sink = createEventSink({ kube: client, controller: "opensvr.io/operator", instance: "suite", nowMs: () => now, unixMs: () => Date.now(), digest: (text) => createHash("sha256").update(text).digest("hex").slice(0, 16), failed: (error) => failures.push(error) });
  for (let index = 0; index < 5; index += 1) {
    const regarding = await client.apply(configMaps, map("told", `${index}`), { manager: "opensvr-operator", force: true });
    now += 61_000;
    sink.emit({ regarding, type: "Warning", reason: "Invalid", action: "Reconcile", note: "spec.x: is bad" });
  }
  const told = (): string => kube.kubectl(["get", "events.events.k8s.io", "-n", namespace, "--field-selector", "reason=Invalid", "-o", "jsonpath={range .items[*]}{.regarding.name} {.series.count} {.note}{end}"]);
  await waitFor("one event with a count of five", () => told() === "told 5 spec.x: is bad", { ...slow, show: () => `${told()} ${String(failures)}` });
  expect(sink.dropped()).toBe(0);
});

function textOf(objects: readonly unknown[]): string {
  return objects.map((object) => object as { metadata?: { name?: string }; data?: { text?: string } } | undefined).map((object) => `${object?.metadata?.name ?? ""}=${object?.data?.text ?? ""}`).sort().join(" ");
}

function clientToken(): string {
  return (JSON.parse(kube.kubectl(["config", "view", "--raw", "-o", "json"])) as { users: { user: { token: string } }[] }).users[0]?.user.token ?? "";
}
