// Paths with a cipher of their own for payloads, with real hosts and packets. Between the routers the path of IPv4 says GCM, that of IPv6 is a trusted line and says None:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        capture at r1 wan0
//
// Services by their ports: one without a policy, one that wants GCM, and one that wants GCM and allows clear paths.
import { randomBytes } from "node:crypto";
import type { SessionView } from "../../pkg/api/view.ts";
import { startCapture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { ConfigObject, SiteService } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { UdpClient } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

type Family = 4 | 6;
const policies = { strict: { payloadEncryption: "GCM", adaptive: false }, trusting: { payloadEncryption: "GCM", adaptive: false, clearPaths: true } };
const service = (name: string, first: number, more = {}): SiteService => ({
  name, addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more, transports: ["TCP", "UDP"].map((protocol) => ({ protocol, ports: [`${first}-${first + 999}`] })),
});
const ports = { plain: 1_000, strict: 2_000, trusting: 3_000 };
const site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }], policies,
  services: [service("plain", ports.plain), ...(["strict", "trusting"] as const).map((name) => service(name, ports[name], { securityPolicyRef: { name } }))],
};

describeNet("paths with a cipher of their own", () => {
  let fabric: Fabric;
  let used = 0;
  /** A Router whose paths say so by family. */
  const routerWith = (name: string, says: Partial<Record<Family, string>>): ConfigObject => {
    const object = fabric.object("Router", name), peers = object.spec["peers"] as { paths: Record<string, unknown>[] }[];
    for (const path of peers[0]!.paths) path["payloadEncryption"] = says[String(path["name"]).endsWith("v6") ? 6 : 4];
    return object;
  };
  const usual = { 4: "GCM", 6: "None" };

  beforeAll(async () => {
    fabric = new Fabric(await openNet(pair), site);
    fabric.put(routerWith("r1", usual), routerWith("r2", usual));
    await Promise.all(fabric.routers.map((router) => router.start()));
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const body = randomBytes(40);
  const at = async (port: number): Promise<SessionView[]> => (await Promise.all(fabric.routers.map((router) => router.live({ destinationPort: String(port) })))).flat();
  const dropsOf = async (name: string): Promise<number> => (await fabric.router(name).drops())["decrypt-failure"] ?? 0;
  const say = (client: UdpClient): ReturnType<UdpClient["send"]> => client.send(1, { body: body.toString("hex") });
  const open = async (family: Family, name: keyof typeof ports): Promise<{ client: UdpClient; port: number }> => {
    const to = hostAddress(2, family), port = ports[name] + ++used;
    await startUdpServer(fabric.net, "b", { address: to, port });
    return { client: await startUdpClient(fabric.net, "a", { to, port }), port };
  };
  /** Whether what hosts say is read between the routers. */
  async function isRead(during: () => Promise<void>): Promise<boolean> {
    const capture = await startCapture(fabric.net, "r1", "wan0");
    await during();
    return readWire(await capture.stop(), fabric.keys("r1", "r2")).some(({ packet }) => Buffer.from(packet.data).includes(body));
  }
  async function applied(...objects: ConfigObject[]): Promise<void> {
    const hashes = (): Promise<string[]> => Promise.all(objects.map(async ({ metadata: { name } }) => (await fabric.router(name).status()).configuration.hash)), before = await hashes();
    fabric.put(...objects);
    await waitFor("they have it", async () => (await hashes()).every((hash, index) => hash !== before[index]));
  }

  test.each<[keyof typeof ports, Family, string]>([
    ["plain", 4, "encrypted"], ["strict", 4, "encrypted"], ["trusting", 4, "encrypted"], ["plain", 6, "clear"], ["strict", 6, "encrypted"], ["trusting", 6, "clear"],
  ])("8.2 service %s over the path of IPv%i is %s", async (name, family, word) => {
    const { client, port } = await open(family, name);
    expect(await isRead(async () => { for (let round = 0; round < 5; round++) expect(await say(client)).toMatchObject({ answered: 1, wrong: 0 }); })).toBe(word === "clear");
    expect((await at(port)).map(({ security }) => security)).toEqual([word, word]);
    const to = hostAddress(2, family);
    await startTcpServer(fabric.net, "b", { address: to, port });
    const tcp = startTcpClient(fabric.net, "a", { to, port, sessions: 5, everyMs: 100 });
    await waitFor("TCP is answered", async () => (await tcp.report()).answered === 5);
    expect(await tcp.stop()).toMatchObject({ answered: 5, wrong: 0, faults: {} });
  }, 30_000);

  test("8.2 a path that says None at one router only is no trusted line: the other one takes nothing clear of a service that is encrypted", async () => {
    await applied(routerWith("r2", { 4: "GCM" }));
    const before = await dropsOf("r2"), { client, port } = await open(6, "trusting");
    expect(await client.send(1, { body: body.toString("hex") })).toMatchObject({ answered: 0 });
    expect([await dropsOf("r2") > before, (await fabric.router("r2").live({ destinationPort: String(port) })).length]).toEqual([true, 0]);
    await applied(routerWith("r2", usual));
  }, 30_000);

  test("1.2 a live session is encrypted when its path is trusted no more, within 5 s and with the same UUID", async () => {
    const { client, port } = await open(6, "trusting");
    expect(await say(client)).toMatchObject({ answered: 1 });
    const ids = (await at(port)).map(({ sessionId }) => sessionId);
    await applied(routerWith("r1", { 4: "GCM" }), routerWith("r2", { 4: "GCM" }));
    await waitFor("it is encrypted, both ways", async () => { expect(await say(client)).toMatchObject({ answered: 1, wrong: 0 }); return (await at(port)).every(({ security }) => security === "encrypted"); }, { deadlineMs: 5_000 });
    expect(await isRead(async () => { expect(await say(client)).toMatchObject({ answered: 1 }); })).toBe(false);
    expect((await at(port)).map(({ sessionId }) => sessionId)).toEqual(ids);
    await applied(routerWith("r1", usual), routerWith("r2", usual));
    expect((await at(port)).map(({ security }) => security)).toEqual(["encrypted", "encrypted"]); // nothing makes a session weaker
  }, 30_000);
});
