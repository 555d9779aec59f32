// The admission policies of the chart on a real API server: a router pod writes only the statuses of its own node, a Service lets in only
// tenants that grant its namespace. Tokens are bound to Pod objects on nodes, as kubelets get them; no pod runs.
import { openAccess } from "../../pkg/kube/access.ts";
import type { AccessOptions } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import { resourceOf } from "../../pkg/api/resources.ts";
import type { KubeResource } from "../../pkg/ports/kube.ts";
import { objectsIn, openHelm, templateWords } from "../support/kube/chart.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube, Ran } from "../support/kube/server.ts";
import { waitFor } from "../support/wait.ts";

const namespace = "opensvr", account = "opensvr-router-edge";
const digest = "0".repeat(64);
let kube: Kube;
let router: string; // kubeconfig of the router on node n1
let unbound: string;

const apply = (object: object, kubeconfig?: string): Ran => kube.tryKubectl(["apply", "-f", "-"], JSON.stringify(object), kubeconfig);
const ours = (kind: string, metadata: object, spec: object): object => ({ apiVersion: "opensvr.io/v1alpha1", kind, metadata, spec });

beforeAll(async () => {
  kube = await openKube();
  kube.kubectl(["create", "namespace", namespace]);
  const rendered = objectsIn(openHelm(kube).run(templateWords()));
  const wanted = ["CustomResourceDefinition", "ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
  for (const kind of wanted) kube.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items: rendered.filter((one) => one.kind === kind) }));
  kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
  kube.kubectl(["create", "serviceaccount", account, "-n", namespace]);
  kube.kubectl(["create", "clusterrolebinding", account, "--clusterrole=opensvr-router", `--serviceaccount=${namespace}:${account}`]);
  for (const node of ["n1", "n2"]) {
    kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name: node } }));
    kube.kubectl(["apply", "-f", "-"], JSON.stringify(ours("Router", { name: `edge-${node}` }, { nodeName: node, interfaces: [{ name: "lan0", type: "LAN" }] })));
    kube.kubectl(["apply", "-f", "-"], JSON.stringify(ours("RouterConfig", { name: `edge-${node}` }, { type: "Head", head: { router: `edge-${node}`, nodeName: node, format: 1, version: "0.1.0", hash: digest, pages: [] } })));
  }
  kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name: "router-n1", namespace }, spec: { nodeName: "n1", serviceAccountName: account, containers: [{ name: "router", image: "none" }] } }));
  router = kube.configFor("router", { token: kube.token(namespace, account, "router-n1") });
  unbound = kube.configFor("unbound", { token: kube.token(namespace, account) });
}, testMs);
afterAll(async () => { await kube.close(); }, testMs);

/** Writes a status as a router does; gives what the server refuses. */
async function refusal(resource: KubeResource, name: string, who: string | AccessOptions, more: object = {}): Promise<string> {
  const client = openKubeClient({ access: openAccess(typeof who === "string" ? { kubeconfig: who } : who) });
  const status = resource.kind === "Router" ? { version: "0.1.0" } : { acked: { hash: digest, time: "2026-01-01T00:00:00Z" } };
  try {
    await client.apply(resource, { apiVersion: "opensvr.io/v1alpha1", kind: resource.kind, metadata: { name }, status: { ...status, ...more } }, { manager: "opensvr-router", force: true, status: true });
    return "";
  } catch (error) {
    return (error as Error).message;
  } finally {
    client.close();
  }
}

test("a router writes the statuses of its own node, and of no other", async () => {
  for (const kind of ["Router", "RouterConfig"] as const) {
    const resource = resourceOf(kind);
    expect(await refusal(resource, "edge-n1", router)).toBe("");
    await waitFor(`the policy is in force for ${kind}`, async () => await refusal(resource, "edge-n2", router) !== "", slow);
    expect(await refusal(resource, "edge-n2", router)).toMatch(/SVR_KUBE_DENIED.*a router on node "n1" may not write the status of an object for node "n2"; use a token/);
    expect(await refusal(resource, "edge-n1", unbound)).toMatch(/SVR_KUBE_DENIED.*a router needs a token that is bound to its pod, which names the node; this account has none/);
  }
}, testMs);

test("an account of a router about whom nothing more is known is refused with the same words", async () => {
  const said = await refusal(resourceOf("Router"), "edge-n1", { kubeconfig: kube.kubeconfig, as: `system:serviceaccount:${namespace}:${account}` });
  expect(said).toMatch(/SVR_KUBE_DENIED.*denied request: a router needs a token that is bound to its pod/);
  expect(said).not.toMatch(/no such key|resulted in error/);
});

test("a router of another class on the same node is another's, and conditions are the operator's", async () => {
  for (const [kind, spec] of [["Router", { nodeName: "n1", interfaces: [{ name: "lan0", type: "LAN" }] }], ["RouterConfig", { type: "Head", head: { router: "core-n1", nodeName: "n1", format: 1, version: "0.1.0", hash: digest, pages: [] } }]] as const) {
    kube.kubectl(["apply", "-f", "-"], JSON.stringify(ours(kind, { name: "core-n1" }, spec)));
    expect(await refusal(resourceOf(kind), "core-n1", router)).toMatch(/SVR_KUBE_DENIED.*a router of class "edge" may not write the status of "core-n1"/);
  }
  const conditions = [{ type: "Ready", status: "True", reason: "Programmed", message: "", observedGeneration: 1, lastTransitionTime: "2026-01-01T00:00:00Z" }];
  expect(await refusal(resourceOf("Router"), "edge-n1", router, { conditions })).toMatch(/SVR_KUBE_DENIED.*a router writes facts; conditions are the operator's/);
  kube.kubectl(["patch", "routers.opensvr.io", "edge-n1", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status: { conditions } })]); // in the operator's hands
  expect(await refusal(resourceOf("Router"), "edge-n1", router)).toBe(""); // facts beside conditions that are there
}, testMs);

test("a router may not write specs, pages, or make itself another's", () => {
  const spec = kube.tryKubectl(["patch", "routers.opensvr.io", "edge-n1", "--type=merge", "-p", '{"spec":{"nodeName":"n2"}}'], "", router);
  expect([spec.status, spec.err]).toEqual([1, expect.stringMatching(/forbidden/i)]);
  expect(apply(ours("RouterConfig", { name: digest }, { type: "Page", page: { content: "config {}" } }), router).err).toMatch(/forbidden/i);
  // Even with more rights than the chart gives, the policy holds.
  kube.kubectl(["create", "clusterrole", "too-much", "--verb=get,create,patch,update", "--resource=routers.opensvr.io,routerconfigs.opensvr.io"]);
  kube.kubectl(["create", "clusterrolebinding", "too-much", "--clusterrole=too-much", `--serviceaccount=${namespace}:${account}`]);
  expect(kube.tryKubectl(["patch", "routers.opensvr.io", "edge-n1", "--type=merge", "-p", '{"spec":{"shards":2}}'], "", router).err).toMatch(/a router writes statuses only/);
  expect(apply(ours("RouterConfig", { name: digest }, { type: "Page", page: { content: "config {}" } }), router).err).toMatch(/a router writes statuses only/);
});

test("a Service lets in tenants that grant its namespace by name or by label, and is told who to ask otherwise", async () => {
  for (const [name, labels] of [["shop", {}], ["lab", { team: "web" }], ["alien", {}]] as const) kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } }));
  kube.kubectl(["apply", "-f", "-"], JSON.stringify(ours("Tenant", { name: "acme" }, { serviceNamespaces: { names: ["shop"], matchLabels: { team: "web" } } })));
  kube.kubectl(["apply", "-f", "-"], JSON.stringify(ours("Tenant", { name: "closed" }, {})));
  const service = (where: string, tenant: string, permission = "Allow", more: object = {}): object => ours("Service", { name: "web", namespace: where }, { addresses: ["10.0.0.1"], access: [{ tenant, permission }], ...more });
  await waitFor("the policy is in force", () => apply(service("alien", "acme")).status !== 0, slow);
  expect(apply(service("alien", "acme")).err).toMatch(/spec.access: Tenant acme does not grant namespace alien; ask its owner to add the namespace/);
  for (const where of ["shop", "lab"]) expect(apply(service(where, "acme"))).toMatchObject({ status: 0 });
  expect(apply(service("shop", "closed")).err).toMatch(/Tenant closed does not grant namespace shop/);
  expect(apply(service("alien", "acme", "Deny"))).toMatchObject({ status: 0 });
  expect(apply(service("alien", "unheard-of"))).toMatchObject({ status: 0 }); // the compiler tells
  // A grant that is gone later stops nobody from editing something else.
  kube.kubectl(["patch", "tenants.opensvr.io", "acme", "--type=merge", "-p", '{"spec":{"serviceNamespaces":{"names":[]}}}']);
  await waitFor("the grant is gone", () => apply(service("alien", "acme")).status !== 0, slow);
  expect(apply(service("shop", "acme", "Allow", { trafficClass: "High" }))).toMatchObject({ status: 0 });
}, testMs);
