// A cluster in memory for tests of the command line: the three-router example as API objects with statuses, configurations of the
// routers, the operator's Lease, and answers that can be made to fail. Imported by tests only.
import { SvrError } from "../../../pkg/base/errors.ts";
import type { ErrorCode } from "../../../pkg/base/errors.ts";
import { namespaces, ourResources, planned, routerConfigs } from "../../../pkg/api/resources.ts";
import { deployments, leases } from "../../../pkg/cli/resources.ts";
import type { KubeObject, KubePort, KubeResource } from "../../../pkg/ports/kube.ts";
import { nowMs } from "../cli.ts";
import { parseThree } from "../config/three.ts";
import { MemoryKube } from "./memory.ts";

/** TestCluster is the cluster; `deny` is asked before each call (`list services`, `get routerconfigs branch`, `read /version`) for the code of an error. */
export interface TestCluster { kube: KubePort; memory: MemoryKube; deny: (call: string) => ErrorCode | undefined; calls: string[]; served: readonly string[] }

/** longAgo is when everything of the example was made. */
export const longAgo = "2025-12-31T22:10:00Z";

/** readyStatus is a status whose conditions are all true, or whose Ready has another reason. */
export function readyStatus(more: object = {}, not?: { reason: string; message: string }): object {
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  const ready = not === undefined ? { status: "True", reason: "Ready", message: "on 3 of 3 routers" } : { status: "False", ...not };
  return { observedGeneration: 1, conditions: [{ type: "Accepted", status: "True", reason: "Accepted", message: "", lastTransitionTime }, { type: "Ready", ...ready, lastTransitionTime }], ...more };
}

/** hashOf is the hash of the configuration that a router of the example should have. */
export function hashOf(router: string): string {
  return router.padEnd(64, "0").replaceAll(/[^0-9a-f]/g, "a");
}

/** threeCluster makes the example as it is when everything works. */
export async function threeCluster(): Promise<TestCluster> {
  const memory = new MemoryKube();
  const cluster: TestCluster = { memory, calls: [], deny: () => undefined, served: ourResources.map(({ plural }) => plural), kube: memory };
  for (const { object } of parseThree().objects) await put(memory, planned[object.kind], object as unknown as KubeObject);
  for (const one of await memory.list(planned.Service)) await memory.status(planned.Service, at(one), readyStatus({ programmed: "3/3", sessions: 7 }));
  for (const one of await memory.list(planned.Tenant)) await memory.status(planned.Tenant, at(one), readyStatus({ routers: "3/3", members: 1 }));
  for (const kind of ["ServiceRoute", "ServicePolicy", "SecurityPolicy"] as const) for (const one of await memory.list(planned[kind])) await memory.status(planned[kind], at(one), readyStatus());
  for (const one of await memory.list(planned.Router)) await addRouter(memory, one.metadata.name);
  for (const name of new Set(["default", ...parseThree().objects.flatMap(({ object }) => ("namespace" in object.metadata ? [object.metadata.namespace] : []))])) await put(memory, namespaces, { apiVersion: "v1", kind: "Namespace", metadata: { name } });
  await putLease(memory, nowMs - 1_000);
  await put(memory, deployments, { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "opensvr", namespace: "opensvr", labels: { "app.kubernetes.io/part-of": "opensvr", "app.kubernetes.io/component": "operator", "app.kubernetes.io/version": "0.1.0" } }, spec: { replicas: 2 } });
  await memory.status(deployments, { name: "opensvr", namespace: "opensvr" }, { readyReplicas: 2 });
  return Object.assign(cluster, { kube: guarded(cluster) });
}

/** putLease writes the Lease of the operators, renewed at a time. */
export async function putLease(memory: MemoryKube, renewedMs: number, holder = "operator-1"): Promise<void> {
  const spec = { holderIdentity: holder, renewTime: new Date(renewedMs).toISOString(), leaseDurationSeconds: 15 };
  await memory.apply(leases, { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "opensvr-operator", namespace: "opensvr" }, spec }, { manager: "opensvr-operator" });
}

async function put(memory: MemoryKube, resource: KubeResource, { apiVersion, kind, metadata, ...rest }: KubeObject): Promise<void> {
  await memory.create(resource, { apiVersion, kind, metadata: { ...metadata, creationTimestamp: longAgo }, ...rest });
}

async function addRouter(memory: MemoryKube, name: string): Promise<void> {
  await memory.status(planned.Router, { name }, readyStatus({ programmed: "1/1", peersUp: "2/2", tier: "TC", sessions: 3, version: "0.1.0", boot: "b1", time: "2026-01-01T00:09:50.000Z" }));
  const head = { router: name, nodeName: "", format: 1, version: "0.1.0", hash: hashOf(name), pages: [] };
  await put(memory, routerConfigs, { apiVersion: "opensvr.io/v1alpha1", kind: "RouterConfig", metadata: { name }, spec: { type: "Head", head } });
  await memory.status(routerConfigs, { name }, { acked: { hash: head.hash, time: "2026-01-01T00:05:00.000Z" } });
}

function at({ metadata: { name, namespace } }: KubeObject): { name: string; namespace?: string } {
  return { name, ...(namespace !== undefined && { namespace }) };
}

/** The server in memory has no rights and no discovery: both are added here. */
function guarded(cluster: TestCluster): KubePort {
  const { memory } = cluster;
  const ask = async <T>(call: string, answer: () => Promise<T>): Promise<T> => {
    cluster.calls.push(call);
    const code = cluster.deny(call);
    if (code !== undefined) throw new SvrError(code, { object: call, attempted: `${call} is refused`, fix: "ask for the right" });
    return answer();
  };
  return {
    get: (resource, one) => ask(`get ${resource.plural} ${one.name}`, () => memory.get(resource, one)),
    list: (resource, selection) => ask(`list ${resource.plural}`, () => memory.list(resource, selection)),
    apply: memory.apply.bind(memory), create: memory.create.bind(memory), replace: memory.replace.bind(memory), remove: memory.remove.bind(memory),
    read: (path) => ask(`read ${path}`, () => {
      if (path === "/version") return Promise.resolve({ gitVersion: "v1.37.2" });
      if (path === "/apis/opensvr.io/v1alpha1" && cluster.served.length > 0) return Promise.resolve({ resources: cluster.served.flatMap((name) => [{ name }, { name: `${name}/status` }]) });
      return Promise.reject(new SvrError("SVR_NOT_FOUND", { object: path, attempted: `${path} is not served`, fix: "install it" }));
    }),
  };
}
