// The resources of the API server that the operator reads and writes, with how their objects are named here.
// Data only; called by every part of the operator.
import { apiGroup } from "../api/names.ts";
import { kindNames } from "../api/kinds.ts";
import type { Kind } from "../api/kinds.ts";
import { namings, served, servedVersion } from "../api/served.ts";
import type { ServedKind } from "../api/served.ts";
import type { KubeObject, KubeResource } from "../ports/kube.ts";

/** resourceOf gives the resource of one of our kinds. */
export function resourceOf(kind: ServedKind): KubeResource {
  return { group: apiGroup, version: servedVersion, plural: namings[kind].plural, kind, namespaced: served[kind].namespaced };
}

/** planned are the resources that the compiler reads, by kind. */
export const planned: ReadonlyMap<Kind, KubeResource> = new Map(kindNames.map((kind) => [kind, resourceOf(kind)]));

/** routerConfigs, routerClasses and the others below are the resources beside them. */
export const routerConfigs = resourceOf("RouterConfig");
/** routerClasses is the resource of templates of routers. */
export const routerClasses = resourceOf("RouterClass");
/** namespaces is the core resource. */
export const namespaces: KubeResource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };
/** nodes is the core resource. */
export const nodes: KubeResource = { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false };
/** configMaps is the core resource. */
export const configMaps: KubeResource = { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap", namespaced: true };
/** serviceAccounts is the core resource. */
export const serviceAccounts: KubeResource = { group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount", namespaced: true };
/** daemonSets is the resource of group apps. */
export const daemonSets: KubeResource = { group: "apps", version: "v1", plural: "daemonsets", kind: "DaemonSet", namespaced: true };
/** clusterRoleBindings is the resource of RBAC. */
export const clusterRoleBindings: KubeResource = { group: "rbac.authorization.k8s.io", version: "v1", plural: "clusterrolebindings", kind: "ClusterRoleBinding", namespaced: false };

/** childResource gives the resource of what a RouterClass becomes. */
export function childResource(kind: string): KubeResource {
  const found = [serviceAccounts, clusterRoleBindings, daemonSets].find((one) => one.kind === kind);
  if (found === undefined) throw new TypeError(`${kind} is no child of a RouterClass`);
  return found;
}

/** keyOf gives the key of an object in a store: `namespace/name` or `name`. */
export function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/** idOf gives the compiler's name of an object: `Kind key`. */
export function idOf(object: KubeObject): string {
  return `${object.kind} ${keyOf(object)}`;
}

/** splitId takes a name apart; undefined when it is of no kind that the compiler reads. */
export function splitId(id: string): { kind: Kind; key: string } | undefined {
  const space = id.indexOf(" ");
  const kind = kindNames.find((one) => one === id.slice(0, space));
  return kind === undefined ? undefined : { kind, key: id.slice(space + 1) };
}
