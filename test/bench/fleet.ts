// A real API server with a large inventory, and what a bench sees of its RouterConfigs: a watch of its own that counts every write of a
// head and every page. For the benches of the operator (apply.ts, programmed.ts).
import { openAccess } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import type { KubeClient } from "../../pkg/kube/client.ts";
import { createWatcher } from "../../pkg/kube/watcher.ts";
import type { ParsedObject } from "../../pkg/api/document.ts";
import type { ServedKind } from "../../pkg/api/served.ts";
import { headOf } from "../../pkg/operator/heads.ts";
import { namespaces, resourceOf, routerConfigs } from "../../pkg/api/resources.ts";
import { configMaps } from "../../pkg/operator/resources.ts";
import { pagesOf, snapshotName } from "../../pkg/operator/snapshot.ts";
import type { KubeObject, KubeStore, StoreChange } from "../../pkg/ports/kube.ts";
import { operatorNamespace } from "../support/kube/operator.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { passes, waitFor } from "../support/wait.ts";
import { granted } from "./inventory.ts";

const AT_ONCE = 32, CALLS_A_SECOND = 100_000, SYNC_MS = 60_000, LOOK_MS = 5, ACK_MS = 100;

/** Write is one write of a head that the watch saw; milliseconds of performance.now(). */
export interface Write { router: string; hash: string; pages: readonly string[]; ms: number }

/** Fleet is the API server with the bench's watch on it. */
export interface Fleet {
  kube: Kube;
  client: KubeClient;
  /** heads with their statuses, pages without their content */
  configs: KubeStore;
  /** writes of heads since the watch began, in the order seen */
  writes: Write[];
  /** names of pages that were made since the watch began */
  pages: Set<string>;
  /** names of pages that the list of the objects in force had at some time */
  kept: Set<string>;
  /** answers for the routers from here on: every head is acknowledged, as routers do, a moment after it was written */
  acknowledge(): void;
  /** creates objects, some at once; milliseconds */
  load(objects: readonly ParsedObject[]): Promise<number>;
  /** applies an object as a person does; resolves with the time at which the request was sent, in milliseconds of performance.now() */
  apply(object: KubeObject): Promise<number>;
  /** waits until each router's head was written after the first `from` writes; the time of the last */
  written(routers: ReadonlySet<string>, from: number, deadlineMs: number): Promise<number>;
  close(): Promise<void>;
}

/** openFleet starts an API server with the CRDs and the namespaces of an inventory. */
export async function openFleet(spaces: readonly string[]): Promise<Fleet> {
  const kube = await openKube();
  kube.applyCrds();
  const access = openAccess({ kubeconfig: kube.kubeconfig });
  const client = openKubeClient({ access, perSecond: CALLS_A_SECOND, burst: CALLS_A_SECOND });
  const watcher = createWatcher({ access, unixMs: () => Date.now(), random: () => Math.random() });
  const writes: Write[] = [], pages = new Set<string>(), kept = new Set<string>();
  const configs = watcher.follow(routerConfigs, { trim: withoutContent });
  const lists = watcher.follow(configMaps, { namespace: operatorNamespace });
  await watcher.synced(AbortSignal.timeout(SYNC_MS));
  configs.watch((change) => { note(change, writes, pages); });
  lists.watch(({ key, after }) => { if (key === `${operatorNamespace}/${snapshotName}`) for (const name of pagesOf(after)) kept.add(name); });
  await each([operatorNamespace, ...spaces], async (name) => { await client.create(namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: granted } }); });
  const acks = createAcks(client, configs);
  return {
    kube, client, configs, writes, pages, kept, acknowledge: acks.begin,
    async load(objects) {
      const started = performance.now();
      await each(objects, async (one) => { await client.create(resourceOf(one.object.kind), objectOf(one)); });
      return performance.now() - started;
    },
    async apply(one) {
      const started = performance.now();
      await client.apply(resourceOf(one.kind as ServedKind), one, { manager: "svrctl", force: true });
      return started;
    },
    written: (routers, from, deadlineMs) => waitFor(`heads of ${routers.size} routers`, () => lastOf(writes, routers, from), { deadlineMs, everyMs: LOOK_MS, show: () => `${writes.length - from} writes` }),
    async close() {
      try {
        await acks.end();
      } finally {
        await watcher.stop();
        client.close();
        await kube.close();
      }
    },
  };
}

/** Acknowledgements that are under way are waited for at the end; one that fails is told there. */
function createAcks(client: KubeClient, configs: KubeStore): { begin: () => void; end: () => Promise<void> } {
  const going = new Set<Promise<unknown>>(), stops: (() => void)[] = [];
  const ack = (object: KubeObject): void => {
    const head = headOf(object);
    if (head === undefined) return;
    const status = { acked: { hash: head.hash, time: new Date().toISOString() } };
    const one = passes(ACK_MS).then(() => client.apply(routerConfigs, { apiVersion: object.apiVersion, kind: object.kind, metadata: { name: object.metadata.name }, status }, { manager: "opensvr-router", force: true, status: true }));
    going.add(one);
    one.then(() => going.delete(one), () => undefined);
  };
  return {
    begin() {
      for (const object of configs.list()) ack(object);
      const watch = configs.watch(({ before, after }) => { if (after !== undefined && before?.metadata.generation !== after.metadata.generation) ack(after); });
      stops.push(() => { watch.stop(); });
    },
    async end() {
      for (const stop of stops) stop();
      await Promise.all(going);
    },
  };
}

/** The time of the write that was the last one missing. */
function lastOf(writes: readonly Write[], routers: ReadonlySet<string>, from: number): number | undefined {
  if (writes.length - from < routers.size) return undefined;
  const missing = new Set(routers);
  for (let index = from; index < writes.length; index += 1) {
    const { router, ms } = writes[index] as Write;
    if (missing.delete(router) && missing.size === 0) return ms;
  }
  return undefined;
}

/** A change of the status of a head is none of its generation. */
function note({ before, after }: StoreChange, writes: Write[], pages: Set<string>): void {
  if (after === undefined || before?.metadata.generation === after.metadata.generation) return;
  const head = headOf(after);
  if (head === undefined) pages.add(after.metadata.name);
  else writes.push({ router: head.router, hash: head.hash, pages: head.pages, ms: performance.now() });
}

/** objectOf is an object as it is sent. */
export function objectOf({ object }: ParsedObject): KubeObject {
  return object as unknown as KubeObject;
}

function withoutContent(object: KubeObject): KubeObject {
  return headOf(object) === undefined ? { ...object, spec: { type: "Page" } } : object;
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => { for (const item of left) await work(item); }));
}
