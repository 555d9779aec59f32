// Routers as processes that take their configuration from a real API server, over a relay that can be taken away.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
//
// O-7: without the API server sessions go on, new ones start, and a router that starts again takes its sessions over.
import { connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { parseDocuments } from "../../pkg/api/document.ts";
import { compile } from "../../pkg/plan/compile.ts";
import { pageConfig } from "../../pkg/plan/pages.ts";
import { sha256 } from "../../pkg/router/clusterhead.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const INSIDE = 6443;
const relay = "const net = require('node:net'); net.createServer((one) => { const two = net.connect(process.argv[1]); one.pipe(two).pipe(one); for (const end of [one, two]) end.on('error', () => { one.destroy(); two.destroy(); }); }).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('up'));";

describeNet("routers in a cluster", () => {
  let kube: Kube, fabric: Fabric, away: Server | undefined;
  const sockets = new Set<Socket>();
  const path = (): string => join(fabric.net.folder, "api.sock");

  async function connectApi(): Promise<void> {
    away = createServer((one) => {
      const two = connect(kube.port, "127.0.0.1");
      for (const end of [one, two]) {
        sockets.add(end);
        end.on("error", () => { one.destroy(); two.destroy(); }).on("close", () => { one.destroy(); two.destroy(); sockets.delete(end); });
      }
      one.pipe(two).pipe(one);
    });
    await new Promise<void>((resolve) => { away?.listen(path(), resolve); });
  }

  async function cutApi(): Promise<void> {
    const closed = new Promise((resolve) => { away?.close(resolve); });
    for (const socket of sockets) socket.destroy();
    await closed;
  }

  /** As the operator will do it. */
  function publish(more: Record<string, unknown> = {}): void {
    const objects = fabric.objects.map((one) => (one.kind === "Router" ? { ...one, spec: { ...one.spec, ...more } } : one));
    const { routers } = compile(parseDocuments([{ path: "all.yaml", text: objects.map((one) => JSON.stringify(one)).join("\n---\n") }]));
    for (const [name, config] of routers) {
      const { hash, pages } = pageConfig(config, sha256);
      const meta = { apiVersion: "opensvr.io/v1alpha1", kind: "RouterConfig" };
      const items = [...pages.map((page) => ({ ...meta, metadata: { name: page.name }, spec: { type: "Page", page: { content: page.content } } })),
        { ...meta, metadata: { name }, spec: { type: "Head", head: { router: name, format: 1, version: "0.1.0", hash, pages: pages.map((page) => page.name) } } }];
      for (const item of items) kube.kubectl(["apply", "--server-side", "--force-conflicts", "-f", "-"], JSON.stringify(item));
    }
  }

  const acked = (name: string): boolean => {
    const { spec, status } = JSON.parse(kube.kubectl(["get", "routerconfigs.opensvr.io", name, "-o", "json"])) as { spec: { head: { hash: string } }; status?: { acked?: { hash: string } } };
    return status?.acked?.hash === spec.head.hash;
  };
  const allAcked = (): Promise<unknown> => waitFor("both routers ack their heads", () => acked("r1") && acked("r2"), { deadlineMs: 60_000, everyMs: 500 });

  beforeAll(async () => {
    kube = await openKube();
    kube.applyCrds();
    fabric = new Fabric(await openNet(pair), openSite());
    await connectApi();
    const kubeconfig = kube.configFor("inside", { url: `https://127.0.0.1:${INSIDE}`, token: (JSON.parse(kube.kubectl(["config", "view", "--raw", "-o", "json"])) as { users: { user: { token: string } }[] }).users[0]?.user.token ?? "" });
    publish();
    for (const router of fabric.routers) {
      const inside = fabric.net.start(router.name, [process.execPath, "-e", relay, path(), String(INSIDE)]);
      await waitFor("the relay listens", () => inside.lines.includes("up"));
      router.from = ["--kube", "--kubeconfig", kubeconfig, "--key-dir", router.config.folder];
    }
    await Promise.all(fabric.routers.map((router) => router.start()));
  }, 120_000);
  afterAll(async () => {
    await cutApi();
    await fabric.close();
    await kube.close();
  }, 60_000);

  async function talks(port: number): Promise<void> {
    const at = { address: hostAddress(2, 4), port };
    await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port, sockets: 5 });
    expect(await client.send(2)).toMatchObject({ sent: 10, answered: 10 });
  }

  test("O-7 without the API server new sessions start, a router starts again with its sessions, and both catch up later", async () => {
    await allAcked();
    await talks(2001);
    await cutApi();
    await talks(2002);
    const r1 = fabric.router("r1");
    const before = (await r1.live()).map((one) => one.sessionId).sort();
    await r1.kill();
    await r1.start();
    expect([(await r1.status()).adopted, (await r1.live()).map((one) => one.sessionId).sort()]).toEqual([true, before]);
    await talks(2003);
    publish({ timers: { udpIdle: "77s" } });
    expect([acked("r1"), acked("r2")]).toEqual([false, false]);
    await connectApi();
    await allAcked();
    expect(JSON.stringify(await r1.get("/api/v1/routers/self/configuration"))).toContain("77000");
  }, 150_000);
});
