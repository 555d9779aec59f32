// Admission of requests for certificates on a real API server, with the chart's policies: only router pods ask, in the form of a router's, and nobody
// but the operator answers. No operator runs; what it decides is test/kube/identity.
import { openAccess } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import { createCertificateRequests, requestName } from "../../pkg/kube/csr.ts";
import type { CertificateAnswer } from "../../pkg/ports/identity.ts";
import { makeRequest } from "../../pkg/security/authority.ts";
import { roles } from "../../scripts/chart/rbac.ts";
import { createAuthority } from "../support/ca.ts";
import { objectsIn, openHelm, templateWords } from "../support/kube/chart.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { rightsOf, textOf, without } from "../support/kube/rights.ts";
import type { Right } from "../support/kube/rights.ts";
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
  await waitFor("the policies are in force", () => ask("first", {}, stranger).status !== 0 && approve("first").status !== 0, slow);
}, testMs);
afterAll(async () => { await kube.close(); }, testMs);

interface Form { text?: string; signerName?: string; usages?: string[]; expirationSeconds?: number }

function ask(name: string, { text = request, signerName = "opensvr.io/router", usages = ["digital signature", "client auth"], ...more }: Form, kubeconfig: string): Ran {
  const object = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec: { request: Buffer.from(text).toString("base64"), signerName, usages, ...more } };
  return kube.tryKubectl(["create", "-f", "-"], JSON.stringify(object), kubeconfig);
}

const approve = (name: string, kubeconfig?: string): Ran => kube.tryKubectl(["certificate", "approve", name], "", kubeconfig);


/** Asks as the program of a router does; causes are why it listened again. */
function asAProgram(text: string): { answer: Promise<CertificateAnswer>; causes: string[]; stop(): void } {
  const access = openAccess({ kubeconfig: router }), client = openKubeClient({ access }), ending = new AbortController(), causes: string[] = [];
  const asking = createCertificateRequests({ kube: client, access, signerName: "opensvr.io/router", random: () => 0.5, restarted: (cause) => void causes.push(cause), failed: (error) => { throw error; } });
  return { answer: asking.ask({ router: "edge-n1", request: text }, ending.signal), causes, stop: () => { ending.abort(new Error("enough")); client.close(); } };
}

/** Approves and signs as the operator may. */
async function answerTo(text: string): Promise<void> {
  const name = requestName("edge-n1", text), by = ["--as", `system:serviceaccount:${namespace}:${operator}`, "--as-group", "system:masters"];
  await waitFor("the request is there", () => kube.tryKubectl(["get", requests, name]).status === 0, slow);
  kube.kubectl(["certificate", "approve", name, ...by]);
  const certificate = Buffer.from((await createAuthority()).signer.certificate).toString("base64");
  kube.kubectl(["patch", requests, name, "--subresource=status", "--type=merge", "-p", JSON.stringify({ status: { certificate } }), ...by]);
}

test("a router asks, as its program does, and hears the operator's answer", async () => {
  const asking = asAProgram(request);
  await answerTo(request);
  expect(await asking.answer).toEqual({ certificate: expect.stringContaining("BEGIN CERTIFICATE") as string });
  asking.stop();
}, testMs);

describe("a right of a router that asks is missed when it is taken away", () => {
  const held = roles.filter(({ key }) => key === "router" || key === "router-identity");
  const setRole = async (but?: Right): Promise<void> => {
    kube.kubectl(["patch", "clusterrole", "opensvr-router", "--type=merge", "-p", JSON.stringify({ rules: without(held, but) })]);
    if (but !== undefined) await waitFor("the right is gone", () => kube.tryKubectl(["auth", "can-i", but.verb, requests, "--as", `system:serviceaccount:${namespace}:${account}`, "-q"]).status === 1, slow);
  };

  test.each(rightsOf(roles.filter(({ key }) => key === "router-identity")).map((right) => ({ right, text: textOf(right) })))("$text", async ({ right }) => {
    const { request: text } = await makeRequest("edge-n1", "Ed25519");
    await setRole(right);
    const first = asAProgram(text);
    if (right.verb === "create") await expect(first.answer).rejects.toThrow("SVR_KUBE_DENIED");
    else await waitFor("it says so", () => first.causes.includes("denied"), { ...slow, show: () => first.causes.join() });
    await setRole();
    const asking = right.verb === "create" ? asAProgram(text) : first;
    await answerTo(text);
    expect(await asking.answer).toHaveProperty("certificate");
    for (const one of [first, asking]) one.stop();
  }, testMs);
});

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
