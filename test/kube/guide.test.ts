// docs/guide/13-kubernetes.md, as a reader types it, on a real API server with its controllers. No kubelet runs: what it would start is
// started by test/support/kube/kubelet, in the network of its node; hosts behind the nodes are namespaces too.
//
//   client --lan0 west wan0 == wan0 east lan0-- server
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { blocksOf, clusterPage, missingWords } from "../support/guide.ts";
import { binaryPath } from "../support/kube/binaries.ts";
import { Kubelet } from "../support/kube/kubelet.ts";
import { testMs } from "../support/kube/patience.ts";
import { ApiRelay } from "../support/kube/relay.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { openNet } from "../support/net.ts";
import type { Net, Topology } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { TestProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

const root = join(import.meta.dirname, "../..");

const BLOCK_MS = 120_000;
const away = /^# while the API server is stopped$/m;

const site: Topology = {
  nodes: { client: { kind: "host", gateways: ["10.1.0.1"] }, west: { kind: "router" }, east: { kind: "router" }, server: { kind: "host", gateways: ["10.2.0.1"] }, pod1: { kind: "host" }, pod2: { kind: "host" } },
  links: [
    { name: "west", ends: [{ node: "client", device: "eth0", addresses: ["10.1.0.10/24"] }, { node: "west", device: "lan0", addresses: ["10.1.0.1/24"] }] },
    { name: "wan", ends: [{ node: "west", device: "wan0", addresses: ["192.0.2.1/24"] }, { node: "east", device: "wan0", addresses: ["192.0.2.2/24"] }] },
    { name: "east", ends: [{ node: "east", device: "lan0", addresses: ["10.2.0.1/24"] }, { node: "server", device: "eth0", addresses: ["10.2.0.10/24"] }] },
  ],
};

describeNet("first service in a cluster", () => {
  const text = readFileSync(join(root, "docs/guide", clusterPage), "utf8");
  const blocks = blocksOf(text, clusterPage);
  let kube: Kube, net: Net, relay: ApiRelay, kubelet: Kubelet, shell: TestProcess;

  beforeAll(async () => {
    [kube, net] = await Promise.all([openKube({ controllers: true }), openNet(site)]);
    relay = new ApiRelay(kube, net);
    await relay.connect();
    for (const node of ["west", "east", "pod1", "pod2"]) await relay.enter(node);
    for (const name of ["west", "east"]) kube.kubectl(["create", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "Node", metadata: { name } }));
    kubelet = new Kubelet(kube, { net, nodes: { west: "west", east: "east" }, apart: ["pod1", "pod2"] });
    await net.start("server", [process.execPath, join(root, "test/support/hosts/http-server.ts"), "10.2.0.10", "8080"]).line(/./);
    shell = new TestProcess(["unshare", "--pid", "--fork", "--kill-child", "bash", "-e", "-s"], { cwd: root, env: surroundings(kube, net) });
    shell.write("exec 2>&1");
  }, testMs);
  afterAll(async () => {
    await shell.kill();
    await kubelet.close();
    await relay.cut();
    try {
      await net.close();
    } finally {
      await kube.close();
    }
  }, testMs);

  async function run(body: string): Promise<string> {
    const from = shell.lines.length;
    shell.write(`${body}\necho '@@done'`);
    await waitFor("the block ends", () => shell.exit !== undefined || shell.lines.slice(from).includes("@@done"), { deadlineMs: BLOCK_MS, show: () => shell.lines.slice(from).join("\n") });
    const printed = shell.lines.slice(from).filter((line) => line !== "@@done").join("\n");
    if (shell.exit !== undefined) throw new Error(`a command failed: ${printed}\n${String(kubelet.trouble)}\n${kubelet.log("")}`);
    return printed;
  }

  test.each(blocks)("$title runs and shows what the page shows", async ({ body, shows }) => {
    if (away.test(body)) await kube.stopApi("SIGKILL");
    const printed = await run(body);
    if (away.test(body)) await kube.startApi();
    expect(missingWords(shows ?? "", printed)).toEqual([]);
  }, BLOCK_MS + 60_000);
});

/** The programs of the page, with nothing of whoever runs the tests; curl is that of the client. */
function surroundings(kube: Kube, net: Net): Record<string, string> {
  const { folder } = kube.run;
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const name of ["kubectl", "helm"] as const) symlinkSync(binaryPath(name), join(bin, name));
  for (const name of ["kubectl-svr", "kubectl_complete-svr"]) symlinkSync(join(root, "scripts/program"), join(bin, name));
  writeFileSync(join(bin, "curl"), `#!/bin/sh\nexec ${net.inside("client", ["/usr/bin/curl"]).join(" ")} "$@"\n`, { mode: 0o755 });
  const home = { HOME: folder, HELM_CACHE_HOME: join(folder, "helm"), HELM_CONFIG_HOME: join(folder, "helm"), HELM_DATA_HOME: join(folder, "helm") };
  return { ...home, PATH: `${bin}:${process.env["PATH"] ?? ""}`, KUBECONFIG: kube.kubeconfig, KUBECACHEDIR: join(folder, "kubectl-cache"), COLUMNS: "200" };
}
