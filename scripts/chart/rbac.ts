// What each account of the chart may do, verb by verb, with the reason. The chart's rules and docs/reference/rbac.md are written
// from here; test/kube/rbac, test/kube/routerpod and, for signing, test/kube/identity, requests and site show that each verb is needed and that
// there is no other. Data only.
import { routerSigner } from "../../pkg/api/names.ts";

/** Role names a role of the chart: who has it, and where it holds. */
export interface Role {
  /** as in the chart: define `opensvr.rules.KEY` */
  readonly key: string;
  readonly title: string;
  readonly where: string;
  readonly rules: readonly Rule[];
}

/** Rule is what may be done with one resource. */
export interface Rule {
  /** "" is the core group */
  readonly group: string;
  readonly resource: string;
  /** only these objects; template expressions of the chart in braces */
  readonly names?: readonly string[];
  readonly verbs: readonly string[];
  readonly why: string;
}

const opensvr = "opensvr.io", certificates = "certificates.k8s.io", rbac = "rbac.authorization.k8s.io";
const compiled = ["tenants", "services", "serviceroutes", "servicepolicies", "securitypolicies"];

/** routerRoleName is the ClusterRole of the router accounts, as the chart names it. */
export const routerRoleName = '{{ include "opensvr.fullname" . }}-router';

const operator: Role = {
  key: "operator", title: "Operator", where: "ClusterRole, in the whole cluster",
  rules: [
    ...compiled.map((resource): Rule => ({ group: opensvr, resource, verbs: ["list", "watch"], why: "compiled" })),
    ...compiled.map((resource): Rule => ({ group: opensvr, resource: `${resource}/status`, verbs: ["patch"], why: "conditions" })),
    { group: opensvr, resource: "routers", verbs: ["list", "watch", "create", "patch", "delete"], why: "compiled; one for each node that a RouterClass selects" },
    { group: opensvr, resource: "routers/status", verbs: ["patch"], why: "conditions" },
    { group: opensvr, resource: "routerconfigs", verbs: ["get", "list", "watch", "create", "patch", "delete"], why: "what was compiled: pages are created, heads are applied, what nobody names any more is deleted; read for what routers acknowledged and, at the start, for the objects in force" },
    { group: opensvr, resource: "routerclasses", verbs: ["list", "watch", "create", "patch"], why: "which nodes have routers; `default` is made when there is none" },
    { group: opensvr, resource: "routerclasses/status", verbs: ["patch"], why: "conditions" },
    { group: "", resource: "nodes", verbs: ["list", "watch"], why: "names and labels" },
    { group: "apps", resource: "daemonsets", verbs: ["list", "watch"], why: "whether the pods of a RouterClass are as they should be" },
    { group: rbac, resource: "clusterrolebindings", verbs: ["create", "patch"], why: "the rights of the account of a RouterClass" },
    { group: rbac, resource: "clusterroles", names: [routerRoleName], verbs: ["bind"], why: "to give rights that the operator has not itself" },
    { group: "", resource: "namespaces", verbs: ["list", "watch"], why: "their labels decide whose Services may name a Tenant" },
    { group: "events.k8s.io", resource: "events", verbs: ["create", "patch"], why: "changes of Ready" },
  ],
};

const own: Role = {
  key: "operator-own", title: "Operator, its own namespace", where: "Role, in the namespace of the release",
  rules: [
    { group: "coordination.k8s.io", resource: "leases", verbs: ["create"], why: "the election; a new object cannot be limited by name" },
    { group: "coordination.k8s.io", resource: "leases", names: ["opensvr-operator"], verbs: ["get", "update"], why: "who leads" },
    { group: "", resource: "configmaps", names: ["opensvr-accepted"], verbs: ["get", "create", "patch"], why: "the list of the objects in force" },
  ],
};

const signing: Role = {
  key: "signing", title: "Operator that signs certificates", where: "ClusterRole, with `identity.enabled`",
  rules: [
    { group: certificates, resource: "certificatesigningrequests", verbs: ["list", "watch"], why: "who asks" },
    { group: certificates, resource: "certificatesigningrequests/approval", verbs: ["patch"], why: "approved or denied" },
    { group: certificates, resource: "certificatesigningrequests/status", verbs: ["patch"], why: "the certificate" },
    { group: certificates, resource: "signers", names: [routerSigner], verbs: ["approve", "sign"], why: "the API server asks for both beside the verbs on requests; no other signer" },
  ],
};

const signingOwn: Role = {
  key: "signing-own", title: "Operator that signs certificates, its own namespace", where: "Role, in the namespace of the release, with `identity.enabled`",
  rules: [
    { group: "", resource: "secrets", verbs: ["create"], why: "the authority, once; a new object cannot be limited by name" },
    { group: "", resource: "secrets", names: ["opensvr-authority"], verbs: ["get"], why: "the key that signs" },
    { group: "", resource: "configmaps", names: ["opensvr-authorities"], verbs: ["get", "create", "patch"], why: "which authorities routers believe, also while one takes over from another" },
    { group: "", resource: "configmaps", names: ["opensvr-revoked"], verbs: ["get"], why: "which certificates count no more" },
  ],
};

const signingRouters: Role = {
  key: "signing-routers", title: "Operator that signs certificates, the namespace of the routers", where: "Role, in `routers.namespace`, with `identity.enabled`",
  rules: [{ group: "", resource: "pods", verbs: ["get"], why: "whether the pod that asks is there" }],
};

const site: Role = {
  key: "site", title: "Operator that serves the site endpoint, its own namespace", where: "Role, in the namespace of the release, with `site.enabled`",
  rules: [{ group: "", resource: "secrets", names: ["opensvr-site-tokens"], verbs: ["get", "update"], why: "one-time tokens, and the pin of the authority; made once with the right of the role above" }],
};

const children: Role = {
  key: "operator-routers", title: "Operator, the namespace of the routers", where: "Role, in `routers.namespace`",
  rules: [
    { group: "", resource: "serviceaccounts", verbs: ["create", "patch"], why: "the account of a RouterClass" },
    { group: "apps", resource: "daemonsets", verbs: ["create", "patch"], why: "the pods of a RouterClass" },
  ],
};

const router: Role = {
  key: "router", title: "Routers", where: "ClusterRole, bound by the operator to the account of each RouterClass",
  rules: [
    { group: opensvr, resource: "routerconfigs", verbs: ["get", "list", "watch"], why: "the router's own head and the pages that it names" },
    { group: opensvr, resource: "routerconfigs/status", verbs: ["patch"], why: "what was acknowledged" },
    { group: opensvr, resource: "routers/status", verbs: ["patch"], why: "facts: peers, tier, version" },
  ],
};

const routerIdentity: Role = {
  key: "router-identity", title: "Routers that ask for certificates", where: "the same ClusterRole, with `identity.enabled`",
  rules: [{ group: certificates, resource: "certificatesigningrequests", verbs: ["create", "list", "watch"], why: "the router's own request, and its answer; requests and certificates hold no secret" }],
};

const test: Role = {
  key: "test", title: "helm test", where: "ClusterRole of the pod that `helm test` starts; it is deleted after a test that passed",
  rules: [
    ...[...compiled, "routers", "routerclasses"].map((resource): Rule => ({ group: opensvr, resource, verbs: ["list"], why: "conditions" })),
    { group: opensvr, resource: "routerconfigs", verbs: ["list"], why: "what routers acknowledged" },
    { group: "coordination.k8s.io", resource: "leases", names: ["opensvr-operator"], verbs: ["get", "list"], why: "who leads; a list is of this one name" },
    { group: "apps", resource: "deployments", verbs: ["list"], why: "how many operators are ready" },
  ],
};

/** roles lists the roles in the order of the page. */
export const roles: readonly Role[] = [operator, own, children, signing, signingOwn, signingRouters, site, router, routerIdentity, test];
