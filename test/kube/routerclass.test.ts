// RouterClass on a real API server with its controllers: DaemonSet, account, binding, a Router for each node that is selected; a change
// of somebody else is taken back, nodes come and go, and with the class goes what it owned. No kubelet: pods are made, none runs.
import { conditionOf, itemOf, itemsOf, operatorNamespace, startOperator } from "../support/kube/operator.ts";
import { slow, stopMs, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import type { TestProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const edge = `
apiVersion: opensvr.io/v1alpha1
kind: RouterClass
metadata: { name: edge }
spec:
  nodeSelector: { "opensvr.io/router": "yes" }
  tolerations: [{ key: edge, operator: Exists, effect: NoSchedule }]
  keySecret: router-keys
  interfaces:
    - { name: lan0, type: LAN }
    - { name: wan0, type: WAN, source: Multus, multus: { name: wan, namespace: networks } }
    - { name: wan1, type: WAN, source: SRIOV, sriov: { resource: intel.com/wan_vfs, network: { name: vfs } } }
`;

let kube: Kube;
let operator: TestProcess;

beforeAll(async () => {
  kube = await openKube({ controllers: true });
  kube.applyCrds();
  kube.kubectl(["create", "namespace", operatorNamespace]);
  for (const node of ["n1", "n2", "n3"]) addNode(node, node === "n3" ? {} : { "opensvr.io/router": "yes" });
  operator = await startOperator(kube, { args: ["--router-image", "opensvr/router:1.2.3"] });
}, testMs);
afterAll(async () => {
  await operator.stop(stopMs);
  await kube.close();
}, testMs);

function addNode(name: string, labels: Record<string, string>): void {
  kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name, labels } }));
}

function routersOf(className: string): string[] {
  return itemsOf(kube, "routers.opensvr.io").filter((item) => item.metadata.labels?.["opensvr.io/class"] === className).map((item) => item.metadata.name).sort();
}

test("without any class the operator makes one for the pod network, with a router on each node", async () => {
  await waitFor("Routers of class default", () => routersOf("default").join() === "default-n1,default-n2,default-n3", slow);
  expect(itemOf(kube, "routers.opensvr.io", "default-n1")?.spec).toMatchObject({ nodeName: "n1", interfaces: [{ name: "pod0", type: "Shared", device: "eth0" }] });
  kube.kubectl(["delete", "routerclasses.opensvr.io", "default"]);
  await waitFor("its Routers go with it", () => routersOf("default").length === 0, slow);
}, testMs);

test("a class that selects by what no label can be is not accepted, and nothing is made of it", async () => {
  kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "opensvr.io/v1alpha1", kind: "RouterClass", metadata: { name: "odd" }, spec: { nodeSelector: { "two words": "x" } } }));
  await waitFor("the class is told", () => conditionOf(itemOf(kube, "routerclasses.opensvr.io", "odd"), "Accepted").startsWith('False Invalid: spec.nodeSelector: "two words" is not the key of a label; write name or prefix/name'), slow);
  expect(itemOf(kube, "daemonsets.apps", "opensvr-router-odd", operatorNamespace)).toBeUndefined();
  kube.kubectl(["delete", "routerclasses.opensvr.io", "odd"]);
}, testMs);

test("a class becomes a DaemonSet without privileges, an account, a binding, and a Router for each node selected", async () => {
  kube.kubectl(["apply", "-f", "-"], edge);
  await waitFor("Routers of class edge", () => routersOf("edge").join() === "edge-n1,edge-n2", slow);
  const spec = itemOf(kube, "daemonsets.apps", "opensvr-router-edge", operatorNamespace)?.spec as { updateStrategy: object; template: { metadata: { annotations: Record<string, string> }; spec: Record<string, unknown> } };
  expect(spec.updateStrategy).toEqual({ type: "OnDelete" });
  expect(JSON.parse(spec.template.metadata.annotations["k8s.v1.cni.cncf.io/networks"] ?? "")).toEqual([{ name: "wan", namespace: "networks", interface: "net1" }, { name: "vfs", interface: "net2" }]);
  expect(spec.template.spec).toMatchObject({
    serviceAccountName: "opensvr-router-edge", priorityClassName: "system-node-critical", nodeSelector: { "opensvr.io/router": "yes" }, tolerations: [{ key: "edge", operator: "Exists", effect: "NoSchedule" }],
    containers: [{
      image: "opensvr/router:1.2.3", resources: { limits: { "intel.com/wan_vfs": "1" } },
      securityContext: { privileged: false, allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW", "BPF", "PERFMON"] } },
    }],
    volumes: [{ name: "bpf" }, { name: "state" }, { name: "keys", secret: { secretName: "router-keys" } }],
  });
  expect(spec.template.spec["hostNetwork"]).toBeUndefined();
  expect(itemOf(kube, "routers.opensvr.io", "edge-n2")?.spec).toMatchObject({ nodeName: "n2", interfaces: [{ name: "lan0", type: "LAN", device: "eth0" }, { name: "wan0", type: "WAN", device: "net1" }, { name: "wan1", type: "WAN", device: "net2" }] });
  expect(kube.kubectl(["get", "serviceaccount", "opensvr-router-edge", "-n", operatorNamespace, "-o", "name"])).toContain("opensvr-router-edge");
  expect(kube.kubectl(["get", "clusterrolebinding", "opensvr-router-edge", "-o", "jsonpath={.subjects[0].name}"])).toBe("opensvr-router-edge");
  await waitFor("the class waits for its routers", () => conditionOf(itemOf(kube, "routerclasses.opensvr.io", "edge"), "Ready") === "False Pending: 0 of 2 routers are ready", slow);
  expect(itemOf(kube, "routerclasses.opensvr.io", "edge")?.status).toMatchObject({ routers: "0/2", version: "opensvr/router:1.2.3" });
}, testMs);

test("what somebody else changes is taken back, what they add to a Router stays", async () => {
  kube.kubectl(["patch", "daemonset", "opensvr-router-edge", "-n", operatorNamespace, "--type=json", "-p", '[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"somebody/else:1"}]']);
  await waitFor("the image is ours again", () => kube.kubectl(["get", "daemonset", "opensvr-router-edge", "-n", operatorNamespace, "-o", "jsonpath={.spec.template.spec.containers[0].image}"]) === "opensvr/router:1.2.3", slow);
  kube.kubectl(["apply", "--server-side", "--field-manager=team", "-f", "-"], JSON.stringify({ apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "edge-n1" }, spec: { interfaces: [{ name: "wan0", addresses: ["192.0.2.1/24"] }], shards: 2 } }));
  const theirs = kube.tryKubectl(["apply", "--server-side", "--field-manager=team", "-f", "-"], JSON.stringify({ apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "edge-n1" }, spec: { nodeName: "n3", interfaces: [{ name: "wan0", addresses: ["192.0.2.1/24"] }], shards: 2 } }));
  expect([theirs.status, theirs.err]).toEqual([1, expect.stringMatching(/conflict with "opensvr-operator"/)]);
  addNode("n4", { "opensvr.io/router": "yes" });
  await waitFor("the new node has a Router", () => routersOf("edge").includes("edge-n4"), slow);
  expect(itemOf(kube, "routers.opensvr.io", "edge-n1")?.spec).toMatchObject({ nodeName: "n1", shards: 2, interfaces: [{ name: "lan0" }, { name: "wan0", addresses: ["192.0.2.1/24"], device: "net1" }, { name: "wan1" }] });
}, testMs);

test("a node that is not selected any more, or gone, has no Router; with the class goes everything", async () => {
  kube.kubectl(["label", "node", "n4", "opensvr.io/router-"]);
  kube.kubectl(["delete", "node", "n2"]);
  await waitFor("one Router is left", () => routersOf("edge").join() === "edge-n1", slow);
  kube.kubectl(["delete", "routerclasses.opensvr.io", "edge"]);
  await waitFor("nothing is left", () => routersOf("edge").length === 0 && itemOf(kube, "daemonsets.apps", "opensvr-router-edge", operatorNamespace) === undefined && itemOf(kube, "clusterrolebindings", "opensvr-router-edge") === undefined, slow);
}, testMs);
