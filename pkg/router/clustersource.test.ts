// The source of a router in a cluster, over an API server and a disk in memory: what is given out and when, what is kept, what is said.
import { parseDocuments } from "../api/document.ts";
import { SvrError } from "../base/errors.ts";
import { compile } from "../plan/compile.ts";
import type { RouterConfig } from "../plan/config.ts";
import { pageConfig } from "../plan/pages.ts";
import type { CompiledState } from "../ports/config.ts";
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { routerConfigs, sha256 } from "./clusterhead.ts";
import { createClusterSource } from "./clustersource.ts";
import type { ClusterSource } from "./clustersource.ts";

const never = new AbortController().signal;
const flush = async (): Promise<void> => { for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate); };

/** The configuration of router edge with so many sessions at most. */
function configWith(sessions: number, name = "edge"): RouterConfig {
  const text = `apiVersion: opensvr.io/v1alpha1\nkind: Router\nmetadata: { name: ${name} }\nspec:\n  limits: { sessions: ${sessions} }\n  interfaces: [{ name: lan0, id: 1, type: LAN, addresses: [10.1.0.1/24] }]\n`;
  const config = compile(parseDocuments([{ path: "r.yaml", text }])).routers.get(name);
  if (config === undefined) throw new Error("the sample does not compile");
  return config;
}

interface Disk { state: CompiledState | undefined; full: boolean; writes: number }
interface Status { acked?: { hash: string }; error?: { hash: string; code: string; message: string } }

class World {
  readonly kube = new MemoryKube();
  readonly disk: Disk;
  readonly logs: string[] = [];
  readonly timers = new Set<() => void>();
  readonly source: ClusterSource;
  /** each read of a page waits for it */
  gate: Promise<void> = Promise.resolve();
  gets: string[] = [];
  broken = false;
  keysChanged = (): void => undefined;

  constructor(disk: Disk = { state: undefined, full: false, writes: 0 }) {
    this.disk = disk;
    const say = (_fields: object, message: string): void => { this.logs.push(message); };
    this.source = createClusterSource({
      name: "edge", version: "0.3.0", store: this.kube.follow(routerConfigs, { fieldSelector: "metadata.name=edge" }),
      kube: {
        ...this.kube, list: () => Promise.resolve([]), create: (...all) => this.kube.create(...all), replace: (...all) => this.kube.replace(...all), remove: (...all) => this.kube.remove(...all), read: (path) => this.kube.read(path), apply: (...all) => this.kube.apply(...all),
        get: async (resource, at) => {
          this.gets.push(at.name);
          await this.gate;
          if (this.broken) throw new SvrError("SVR_KUBE_ANSWER", { object: at.name, attempted: "500", fix: "wait" });
          return this.kube.get(resource, at);
        },
      },
      disk: {
        read: () => Promise.resolve(disk.state),
        write: (state) => {
          if (disk.full) return Promise.reject(new SvrError("SVR_LAST_GOOD", { object: "disk", attempted: "the disk is full", fix: "make room" }));
          [disk.state, disk.writes] = [state, disk.writes + 1];
          return Promise.resolve();
        },
      },
      clock: { monotonicMs: () => 0, unixMs: () => 1_767_225_600_000 }, log: { info: say, warn: say, error: say }, random: () => 0.5,
      after: (_ms, work) => { this.timers.add(work); return { stop: () => void this.timers.delete(work) }; },
      watchKeys: (changed) => { this.keysChanged = changed; return { stop: () => undefined }; },
    });
  }

  /** Time passes until every pause is over. */
  async later(): Promise<void> {
    await flush();
    for (const work of [...this.timers]) { this.timers.delete(work); work(); }
    await flush();
  }

  /** The operator writes pages, then the head; gives the hash. */
  async publish(config: RouterConfig, change: { version?: string; format?: number; router?: string; without?: boolean; content?: string } = {}): Promise<string> {
    const { hash, pages } = pageConfig(config, sha256);
    const meta = { apiVersion: "opensvr.io/v1alpha1", kind: "RouterConfig" };
    for (const { name, content } of change.without === true ? [] : pages) await this.kube.apply(routerConfigs, { ...meta, metadata: { name }, spec: { type: "Page", page: { content: change.content ?? content } } }, { manager: "opensvr-operator" });
    const head = { router: change.router ?? "edge", format: change.format ?? 1, version: change.version ?? "0.3.4", hash, pages: pages.map(({ name }) => name) };
    await this.kube.apply(routerConfigs, { ...meta, metadata: { name: "edge" }, spec: { type: "Head", head } }, { manager: "opensvr-operator" });
    await flush();
    return hash;
  }

  async status(): Promise<Status> {
    await flush();
    return (await this.kube.get(routerConfigs, { name: "edge" }))?.["status"] ?? {};
  }

  /** As the app does: takes what there is and puts it in force. */
  async start(): Promise<RouterConfig> {
    const reading = await this.source.first(never);
    this.source.programmed(reading);
    return reading.config;
  }
}

/** Sessions that a configuration allows. */
const limit = (config: RouterConfig): number => config.limits.sessions;

async function started(sessions = 1_000): Promise<{ world: World; hash: string; changes: () => number }> {
  const world = new World();
  const hash = await world.publish(configWith(sessions));
  await world.start();
  let changes = 0;
  world.source.watch(() => { changes += 1; });
  return { world, hash, changes: () => changes };
}

test("a head with its pages is given out whole, kept on disk before, and acked when it is in force", async () => {
  const world = new World();
  const hash = await world.publish(configWith(1_000));
  const reading = await world.source.first(never);
  expect(reading).toMatchObject({ config: configWith(1_000), objects: [], problems: [] });
  expect(world.disk.state?.heads.map((one) => one.hash)).toEqual([hash]);
  expect(await world.status()).toEqual({});
  world.source.programmed(reading);
  expect(await world.status()).toEqual({ acked: { hash, time: "2026-01-01T00:00:00.000Z" } });
  expect([world.source.stale(), world.source.troubles()]).toEqual([false, []]);
});

test("a start waits for a head when nothing is on disk, until it is told to end", async () => {
  const world = new World();
  const reading = world.source.first(never);
  await world.later();
  expect(world.logs).toEqual(["waiting for a RouterConfig of this router"]);
  await world.publish(configWith(7_000));
  expect(limit((await reading).config)).toBe(7_000);
  const ending = new AbortController();
  const second = new World().source.first(ending.signal);
  ending.abort(new Error("SIGTERM"));
  await expect(second).rejects.toThrow("SIGTERM");
});

test("O-7 without an API server a start takes what is on disk after its patience; what is newer follows, and unknown pages alone are read", async () => {
  const { world: before } = await started();
  const world = new World(before.disk);
  const first = world.source.first(never);
  await world.later();
  const reading = await first;
  expect(limit(reading.config)).toBe(1_000);
  world.source.programmed(reading);
  let changes = 0;
  world.source.watch(() => { changes += 1; });
  const hash = await world.publish(configWith(1_000)); // the API server is back: nothing new, and nothing to read
  expect([world.gets, changes]).toEqual([[], 1]);
  expect(limit((await world.source.read()).config)).toBe(1_000);
  expect((await world.status()).acked?.hash).toBe(hash);
  await world.publish(configWith(2_000));
  expect(changes).toBe(2);
  expect(limit((await world.source.read()).config)).toBe(2_000);
});

test("two quick updates: a head that changes while pages are read restarts the reading, and the first is never given out", async () => {
  const { world, changes } = await started();
  const gate = Promise.withResolvers<void>();
  world.gate = gate.promise;
  await world.publish(configWith(2_000));
  const hash = await world.publish(configWith(3_000));
  gate.resolve();
  await flush();
  expect(changes()).toBe(1);
  const reading = await world.source.read();
  expect(limit(reading.config)).toBe(3_000);
  world.source.programmed(reading);
  expect(await world.status()).toMatchObject({ acked: { hash } });
});

test.each<[desc: string, change: Parameters<World["publish"]>[1], config: RouterConfig, why: string]>([
  ["a missing page", { without: true }, configWith(2_000), "is missing"],
  ["a tampered page", { content: "config {}\n" }, configWith(2_000), "is not what its name says"],
  ["another format", { format: 2 }, configWith(2_000), "format 2"],
  ["a version two minors ahead", { version: "0.5.0" }, configWith(2_000), "more than one minor version"],
  ["a version two minors behind", { version: "0.1.0" }, configWith(2_000), "more than one minor version"],
  ["no version", { version: "latest" }, configWith(2_000), "more than one minor version"],
  ["pages of another router", {}, configWith(2_000, "other"), "the pages are of router other"],
  ["a head of another router", { router: "other" }, configWith(2_000), "it is for router other"],
])("%s is refused with a code, and what was in force stays", async (_desc, change, config, why) => {
  const { world, hash, changes } = await started();
  const bad = await world.publish(config, change);
  await world.later();
  expect(await world.status()).toMatchObject({ acked: { hash }, error: { hash: bad, code: "SVR_ROUTER_CONFIG", message: expect.stringContaining(why) as string } });
  expect([changes(), world.source.stale(), world.source.troubles()]).toEqual([0, true, [expect.stringContaining(why)]]);
  expect(limit((await world.source.read()).config)).toBe(1_000);
  expect(world.disk.state?.heads.map((one) => one.hash)).toEqual([hash]);
  const good = await world.publish(configWith(4_000));
  world.source.programmed(await world.source.read());
  const status = await world.status();
  expect([status.acked?.hash, status.error, world.source.stale()]).toEqual([good, undefined, false]);
});

test("an API server that answers 500 is asked again until it does not", async () => {
  const { world, changes } = await started();
  world.broken = true;
  await world.publish(configWith(2_000));
  await world.later();
  expect([changes(), await world.status()]).toEqual([0, expect.objectContaining({ error: expect.objectContaining({ code: "SVR_KUBE_ANSWER" }) as unknown })]);
  world.broken = false;
  await world.later();
  expect([changes(), world.source.stale()]).toEqual([1, false]);
});

test("a head that is deleted takes nothing away, and is told; a new one is acked again", async () => {
  const { world, hash, changes } = await started();
  await world.kube.remove(routerConfigs, { name: "edge" });
  await flush();
  expect([changes(), world.source.stale(), world.source.troubles()]).toEqual([0, true, [expect.stringContaining("is gone")]]);
  expect(limit((await world.source.read()).config)).toBe(1_000);
  expect(world.disk.state?.heads).toHaveLength(1);
  await world.publish(configWith(1_000));
  expect([(await world.status()).acked?.hash, world.source.stale()]).toEqual([hash, false]);
});

test("a configuration that cannot be programmed is told, not given out again, and not what the next start begins with", async () => {
  const { world, hash, changes } = await started();
  const bad = await world.publish(configWith(2_000));
  await world.source.read();
  expect(limit(world.source.refused(new SvrError("SVR_INTERFACE_MISSING", { object: "lan0", attempted: "no lan0", fix: "make it" }))?.config as RouterConfig)).toBe(1_000);
  await world.later();
  expect(await world.status()).toMatchObject({ acked: { hash }, error: { hash: bad, code: "SVR_INTERFACE_MISSING" } });
  expect([changes(), world.disk.state?.heads.map((one) => one.hash)]).toEqual([1, [hash]]);
  world.keysChanged();
  expect([changes(), limit((await world.source.read()).config)]).toEqual([2, 1_000]);
});

test("killed while it programs something that cannot be programmed: the next start has the one before on disk too", async () => {
  const { world: before, hash } = await started();
  const bad = await before.publish(configWith(2_000));
  expect(before.disk.state?.heads.map((one) => one.hash)).toEqual([bad, hash]);
  const world = new World(before.disk);
  const first = world.source.first(never);
  await world.later();
  expect(limit((await first).config)).toBe(2_000);
  expect(limit(world.source.refused(new Error("no"))?.config as RouterConfig)).toBe(1_000);
});

test("a full disk keeps nothing from force; it is told, and written when there is room", async () => {
  const { world } = await started();
  world.disk.full = true;
  const hash = await world.publish(configWith(2_000));
  world.source.programmed(await world.source.read());
  expect((await world.status()).acked?.hash).toBe(hash);
  expect([world.source.stale(), world.source.troubles()]).toEqual([false, [expect.stringContaining("the disk is full")]]);
  world.disk.full = false;
  await world.source.retry();
  expect([world.disk.state?.heads[0]?.hash, world.source.troubles()]).toEqual([hash, []]);
});

test("acks are tried again with pauses, the latest only, and block nothing", async () => {
  const { world } = await started();
  let isDown = true;
  world.kube.fault = (call) => { if (isDown && call.includes("status")) throw new SvrError("SVR_KUBE_UNREACHABLE", { object: "x", attempted: "no way", fix: "wait" }); };
  for (const sessions of [2_000, 3_000]) {
    await world.publish(configWith(sessions));
    world.source.programmed(await world.source.read());
    await flush();
  }
  isDown = false;
  await world.later();
  const hash = pageConfig(configWith(3_000), sha256).hash;
  expect((await world.status()).acked?.hash).toBe(hash);
  expect(world.logs.filter((line) => line.includes("status of RouterConfig"))).toEqual(["the status of RouterConfig edge could not be written; it is tried again", "the status of RouterConfig edge is written again"]);
});

const noKey = new SvrError("SVR_PSK_FILE", { object: "Router edge", attempted: "peer core keeps its last key: no file", fix: "make one" });

test("a key file that is broken is told with what is in force, since when that is stays, and it is told no more once the file is there", async () => {
  const { world, hash } = await started();
  const reading = await world.source.read();
  world.source.programmed(reading, noKey);
  const first = await world.status();
  expect(first).toMatchObject({ acked: { hash, time: "2026-01-01T00:00:00.000Z" }, error: { hash, code: "SVR_PSK_FILE", message: noKey.message } });
  const { length } = world.kube.calls;
  world.source.programmed(reading, noKey);
  expect([await world.status(), world.kube.calls.length - length <= 2]).toEqual([first, true]);
  world.source.programmed(reading);
  expect(await world.status()).toEqual({ acked: { hash, time: "2026-01-01T00:00:00.000Z" } });
});

test("something newer that was refused is told before a broken key file, and stays told", async () => {
  const { world, hash } = await started();
  const bad = await world.publish(configWith(2_000), { format: 2 });
  await world.later();
  for (const fault of [noKey, undefined]) {
    world.source.programmed(await world.source.read(), fault);
    expect(await world.status()).toMatchObject({ acked: { hash }, error: { hash: bad, code: "SVR_ROUTER_CONFIG" } });
  }
});

test("what a first configuration was refused for is written before the end, and nothing is waited for that cannot be", async () => {
  const world = new World();
  const hash = await world.publish(configWith(1_000));
  await world.source.first(never);
  expect(world.source.refused(noKey)).toBeUndefined();
  await world.source.stop();
  expect((await world.status()).error).toMatchObject({ hash, code: "SVR_PSK_FILE" });
  const other = new World();
  await other.publish(configWith(1_000));
  other.kube.fault = (call) => { if (call.includes("status")) throw new SvrError("SVR_KUBE_UNREACHABLE", { object: "x", attempted: "no way", fix: "wait" }); };
  other.source.programmed(await other.source.first(never));
  await other.source.stop();
  expect(other.timers.size).toBe(0);
});

test("after the end nothing is read or written", async () => {
  const { world, changes } = await started();
  await world.source.stop();
  const { length } = world.kube.calls;
  await world.publish(configWith(2_000));
  await world.later();
  expect([changes(), world.kube.calls.slice(length).filter((call) => call.includes("status"))]).toEqual([0, []]);
});
