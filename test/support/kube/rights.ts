// What an account used of its rights, from the audit log of the API server, and the table of the chart as single rights. Called by
// tests that compare both: a right that is not used is one too many, a refusal is one too few.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Role } from "../../../scripts/chart/rbac.ts";

/** Asked is one request in the audit log. */
export interface Asked {
  user: string;
  verb: string;
  group: string;
  /** with its subresource, as RBAC writes it: `tenants/status` */
  resource: string;
  uri: string;
  status: number;
  /** that the token is bound to */
  pod?: string;
}

/** Right is one verb on one resource. */
export interface Right { group: string; resource: string; verb: string }

/** auditWords are arguments of kube-apiserver that write every request of service accounts to `audit.log` in a folder, before it is answered. */
export function auditWords(folder: string): string[] {
  const policy = { apiVersion: "audit.k8s.io/v1", kind: "Policy", omitStages: ["RequestReceived"], rules: [{ level: "Metadata", userGroups: ["system:serviceaccounts"] }, { level: "None" }] };
  writeFileSync(join(folder, "policy.json"), JSON.stringify(policy));
  return [`--audit-policy-file=${join(folder, "policy.json")}`, `--audit-log-path=${join(folder, "audit.log")}`, "--audit-log-mode=blocking-strict"];
}

/** askedIn reads the audit log: requests about resources, in order. */
export function askedIn(folder: string): Asked[] {
  return readFileSync(join(folder, "audit.log"), "utf8").trim().split("\n").flatMap((line) => {
    const { user, verb, objectRef, requestURI, responseStatus } = JSON.parse(line) as {
      user: { username: string; extra?: Record<string, string[]> }; verb: string; requestURI: string; responseStatus?: { code?: number }; objectRef?: { apiGroup?: string; resource?: string; subresource?: string };
    };
    if (objectRef?.resource === undefined) return [];
    const pod = user.extra?.["authentication.kubernetes.io/pod-name"]?.[0];
    return [{
      user: user.username, verb, group: objectRef.apiGroup ?? "", uri: requestURI, status: responseStatus?.code ?? 0, ...(pod !== undefined && { pod }),
      resource: objectRef.subresource === undefined ? objectRef.resource : `${objectRef.resource}/${objectRef.subresource}`,
    }];
  });
}

/** rightsOf lists the rights of roles, each once. */
export function rightsOf(roles: readonly Role[]): Right[] {
  const all = roles.flatMap(({ rules }) => rules.flatMap(({ group, resource, verbs }) => verbs.map((verb) => ({ group, resource, verb }))));
  return [...new Map(all.map((right) => [textOf(right), right])).values()];
}

/** textOf writes a right for people: `patch tenants/status.opensvr.io`. */
export function textOf({ group, resource, verb }: Right): string {
  return `${verb} ${resource}${group === "" ? "" : `.${group}`}`;
}

/** needsOf lists the rights that a request needed: an apply that made its object needed "create" too, and a binding the right to bind. */
export function needsOf({ verb, group, resource, status }: Asked): Right[] {
  const own = { group, resource, verb };
  if (verb !== "patch" || status !== 201) return [own];
  return [own, { ...own, verb: "create" }, ...(resource === "clusterrolebindings" ? [{ group, resource: "clusterroles", verb: "bind" }] : [])];
}

const releaseName = '{{ include "opensvr.fullname" . }}';

/** without gives the rules of roles with one right less, for a release of name opensvr. */
export function without(roles: readonly Role[], right?: Right): object[] {
  return roles.flatMap(({ rules }) => rules.flatMap(({ group, resource, names, verbs }) => {
    const left = verbs.filter((verb) => right === undefined || group !== right.group || resource !== right.resource || verb !== right.verb);
    return left.length === 0 ? [] : [{ apiGroups: [group], resources: [resource], verbs: left, ...(names !== undefined && { resourceNames: names.map((name) => name.replace(releaseName, "opensvr")) }) }];
  }));
}
