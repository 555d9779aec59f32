// Admission of requests for certificates on a real API server, with the chart's policies: only router pods ask, in the form of a router's, and nobody
// but the operator answers. No operator runs; what it decides is test/kube/identity.
import { openAccess } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import { createCertificateRequests } from "../../pkg/kube/csr.ts";
import { makeRequest } from "../../pkg/security/authority.ts";
import { createAuthority } from "../support/ca.ts";
import { objectsIn, openHelm, templateWords } from "../support/kube/chart.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube, Ran } from "../support/kube/server.ts";
import { waitFor } from "../support/wait.ts";

const namespace = "opensvr", account = "opensvr-router-edge", operator = "opensvr-operator";
const requests = "certificatesigningrequests.certificates.k8s.io";
let kube: Kube;
let router: string, stranger: string, unbound: string; // kubeconfigs
let request: string;

beforeAll(async () => {
  kube = await openKube();
  kube.kubectl(["create", "namespace", namespace]);
  const rendered = objectsIn(openHelm(kube).run(templateWords(), "identity: { enabled: true }"));
  const wanted = ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];
  for (const kind of wanted) {
    const items = rendered.filter((one) => one.kind === kind && !/tenant-grants|router-status/.test(one.metadata.name));
    kube.kubectl(["apply", "--server-side", "-n", namespace, "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  }
  for (const name of [account, "stranger"]) {
    kube.kubectl(["create", "serviceaccount", name, "-n", namespace]);
    kube.kubectl(["create", "clusterrolebinding", name, "--clusterrole=opensvr-router", `--serviceaccount=${namespace}:${name}`]);
    kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } }));
    kube.kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace }, spec: { nodeName: "n1", serviceAccountName: name, containers: [{ name: "router", image: "none" }] } }));
  }
  router = kube.configFor("router", { token: kube.token(namespace, account, account) });
  stranger = kube.configFor("stranger", { token: kube.token(namespace, "stranger", "stranger") });
  unbound = kube.configFor("unbound", { token: kube.token(namespace, account) });
  ({ request } = await makeRequest("edge-n1", "Ed25519"));
  await waitFor("the policies are in force", () => ask("first", {}, stranger).status !== 0 && approve("first").status !== 0, { deadlineMs: 30_000, everyMs: 200 });
}, 120_000);
afterAll(async () => { await kube.close(); }, 60_000);

interface Form { text?: string; signerName?: string; usages?: string[]; expirationSeconds?: number }

function ask(name: string, { text = request, signerName = "opensvr.io/router", usages = ["digital signature", "client auth"], ...more }: Form, kubeconfig: string): Ran {
  const object = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec: { request: Buffer.from(text).toString("base64"), signerName, usages, ...more } };
  return kube.tryKubectl(["create", "-f", "-"], JSON.stringify(object), kubeconfig);
}

const approve = (name: string, kubeconfig?: string): Ran => kube.tryKubectl(["certificate", "approve", name], "", kubeconfig);

test("a router asks, as its program does", async () => {
  const access = openAccess({ kubeconfig: router }), client = openKubeClient({ access }), ending = new AbortController();
  const asking = createCertificateRequests({ kube: client, access, signerName: "opensvr.io/router", random: () => 0.5, restarted: () => undefined, failed: (error) => { throw error; } }).ask({ router: "edge-n1", request }, ending.signal);
  const ended = expect(asking).rejects.toThrow("enough");
  await waitFor("the request is there", () => kube.kubectl(["get", requests, "-o", "name"]).includes("opensvr-router-edge-n1-"), { deadlineMs: 20_000, everyMs: 200 });
  ending.abort(new Error("enough"));
  await ended;
  client.close();
}, 60_000);

test.each<[string, Form, () => string, string]>([
  ["another account", {}, () => stranger, `"system:serviceaccount:${namespace}:stranger" is no account of a RouterClass; ask from a router pod, whose account is opensvr-router-CLASS in namespace ${namespace}`],
  ["whoever may do everything", {}, () => kube.kubeconfig, "is no account of a RouterClass"],
  ["a token without a pod", {}, () => unbound, "the token is not bound to a pod on a node; ask with the token that the kubelet gives the router pod"],
  ["another usage among those that are right", { usages: ["digital signature", "cert sign"] }, () => router, 'spec.usages: "cert sign" is not for routers'],
  ["a longer life", { expirationSeconds: 2_592_001 }, () => router, "spec.expirationSeconds: a certificate of a router lives for 30 days at most"],
])("%s is refused", (_what, form, by, words) => {
  const { status, err } = ask("refused", form, by());
  expect([status === 0, err]).toEqual([false, expect.stringContaining(words)]);
  expect(err).not.toMatch(/no such key|resulted in error/);
});

test("a request that is larger than a router's is refused, and one of that size is not", () => {
  const filled = (bytes: number): string => `${request}${"\n".repeat(bytes - request.length)}`;
  expect(ask("large", { text: filled(3_073) }, router).err).toContain("spec.request: a request of a router has 3072 bytes at most");
  expect(ask("filled", { text: filled(3_072), expirationSeconds: 2_592_000, usages: ["digital signature", "client auth", "server auth"] }, router)).toMatchObject({ status: 0 });
});

test("requests of other signers are nobody's business here", () => {
  const other = { signerName: "example.org/other", usages: ["cert sign"], text: request };
  expect(ask("other", other, stranger)).toMatchObject({ status: 0 });
  expect(approve("other")).toMatchObject({ status: 0 });
});

test("nobody but the operator approves, denies or signs, whatever else it may do", async () => {
  expect(ask("mine", {}, router)).toMatchObject({ status: 0 });
  const certificate = Buffer.from((await createAuthority()).signer.certificate).toString("base64");
  const patch = (status: object): Ran => kube.tryKubectl(["patch", requests, "mine", "--subresource=status", "--type=merge", "-p", JSON.stringify({ status })]);
  const refused = `requests for opensvr.io/router are approved, denied and signed by system:serviceaccount:${namespace}:${operator} alone`;
  for (const { status, err } of [approve("mine"), kube.tryKubectl(["certificate", "deny", "mine"]), patch({ certificate }), patch({ conditions: [{ type: "Failed", status: "True", reason: "x" }] })]) expect([status === 0, err]).toEqual([false, expect.stringContaining(refused)]);
  expect(kube.kubectl(["get", requests, "mine", "-o", "jsonpath={.status}"])).toBe("{}");
  expect(kube.tryKubectl(["certificate", "approve", "mine", "--as", `system:serviceaccount:${namespace}:${operator}`, "--as-group", "system:masters"])).toMatchObject({ status: 0 });
});
