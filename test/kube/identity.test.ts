// Certificates of routers in a cluster: the operator with the rights of the chart approves and signs what a pod of a RouterClass asks for
// itself, and denies everything else with a reason. A real API server writes down who asked.
import { webcrypto, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openAccess } from "../../pkg/kube/access.ts";
import { openKubeClient } from "../../pkg/kube/client.ts";
import { createCertificateRequests } from "../../pkg/kube/csr.ts";
import { requestsMost } from "../../pkg/operator/askers.ts";
import { createIdentityCluster } from "../../pkg/router/identitycluster.ts";
import { pemCertificates, verifyChain } from "../../pkg/security/chain.ts";
import { openIdentityFiles } from "../../pkg/security/identityfiles.ts";
import { openIdentityKeeper } from "../../pkg/security/identitykeeper.ts";
import { roles } from "../../scripts/chart/rbac.ts";
import * as x509 from "../../pkg/security/x509.ts";
import { createAuthority } from "../support/ca.ts";
import { chartFolder, openHelm } from "../support/kube/chart.ts";
import { contentOf, headOf, itemOf, launchOperator, operatorNamespace as namespace, startOperator } from "../support/kube/operator.ts";
import type { OperatorStart } from "../support/kube/operator.ts";
import { slow, stopMs, testMs } from "../support/kube/patience.ts";
import { rightsOf, textOf, without } from "../support/kube/rights.ts";
import type { Right } from "../support/kube/rights.ts";
import type { TestProcess } from "../support/process.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { passes, waitFor } from "../support/wait.ts";

const edge = {
  apiVersion: "opensvr.io/v1alpha1", kind: "RouterClass", metadata: { name: "edge" },
  spec: { nodeSelector: { edge: "yes" }, interfaces: [{ name: "lan0", type: "LAN", source: "Host", host: { device: "lan0" } }] },
};
const account = "opensvr-router-edge";
const uri = (name: string): string => `urn:svr:router:${name}`;

let kube: Kube, operator: TestProcess;
let asks = 0;

const apply = (object: object): void => { kube.kubectl(["apply", "-f", "-"], JSON.stringify(object)); };
const node = (name: string): object => ({ apiVersion: "v1", kind: "Node", metadata: { name, labels: { edge: "yes" } } });

beforeAll(async () => {
  kube = await openKube();
  kube.kubectl(["create", "namespace", namespace]);
  openHelm(kube).run(["install", "opensvr", chartFolder, "--namespace", namespace, "--set", "routers.defaultClass=false"]);
  kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
  kube.kubectl(["create", "clusterrole", "askers", "--verb=create", "--resource=certificatesigningrequests.certificates.k8s.io"]);
  kube.kubectl(["create", "clusterrolebinding", "askers", "--clusterrole=askers", "--group=system:serviceaccounts"]);
  operator = await start();
  for (const object of [edge, node("n1"), node("n2")]) apply(object);
  for (const name of ["edge-n1", "edge-n2"]) await waitFor(`Router ${name}`, () => itemOf(kube, "routers.opensvr.io", name), slow);
  await waitFor("the DaemonSet of the class", () => itemOf(kube, "daemonsets.apps", account, namespace), slow);
  for (const name of ["n1", "n2"]) addPod(`router-${name}`, { node: name });
}, testMs);
afterAll(async () => {
  await operator.stop(stopMs);
  await kube.close();
}, testMs);

const start = (identity = "operator-1"): Promise<TestProcess> => startOperator(kube, startOf(identity));

/** With the account and the arguments that the chart gives it. */
function startOf(identity: string): OperatorStart {
  const args = JSON.parse(kube.kubectl(["get", "deployment", "opensvr-operator", "-n", namespace, "-o", "jsonpath={.spec.template.spec.containers[0].args}"])) as string[];
  return { identity, kubeconfig: kube.configFor("operator", { token: kube.token(namespace, "opensvr-operator") }), args: args.filter((word) => !/^--(namespace|identity|health-port)=/.test(word)) };
}

function addPod(name: string, of: { node: string; account?: string; owned?: boolean }): void {
  const uid = (itemOf(kube, "daemonsets.apps", account, namespace)?.metadata as { uid?: string } | undefined)?.uid;
  const ownerReferences = of.owned === false ? [] : [{ apiVersion: "apps/v1", kind: "DaemonSet", name: account, uid, controller: true }];
  apply({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, ownerReferences }, spec: { nodeName: of.node, serviceAccountName: of.account ?? account, containers: [{ name: "router", image: "none" }] } });
}

interface Made { request: string; key: webcrypto.CryptoKey }

async function make(uris: string[], algorithm: webcrypto.Algorithm = { name: "Ed25519" }, more: x509.Extension[] = []): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]) as webcrypto.CryptoKeyPair;
  const extensions = [new x509.SubjectAlternativeNameExtension(uris.map((value) => ({ type: "url", value }))), ...more];
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ name: "CN=anything", keys, signingAlgorithm: algorithm, extensions });
  return { request: request.toString("pem"), key: keys.privateKey };
}

interface Asker { pod?: string; account?: string; signer?: string; usages?: string[] }

/** Asks as a pod, and gives the name of the request. */
function ask({ request }: Made, { pod, account: asker = account, signer, usages }: Asker): string {
  asks += 1;
  const name = `ask-${asks}`, kubeconfig = kube.configFor(name, { token: kube.token(namespace, asker, pod) });
  kube.kubectl(["create", "--kubeconfig", kubeconfig, "-f", "-"], requestText({ name, request, ...(signer !== undefined && { signer }), ...(usages !== undefined && { usages }) }));
  return name;
}

function requestText({ name, request, signer = "opensvr.io/router", usages = ["digital signature", "client auth"] }: { name: string; request: string; signer?: string; usages?: string[] }): string {
  return JSON.stringify({ apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec: { request: Buffer.from(request).toString("base64"), signerName: signer, usages, expirationSeconds: 3600 } });
}

const requests = "certificatesigningrequests.certificates.k8s.io";

interface Answer { certificate?: string; conditions?: { type: string; message: string }[] }

async function answerOf(name: string): Promise<Answer> {
  return waitFor(`an answer to ${name}`, () => {
    const status = (itemOf(kube, requests, name)?.status ?? {}) as Answer;
    return status.certificate !== undefined || status.conditions?.some(({ type }) => type !== "Approved") === true ? status : undefined;
  }, { ...slow, show: () => operator.lines.slice(-3).join("\n") });
}

const textIn = (base64: string): string => Buffer.from(base64, "base64").toString();

test("a router pod gets the certificate of the Router of its node, from the authority that the operator made", async () => {
  const { certificate = "", conditions } = await answerOf(ask(await make([uri("edge-n1")]), { pod: "router-n1" }));
  expect(conditions?.map(({ type }) => type)).toEqual(["Approved"]);
  const secret = JSON.parse(kube.kubectl(["get", "secret", "opensvr-authority", "-n", namespace, "-o", "json"])) as { data: Record<string, string> };
  const authorities = pemCertificates(textIn(secret.data["tls.crt"] ?? "")) ?? [], chain = pemCertificates(textIn(certificate)) ?? [];
  const peer = verifyChain(chain, { authorities, revoked: new Set() }, Date.now());
  expect(peer).toMatchObject({ ok: true, value: { name: "edge-n1" } });
  expect(peer.ok && peer.value.notAfter - Date.now()).toBeLessThanOrEqual(3_600_000);
  expect(new x509.X509Certificate(chain[0]!).subject).toBe("CN=edge-n1");
}, testMs);

/** Authorities that a router is told of. */
function toldTo(router: string): string[] {
  const text = (headOf(kube, router)?.pages ?? []).map((page) => contentOf(kube, page) ?? "").join("");
  const line = text.split("\n").find((one) => one.startsWith("config ")) ?? "config {}";
  return (JSON.parse(line.slice("config ".length)) as { trust?: { authorities: string[] } }).trust?.authorities ?? [];
}

test("every router is told of the authority, beside those that its object names", async () => {
  const own = await createAuthority("of one site");
  kube.kubectl(["patch", "routers.opensvr.io", "edge-n2", "--type=merge", "-p", JSON.stringify({ spec: { trust: { authorities: [{ pem: own.pem }] } } })]);
  const made = new x509.X509Certificate(textIn(kube.kubectl(["get", "secret", "opensvr-authority", "-n", namespace, "-o", "jsonpath={.data.tls\\.crt}"]))).toString("pem");
  await waitFor("both routers are told", () => toldTo("edge-n1").length === 1 && toldTo("edge-n2").length === 2, { ...slow, show: () => JSON.stringify([toldTo("edge-n1"), toldTo("edge-n2")]) });
  expect([toldTo("edge-n1"), toldTo("edge-n2")].map((list) => list.map((pem) => pem.trim()))).toEqual([[made], [own.pem, made]]);
}, testMs);

test("P-256 is signed too", async () => {
  const made = await make([uri("edge-n2")], { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as webcrypto.Algorithm);
  expect((await answerOf(ask(made, { pod: "router-n2" }))).certificate).toBeDefined();
}, testMs);

describe("denied with a reason", () => {
  const good = (): Promise<Made> => make([uri("edge-n1")]);
  const policy = ["validatingadmissionpolicybindings.admissionregistration.k8s.io", "opensvr-router-requests"] as const; // the operator judges also where it is not there; test/kube/requests has it
  let binding = "";
  const authorityWanted = new x509.BasicConstraintsExtension(true, undefined, true);
  beforeAll(async () => {
    kube.kubectl(["create", "serviceaccount", "stranger", "-n", namespace]);
    addPod("stranger", { node: "n1", account: "stranger" });
    addPod("own-make", { node: "n1", owned: false });
    apply({ apiVersion: "v1", kind: "Node", metadata: { name: "n3" } });
    addPod("elsewhere", { node: "n3" });
    binding = kube.kubectl(["get", ...policy, "-o", "json"]);
    kube.kubectl(["delete", ...policy]);
    const { request } = await good(), kubeconfig = kube.configFor("trial", { token: kube.token(namespace, "stranger") });
    await waitFor("everybody may ask", () => kube.tryKubectl(["create", "--dry-run=server", "-f", "-"], requestText({ name: "trial", request }), kubeconfig).status === 0, slow);
  });
  afterAll(() => { apply({ ...JSON.parse(binding) as object, metadata: { name: policy[1] }, status: undefined }); });

  test.each<[string, () => Promise<Made>, Asker, string]>([
    ["the name of another node's Router", good, { pod: "router-n2" }, "not good for Router edge-n2 (wrong-name)"],
    ["a second name", () => make([uri("edge-n1"), uri("edge-n2")]), { pod: "router-n1" }, "wrong-name"],
    ["another extension: an authority", () => make([uri("edge-n1")], { name: "Ed25519" }, [authorityWanted]), { pod: "router-n1" }, "wrong-name"],
    ["a key of another kind", () => make([uri("edge-n1")], { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" } as webcrypto.Algorithm), { pod: "router-n1" }, "key-type"],
    ["another account", good, { pod: "stranger", account: "stranger" }, "is no account of a RouterClass"],
    ["a token without a pod", good, {}, "not bound to a pod on a node"],
    ["a pod that the DaemonSet did not make", good, { pod: "own-make" }, "does not belong to the DaemonSet of RouterClass edge"],
    ["a node without a Router", () => make([uri("edge-n3")]), { pod: "elsewhere" }, "there is no Router edge-n3 on node n3"],
    ["another usage", good, { pod: "router-n1", usages: ["cert sign"] }, 'usage "cert sign" is not for routers'],
  ])("%s", async (_what, made, asker, words) => {
    const { certificate, conditions } = await answerOf(ask(await made(), asker));
    expect([certificate, conditions?.map(({ type }) => type)]).toEqual([undefined, ["Denied"]]);
    expect(conditions?.[0]?.message).toContain(words);
  }, testMs);

  test("a pod that is nobody's is denied at once, and the Router tells what became of its requests", async () => {
    const name = ask(await good(), { pod: "own-make" });
    const { conditions = [] } = await answerOf(name) as { conditions?: { lastUpdateTime?: string }[] };
    const { creationTimestamp = "" } = itemOf(kube, requests, name)?.metadata as { creationTimestamp?: string };
    expect(Date.parse(conditions[0]?.lastUpdateTime ?? "") - Date.parse(creationTimestamp)).toBeLessThan(9_000); // else it was one that may be early, and looked at again for 10 s
    const told = (): string => kube.kubectl(["get", "events.events.k8s.io", "-A", "-o", `jsonpath={range .items[?(@.regarding.kind=="Router")]}{.regarding.name} {.type} {.reason}: {.note}{"\\n"}{end}`]);
    await waitFor("both are told", () => /edge-n1 Normal CertificateIssued: request ask-\d+ is signed/.test(told()) && /edge-n2 Warning CertificateDenied: request ask-\d+: .*wrong-name/.test(told()), { ...slow, show: told });
    const entry = (what: object): Promise<Record<string, unknown>> => waitFor(`an entry of ${JSON.stringify(what)}`, () => operator.lines.filter((line) => line.includes('"audit":'))
      .map((line) => JSON.parse(line) as Record<string, unknown>).find((one) => Object.entries(what).every(([field, value]) => one[field] === value)), { ...slow, show: () => operator.lines.slice(-5).join("\n") });
    expect(await entry({ audit: "certificate denied", request: name })).toMatchObject({ by: `system:serviceaccount:${namespace}:${account}`, detail: expect.stringContaining("does not belong") as string });
    const signed = await entry({ audit: "certificate signed", router: "edge-n1" });
    expect(signed).toMatchObject({ request: expect.stringMatching(/^ask-/) as string, by: `system:serviceaccount:${namespace}:${account}`, serial: expect.stringMatching(/^[0-9a-f]+$/) as string });
    const { certificate = "" } = await answerOf(String(signed["request"]));
    expect(new X509Certificate(textIn(certificate)).serialNumber.toLowerCase().replace(/^0+/, "")).toBe(String(signed["serial"]).replace(/^0+/, ""));
  }, testMs);

  test("a request that somebody else's pod sends again", async () => {
    const made = await good();
    expect((await answerOf(ask(made, { pod: "router-n1" }))).certificate).toBeDefined();
    expect((await answerOf(ask(made, { pod: "router-n2" }))).conditions?.[0]?.type).toBe("Denied");
  }, testMs);

  test("a pod that is gone when the operator looks", async () => {
    await operator.stop(stopMs);
    addPod("short", { node: "n1" });
    const name = ask(await good(), { pod: "short" });
    kube.kubectl(["delete", "pod", "short", "-n", namespace, "--grace-period=0", "--force"]);
    operator = await start("operator-2");
    expect((await answerOf(name)).conditions?.[0]?.message).toContain("pod short: it is gone");
  }, testMs);
});

test("1.2 a router asks for its certificate itself, renews it before two thirds of its life are over, and its keys stay in its state directory", async () => {
  const stateDir = mkdtempSync(join(tmpdir(), "opensvr-identity-"));
  const access = openAccess({ kubeconfig: kube.configFor("self", { token: kube.token(namespace, account, "router-n2") }) }), client = openKubeClient({ access, perSecond: 10, burst: 10 });
  const faults: unknown[] = [], due: (() => void)[] = [];
  const files = openIdentityFiles({ stateDir, keyDir: stateDir, every: () => ({ stop: () => undefined }), refused: (problem) => void faults.push(problem) });
  let aheadMs = 0;
  const own = createIdentityCluster({
    name: "edge-n2", files, keeper: openIdentityKeeper({ stateDir, name: "edge-n2" }), clock: { unixMs: () => Date.now() + aheadMs }, random: () => 0.5,
    log: { info: () => undefined, warn: (fields) => void faults.push(fields), error: (fields) => void faults.push(fields) },
    after: (_ms, work) => { due.push(work); return { stop: () => void due.splice(0, due.length, ...due.filter((other) => other !== work)) }; },
    requests: createCertificateRequests({ kube: client, access, signerName: "opensvr.io/router", random: () => 0.5, restarted: () => undefined, failed: (error) => void faults.push(error) }),
  });
  try {
    own.wanted(true);
    const first = await waitFor("the first certificate", () => own.current(), slow);
    const secret = JSON.parse(kube.kubectl(["get", "secret", "opensvr-authority", "-n", namespace, "-o", "json"])) as { data: Record<string, string> };
    const trust = { authorities: pemCertificates(textIn(secret.data["tls.crt"] ?? "")) ?? [], revoked: new Set<string>() };
    expect(verifyChain(first.chain, trust, Date.now())).toMatchObject({ ok: true, value: { name: "edge-n2", serial: first.serial } });
    expect(statSync(join(stateDir, "identity", "key.pem")).mode & 0o777).toBe(0o600);
    aheadMs = (first.notAfter - Date.now()) * 0.7;
    for (const work of due.splice(0)) work();
    const second = await waitFor("the next certificate", () => (own.current()?.serial === first.serial ? undefined : own.current()), slow);
    expect(second.name).toBe("edge-n2");
    const key = readFileSync(join(stateDir, "identity", "key.pem"), "utf8").split("\n")[1] ?? "";
    expect([key.length > 20, kube.kubectl(["get", requests, "-o", "json"]).includes(key), faults]).toEqual([true, false, []]);
  } finally {
    await own.stop();
    files.close();
    client.close();
    rmSync(stateDir, { recursive: true });
  }
}, testMs);

test("a pod that asks on and on gets no more certificates than the limit, and nobody waits for its requests", async () => {
  addPod("flood", { node: "n2" });
  const { request } = await make([uri("edge-n2")]), kubeconfig = kube.configFor("flood", { token: kube.token(namespace, account, "flood") });
  const items = Array.from({ length: requestsMost + 20 }, (_, index) => JSON.parse(requestText({ name: `flood-${String(index).padStart(3, "0")}`, request })) as object);
  kube.kubectl(["create", "--kubeconfig", kubeconfig, "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  expect((await answerOf(ask(await make([uri("edge-n1")]), { pod: "router-n1" }))).certificate).toBeDefined();
  const answers = await Promise.all(items.map((_, index) => answerOf(`flood-${String(index).padStart(3, "0")}`)));
  const denied = answers.filter(({ certificate }) => certificate === undefined);
  expect(denied).toHaveLength(20);
  for (const { conditions } of denied) expect(conditions?.[0]).toMatchObject({ type: "Denied", message: expect.stringContaining(`this pod has asked ${requestsMost} times in an hour`) as string });
}, testMs);

test("another signer's requests are left alone, and the authority outlives the operator", async () => {
  const other = ask(await make([uri("edge-n1")]), { pod: "router-n1", signer: "example.org/other" });
  const before = kube.kubectl(["get", "secret", "opensvr-authority", "-n", namespace, "-o", "jsonpath={.metadata.uid}{.data}"]);
  await operator.stop(stopMs);
  const waiting = ask(await make([uri("edge-n2")]), { pod: "router-n2" });
  operator = await start("operator-3");
  expect((await answerOf(waiting)).certificate).toBeDefined();
  expect(kube.kubectl(["get", "secret", "opensvr-authority", "-n", namespace, "-o", "jsonpath={.metadata.uid}{.data}"])).toBe(before);
  expect(itemOf(kube, requests, other)?.status).toEqual({});
}, testMs);

test("a request that comes before its Router is there waits for it and is not denied", async () => {
  apply({ apiVersion: "v1", kind: "Node", metadata: { name: "n4" } });
  addPod("router-n4", { node: "n4" });
  const name = ask(await make([uri("edge-n4")]), { pod: "router-n4" });
  await passes(1_000);
  expect(itemOf(kube, requests, name)?.status).toEqual({});
  apply(node("n4"));
  expect((await answerOf(name)).certificate).toBeDefined();
}, testMs);

describe("an authority of the owner's own", () => {
  const give = ({ certificate, key }: { certificate: string; key: string }): void => {
    const data = { "tls.crt": Buffer.from(certificate).toString("base64"), "tls.key": Buffer.from(key).toString("base64") };
    kube.kubectl(["patch", "secret", "opensvr-authority", "-n", namespace, "--type=merge", "-p", JSON.stringify({ data })]);
  };
  const events = (name: string): string => kube.kubectl(["get", "events.events.k8s.io", "-A", "-o", `jsonpath={range .items[?(@.regarding.name=="${name}")]}{.reason}: {.note}{"\\n"}{end}`]);

  test("with an RSA key signs nothing and says what to do; the request waits, and the next authority, below another one, gives its whole chain", async () => {
    const root = await createAuthority("root", "ECDSA");
    give((await createAuthority("rsa", "RSA")).signer);
    const name = ask(await make([uri("edge-n1")]), { pod: "router-n1" });
    await waitFor("an event tells", () => /AuthorityUnusable: .*privateKey.algorithm Ed25519/.test(events(name)), { ...slow, show: () => events(name) });
    expect(itemOf(kube, requests, name)?.status).toEqual({});
    give((await root.below("cluster")).signer);
    const chain = pemCertificates(textIn((await answerOf(name)).certificate ?? "")) ?? [];
    expect([chain.length, verifyChain(chain, { authorities: [root.der], revoked: new Set() }, Date.now())]).toMatchObject([2, { ok: true, value: { name: "edge-n1" } }]);
  }, testMs);
});

describe("a right of signing that is taken away is missed, and its request waits until it is there again", () => {
  const holders: Readonly<Record<string, string[]>> = {
    "signing": ["clusterrole", "opensvr-operator-signing"], "signing-own": ["role", "opensvr-operator-signing", "-n", namespace], "signing-routers": ["role", "opensvr-operator-signing-routers", "-n", namespace],
  };
  const held = roles.filter(({ key }) => key in holders);
  const rights = held.flatMap((role) => rightsOf([role]).map((right) => ({ key: role.key, right, text: textOf(right) })));
  const setRole = (key: string, but?: Right): void => {
    kube.kubectl(["patch", ...holders[key] ?? [], "--type=merge", "-p", JSON.stringify({ rules: without(held.filter((one) => one.key === key), but) })]);
  };
  const may = ({ verb, resource, group }: Right): boolean => {
    const [plain = "", sub] = resource.split("/"), [named] = held.flatMap(({ rules }) => rules.filter((rule) => rule.resource === resource && rule.verbs.includes(verb)).flatMap(({ names = [] }) => names));
    const asked = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec: { user: `system:serviceaccount:${namespace}:opensvr-operator`, resourceAttributes: { verb, group, resource: plain, namespace, ...(sub !== undefined && { subresource: sub }), ...(named !== undefined && { name: named }) } } };
    return kube.kubectl(["create", "-f", "-", "-o", "jsonpath={.status.allowed}"], JSON.stringify(asked)) === "true";
  };

  test.each(rights)("$text", async ({ key, right, text }) => {
    const isRead = right.verb === "list" || right.verb === "watch";
    if (isRead) await operator.stop(stopMs); // a watch goes on with the rights that it began with
    expect(may(right)).toBe(true);
    setRole(key, right);
    await waitFor("the right is gone", () => !may(right), slow);
    if (text === "create secrets") kube.kubectl(["delete", "secret", "opensvr-authority", "-n", namespace]);
    if (right.resource === "configmaps" && right.verb !== "get") kube.kubectl(["delete", "configmap", "opensvr-authorities", "-n", namespace, "--ignore-not-found"]);
    if (isRead) operator = launchOperator(kube, startOf("operator-4"));
    const from = operator.lines.length, name = ask(await make([uri("edge-n1")]), { pod: "router-n1" });
    const isMissed = (line: string): boolean => (isRead ? line.includes('"cause":"denied"') && line.includes("certificatesigningrequests") : line.includes("SVR_KUBE_DENIED") && (right.resource === "configmaps" ? /opensvr-(revoked|authorities)/.test(line) : line.includes(name)));
    await waitFor("the operator misses it", () => operator.lines.slice(isRead ? 0 : from).some(isMissed), { ...slow, show: () => operator.lines.slice(-3).join("\n") });
    if (right.verb !== "watch" && right.resource !== "configmaps") expect(itemOf(kube, requests, name)?.status?.["certificate"]).toBeUndefined(); // without watches it lists again and again; without what is believed it signs
    setRole(key);
    expect((await answerOf(name)).certificate).toBeDefined();
  }, testMs);
});

test("no key is in an object other than the Secret, nor in the log", () => {
  const secret = JSON.parse(kube.kubectl(["get", "secret", "opensvr-authority", "-n", namespace, "-o", "json"])) as { data: Record<string, string> };
  const key = textIn(secret.data["tls.key"] ?? "").split("\n")[1] ?? "";
  expect(key.length).toBeGreaterThan(20);
  expect([operator.lines.join("\n"), kube.kubectl(["get", `${requests},events.events.k8s.io,routers.opensvr.io,routerconfigs.opensvr.io`, "-A", "-o", "json"])].filter((text) => text.includes(key) || text.includes("PRIVATE KEY"))).toEqual([]);
});
