// The resources of Kubernetes that commands read beside ours, which are in pkg/api/resources.ts, and how objects are named for programs. Data
// only; called by the commands that ask a cluster.
import { ourResources, routerConfigs } from "../api/resources.ts";
import type { KubeResource } from "../ports/kube.ts";

/** leases is the resource by which one of several operators leads. */
export const leases: KubeResource = { group: "coordination.k8s.io", version: "v1", plural: "leases", kind: "Lease", namespaced: true };
/** secrets is the core resource. */
export const secrets: KubeResource = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
/** deployments is the resource of group apps. */
export const deployments: KubeResource = { group: "apps", version: "v1", plural: "deployments", kind: "Deployment", namespaced: true };

/** conditioned lists those whose objects have conditions. */
export const conditioned: readonly KubeResource[] = ourResources.filter(({ kind }) => kind !== routerConfigs.kind);

/** resourceName names an object as `kubectl -o name` does: `service.opensvr.io/web`. */
export function resourceName({ kind, group }: KubeResource, name: string): string {
  return `${kind.toLowerCase()}${group === "" ? "" : `.${group}`}/${name}`;
}
