// NAT toward hosts, with real kernels on both sides: pools, static 1:1 both ways, hairpin:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b      a: .10 and .11 have static addresses, .20 to .29 leave from a pool, .100 from another one
//
// b sends what it has for pool and outside addresses to r2, except for the pool 10.2.0.64/30 of its own network.
import { PROTO_TCP, PROTO_UDP } from "../../pkg/svr/constants.ts";
import { startCapture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;

const poolPrefix = { 4: "198.51.100.", 6: "fd00:51::" };
const outside = { 4: (n: number) => `10.9.0.${n}`, 6: (n: number) => `fd00:9::${n}` };
const own = { 4: (n: number) => `10.8.0.${n}`, 6: (n: number) => `fd00:8::${n}` };
const inside = { 4: "10.1.0.0/28", 6: "fd00:1::/123" };
const POOLED = 20, LAST_POOLED = 29, GUEST = 100;

const nat = {
  pools: [
    { name: "guests", addresses: ["10.2.0.64/30", "fd00:2::64"], tenants: ["guest"] },
    { name: "staff", addresses: ["198.51.100.0/28", "fd00:51::/124"], tenants: ["corp"] },
  ],
  static: [{ inside: inside[4], outside: "10.9.0.0/28", interface: "lan0" }, { inside: inside[6], outside: "fd00:9::/123", interface: "lan0" }],
};
const hairpin = { static: [{ inside: inside[4], outside: "10.8.0.0/28", interface: "wan0" }, { inside: inside[6], outside: "fd00:8::/123", interface: "wan0" }] };

const site: Site = {
  tenants: [
    { name: "corp", members: [{ router: "r1", interface: "lan0" }] }, { name: "guest", members: [{ router: "r1", interface: "lan0", prefixes: ["10.1.0.96/28", "fd00:1::100/120"] }] },
    { name: "away", members: [{ router: "r2", interface: "lan0" }] },
  ],
  services: [
    { name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: { sourceNat: "Pool" } },
    { name: "west", addresses: ["10.1.0.0/24", "fd00:1::/64"], access: ["away", "corp"], at: { router: "r1", interface: "lan0" } },
  ],
  routers: { r1: { more: { nat: hairpin } }, r2: { more: { nat } } },
};

describeNet("NAT toward hosts", () => {
  let fabric: Fabric, r1: Router, r2: Router;

  beforeAll(async () => {
    const net = await openNet(pair);
    for (const family of families) {
      const more = [11, ...Array.from({ length: LAST_POOLED - POOLED + 1 }, (_, index) => POOLED + index), GUEST];
      for (const n of more) await net.must("a", "ip", "addr", "add", `${hostAddress(1, family, n)}/${family === 4 ? 24 : 64}`, "dev", "eth0", ...(family === 6 ? ["nodad"] : []));
    }
    fabric = await startFabric(net, site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    for (const family of families) {
      await startUdpServer(net, "b", { address: hostAddress(2, family), port: 53 });
      await startTcpServer(net, "b", { address: hostAddress(2, family), port: 80 });
      for (const n of [10, 11]) await startTcpServer(net, "a", { address: hostAddress(1, family, n), port: 80 });
    }
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  /** The TCP, UDP and ping packets that a host saw while `work` ran. */
  async function seenAt(node: string, work: () => Promise<unknown>): Promise<WirePacket[]> {
    const capture = await startCapture(fabric.net, node, "eth0");
    await work();
    return readWire(await capture.stop()).filter(({ packet }) => packet.proto === PROTO_TCP || packet.proto === PROTO_UDP || packet.icmpType === 8 || packet.icmpType === 128);
  }

  async function talk(node: string, to: string, from: string): Promise<void> {
    const client = startTcpClient(fabric.net, node, { to, port: 80, sessions: 2, from, everyMs: 20 });
    await waitFor(`${from} talks to ${to}`, async () => { const { live, receivedBytes } = await client.report(); return live === 2 && receivedBytes > 64 * 20; });
    expect(await client.stop()).toMatchObject({ answered: 2, wrong: 0, faults: {} });
  }

  async function ask(from: string, to: string): Promise<void> {
    const client = await startUdpClient(fabric.net, "a", { to, port: 53, sockets: 3, from });
    expect(await client.send(3)).toMatchObject({ sent: 9, answered: 9, wrong: 0 });
    await client.process.stop();
  }

  const pinged = async (from: string, to: string): Promise<void> => { expect(await fabric.net.must("a", "ping", "-I", from, "-c", "2", "-W", "2", to)).toContain(" 0% packet loss"); };

  const sourcesOf = (packets: readonly WirePacket[], destination: string): Set<string> => new Set(packets.filter((one) => one.destination === destination).map((one) => one.source));

  test.each(families)("N-3 IPv%i: each source has one address of the pool, for TCP, UDP and ping, and gets its answers", async (family) => {
    const to = hostAddress(2, family);
    const found = new Map<number, string>();
    for (const n of [POOLED, POOLED + 1]) {
      const from = hostAddress(1, family, n);
      const sources = sourcesOf(await seenAt("b", async () => {
        await ask(from, to);
        await talk("a", to, from);
        await pinged(from, to);
      }), to);
      expect([...sources].map((source) => source.startsWith(poolPrefix[family]))).toEqual([true]);
      found.set(n, [...sources][0]!);
    }
    for (const [n, source] of found) expect([...sourcesOf(await seenAt("b", async () => ask(hostAddress(1, family, n), to)), to)]).toEqual([source]);
    const all = sourcesOf(await seenAt("b", async () => { for (let n = POOLED; n <= LAST_POOLED; n++) await ask(hostAddress(1, family, n), to); }), to);
    expect(all.size).toBeGreaterThan(4);
    expect((await r2.live({ tenant: "corp" })).filter((one) => one.natSource === "" && one.destinationAddress === to)).toEqual([]);
  }, 60_000);

  test("N-3 nobody is answered for a pool address of the network, until the host has it: then it works", async () => {
    const [from, to] = [hostAddress(1, 4, GUEST), hostAddress(2, 4)];
    const client = await startUdpClient(fabric.net, "a", { to, port: 53, from, waitMs: 1000 });
    const packets = await seenAt("b", async () => { expect(await client.send(1)).toMatchObject({ sent: 1, answered: 0 }); });
    const [source, ...others] = [...sourcesOf(packets, to)];
    expect([source?.startsWith("10.2.0.6"), others]).toEqual([true, []]);
    await fabric.net.must("r2", "ip", "addr", "add", `${source}/32`, "dev", "lan0");
    await waitFor("b knows where the address is", async () => (await client.send(1)).answered > 0);
    await client.process.stop();
  }, 30_000);

  test.each(families)("N-4 IPv%i: static 1:1 out of the interface: the host part and the ports stay", async (family) => {
    const [from, to] = [hostAddress(1, family), hostAddress(2, family)];
    const packets = await seenAt("b", async () => {
      await talk("a", to, from);
      await ask(from, to);
      await pinged(from, to);
    });
    expect(sourcesOf(packets, to)).toEqual(new Set([outside[family](10)]));
    const ports = (await r1.sessions({ destinationPort: "53" })).filter((one) => one.sourceAddress === from).map((one) => one.sourcePort);
    expect(new Set(packets.filter((one) => one.destination === to && one.packet.destinationPort === 53).map((one) => one.packet.sourcePort))).toEqual(new Set(ports));
  }, 30_000);

  test.each(families)("N-4 IPv%i: static 1:1 into the interface: the outside address leads to the host inside, by the access to it", async (family) => {
    const packets = await seenAt("a", async () => talk("b", outside[family](11), hostAddress(2, family)));
    expect(sourcesOf(packets, hostAddress(1, family, 11))).toEqual(new Set([hostAddress(2, family)]));
    const sessions = (await r2.sessions({ tenant: "away" })).filter((one) => one.destinationAddress === hostAddress(1, family, 11));
    expect(sessions.map((one) => one.flows[0]?.destination.includes(outside[family](11)))).toEqual(sessions.map(() => true));
    expect(sessions.length).toBeGreaterThan(0);
  }, 30_000);

  test.each(families)("N-6 IPv%i: hairpin: a host reaches another one behind the same interface by its outside address, and both are translated", async (family) => {
    const packets = await seenAt("a", async () => talk("a", own[family](11), hostAddress(1, family)));
    const pairs = new Set(packets.map((one) => `${one.source} > ${one.destination}`));
    expect(pairs).toEqual(new Set([
      `${hostAddress(1, family)} > ${own[family](11)}`, `${own[family](10)} > ${hostAddress(1, family, 11)}`,
      `${hostAddress(1, family, 11)} > ${own[family](10)}`, `${own[family](11)} > ${hostAddress(1, family)}`,
    ]));
  }, 30_000);

  test("N-8 NAT64 in the configuration is refused as unsupported, and what was in force stays", async () => {
    r2.config.put(fabric.object("Router", "r2", { nat: { ...nat, static: [...nat.static, { inside: "10.7.0.0/28", outside: "fd00:7::/124", interface: "lan0" }] } }));
    const { configuration } = await waitFor("r2 refuses it", async () => { const now = await r2.status(); return now.configuration.stale && now; }, { deadlineMs: 15_000 });
    expect(configuration.problems.filter((line) => line.includes("NAT46 and NAT64 are not supported"))).toHaveLength(1);
    await talk("a", hostAddress(2, 4), hostAddress(1, 4));
    const target = fabric.object("ServiceRoute", "east-r2", { type: "Host", host: { interface: "lan0", targets: ["10.2.0.10", "fd00:2::10"] } });
    target.spec["local"] = undefined;
    fabric.put(fabric.object("Router", "r2"), fabric.object("Service", "east", { addresses: ["10.2.0.0/24"] }), target); // the second target would be NAT46
    await waitFor("r2 refuses that too", async () => (await r2.status()).configuration.problems.some((line) => line.includes("ServiceRoute test/east-r2") && line.includes("NAT64")), { deadlineMs: 15_000 });
  }, 60_000);
});
