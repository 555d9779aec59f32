// The resources of Kubernetes that the operator reads and writes beside ours, which are in pkg/api/resources.ts. Data only; called by every
// part of the operator.
import type { KubeResource } from "../ports/kube.ts";

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

/** pods is the core resource. */
export const pods: KubeResource = { group: "", version: "v1", plural: "pods", kind: "Pod", namespaced: true };
/** secrets is the core resource. */
export const secrets: KubeResource = { group: "", version: "v1", plural: "secrets", kind: "Secret", namespaced: true };
/** signingRequests is how a certificate is asked for. */
export const signingRequests: KubeResource = { group: "certificates.k8s.io", version: "v1", plural: "certificatesigningrequests", kind: "CertificateSigningRequest", namespaced: false };

/** childResource gives the resource of what a RouterClass becomes. */
export function childResource(kind: string): KubeResource {
  const found = [serviceAccounts, clusterRoleBindings, daemonSets].find((one) => one.kind === kind);
  if (found === undefined) throw new TypeError(`${kind} is no child of a RouterClass`);
  return found;
}
