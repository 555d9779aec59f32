// Routers as the pods of a RouterClass: the account of the class with a token that is bound to pod and node, the rights of the chart, the name
// by class and node, probes, keys in a mounted volume. The API server writes down each request. No kubelet: the processes are started here.
//
//   a --lan0 edge-n1 wan0 == wan0 edge-n2 lan0-- b
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { roles } from "../../scripts/chart/rbac.ts";
import { objectsIn, openHelm, templateWords } from "../support/kube/chart.ts";
import { conditionOf, contentOf, headOf, itemOf, itemsOf, operatorNamespace as namespace, startOperator } from "../support/kube/operator.ts";
import { commandMs, slow, stopMs, testMs } from "../support/kube/patience.ts";
import { PodAccount, swapVolume } from "../support/kube/pods.ts";
import { ApiRelay } from "../support/kube/relay.ts";
import { askedIn, auditWords, needsOf, rightsOf, textOf, without } from "../support/kube/rights.ts";
import type { Asked, Right } from "../support/kube/rights.ts";
import { headState } from "../support/kube/routers.ts";
import type { HeadState } from "../support/kube/routers.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { LogLine, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pairOf } from "../support/topologies.ts";
import { startUdpClient, startUdpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";

const names: [string, string] = ["edge-n1", "edge-n2"], siteNamespace = "test";
const account = "opensvr-router-edge", user = `system:serviceaccount:${namespace}:${account}`;
const HEALTH = 9280;
const keyFile = "edge-n1-edge-n2.psk", [firstKey, secondKey] = ["a1".repeat(32), "b2".repeat(32)];
const ROUNDS = 20, ROUND_MS = 2_000;
const role = roles.filter(({ key }) => key === "router"), rights = rightsOf(role);
const edge = {
  apiVersion: "opensvr.io/v1alpha1", kind: "RouterClass", metadata: { name: "edge" },
  spec: { nodeSelector: { edge: "yes" }, interfaces: [["lan0", "LAN"], ["wan0", "WAN"]].map(([name, type]) => ({ name, type, source: "Host", host: { device: name } })) },
};

describeNet("routers as pods", () => {
  const folder = mkdtempSync(join(tmpdir(), "opensvr-audit-"));
  const undo = new AsyncDisposableStack();
  let kube: Kube, fabric: Fabric, relay: ApiRelay, n1: Router, n2: Router;
  const accounts = new Map<string, PodAccount>();

  const apply = (...items: object[]): void => { kube.kubectl(["apply", "--server-side", "--field-manager=team", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items })); };
  const addNode = (name: string): void => { apply({ apiVersion: "v1", kind: "Node", metadata: { name, labels: { edge: "yes" } } }); };
  const asked = (from = 0): Asked[] => askedIn(folder).slice(from).filter((one) => one.user === user);
  const written = (): number => askedIn(folder).length;

  /** The site as its owners apply it; the operator has made the Routers of the nodes, or makes them yet. */
  function applySite(more: Record<string, unknown> = {}): void {
    apply(...fabric.objects.map((one) => ({ ...one, spec: { ...one.spec, ...(one.kind === "Router" ? more : one.kind === "Tenant" ? { serviceNamespaces: { names: [siteNamespace] } } : {}) } })));
  }

  /** The process is the router of a node, with the account of a pod there. */
  function placeOn(router: Router, node: string): void {
    const own = accounts.get(node) ?? new PodAccount(kube, join(fabric.net.folder, `account-${node}`), { namespace, account, node });
    accounts.set(node, own);
    own.become(`router-${node}`);
    router.from = ["--kube", "--key-dir", router.config.folder, "--health-port", String(HEALTH)];
    router.identity = ["--class", "edge", "--node", node];
    router.wrapper = own.words;
    giveKeys(router, { [keyFile]: firstKey });
    Object.assign(router.environment, own.environment);
  }

  async function probe(router: Router, path: string): Promise<number> {
    const { stdout } = await fabric.net.exec(router.name, ["curl", "--silent", "--max-time", "5", "--output", "/dev/null", "--write-out", "%{http_code}", `http://127.0.0.1:${HEALTH}${path}`]);
    return Number(stdout);
  }

  /** The keys of a router as a kubelet brings them. */
  const giveKeys = (router: Router, files: Readonly<Record<string, string>>): void => { swapVolume(join(router.config.folder, "keys"), files); };
  const giveKey = (text: string): void => { for (const router of [n1, n2]) giveKeys(router, { [keyFile]: text }); };
  const keyIds = async (): Promise<string[]> => Promise.all([n1.peers(), n2.peers()]).then(([[one], [other]]) => [one?.keys.send ?? "", other?.keys.receive ?? ""]);

  const headStatus = (name: string): HeadState => headState(kube, name);
  const isAcked = (name: string): boolean => { const { wanted, acked } = headStatus(name); return acked?.hash === wanted; };
  const programmed = (kind: string, name: string, where?: string): string => conditionOf(itemOf(kube, `${kind}.opensvr.io`, name, where), "Programmed");
  const allAcked = (): Promise<unknown> => waitFor("both routers ack their heads", () => names.every(isAcked), { ...slow, show: () => JSON.stringify(names.map(headStatus)) });
  const says = (router: Router, choose: (line: LogLine) => boolean): Promise<LogLine> =>
    waitFor(`${router.name} says it`, () => router.log().find(choose), { ...slow, show: () => router.process.lines.slice(-5).join("\n") });

  function contentsOf(name: string): string {
    return (headOf(kube, name)?.pages ?? []).map((page) => contentOf(kube, page) ?? "").join("\n");
  }

  async function talks(port: number): Promise<void> {
    const at = { address: hostAddress(2, 4), port };
    await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port, sockets: 5 });
    expect(await client.send(2)).toMatchObject({ sent: 10, answered: 10 });
  }

  beforeAll(async () => {
    undo.defer(() => { rmSync(folder, { recursive: true }); });
    kube = await openKube({ arguments: auditWords(folder) });
    undo.defer(() => kube.close());
    for (const name of [namespace, siteNamespace]) kube.kubectl(["create", "namespace", name]);
    const rendered = objectsIn(openHelm(kube).run(templateWords()));
    for (const kind of ["CustomResourceDefinition", "ClusterRole", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"]) apply(...rendered.filter((one) => one.kind === kind));
    kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
    const operator = await startOperator(kube, { args: ["--no-default-class"] });
    undo.defer(async () => { await operator.stop(stopMs); });
    apply(edge);
    await waitFor("the account of the class", () => kube.tryKubectl(["get", "clusterrolebinding", account]).status === 0, slow);
    const net = await openNet(pairOf(...names));
    undo.defer(() => net.close(stopMs));
    fabric = new Fabric(net, openSite({ names }));
    [n1, n2] = [fabric.router(names[0]), fabric.router(names[1])];
    relay = new ApiRelay(kube, fabric.net);
    undo.defer(() => relay.cut());
    await relay.connect();
    for (const name of names) await relay.enter(name);
  }, testMs);
  afterAll(async () => { await undo.disposeAsync(); }, testMs);

  test("a router that waits for its first RouterConfig is alive and not ready, and SIGTERM ends it at once with nothing left", async () => {
    placeOn(n1, "n1");
    const waiting = n1.launch();
    await says(n1, ({ msg, router }) => msg === "waiting for a RouterConfig of this router" && router === "edge-n1");
    expect([await probe(n1, "/healthz"), await probe(n1, "/readyz")]).toEqual([200, 503]);
    const from = performance.now();
    expect(await n1.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - from).toBeLessThan(2_000);
    expect([waiting.errors, readdirSync(n1.stateDir), existsSync(fabric.net.pinFolder(n1.name))]).toEqual(["", ["audit.jsonl", "audit.jsonl.head"], false]);
  }, testMs);

  test("a router with a name too long for a Router is the one that the operator named; what its first configuration is refused for is in its head", async () => {
    const node = `${"far-away.".repeat(8)}example`;
    addNode(node);
    const made = await waitFor("the Router of the node", () => itemsOf(kube, "routers.opensvr.io").find(({ spec }) => spec?.["nodeName"] === node)?.metadata.name, slow);
    expect([made, made.length <= 63]).toEqual([expect.stringMatching(/^edge-far-away\..*-[0-9a-f]{8}$/), true]);
    const router = (...interfaces: object[]): object => ({ apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: made }, spec: { interfaces } });
    apply(router({ name: "gone0", type: "LAN", id: 7, addresses: ["10.7.0.1/24"] }));
    await waitFor("its head names a device that is not there", () => contentsOf(made).includes("gone0"), slow);
    placeOn(n2, node);
    expect(await n2.launch().end(commandMs)).toEqual({ code: 1, signal: null });
    const { wanted, error } = headStatus(made);
    expect(error).toMatchObject({ hash: wanted, code: "SVR_INTERFACE_MISSING", message: expect.stringContaining("gone0") as string });
    apply(router());
    await waitFor("its head is another", () => headStatus(made).wanted !== wanted, slow);
    n2.launch();
    await waitFor("it acks its head", () => isAcked(made), slow);
    expect(await n2.stop()).toEqual({ code: 0, signal: null });
    kube.kubectl(["delete", "node", node]);
  }, testMs);

  test("routers start with the account of their pods, are ready once their configuration is in force, and carry sessions", async () => {
    for (const node of ["n1", "n2"]) addNode(node);
    for (const [router, node] of [[n1, "n1"], [n2, "n2"]] as const) placeOn(router, node);
    n1.launch();
    await waitFor("n1 answers a probe", async () => await probe(n1, "/readyz") === 503, slow);
    applySite();
    n2.launch();
    for (const router of [n1, n2]) await waitFor(`${router.name} is ready`, async () => await probe(router, "/readyz") === 200, slow);
    for (const router of [n1, n2]) expect(router.log().map(({ msg }) => msg)).toContain("configuration applied");
    await allAcked();
    await talks(2000);
  }, testMs);

  test("without the API server routers stay alive and ready, and one that starts again is ready from its disk", async () => {
    await relay.cut();
    expect(await n1.stop()).toEqual({ code: 0, signal: null });
    n1.launch();
    await waitFor("n1 is ready", async () => await probe(n1, "/readyz") === 200, slow);
    for (const path of ["/healthz", "/readyz"]) expect([await probe(n1, path), await probe(n2, path)]).toEqual([200, 200]);
    await talks(2001);
    await relay.connect();
    await allAcked();
  }, testMs);

  test("a token that is replaced is taken, and nothing that is told with the old one is lost", async () => {
    accounts.get("n2")?.become("router-n2-later");
    kube.kubectl(["delete", "pod", "router-n2", "-n", namespace, "--force"]);
    const from = written();
    // The API server knows the old token for some seconds more; then it answers 401, and the new one is read at once.
    const told = (): string[] => asked(from).filter(({ uri }) => uri.includes("/edge-n2/status")).map(({ pod, status }) => `${pod ?? ""} ${status}`);
    for (let round = 0; round < ROUNDS && !told().includes("router-n2-later 200"); round += 1) {
      applySite({ timers: { udpIdle: `${71 + round}s` } });
      await allAcked();
      await passes(ROUND_MS);
    }
    expect([...new Set(told())].filter((one) => one !== "router-n2 200" && !one.endsWith(" 401"))).toEqual(["router-n2-later 200"]);
  }, testMs);

  test("a key that is replaced in its volume: sessions go on, new ones use the new key", async () => {
    const at = { address: hostAddress(2, 4), port: 2100 }, before = await keyIds(), { acked } = headStatus("edge-n2");
    await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port, sockets: 5 });
    expect(await client.send(2)).toMatchObject({ sent: 10, answered: 10 });
    giveKey(secondKey);
    const after = await waitFor("both have the new key", async () => { const now = await keyIds(); return now[0] === now[1] && now[0] !== before[0] && now; }, slow);
    expect(await client.send(2)).toMatchObject({ sent: 10, answered: 10 });
    await talks(2101);
    expect([await keyIds(), headStatus("edge-n2")]).toEqual([after, { wanted: acked?.hash, acked }]);
  }, testMs);

  test("a key file that is broken or gone is told in the head with what to do, and the last key stays; a router that starts without it goes on without the peer", async () => {
    const { acked } = headStatus("edge-n2");
    for (const [at, [files, why]] of ([[{ [keyFile]: "no key\n" }, /edge-n1 keeps its last key: .* neither hex nor base64; make one with/], [{}, /edge-n1 keeps its last key: .* cannot be read \(ENOENT\); make one with/]] as const).entries()) {
      giveKeys(n2, files);
      await waitFor("the head tells", () => why.test(headStatus("edge-n2").error?.message ?? ""), slow);
      expect(headStatus("edge-n2")).toEqual({ wanted: acked?.hash, acked, error: expect.objectContaining({ hash: acked?.hash, code: "SVR_PSK_FILE" }) as unknown });
      await talks(2110 + at);
    }
    await waitFor("its Router tells, and nothing else does", () => programmed("routers", "edge-n2").startsWith("False RouterRefused") && programmed("services", "east", siteNamespace) === "True Programmed: on 2 of 2 routers", slow);
    await n2.stop();
    await n2.start();
    await waitFor("the head tells", () => /edge-n1 is not usable: .* make one with/.test(headStatus("edge-n2").error?.message ?? ""), slow);
    giveKey(secondKey);
    await waitFor("nothing is wrong any more", () => headStatus("edge-n2").error === undefined && isAcked("edge-n2"), slow);
    await talks(2112);
  }, testMs);

  test("nothing that routers ask is refused, each right of theirs is used, and no other", () => {
    expect(asked().filter(({ status }) => status === 403).map((one) => `${textOf(one)} ${one.uri}`)).toEqual([]);
    expect([...new Set(asked().flatMap(needsOf).map(textOf))].sort()).toEqual(rights.map(textOf).sort());
  });

  /** Gives the role of routers all rights but one, and waits until it holds. */
  async function giveRole(but?: Right): Promise<void> {
    apply({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "opensvr-router" }, rules: without(role, but) });
    if (but === undefined) return;
    const [name = "", subresource] = but.resource.split("/", 2);
    const words = ["auth", "can-i", but.verb, `${name}.${but.group}`, ...(subresource === undefined ? [] : ["--subresource", subresource]), "--as", user, "-q"];
    await waitFor("the role holds", () => kube.tryKubectl(words).status === 1, slow);
  }

  /** What a router says when it lacks a right: in its log, or in the status of its head. */
  const refusals: Readonly<Record<string, () => Promise<unknown>>> = {
    "get routerconfigs.opensvr.io": () => waitFor("the head tells", () => headStatus("edge-n2").error?.code === "SVR_KUBE_DENIED", slow),
    "list routerconfigs.opensvr.io": () => says(n2, ({ level, cause }) => level === 40 && cause === "denied"),
    "watch routerconfigs.opensvr.io": () => says(n2, ({ level, cause }) => level === 40 && cause === "denied"),
    "patch routerconfigs/status.opensvr.io": () => says(n2, ({ msg, error }) => msg.startsWith("the status of RouterConfig edge-n2 could not be written") && JSON.stringify(error).includes("SVR_KUBE_DENIED")),
    "patch routers/status.opensvr.io": () => says(n2, ({ msg, error }) => msg.startsWith("the status of Router edge-n2 could not be written") && JSON.stringify(error).includes("SVR_KUBE_DENIED")),
  };
  test.each(rights.map((right, at) => ({ right, at, text: textOf(right) })))("without the right to $text a router says so", async ({ right, at, text }) => {
    await n2.stop();
    await giveRole(right);
    const from = written();
    applySite({ timers: { udpIdle: `${80 + at}s` } });
    await n2.start();
    await refusals[text]?.();
    expect([...new Set(asked(from).filter(({ status }) => status === 403).map(textOf))]).toEqual([text]);
    await giveRole();
  }, testMs);

  test("with their rights again all routers catch up", async () => {
    await allAcked();
    await talks(2002);
  }, testMs);
});
