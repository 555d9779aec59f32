// One authority takes over from another in a cluster: routers as pods ask the operator for their certificates, with the rights of the chart, and
// traffic goes on while the authority is replaced, because both are believed for as long as somebody has a certificate of the old one.
//
//   a --lan0 edge-n1 wan0 == wan0 edge-n2 lan0-- b
import { join } from "node:path";
import { createAuthority } from "../support/ca.ts";
import { chartFolder, openHelm } from "../support/kube/chart.ts";
import { contentOf, headOf, itemOf, operatorNamespace as namespace, startOperator } from "../support/kube/operator.ts";
import { PodAccount } from "../support/kube/pods.ts";
import { ApiRelay } from "../support/kube/relay.ts";
import { slow, stopMs, testMs } from "../support/kube/patience.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import type { TestProcess } from "../support/process.ts";
import { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pairOf } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const names: [string, string] = ["edge-n1", "edge-n2"], account = "opensvr-router-edge", siteNamespace = "test";
const rotatedMs = 300_000; // routers renew within a minute of each other's, and the one before is believed for a minute after the last
const edge = {
  apiVersion: "opensvr.io/v1alpha1", kind: "RouterClass", metadata: { name: "edge" },
  spec: { nodeSelector: { edge: "yes" }, interfaces: [["lan0", "LAN"], ["wan0", "WAN"]].map(([name, type]) => ({ name, type, source: "Host", host: { device: name } })) },
};

describeNet("rotation of the authority", () => {
  const undo = new AsyncDisposableStack();
  let kube: Kube, fabric: Fabric, operator: TestProcess;
  const apply = (...items: object[]): void => { kube.kubectl(["apply", "--server-side", "--field-manager=team", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items })); };

  function place(node: string, owner: { name: string; uid: string }): void {
    const router = fabric.router(`edge-${node}`), own = new PodAccount(kube, join(fabric.net.folder, `account-${node}`), { namespace, account, node, owner });
    own.become(`router-${node}`);
    router.from = ["--kube", "--key-dir", router.config.folder];
    router.identity = ["--class", "edge", "--node", node];
    router.wrapper = own.words;
    Object.assign(router.environment, own.environment);
    router.launch();
  }

  const bundle = (): Record<string, string> => (JSON.parse(kube.kubectl(["get", "configmap", "opensvr-authorities", "-n", namespace, "-o", "json"])) as { data: Record<string, string> }).data;
  const signs = (): string => bundle()["signs"] ?? "";
  const entries = (): string[] => Object.keys(bundle()).filter((name) => name !== "signs");
  const authorityOf = (name: string): string => (itemOf(kube, "routers.opensvr.io", name)?.status?.["certificate"] as { authorityKey?: string } | undefined)?.authorityKey ?? "";
  const originKeyOf = (name: string): string => (itemOf(kube, "routers.opensvr.io", name)?.status?.["certificate"] as { ed25519?: string } | undefined)?.ed25519 ?? "";
  /** a new session from host a to host b */
  async function talks(port: number): Promise<void> {
    const at = { address: hostAddress(2, 4), port };
    await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port, sockets: 5 });
    expect(await client.send(2)).toMatchObject({ sent: 10, answered: 10 });
  }
  /** authorities that a router is told of */
  function toldTo(router: string): string[] {
    const line = (headOf(kube, router)?.pages ?? []).map((page) => contentOf(kube, page) ?? "").join("").split("\n").find((one) => one.startsWith("config ")) ?? "config {}";
    return (JSON.parse(line.slice("config ".length)) as { trust?: { authorities: string[] } }).trust?.authorities ?? [];
  }
  const ackedOf = (router: string): string | undefined => (itemOf(kube, "routerconfigs.opensvr.io", router)?.status?.["acked"] as { hash?: string } | undefined)?.hash;
  const stateOf = async (name: string): Promise<string> => fabric.router(name).peers().then(([peer]) => `${peer?.state ?? ""} ${peer?.reason ?? ""}`.trim());
  const show = (): string => JSON.stringify([entries(), signs(), names.map(authorityOf), operator.lines.slice(-4), ...names.map((name) => fabric.router(name).process.lines.slice(-3))], undefined, 1);

  beforeAll(async () => {
    kube = await openKube();
    undo.defer(() => kube.close());
    for (const name of [namespace, siteNamespace]) kube.kubectl(["create", "namespace", name]);
    openHelm(kube).run(["install", "opensvr", chartFolder, "--namespace", namespace, "--set", "routers.defaultClass=false"]);
    kube.kubectl(["wait", "--for=condition=Established", "--timeout=90s", "crd", "-l", "app.kubernetes.io/part-of=opensvr"]);
    const args = JSON.parse(kube.kubectl(["get", "deployment", "opensvr-operator", "-n", namespace, "-o", "jsonpath={.spec.template.spec.containers[0].args}"])) as string[];
    operator = await startOperator(kube, { kubeconfig: kube.configFor("operator", { token: kube.token(namespace, "opensvr-operator") }), args: args.filter((word) => !/^--(namespace|identity|health-port)=/.test(word)) });
    undo.defer(async () => { await operator.stop(stopMs); });
    apply(edge, ...["n1", "n2"].map((name) => ({ apiVersion: "v1", kind: "Node", metadata: { name, labels: { edge: "yes" } } })));
    const owner = await waitFor("the DaemonSet of the class", () => itemOf(kube, "daemonsets.apps", account, namespace)?.metadata as { name: string; uid: string } | undefined, slow);
    const net = await openNet(pairOf(...names));
    undo.defer(() => net.close(stopMs));
    fabric = new Fabric(net, openSite({ names, routers: Object.fromEntries(names.map((name, at) => [name, { peers: { [names[1 - at]!]: { psk: undefined, originSignature: "Require" } }, more: { trust: { origins: names.map((router) => ({ router, allowedTenants: ["corp"] })) } } }])) }));
    const relay = new ApiRelay(kube, net);
    undo.defer(() => relay.cut());
    await relay.connect();
    for (const name of names) await relay.enter(name);
    for (const node of ["n1", "n2"]) place(node, { name: account, uid: owner.uid });
    apply(...fabric.objects.map((one) => ({ ...one, spec: { ...one.spec, ...(one.kind === "Tenant" && { serviceNamespaces: { names: [siteNamespace] } }) } })));
  }, testMs);
  afterAll(async () => { await undo.disposeAsync(); }, testMs);

  test("1.4 the Secret is deleted: another authority is believed beside the old one, signs, and stands alone when all have renewed; no peer goes down and no byte is lost", async () => {
    for (const name of names) await waitFor(`${name} is up by certificate`, async () => await stateOf(name) === "up", { ...slow, show });
    const old = signs();
    await waitFor("both say who signed", () => names.every((name) => authorityOf(name) === old && originKeyOf(name) !== ""), { ...slow, show });
    const firstKeys = names.map(originKeyOf);
    expect([entries(), old]).toEqual([[`${old}.pem`], expect.stringMatching(/^[0-9a-f]{40}$/)]);
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
    const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions: 20, everyMs: 100 });
    const flows = async (bytes: number): Promise<void> => {
      const { receivedBytes: before } = await client.report();
      await waitFor(`${bytes} more bytes come back`, async () => (await client.report()).receivedBytes > before + bytes, { ...slow, show });
    };
    await flows(2_000);
    kube.kubectl(["delete", "secret", "opensvr-authority", "-n", namespace]);
    const seen = new Set<string>(), both: number[] = [];
    const look = async (): Promise<void> => { for (const name of names) seen.add(await stateOf(name)); };
    await waitFor("only the new one is believed", async () => {
      await look();
      both.push(Math.max(...names.map((name) => toldTo(name).length)));
      return signs() !== old && entries().join() === `${signs()}.pem` && names.every((name) => toldTo(name).length === 1);
    }, { ...slow, deadlineMs: rotatedMs, show });
    await waitFor("both have programmed that", () => names.every((name) => ackedOf(name) === headOf(kube, name)?.hash), { ...slow, show });
    await flows(100_000); // about 8 s: certificates of peers are judged again every 5 s
    await look();
    expect([Math.max(...both), [...seen], names.map(authorityOf)]).toEqual([2, ["up"], [signs(), signs()]]);
    expect(names.flatMap((name) => fabric.router(name).process.lines.filter((line) => line.includes("counts no more")))).toEqual([]); // also between two looks
    await client.rest();
    await waitFor("all 20 are answered", async () => (await client.report()).answered === 20, { ...slow, show });
    expect(await client.stop()).toMatchObject({ connected: 20, answered: 20, wrong: 0, faults: {} });
    expect(names.map(originKeyOf).filter((key) => firstKeys.includes(key))).toEqual([]);
    await talks(2000); // peers require signatures, and nobody wrote a key
  }, rotatedMs + testMs);

  test("an authority that somebody puts beside it is told to every router, what is no certificate is an event, and both go as they came", async () => {
    const next = await createAuthority("next"), patch = (data: Record<string, string | null>): void => { kube.kubectl(["patch", "configmap", "opensvr-authorities", "-n", namespace, "--type=merge", "-p", JSON.stringify({ data })]); };
    patch({ "next.pem": next.pem, "spoilt.pem": next.signer.key.slice(0, 40) });
    await waitFor("both are told of two", () => names.every((name) => toldTo(name).map((pem) => pem.trim()).includes(next.pem.trim())), { ...slow, show });
    const events = (): string => kube.kubectl(["get", "events.events.k8s.io", "-n", namespace, "-o", "jsonpath={range .items[*]}{.reason}: {.note}{\"\\n\"}{end}"]);
    await waitFor("events tell", () => /NotACertificate: entry spoilt.pem/.test(events()) && /AuthoritiesChanged: .* is believed no more/.test(events()), { ...slow, show: events });
    patch({ "next.pem": null, "spoilt.pem": null });
    await waitFor("both are told of one", () => names.every((name) => toldTo(name).length === 1), { ...slow, show });
    for (const name of names) expect(await stateOf(name)).toBe("up");
  }, testMs);
});
