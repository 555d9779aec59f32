// Every end reason of behaviour 3.9, provoked with real packets and told in the end record of the session:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b      r2 translates the sources of ports 81 and 54
//
// What leads to some of them is tested closer elsewhere: lifecycle (fin, rst), timers, recovery (evicted), reload (policy).
import { buildPacket } from "../../pkg/svr/build.ts";
import { TCP_SYN } from "../../pkg/svr/constants.ts";
import { reasons } from "../../pkg/svr/reasons.ts";
import type { EndReason } from "../../pkg/svr/reasons.ts";
import { openDamage } from "../support/damage.ts";
import { fieldsOf } from "../support/craft.ts";
import { forgetSession } from "../support/forget.ts";
import { openInjector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { openRawHost, RawTcp } from "../support/rawtcp.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { ConfigObject, Site } from "../support/site.ts";
import { svrctl } from "../support/svrctl.ts";
import { hostAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const more = { timers: { inactivity: "1s", udpIdle: "4s", synSent: "1s", reset: "1s" } };
const at = { router: "r2", interface: "lan0" };
const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [
    { name: "east", addresses: ["10.2.0.0/24"], at }, { name: "shut", addresses: ["10.2.0.0/24"], transports: [{ protocol: "TCP", ports: [82] }], at },
    { name: "translated", addresses: ["10.2.0.0/24"], transports: [{ protocol: "TCP", ports: [81] }, { protocol: "UDP", ports: [54] }], more: { sourceNat: "Interface" }, at },
  ],
  routers: { r1: { more }, r2: { more } },
};
const OLD = "10.2.0.1", NEXT = "10.2.0.2", to = hostAddress(2, 4);

describeNet("ends of sessions", () => {
  let fabric: Fabric, r1: Router, r2: Router;
  const seen = new Set<EndReason>();

  beforeAll(async () => {
    fabric = await startFabric(await openNet(withoutOffloads(pair)), site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    for (const port of [80, 81, 82]) await startTcpServer(fabric.net, "b", { address: to, port });
    for (const port of [53, 55, 56]) await startUdpServer(fabric.net, "b", { address: to, port });
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const idOf = async (filter: Record<string, number>): Promise<string> =>
    waitFor(`a session ${JSON.stringify(filter)}`, async () => (await r1.live(Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, String(value)]))))[0]?.sessionId);
  /** Waits for the end record of a session, and takes down its reason. */
  async function ended(router: Router, id: string, reason: EndReason): Promise<void> {
    const record = await waitFor(`${router.name} tells the end of ${id}`, () => router.records().find((one) => one.recordType === "end" && one.sessionId === id), { deadlineMs: 15_000 });
    expect([router.name, record.endReason]).toEqual([router.name, reason]);
    seen.add(reason);
  }
  async function connected(port: number) {
    const client = startTcpClient(fabric.net, "a", { to, port, sessions: 1, everyMs: 50 });
    await waitFor("it talks", async () => (await client.report()).receivedBytes > 640);
    return { client, id: await idOf({ destinationPort: port }) };
  }
  async function datagrams(port: number) {
    const client = await startUdpClient(fabric.net, "a", { to, port });
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    return { client, id: await idOf({ destinationPort: port }) };
  }
  async function changed(router: Router, ...objects: ConfigObject[]): Promise<void> {
    const { hash } = (await router.status()).configuration;
    router.config.put(...objects);
    await waitFor(`${router.name} takes the change`, async () => (await router.status()).configuration.hash !== hash);
  }

  test("behaviour 3.9 fin, rst: the hosts end it", async () => {
    const host = await openRawHost(fabric.net, { host: "a", router: "r1", device: "lan0", address: hostAddress(1, 4, 77) });
    for (const [port, end, reason] of [[50_001, "close", "fin"], [50_002, "reset", "rst"]] as const) {
      const connection = new RawTcp(host, { address: to, port: 80 }, port, 1000);
      await connection.open();
      const id = await idOf({ sourcePort: port });
      await connection[end]();
      for (const router of [r1, r2]) await ended(router, id, reason);
    }
  }, 60_000);

  test("behaviour 3.9 timeout, half-open-timeout: nobody says anything", async () => {
    const { id } = await datagrams(53);
    const injector = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    await injector.send(buildPacket(fieldsOf(hostAddress(1, 4), hostAddress(2, 4, 99)), { kind: "tcp", sourcePort: 999, destinationPort: 443, flags: TCP_SYN, window: 100 }));
    await ended(r1, await idOf({ destinationPort: 443 }), "half-open-timeout");
    for (const router of [r1, r2]) await ended(router, id, "timeout");
  }, 60_000);

  test("behaviour 3.9 admin, peer-delete: somebody ends it here, the peer is told", async () => {
    const { client, id } = await connected(80);
    expect((await svrctl("sessions", "delete", id, "--yes", "--socket", `${r1.stateDir}/admin.sock`)).exit).toBe(0);
    await ended(r1, id, "admin");
    await ended(r2, id, "peer-delete");
    await client.process.stop();
  }, 60_000);

  test("behaviour 3.9 evicted: another session of the tenant takes its flow", async () => {
    const { client, id } = await datagrams(55);
    forgetSession(fabric.net, "r1", id);
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    await ended(r2, id, "evicted");
  }, 60_000);

  test("behaviour 3.9 error: what stands in its slot cannot be", async () => {
    const { client, id } = await datagrams(56);
    const damage = openDamage(fabric.net.pinFolder("r1"));
    damage.slot(damage.slotOf(id), "life", (word) => (word & ~0xff00) | 0x0900); // a TCP state that does not exist
    damage.close();
    await ended(r1, id, "error");
    expect(await client.send(1)).toMatchObject({ answered: 1 }); // in another session
  }, 60_000);

  test("behaviour 3.9, 7.5 nat-changed: the address that translates is another one; TCP hears a reset, UDP goes on from the new address", async () => {
    const server = await startUdpServer(fabric.net, "b", { address: to, port: 54 });
    const [tcp, udp] = [await connected(81), await datagrams(54)];
    for (const [verb, address] of [["del", OLD], ["add", NEXT]] as const) await fabric.net.must("r2", "ip", "addr", verb, `${address}/24`, "dev", "lan0");
    await changed(r2, JSON.parse(JSON.stringify(fabric.object("Router", "r2")).replaceAll(`"${OLD}/`, `"${NEXT}/`)) as ConfigObject);
    await fabric.net.must("b", "ip", "neigh", "flush", "dev", "eth0"); // the old address reaches nobody
    await fabric.net.must("b", "ip", "route", "replace", "default", "via", NEXT);
    await waitFor("UDP is answered again", async () => (await udp.client.send(1, { waitMs: 300 })).answered === 1, { deadlineMs: 15_000 });
    expect((await server.report()).last.at(-1)?.from).toBe(NEXT);
    await ended(r2, udp.id, "nat-changed");
    await waitFor("the host hears a reset", async () => (await tcp.client.report()).faults["ECONNRESET"] === 1, { deadlineMs: 15_000 });
    await ended(r2, tcp.id, "nat-changed");
    await ended(r1, tcp.id, "peer-delete");
    await tcp.client.process.stop();
  }, 60_000);

  test("behaviour 3.9 policy, path-lost: the configuration does not allow it, or carry it, any more", async () => {
    const [shut, lost] = [await connected(82), await connected(80)];
    await changed(r1, fabric.object("Service", "shut", { access: [{ tenant: "corp", permission: "Deny" }] }));
    await ended(r1, shut.id, "policy");
    await changed(r1, fabric.object("Router", "r1", { peers: [] }));
    await ended(r1, lost.id, "path-lost");
    for (const { client } of [shut, lost]) await client.process.stop();
  }, 60_000);

  test("behaviour 3.9 these are all", () => { expect([...seen].toSorted()).toEqual(reasons.filter((one) => one.group === "end").map((one) => one.name).toSorted()); });
});
