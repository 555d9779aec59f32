// Objects are applied, the operator compiles them, routers as processes take their configuration from the real API server, over a relay
// that can be taken away, and what they acknowledge is in the conditions.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
//
// O-7: without the API server sessions go on, new ones start, and a router that starts again takes its sessions over.
import { conditionOf, headOf, itemOf, operatorNamespace, startOperator } from "../support/kube/operator.ts";
import { ApiRelay, insideAddress, insidePort } from "../support/kube/relay.ts";
import { openKube } from "../support/kube/server.ts";
import type { Kube } from "../support/kube/server.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import type { TestProcess } from "../support/process.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const siteNamespace = "test"; // of the services in test/support/site.ts

describeNet("routers in a cluster", () => {
  let kube: Kube, fabric: Fabric, relay: ApiRelay, operator: TestProcess;

  /** Objects as somebody applies them; the operator does the rest. `more` is for every Router. */
  function apply(more: Record<string, unknown> = {}): void {
    const items = fabric.objects.map((one) => ({ ...one, spec: { ...one.spec, ...(one.kind === "Router" ? more : one.kind === "Tenant" ? { serviceNamespaces: { names: [siteNamespace] } } : {}) } }));
    kube.kubectl(["apply", "--server-side", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  }

  const acked = (name: string): boolean => {
    const { spec, status } = JSON.parse(kube.kubectl(["get", "routerconfigs.opensvr.io", name, "-o", "json"])) as { spec: { head: { hash: string } }; status?: { acked?: { hash: string } } };
    return status?.acked?.hash === spec.head.hash;
  };
  const heads = (): string[] => ["r1", "r2"].map((name) => headOf(kube, name)?.hash ?? "");
  const allAcked = (): Promise<unknown> => waitFor("both routers ack their heads", () => acked("r1") && acked("r2"), { deadlineMs: 60_000, everyMs: 500 });

  beforeAll(async () => {
    kube = await openKube();
    kube.applyCrds();
    fabric = new Fabric(await openNet(pair), openSite());
    relay = new ApiRelay(kube, fabric.net);
    await relay.connect();
    const kubeconfig = kube.configFor("inside", { url: `https://${insideAddress}:${insidePort}`, token: (JSON.parse(kube.kubectl(["config", "view", "--raw", "-o", "json"])) as { users: { user: { token: string } }[] }).users[0]?.user.token ?? "" });
    for (const name of [operatorNamespace, siteNamespace]) kube.kubectl(["create", "namespace", name]);
    operator = await startOperator(kube, { args: ["--no-default-class"] });
    apply();
    for (const router of fabric.routers) {
      await relay.enter(router.name);
      router.from = ["--kube", "--kubeconfig", kubeconfig, "--key-dir", router.config.folder];
    }
    await Promise.all(fabric.routers.map((router) => router.start()));
  }, 120_000);
  afterAll(async () => {
    await operator.stop(15_000);
    await relay.cut();
    try {
      await fabric.close();
    } finally {
      await kube.close();
    }
  }, 60_000);

  async function talks(port: number): Promise<void> {
    const at = { address: hostAddress(2, 4), port };
    await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port, sockets: 5 });
    expect(await client.send(2)).toMatchObject({ sent: 10, answered: 10 });
  }

  test("what is applied is programmed by routers, says so in its conditions, and carries sessions", async () => {
    await allAcked();
    for (const kind of ["routers", "services", "tenants", "serviceroutes"]) kube.kubectl(["wait", "--for=condition=Ready", "--timeout=30s", `${kind}.opensvr.io`, "--all", "-A"]);
    await waitFor("facts of a router whose peer answers", () => itemOf(kube, "routers.opensvr.io", "r1")?.status?.["peersUp"] === "1/1", { deadlineMs: 40_000, everyMs: 200 });
    expect(itemOf(kube, "routers.opensvr.io", "r1")?.status).toMatchObject({ programmed: "1/1", peersUp: "1/1", tier: expect.any(String) as string, version: expect.stringMatching(/^\d/) as string });
    expect(conditionOf(itemOf(kube, "routers.opensvr.io", "r2"), "Programmed")).toBe("True Programmed: on 1 of 1 routers");
    await talks(2000);
  }, 150_000);

  test("O-7 without the API server new sessions start, a router starts again with its sessions, and both catch up later", async () => {
    await allAcked();
    await talks(2001);
    await relay.cut();
    await talks(2002);
    const r1 = fabric.router("r1");
    const live = (await r1.live()).map((one) => one.sessionId).sort();
    await r1.kill();
    await r1.start();
    expect([(await r1.status()).adopted, (await r1.live()).map((one) => one.sessionId).sort()]).toEqual([true, live]);
    await talks(2003);
    const before = heads();
    apply({ timers: { udpIdle: "77s" } });
    await waitFor("the operator has written both heads", () => heads().every((hash, index) => hash !== before[index]), { deadlineMs: 30_000, everyMs: 200 });
    expect([acked("r1"), acked("r2")]).toEqual([false, false]);
    await relay.connect();
    await allAcked();
    expect(JSON.stringify(await r1.get("/api/v1/routers/self/configuration"))).toContain("77000");
  }, 150_000);
});
