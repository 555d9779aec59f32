// A peer that falls silent: its state is gone and nobody told us, or our own address changed under live sessions:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        captures at r1 wan0
//
// Recovery by inactivity (protocol 6.7, L-6), changed addresses (behaviour 7.5, RB-7), with the timer at one second.
import { rmSync } from "node:fs";
import { startCapture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { ConfigObject, Site } from "../support/site.ts";
import { hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { UdpClient } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const SILENCE_MS = 1_000;
const fresh = { 4: "192.0.2.29", 6: "2001:db8:1::29" } as const;
const more = { timers: { inactivity: "1s" } };

const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [{ name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: { servicePolicyRef: { name: "asking" } } }],
  routers: { r1: { more }, r2: { more } },
};
const policy: ConfigObject = { apiVersion: "opensvr.io/v1alpha1", kind: "ServicePolicy", metadata: { name: "asking", namespace: "test" }, spec: { sessionRecovery: "InactivityBased" } };

describeNet("silent peers", () => {
  let fabric: Fabric, r1: Router, r2: Router;
  let port = 3000;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    fabric.put(policy);
    for (const router of [r1, r2]) await waitFor(`${router.name} has the policy`, async () => (await router.status()).configuration.problems.length === 0);
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const idsOf = async (router: Router): Promise<string[]> => (await router.live({ destinationPort: String(port) })).map((one) => one.sessionId);
  const pause = async (ms: number): Promise<void> => {
    const from = process.hrtime.bigint();
    await waitFor(`${ms} ms pass`, () => process.hrtime.bigint() - from >= BigInt(ms) * 1_000_000n);
  };

  async function udp(family: Family): Promise<UdpClient> {
    const at = { address: hostAddress(2, family), port: ++port };
    await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    return client;
  }

  test.each(families)("IPv%i: the packet after the silence asks, the peer answers, no other packet has metadata", async (family) => {
    const client = await udp(family);
    const before = await r1.counters();
    const capture = await startCapture(fabric.net, "r1", "wan0");
    await pause(SILENCE_MS + 100);
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    await waitFor("the answer is counted", async () => (await r1.counters()).healthChecks.exists === before.healthChecks.exists + 1);
    const packets = readWire(await capture.stop(), fabric.keys("r1", "r2")).filter((one) => one.metadata !== undefined);
    expect(packets.map((one) => [one.source === linkAddress(1, family, 0), one.metadata?.authentic, one.metadata?.tlvs.healthCheck, one.metadata?.tlvs.control])).toEqual([[true, true, 1, undefined], [false, true, undefined, 8]]);
  }, 30_000);

  test("L-6 with inactivity mode: the far router starts again with empty maps, the session goes on with its UUID", async () => {
    const client = await udp(4);
    const ids = await idsOf(r1);
    await r2.kill();
    rmSync(fabric.net.pinFolder("r2"), { recursive: true });
    await r2.start();
    await waitFor("r2 has the policy", async () => (await r2.status()).configuration.problems.length === 0);
    await pause(SILENCE_MS);
    await client.send(1, { waitMs: 300 }); // it asks, or is what an unknown flow is answered with
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    expect([await idsOf(r1), await idsOf(r2), ids.length]).toEqual([ids, ids, 1]);
  }, 60_000);

  test.each(families)("RB-7 L-9 RB-3 RB-30 IPv%i: the own address changes; the packet after the silence and new sessions use the new one, the pool stays whole", async (family) => {
    const client = await udp(family);
    const at = { address: hostAddress(2, family), port: port + 1000 };
    await startTcpServer(fabric.net, "b", at);
    const tcp = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 5, everyMs: 100 });
    await waitFor("TCP talks", async () => (await tcp.report()).receivedBytes > 64 * 10);
    const ids = await idsOf(r1);
    const old = linkAddress(1, family, 0), length = family === 4 ? 28 : 64;
    await fabric.net.must("r1", "ip", "addr", "del", `${old}/${length}`, "dev", "wan0");
    await fabric.net.must("r1", "ip", "addr", "add", `${fresh[family]}/${length}`, "dev", "wan0", ...(family === 6 ? ["nodad"] : []));
    const renamed = (name: string): ConfigObject => JSON.parse(JSON.stringify(fabric.object("Router", name)).replaceAll(`"${old}"`, `"${fresh[family]}"`).replaceAll(`"${old}/`, `"${fresh[family]}/`)) as ConfigObject;
    const hashes = await Promise.all([r1, r2].map(async (router) => (await router.status()).configuration.hash));
    fabric.put(renamed("r1"), renamed("r2"));
    for (const [index, router] of [r1, r2].entries()) await waitFor(`${router.name} takes the change`, async () => (await router.status()).configuration.hash !== hashes[index]);
    await fabric.net.must("r2", "ip", "neigh", "flush", "dev", "wan0"); // the old address reaches nobody
    const { receivedBytes } = await tcp.report();
    await waitFor("UDP is answered again", async () => (await client.send(1, { waitMs: 300 })).answered === 1, { deadlineMs: 15_000 });
    await waitFor("TCP goes on with every session", async () => (await tcp.report()).receivedBytes > receivedBytes + 64 * 5 * 20, { deadlineMs: 15_000 });
    expect([await idsOf(r1), (await r1.live({ destinationPort: String(at.port) })).length]).toEqual([ids, 5]);
    const waypoints = (await r1.live()).filter((one) => [port, at.port].includes(one.destinationPort ?? 0)).map((one) => one.waypointLocal ?? "");
    expect(waypoints.filter((text) => !text.includes(fresh[family]))).toEqual([]);
    const begun = await udp(family);
    expect((await r1.live({ destinationPort: String(port) })).map((one) => one.waypointLocal?.includes(fresh[family]))).toEqual([true]);
    expect(await begun.send(1)).toMatchObject({ answered: 1 });
    expect(await tcp.stop()).toMatchObject({ wrong: 0, faults: {} });
    const { faults, pools } = await r1.verify();
    expect([faults, pools.filter((one) => one.used + one.resting + one.moving + one.free !== one.size), pools.some((one) => one.used > 0)]).toEqual([[], [], true]);
  }, 60_000);
});
