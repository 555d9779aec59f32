// Which RouterClasses are concerned when something changes: the class itself, any node, its Routers, its DaemonSet. Called by operator.ts.
import type { Condition } from "../api/conditions.ts";
import type { KubeObject, StoreChange, WorkQueue } from "../ports/kube.ts";
import { classLabel } from "./daemonset.ts";
import type { Stores } from "./stores.ts";

/** followClasses adds the names of classes to their queue. */
export function followClasses(stores: Stores, queue: WorkQueue): { stop(): void } {
  const all = (): void => { for (const { metadata } of stores.classes.list()) queue.add(metadata.name); };
  const ofLabel = ({ before, after }: StoreChange): void => {
    const name = classOf(after) ?? classOf(before);
    if (before !== undefined && after !== undefined && signOf(before) === signOf(after)) return; // facts of a router, every 30 s
    if (name !== undefined) queue.add(name);
  };
  const watches = [
    stores.classes.watch(({ key }) => { queue.add(key); }),
    stores.nodes.watch(({ before, after }) => { if (before === undefined || after === undefined || JSON.stringify(before.metadata.labels) !== JSON.stringify(after.metadata.labels)) all(); }),
    stores.routers.watch(ofLabel), stores.daemonSets.watch(ofLabel),
  ];
  return { stop() { for (const watch of watches) watch.stop(); } };
}

/** What of a Router or a DaemonSet matters to its class. */
function signOf({ metadata, status }: KubeObject): string {
  const { conditions = [] } = (status ?? {}) as { conditions?: readonly Condition[] };
  return JSON.stringify([metadata.uid, metadata.generation, metadata.labels, readyOf(conditions)]);
}

/** readyOf gives the status of condition Ready, undefined before it was first written. */
export function readyOf(conditions: readonly Condition[]): Condition["status"] | undefined {
  return conditions.find(({ type }) => type === "Ready")?.status;
}

function classOf(object: KubeObject | undefined): string | undefined {
  return object?.metadata.labels?.[classLabel];
}
