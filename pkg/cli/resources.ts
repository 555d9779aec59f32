// The resources of the API server that commands read, with how their objects are named for people and programs. Data only;
// called by the commands that ask a cluster.
import type { Kind } from "../api/kinds.ts";
import { apiGroup } from "../api/names.ts";
import { namings, served, servedKinds, servedVersion } from "../api/served.ts";
import type { ServedKind } from "../api/served.ts";
import type { KubeObject, KubeResource } from "../ports/kube.ts";

const ours = (kind: ServedKind): KubeResource => ({ group: apiGroup, version: servedVersion, plural: namings[kind].plural, kind, namespaced: served[kind].namespaced });

/** planned are the resources that the compiler reads, by kind. */
export const planned: Readonly<Record<Kind, KubeResource>> = {
  Tenant: ours("Tenant"), Service: ours("Service"), ServiceRoute: ours("ServiceRoute"), ServicePolicy: ours("ServicePolicy"), SecurityPolicy: ours("SecurityPolicy"), Router: ours("Router"),
};

/** routerConfigs is the resource of compiled configurations. */
export const routerConfigs = ours("RouterConfig");
/** routerClasses is the resource of templates of routers. */
export const routerClasses = ours("RouterClass");
/** namespaces is the core resource. */
export const namespaces: KubeResource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };
/** leases is the resource by which one of several operators leads. */
export const leases: KubeResource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", namespaced: true };
/** deployments is the resource of group apps. */
export const deployments: KubeResource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment", namespaced: true };

/** ourResources lists every resource that a cluster with OpenSVR serves. */
export const ourResources: readonly KubeResource[] = servedKinds.map(ours);

/** conditioned lists those whose objects have conditions. */
export const conditioned: readonly KubeResource[] = ourResources.filter(({ kind }) => kind !== routerConfigs.kind);

/** keyOf gives `namespace/name` or `name` of an object. */
export function keyOf({ metadata }: KubeObject): string {
  return metadata.namespace === undefined ? metadata.name : `${metadata.namespace}/${metadata.name}`;
}

/** idOf names an object as the compiler does: `Kind namespace/name`. */
export function idOf(object: KubeObject): string {
  return `${object.kind} ${keyOf(object)}`;
}

/** resourceName names an object as `kubectl -o name` does: `service.opensvr.io/web`. */
export function resourceName({ kind, group }: KubeResource, name: string): string {
  return `${kind.toLowerCase()}${group === "" ? "" : `.${group}`}/${name}`;
}
