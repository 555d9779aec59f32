// Objects are applied, the operator compiles them, routers as processes take their configuration from the real API server, over a relay
// that can be taken away, and what they acknowledge is in the conditions.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b
//
// O-7: without the API server sessions go on, new ones start, and a router that starts again takes its sessions over. For longer than every
// timer: test/chaos/apiserver.
import { join } from "node:path";
import { execPath } from "node:process";
import { itemOf } from "../support/kube/operator.ts";
import { slow, testMs } from "../support/kube/patience.ts";
import { openClusterRouters } from "../support/kube/routers.ts";
import type { ClusterRouters } from "../support/kube/routers.ts";
import { describeNet } from "../support/probe.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const svrctl = join(import.meta.dirname, "../../cmd/svrctl/main.ts");

describeNet("routers in a cluster", () => {
  let cluster: ClusterRouters;
  beforeAll(async () => { cluster = await openClusterRouters(pair, openSite()); }, testMs);
  afterAll(async () => { await cluster.close(); }, testMs);

  test("what is applied is programmed by routers, says so in its conditions, and carries sessions", async () => {
    const { kube } = cluster;
    await cluster.allAcked();
    for (const kind of ["routers", "services", "tenants", "serviceroutes"]) kube.kubectl(["wait", "--for=condition=Ready", "--timeout=90s", `${kind}.opensvr.io`, "--all", "-A"]);
    await waitFor("facts of a router whose peer answers", () => itemOf(kube, "routers.opensvr.io", "r1")?.status?.["peersUp"] === "1/1", slow);
    expect(itemOf(kube, "routers.opensvr.io", "r1")?.status).toMatchObject({ programmed: "1/1", peersUp: "1/1", tier: expect.any(String) as string, version: expect.stringMatching(/^\d/) as string });
    expect(cluster.condition("r2", "Programmed")).toBe("True Programmed: on 1 of 1 routers");
    await cluster.talks(2000);
  }, testMs);

  test("svrctl check --session holds a real session until both routers report it, and says who does not", async () => {
    await cluster.allAcked();
    await cluster.relay.enter("a");
    await startTcpServer(cluster.fabric.net, "b", { address: hostAddress(2, 4), port: 2100 });
    const check = async (...words: string[]): Promise<{ result: string; text: string } | undefined> => {
      const process = cluster.fabric.net.start("a", [execPath, svrctl, "check", "--kubeconfig", cluster.insideConfig, "--request-timeout", "20s", "-o", "json", ...words]);
      await waitFor("the check ends", () => process.exit, { deadlineMs: 120_000 });
      return (JSON.parse(process.lines.join("\n")) as { checks: { name: string; result: string; text: string }[] }).checks.find(({ name }) => name === "session");
    };
    expect(await check("--session", "test/east", "--to", `${hostAddress(2, 4)}:2100`)).toMatchObject({ result: "pass", text: expect.stringMatching(/passes routers r1 \(it entered there\), r2$/) as string });
    expect(await check("--session", "test/east", "--to", `${hostAddress(2, 4)}:2101`)).toMatchObject({ result: "fail", text: expect.stringContaining("ECONNREFUSED") as string });
  }, testMs);

  test("O-7 without the API server new sessions start, a router starts again with its sessions, and both catch up later", async () => {
    await cluster.allAcked();
    await cluster.talks(2001);
    await cluster.relay.cut();
    await cluster.talks(2002);
    const r1 = cluster.fabric.router("r1");
    const live = (await r1.live()).map((one) => one.sessionId).sort();
    await r1.kill();
    await r1.start();
    expect([(await r1.status()).adopted, (await r1.live()).map((one) => one.sessionId).sort()]).toEqual([true, live]);
    await cluster.talks(2003);
    const before = cluster.hashes();
    cluster.apply({ timers: { udpIdle: "77s" } });
    await waitFor("the operator has written both heads", () => cluster.hashes().every((hash, index) => hash !== before[index]), slow);
    expect(cluster.names.map((name) => cluster.isAcked(name))).toEqual([false, false]);
    await cluster.relay.connect();
    await cluster.allAcked();
    expect(JSON.stringify(await r1.get("/api/v1/routers/self/configuration"))).toContain("77000");
  }, testMs);
});
