// A cluster with its routers: the API server, the operator, router processes in namespaces that reach the API server over a relay, and
// the objects of a site as somebody applies them. Called by tests of what routers and operator do together.
import { conditionOf, headOf, itemOf, operatorNamespace, startOperator } from "./operator.ts";
import type { Head } from "./operator.ts";
import { slow, stopMs } from "./patience.ts";
import { ApiRelay, insideAddress, insidePort } from "./relay.ts";
import { openKube } from "./server.ts";
import type { Kube } from "./server.ts";
import { openNet } from "../net.ts";
import type { Topology } from "../net.ts";
import type { TestProcess } from "../process.ts";
import { Fabric } from "../router.ts";
import type { Site } from "../site.ts";
import { hostAddress } from "../topologies.ts";
import { startUdpClient, startUdpServer } from "../traffic.ts";
import { waitFor } from "../wait.ts";

const siteNamespace = "test"; // of the services in test/support/site.ts

/** HeadState is what the head of a router says. */
export interface HeadState { wanted: string; acked?: { hash: string; time: string }; error?: { hash: string; code: string; message: string } }

/** headState reads the head of a router. */
export function headState(kube: Kube, router: string): HeadState {
  const head = itemOf(kube, "routerconfigs.opensvr.io", router);
  return { wanted: (head?.spec?.["head"] as Head | undefined)?.hash ?? "none", ...head?.status as Omit<HeadState, "wanted"> | undefined };
}

/** ClusterRouters is a running cluster; made by openClusterRouters. */
export class ClusterRouters {
  readonly kube: Kube;
  readonly fabric: Fabric;
  readonly relay: ApiRelay;
  readonly operator: TestProcess;
  /** kubeconfig for programs inside of the topology */
  readonly insideConfig: string;
  readonly #undo: AsyncDisposableStack;

  constructor(parts: { kube: Kube; fabric: Fabric; relay: ApiRelay; operator: TestProcess; insideConfig: string; undo: AsyncDisposableStack }) {
    [this.kube, this.fabric, this.relay, this.operator, this.insideConfig, this.#undo] = [parts.kube, parts.fabric, parts.relay, parts.operator, parts.insideConfig, parts.undo];
  }

  /** names of the routers. */
  get names(): string[] { return this.fabric.routers.map(({ name }) => name); }

  /** apply writes the objects of the site; `more` are fields of every Router. */
  apply(more: Record<string, unknown> = {}): void { applySite(this.kube, this.fabric, more); }

  /** hashes are those of the heads, in the order of the names. */
  hashes(): string[] { return this.names.map((name) => headOf(this.kube, name)?.hash ?? ""); }

  /** state is what the head of a router says. */
  state(router: string): HeadState { return headState(this.kube, router); }

  /** isAcked tells whether a router has what it should have. */
  isAcked(router: string): boolean {
    const { wanted, acked } = this.state(router);
    return acked?.hash === wanted;
  }

  /** allAcked waits until each router has what it should have. */
  async allAcked(deadlineMs = slow.deadlineMs): Promise<void> {
    await waitFor("all routers ack their heads", () => this.names.every((name) => this.isAcked(name)), { deadlineMs, everyMs: 250, show: () => JSON.stringify(this.names.map((name) => this.state(name))) });
  }

  /** condition gives `Status Reason: message` of a condition of a Router. */
  condition(router: string, type: string): string { return conditionOf(itemOf(this.kube, "routers.opensvr.io", router), type); }

  /** talks lets five new sessions from host a to host b exchange datagrams; the port is new for each call. */
  async talks(port: number): Promise<void> {
    const at = { address: hostAddress(2, 4), port };
    await startUdpServer(this.fabric.net, "b", at);
    const client = await startUdpClient(this.fabric.net, "a", { to: at.address, port, sockets: 5 });
    expect(await client.send(2)).toMatchObject({ sent: 10, answered: 10 });
  }

  /** close takes everything down. */
  async close(): Promise<void> { await this.#undo.disposeAsync(); }
}

function applySite(kube: Kube, fabric: Fabric, more: Record<string, unknown>): void {
  const items = fabric.objects.map((one) => ({ ...one, spec: { ...one.spec, ...(one.kind === "Router" ? more : one.kind === "Tenant" ? { serviceNamespaces: { names: [siteNamespace] } } : {}) } }));
  kube.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
}

/** ClusterHow is how a cluster is another one: arguments of the operator, and what is done before it starts. */
export interface ClusterHow { args?: readonly string[]; before?: (kube: Kube, fabric: Fabric) => Promise<void> }

/** openClusterRouters starts everything and applies the site, whose Routers all have these further fields; routers write with the administrator's rights. */
export async function openClusterRouters(topology: Topology, site: Site, more: Record<string, unknown> = {}, { args = [], before }: ClusterHow = {}): Promise<ClusterRouters> {
  await using undo = new AsyncDisposableStack();
  const kube = await openKube();
  undo.defer(() => kube.close());
  kube.applyCrds();
  for (const name of [operatorNamespace, siteNamespace]) kube.kubectl(["create", "namespace", name]);
  const net = await openNet(topology);
  undo.defer(() => net.close(stopMs));
  const fabric = new Fabric(net, site), relay = new ApiRelay(kube, net);
  undo.defer(() => relay.cut());
  await relay.connect();
  await before?.(kube, fabric);
  const operator = await startOperator(kube, { args: ["--no-default-class", ...args] });
  undo.defer(async () => { await operator.stop(stopMs); });
  applySite(kube, fabric, more);
  const { users: [user] } = JSON.parse(kube.kubectl(["config", "view", "--raw", "-o", "json"])) as { users: { user: { token: string } }[] };
  const kubeconfig = kube.configFor("inside", { url: `https://${insideAddress}:${insidePort}`, token: user?.user.token ?? "" });
  for (const router of fabric.routers) {
    await relay.enter(router.name);
    router.from = ["--kube", "--kubeconfig", kubeconfig, "--key-dir", router.config.folder];
  }
  await Promise.all(fabric.routers.map((router) => router.start()));
  return new ClusterRouters({ kube, fabric, relay, operator, insideConfig: kubeconfig, undo: undo.move() });
}
