// NAT between routers (W-12), and routers that look alike to a hub (RB-28); nftables translate:
//
//   a -- r1 -- n1 -- n2 -- r2 -- b      n1 masquerades with random ports, n2 translates its public address to that of r2
//   a -- r1 --+
//             r2 -- b                   r1 and r3 have the same private address and the same single pair of ports
//   c -- r3 --+
import type { SessionView } from "../../pkg/api/view.ts";
import { openNet } from "../support/net.ts";
import type { Net } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, natted, twins } from "../support/topologies.ts";
import { ping, startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const inner = [4, 6] as const;
const PUBLIC = "198.51.100.1";

async function translate(net: Net): Promise<void> {
  await net.must("n1", "nft", "add table ip nat; add chain ip nat post { type nat hook postrouting priority 100; }; add rule ip nat post oifname out0 ip protocol { tcp, udp } masquerade to :20001-29999 fully-random");
  await net.must("n2", "nft", ["add table ip nat", "add chain ip nat pre { type nat hook prerouting priority -100; }", "add chain ip nat post { type nat hook postrouting priority 100; }",
    "add rule ip nat pre iifname out0 ip daddr 198.51.100.2 dnat to 192.168.2.2", "add rule ip nat post oifname out0 ip saddr 192.168.2.2 snat to 198.51.100.2"].join("; "));
}

describeNet("NAT between two routers", () => {
  let fabric: Fabric;
  beforeAll(async () => {
    const net = await openNet(natted);
    await translate(net);
    const site = openSite({ routers: { r1: { paths: { r2: { gateway: "192.168.1.1" } } }, r2: { paths: { r1: { gateway: "192.168.2.1" } } } } });
    fabric = await startFabric(net, site);
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const portOf = ({ flows }: SessionView): number => Number(flows[0]?.source.split(":").at(-1)); // as forward packets arrive

  test.each(inner)("W-12 TCP, UDP and ping of IPv%i cross; replies go to the ports that were observed", async (family) => {
    const at = { address: hostAddress(2, family), port: 7000 + family };
    await startTcpServer(fabric.net, "b", at);
    await startUdpServer(fabric.net, "b", at);
    const tcp = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 5 });
    await waitFor("five echoes", async () => (await tcp.report()).answered === 5);
    await tcp.say();
    const udp = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port, sockets: 5 });
    for (let round = 0; round < 3; round++) expect(await udp.send(1)).toMatchObject({ answered: 5, wrong: 0 });
    expect(await ping(fabric.net, "a", at.address)).toMatchObject({ answered: 3 });
    const live = await fabric.router("r2").live();
    expect(live.map(portOf).filter((port) => port <= 20_000 || port >= 30_000)).toEqual([]);
    expect(live.every(({ flows }) => flows[0]?.source.startsWith(`${PUBLIC}:`))).toBe(true);
    await waitFor("all echoes", async () => (await tcp.report()).receivedBytes === 5 * 2 * 64);
    expect(await tcp.stop()).toMatchObject({ answered: 5, wrong: 0, faults: {} });
  }, 60_000);

  test("W-12 the NAT forgets its bindings in mid-session: every connection goes on with the same uuid and new ports", async () => {
    const at = { address: hostAddress(2, 4), port: 7100 };
    await startTcpServer(fabric.net, "b", at);
    const tcp = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 4, everyMs: 100 });
    await waitFor("four connections", async () => (await tcp.report()).answered === 4);
    const mine = async (): Promise<Map<string, number>> => new Map((await fabric.router("r2").live()).filter((one) => one.destinationPort === at.port).map((one) => [one.sessionId, portOf(one)]));
    const before = await mine();
    await fabric.net.must("n1", "ip", "addr", "del", `${PUBLIC}/24`, "dev", "out0"); // masquerading ends what used the address
    await fabric.net.must("n1", "ip", "addr", "add", `${PUBLIC}/24`, "dev", "out0");
    await waitFor("new ports at r2", async () => [...await mine()].every(([uuid, port]) => before.has(uuid) && before.get(uuid) !== port), { deadlineMs: 20_000 });
    expect([...(await mine()).keys()].sort()).toEqual([...before.keys()].sort());
    const { receivedBytes } = await tcp.report();
    await waitFor("more echoes", async () => (await tcp.report()).receivedBytes > receivedBytes + 4 * 64 * 3);
    expect(await tcp.stop()).toMatchObject({ answered: 4, wrong: 0, faults: {} });
  }, 60_000);
});

/** Both LANs of the spokes reach the hub's. */
function twinSite(): Site {
  const one = { pairs: 1 }, more = { shards: 1 }; // pairs are shared out to shards
  return {
    tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }, { router: "r3", interface: "lan0" }] }],
    services: [{ name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" } }],
    routers: { r1: { more, paths: { r2: one } }, r3: { more, paths: { r2: one } }, r2: { more, paths: { r1: one, r3: one } } },
  };
}

describeNet("two spokes with one private address on a hub", () => {
  let fabric: Fabric;
  beforeAll(async () => { fabric = await startFabric(await openNet(twins), twinSite()); }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  test("RB-28 sessions with equal ports at both ends stay separate", async () => {
    const at = { address: hostAddress(2, 4), port: 53 };
    const server = await startUdpServer(fabric.net, "b", at);
    const clients = await Promise.all(["a", "c"].map((node) => startUdpClient(fabric.net, node, { to: at.address, port: at.port, firstPort: 4000 })));
    for (let round = 0; round < 4; round++) for (const client of clients) expect(await client.send(1)).toMatchObject({ answered: 1, wrong: 0 });
    const arriving = (await fabric.router("r2").live()).map(({ flows }) => flows[0]);
    expect(arriving.map((flow) => [flow?.source, flow?.destination])).toEqual([0, 1].map(() => ["192.168.7.2:16384", "192.168.7.1:16385"]));
    expect(new Set(arriving.map((flow) => flow?.interface))).toEqual(new Set(["wan-r1", "wan-r3"]));
    expect((await server.report()).received).toBe(8);
  }, 60_000);
});
