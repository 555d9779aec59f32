// Payload keys that become old under live sessions (protocol 8.2), with real hosts and packets over a transit router:
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        captures at r2 wan0; an hour lasts 2 s here
//
// The key index is the first byte of each encrypted body. Everything goes on, both ways, also where only the server has something to say.
import { startCapture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import type { SiteService } from "../support/site.ts";
import { hostAddress, linkAddress, transit } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const HOUR_MS = 2_000, RUN_MS = 7_000;
const service = (name: string, first: number): SiteService => ({
  name, addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: { securityPolicyRef: { name } },
  transports: ["TCP", "UDP"].map((protocol) => ({ protocol, ports: [`${first}-${first + 999}`] })),
});
const cases = ([4, 6] as const).flatMap((family) => [{ family, name: "cbc", first: 2_000 }, { family, name: "gcm", first: 3_000 }]);

describeNet("payload keys that become old", () => {
  let fabric: Fabric;
  let used = 0;

  beforeAll(async () => {
    const more = { timers: { interim: "1s" } };
    fabric = new Fabric(await openNet(transit), {
      tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }], services: [service("cbc", 2_000), service("gcm", 3_000)], routers: { r1: { more } },
      policies: { cbc: { payloadEncryption: "CBC", adaptive: false, payloadKeyRotation: "1h" }, gcm: { payloadEncryption: "GCM", adaptive: false, payloadKeyRotation: "1h" } },
    });
    for (const router of fabric.routers) router.from.push("--key-hour", String(HOUR_MS));
    await Promise.all(fabric.routers.map((router) => router.start()));
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  /** Key indices of packets without metadata, in the order in which they came. */
  const indices = (packets: readonly WirePacket[], family: 4 | 6, isForward: boolean): number[] => [...new Set(packets
    .filter(({ metadata, packet, destination }) => metadata === undefined && packet.end - packet.payload > 16 && (destination === linkAddress(2, family, 1)) === isForward)
    .map(({ packet }) => packet.data[packet.payload] ?? -1))];
  const faults = async (): Promise<number> => {
    const all = await Promise.all(fabric.routers.map(async (router) => router.drops()));
    return all.reduce((sum, drops) => sum + ["hmac-failure", "decrypt-failure", "no-key", "replay-payload", "metadata-incomplete"].reduce((of, reason) => of + (drops[reason] ?? 0), 0), 0);
  };

  test.each(cases)("8.2 $name over IPv$family: both directions go on under key after key, and no packet is dropped", async ({ family, first }) => {
    const to = { address: hostAddress(2, family), port: first + ++used }, before = await faults();
    await Promise.all([startTcpServer(fabric.net, "b", to), startUdpServer(fabric.net, "b", to)]);
    const tcp = startTcpClient(fabric.net, "a", { to: to.address, port: to.port, sessions: 2, everyMs: 20 });
    const udp = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    await waitFor("TCP talks", async () => (await tcp.report()).receivedBytes > 500);
    const capture = await startCapture(fabric.net, "r2", "wan0"), began = Date.now();
    while (Date.now() - began < RUN_MS) expect(await udp.send(10)).toMatchObject({ answered: 10, wrong: 0 });
    const packets = readWire(await capture.stop(), fabric.keys("t", "r2"));
    expect(await tcp.stop()).toMatchObject({ answered: 2, wrong: 0, faults: {} });
    for (const proto of [6, 17]) for (const isForward of [true, false]) expect(indices(packets.filter(({ packet }) => packet.proto === proto), family, isForward).length).toBeGreaterThanOrEqual(3);
    expect(await faults()).toBe(before);
  }, 40_000);

  test.each(cases)("8.2 $name over IPv$family where only the server speaks: its packets come under key after key", async ({ family, first }) => {
    const to = { address: hostAddress(2, family), port: first + ++used }, before = await faults();
    const server = await startUdpServer(fabric.net, "b", to), client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    for (let round = 0; round < 4; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    const [wan, host] = await Promise.all([startCapture(fabric.net, "r2", "wan0"), startCapture(fabric.net, "a", "eth0")]), began = Date.now();
    let pushed = 0;
    for (; Date.now() - began < RUN_MS; pushed++) {
      await server.push();
      await passes(50);
    }
    const packets = readWire(await wan.stop(), fabric.keys("t", "r2")).filter(({ packet }) => packet.proto === 17);
    const heard = readWire(await host.stop()).filter(({ packet, destination }) => packet.proto === 17 && packet.sourcePort === to.port && destination === hostAddress(1, family));
    expect([heard.length, indices(packets, family, true)]).toEqual([pushed, []]);
    expect(indices(packets, family, false).length).toBeGreaterThanOrEqual(3);
    expect(await faults()).toBe(before);
  }, 40_000);
});
