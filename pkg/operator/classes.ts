// One RouterClass: its children are applied when they are not as they should be, each node that it selects has a Router, and nodes that
// it does not select any more have none. Called by operator.ts for the queue "classes", key is the name of the class.
import { datedConditions, readyVerdict } from "../api/conditions.ts";
import type { Condition, Verdict } from "../api/conditions.ts";
import { isLabelKey, labelKeyFix } from "../api/fields.ts";
import { apiVersion } from "../api/names.ts";
import type { RouterClass } from "../api/routerclass.ts";
import { checkServed } from "../api/objectcheck.ts";
import { served } from "../api/served.ts";
import type { Clock } from "../ports/clock.ts";
import type { KubeObject, KubePort, Outcome } from "../ports/kube.ts";
import { readyOf } from "./classevents.ts";
import { covers } from "./covers.ts";
import { classChildren, classLabel, nodeRouter } from "./daemonset.ts";
import type { ClassSettings } from "./daemonset.ts";
import { idOf, keyOf, resourceOf, routerClasses, specOnly } from "../api/resources.ts";
import { childResource } from "./resources.ts";
import type { Stores } from "./stores.ts";

/** ClassParts is what reconciling classes needs. */
export interface ClassParts {
  kube: KubePort;
  stores: Stores;
  settings: ClassSettings;
  clock: Clock;
  leads: () => boolean;
  /** what was applied last and when, of children that no store has; owned by the reconciler */
  applied: Map<string, { text: string; atMs: number }>;
}

const UNSEEN_MS = 300_000;
const defaultClass = "default";
const AGAIN_MS = 5_000; // counts of many routers are written together

/** reconcileClass makes what a class stands for; what is owned by a class that is gone goes with it, by the API server. */
export async function reconcileClass(parts: ClassParts, name: string): Promise<Outcome> {
  const { stores, leads } = parts;
  const object = stores.classes.get(name);
  if (object === undefined) parts.applied.clear(); // children went with it, and the others are few
  if (object === undefined || !leads()) return { done: true };
  const written = specOnly({ ...object, spec: object["spec"] ?? {} });
  const read = served.RouterClass.schema.safeParse(written);
  if (!read.success) return writeStatus(parts, object, [{ type: "Accepted", status: "False", reason: "Invalid", message: checkServed("RouterClass", written).map(({ field, message, fix }) => `${field ?? ""}: ${message}; ${fix}`).slice(0, 3).join(". ") }]);
  const faulty = Object.keys(read.data.spec.nodeSelector ?? {}).find((key) => !isLabelKey(key));
  if (faulty !== undefined) return writeStatus(parts, object, [{ type: "Accepted", status: "False", reason: "Invalid", message: `spec.nodeSelector: "${faulty}" is not the key of a label; ${labelKeyFix}` }]);
  const routers = wantedRouters(parts, read.data, object);
  if (!read.data.spec.paused) {
    for (const child of classChildren(read.data, object.metadata, parts.settings)) await applyChild(parts, child);
    for (const router of routers.values()) await applyRouter(parts, router);
    await removeOthers(parts, name, routers);
  }
  return writeStatus(parts, object, verdicts(parts, routers), { routers: `${countReady(parts, routers)}/${routers.size}`, version: read.data.spec.image ?? parts.settings.image });
}

/** makeDefaultClass makes a class for the pod network when there is none, so that one command is enough. */
export async function makeDefaultClass({ kube, stores, leads }: ClassParts): Promise<void> {
  if (stores.classes.size() > 0 || !leads()) return;
  await kube.apply(routerClasses, { apiVersion, kind: "RouterClass", metadata: { name: defaultClass }, spec: {} }, { manager: "opensvr-operator" });
}

function wantedRouters({ stores, settings }: ClassParts, one: RouterClass, owner: KubeObject): Map<string, KubeObject> {
  const selector = Object.entries(one.spec.nodeSelector ?? {});
  const nodes = [...stores.nodes.list()].filter(({ metadata }) => selector.every(([key, value]) => metadata.labels?.[key] === value));
  const routers = nodes.map(({ metadata }) => nodeRouter(one, owner.metadata, { node: metadata.name, sha256: settings.sha256 }));
  return new Map(routers.map((router) => [router.metadata.name, router]));
}

async function applyChild(parts: ClassParts, child: KubeObject): Promise<void> {
  if (!parts.leads() || isThere(parts, child)) return;
  await parts.kube.apply(childResource(child.kind), child, { manager: "opensvr-operator", force: true });
  parts.applied.set(idOf(child), { text: JSON.stringify(child), atMs: parts.clock.monotonicMs() });
}

/** A DaemonSet is followed; of an account and a binding we know when we wrote them, and we write them again after a while. */
function isThere({ stores, applied, clock }: ClassParts, child: KubeObject): boolean {
  const here = child.kind === "DaemonSet" ? stores.daemonSets.get(keyOf(child)) : undefined;
  if (here !== undefined) return covers(here, child);
  const last = applied.get(idOf(child));
  return child.kind !== "DaemonSet" && last?.text === JSON.stringify(child) && clock.monotonicMs() - last.atMs < UNSEEN_MS;
}

async function applyRouter({ kube, stores, leads }: ClassParts, router: KubeObject): Promise<void> {
  const here = stores.routers.get(router.metadata.name);
  if (!leads() || (here !== undefined && covers({ ...here, metadata: here.metadata }, router))) return;
  await kube.apply(resourceOf("Router"), router, { manager: "opensvr-operator", force: true });
}

async function removeOthers({ kube, stores, leads }: ClassParts, name: string, wanted: ReadonlyMap<string, KubeObject>): Promise<void> {
  for (const { metadata } of [...stores.routers.list()]) {
    if (metadata.labels?.[classLabel] !== name || metadata.labels["app.kubernetes.io/managed-by"] !== "opensvr-operator" || wanted.has(metadata.name) || !leads()) continue;
    await kube.remove(resourceOf("Router"), { name: metadata.name }, metadata.uid);
  }
}

function countReady({ stores }: ClassParts, routers: ReadonlyMap<string, KubeObject>): number {
  const isReady = (name: string): boolean => {
    const { conditions = [] } = (stores.routers.get(name)?.["status"] ?? {}) as { conditions?: Condition[] };
    return readyOf(conditions) === "True";
  };
  return [...routers.keys()].filter(isReady).length;
}

function verdicts(parts: ClassParts, routers: ReadonlyMap<string, KubeObject>): Verdict[] {
  const ready = countReady(parts, routers);
  const count = `${ready} of ${routers.size} routers are ready`;
  const programmed: Verdict = routers.size === 0 ? { type: "Programmed", status: "True", reason: "NothingToProgram", message: "no node is selected" }
    : ready === routers.size ? { type: "Programmed", status: "True", reason: "Programmed", message: count } : { type: "Programmed", status: "False", reason: "Pending", message: count };
  return [{ type: "Accepted", status: "True", reason: "Accepted", message: "" }, programmed];
}

async function writeStatus({ kube, clock, leads }: ClassParts, object: KubeObject, found: readonly Verdict[], counts: object = {}): Promise<Outcome> {
  const before = (object["status"] ?? {}) as { conditions?: Condition[] };
  const generation = object.metadata.generation ?? 0;
  const now = `${new Date(clock.unixMs()).toISOString().slice(0, 19)}Z`;
  const status = { observedGeneration: generation, conditions: datedConditions([...found, readyVerdict(found)], generation, { before: before.conditions ?? [], now }), ...counts };
  if (covers(before, status) || !leads()) return { done: true };
  await kube.apply(routerClasses, { apiVersion: object.apiVersion, kind: object.kind, metadata: { name: object.metadata.name }, status }, { manager: "opensvr-operator-status", force: true, status: true });
  return { after: AGAIN_MS };
}
