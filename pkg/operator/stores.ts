// The stores of the operator: every kind that is compiled, what it writes, and what it makes routers from. Called by operator.ts.
import { kindNames } from "../api/kinds.ts";
import type { Kind } from "../api/kinds.ts";
import type { KubeObject, KubeStore, KubeWatcher } from "../ports/kube.ts";
import { namespaces, planned, routerClasses, routerConfigs } from "../api/resources.ts";
import { daemonSets, nodes } from "./resources.ts";

/** managedBy selects what the operator made itself. */
export const managedBy = "app.kubernetes.io/managed-by=opensvr-operator";

/** Stores are all that the operator follows. */
export interface Stores {
  /** by kind, those that are compiled */
  planned: ReadonlyMap<Kind, KubeStore>;
  routers: KubeStore;
  services: KubeStore;
  heads: KubeStore;
  /** metadata only: a page is known by its name, and together they are large */
  pages: KubeStore;
  classes: KubeStore;
  namespaces: KubeStore;
  /** names and labels only */
  nodes: KubeStore;
  daemonSets: KubeStore;
}

/** followStores opens every store; each syncs by itself. */
export function followStores(watcher: KubeWatcher): Stores {
  const byKind = new Map(kindNames.map((kind) => [kind, watcher.follow(planned[kind])]));
  const [routers, services] = [byKind.get("Router"), byKind.get("Service")];
  if (routers === undefined || services === undefined) throw new TypeError("kinds Router and Service are not compiled");
  return {
    planned: byKind, routers, services,
    heads: watcher.follow(routerConfigs, { fieldSelector: "spec.type=Head" }),
    pages: watcher.follow(routerConfigs, { fieldSelector: "spec.type=Page", metadataOnly: true, trim: nameAndLabels }),
    classes: watcher.follow(routerClasses),
    namespaces: watcher.follow(namespaces, { metadataOnly: true, trim: nameAndLabels }),
    nodes: watcher.follow(nodes, { metadataOnly: true, trim: nameAndLabels }),
    daemonSets: watcher.follow(daemonSets, { labelSelector: managedBy }),
  };
}

function nameAndLabels({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, uid, resourceVersion, labels = {} } = metadata;
  return { apiVersion, kind, metadata: { name, labels, ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) } };
}
