// The resources of the API server that commands read, with how their objects are named for people and programs. Data only;
// called by the commands that ask a cluster.
import { kindNames, kinds } from "../api/kinds.ts";
import type { Kind } from "../api/kinds.ts";
import { apiGroup } from "../api/names.ts";
import type { KubeObject, KubeResource } from "../ports/kube.ts";

/** servedVersion is the version of our API that this program speaks. */
export const servedVersion = "v1alpha1";

const ours = (kind: string, plural: string, namespaced = false): KubeResource => ({ group: apiGroup, version: servedVersion, plural, kind, namespaced });

/** planned are the resources that the compiler reads, by kind. */
export const planned: Readonly<Record<Kind, KubeResource>> = {
  Tenant: ours("Tenant", "tenants", kinds.Tenant.namespaced), Service: ours("Service", "services", kinds.Service.namespaced),
  ServiceRoute: ours("ServiceRoute", "serviceroutes", kinds.ServiceRoute.namespaced), ServicePolicy: ours("ServicePolicy", "servicepolicies", kinds.ServicePolicy.namespaced),
  SecurityPolicy: ours("SecurityPolicy", "securitypolicies", kinds.SecurityPolicy.namespaced), Router: ours("Router", "routers", kinds.Router.namespaced),
};

/** routerConfigs and routerClasses are our resources beside them. */
export const routerConfigs: KubeResource = ours("RouterConfig", "routerconfigs");
/** routerClasses is the resource of templates of routers. */
export const routerClasses: KubeResource = ours("RouterClass", "routerclasses");
/** namespaces is the core resource. */
export const namespaces: KubeResource = { group: "", version: "v1", plural: "namespaces", kind: "Namespace", namespaced: false };
/** leases is the resource by which one of several operators leads. */
export const leases: KubeResource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", namespaced: true };
/** deployments is the resource of group apps. */
export const deployments: KubeResource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment", namespaced: true };

/** plannedResources lists the resources that the compiler reads. */
export const plannedResources: readonly KubeResource[] = kindNames.map((kind) => planned[kind]);

/** ourResources lists every resource that a cluster with OpenSVR serves. */
export const ourResources: readonly KubeResource[] = [...plannedResources, routerConfigs, routerClasses];

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
