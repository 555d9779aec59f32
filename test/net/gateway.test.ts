// Gateways that change under live sessions (RB-3, behaviour 7.5), on the WAN between two routers and toward servers:
//
//   a --lan0 r1 wan0-- g --wan0 r2 lan0-- h -- b        g and h forward by their kernels
//
// The WAN of r1 is renumbered: another network, address and gateway, and the old ones reach nobody. h changes its address.
import { openNet } from "../support/net.ts";
import type { Topology } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { ConfigObject, Site } from "../support/site.ts";
import { gatewaysOf, hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const SESSIONS = 5, BYTES = 64;
/** Networks of r1's WAN: the one it begins with and the one it gets; r1 is the first address, g the second. */
const [OLD, NEW, FAR] = [1, 5, 2] as const;
/** The network between r2 and h; h is 2, then 3, which comes first: the kernel drops all addresses of a network with the first one. */
const served = (n: number, family: Family): string => hostAddress(7, family, n);
const length = { 4: 28, 6: 64 } as const, lanLength = { 4: 24, 6: 64 } as const;
const onWan = (link: number, end: 0 | 1): string[] => families.map((family) => `${linkAddress(link, family, end)}/${length[family]}`);
const onLan = (n: number): string[] => families.map((family) => `${served(n, family)}/${lanLength[family]}`);

const topology: Topology = {
  nodes: {
    ...pair.nodes, g: { kind: "forwarder" },
    h: { kind: "forwarder", routes: [{ to: "10.1.0.0/24", via: served(1, 4) }, { to: "fd00:1::/64", via: served(1, 6) }] },
  },
  links: [
    ...pair.links.filter(({ name }) => name === "a"),
    { name: "r1-g", ends: [{ node: "r1", device: "wan0", addresses: onWan(OLD, 0) }, { node: "g", device: "west0", addresses: [...onWan(OLD, 1), ...onWan(NEW, 1)] }] },
    { name: "g-r2", ends: [{ node: "g", device: "east0", addresses: onWan(FAR, 0) }, { node: "r2", device: "wan0", addresses: onWan(FAR, 1) }] },
    { name: "r2-h", ends: [{ node: "r2", device: "lan0", addresses: onLan(1) }, { node: "h", device: "up0", addresses: [...onLan(3), ...onLan(2)] }] },
    { name: "h-b", ends: [{ node: "h", device: "down0", addresses: gatewaysOf(2).map((one, index) => `${one}/${index === 0 ? 24 : 64}`) }, { node: "b", device: "eth0", addresses: families.map((family) => `${hostAddress(2, family)}/${lanLength[family]}`) }] },
  ],
  detours: families.map((family) => ({ ends: [{ node: "r1", device: "wan0", seenAs: linkAddress(OLD, family, 0) }, { node: "r2", device: "wan0", seenAs: linkAddress(FAR, family, 1) }] })),
};

const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [{ name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" } }],
};

/** The object with gateways on its interfaces, and addresses of one network replaced by those of another. */
function router(fabric: Fabric, name: string, of: { gateways: Record<string, string[]>; renamed?: [from: string, to: string][] }): ConfigObject {
  const object = fabric.object("Router", name);
  const interfaces = (object.spec["interfaces"] as { name: string }[]).map((one) => ({ ...one, gateways: of.gateways[one.name] ?? [] }));
  const text = JSON.stringify({ ...object, spec: { ...object.spec, interfaces, timers: { inactivity: "1s" } } });
  return JSON.parse((of.renamed ?? []).reduce((done, [from, to]) => done.replaceAll(`"${from}"`, `"${to}"`).replaceAll(`"${from}/`, `"${to}/`), text)) as ConfigObject;
}

describeNet("gateways that change", () => {
  let fabric: Fabric, r1: Router, r2: Router;
  let port = 8000;
  const begin = async (): Promise<void> => put(router(fabric, "r1", { gateways: { wan0: [linkAddress(OLD, 4, 1), linkAddress(OLD, 6, 1)] } }), router(fabric, "r2", { gateways: { wan0: [linkAddress(FAR, 4, 0), linkAddress(FAR, 6, 0)], lan0: [served(2, 4), served(2, 6)] } }));

  beforeAll(async () => {
    fabric = await startFabric(await openNet(topology), site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    await begin();
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  /** Changes Router objects and waits until each of these routers has its own. */
  async function put(...objects: ConfigObject[]): Promise<void> {
    const changed = objects.map(({ metadata }) => fabric.router(metadata.name));
    const hashes = await Promise.all(changed.map(async (one) => (await one.status()).configuration.hash));
    fabric.put(...objects);
    for (const [index, one] of changed.entries()) {
      await waitFor(`${one.name} takes the change`, async () => (await one.status()).configuration.hash !== hashes[index]);
      expect((await one.status()).configuration.problems).toEqual([]);
    }
  }

  /** A UDP flow and TCP connections that talk, and a proof that they go on as the same sessions. */
  async function talking(family: Family): Promise<{ goesOn(): Promise<void> }> {
    const at = { address: hostAddress(2, family), port: ++port };
    await startTcpServer(fabric.net, "b", at);
    await startUdpServer(fabric.net, "b", at);
    const udp = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
    const tcp = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: SESSIONS, everyMs: 100 });
    for (let round = 0; round < 3; round++) expect(await udp.send(1)).toMatchObject({ answered: 1 });
    await waitFor("TCP talks", async () => (await tcp.report()).receivedBytes > BYTES * SESSIONS * 2);
    const ids = async (): Promise<string[][]> => Promise.all([r1, r2].map(async (one) => (await one.live({ destinationPort: String(at.port) })).map((session) => session.sessionId).toSorted()));
    const before = await ids();
    return {
      goesOn: async () => {
        const { receivedBytes } = await tcp.report();
        await waitFor("UDP is answered again", async () => (await udp.send(1, { waitMs: 300 })).answered === 1, { deadlineMs: 15_000 });
        await waitFor("TCP goes on with every session", async () => (await tcp.report()).receivedBytes > receivedBytes + BYTES * SESSIONS * 10, { deadlineMs: 20_000 });
        expect([before[0]?.length, before[1], await ids()]).toEqual([SESSIONS + 1, before[0], before]);
        expect(await tcp.stop()).toMatchObject({ wrong: 0, faults: {} });
      },
    };
  }

  test.each(families)("L-9 RB-3 IPv%i: address and gateway of the WAN change; sessions go on by the new ones after the silence, new ones begin with them, the pool stays whole", async (family) => {
    const flows = await talking(family);
    const [from, to] = [linkAddress(OLD, family, 0), linkAddress(NEW, family, 0)];
    await fabric.net.must("r1", "ip", "addr", "del", `${from}/${length[family]}`, "dev", "wan0");
    await fabric.net.must("r1", "ip", "addr", "add", `${to}/${length[family]}`, "dev", "wan0", ...(family === 6 ? ["nodad"] : []));
    await fabric.net.must("g", "ip", "addr", "del", `${linkAddress(OLD, family, 1)}/${length[family]}`, "dev", "west0");
    const renamed: [string, string][] = [[from, to], [linkAddress(OLD, family, 1), linkAddress(NEW, family, 1)]];
    await put(
      router(fabric, "r1", { gateways: { wan0: [linkAddress(OLD, 4, 1), linkAddress(OLD, 6, 1)] }, renamed }),
      router(fabric, "r2", { gateways: { wan0: [linkAddress(FAR, 4, 0), linkAddress(FAR, 6, 0)], lan0: [served(2, 4), served(2, 6)] }, renamed }),
    );
    await flows.goesOn();
    const begun = await talking(family);
    const own = (await r1.live({ destinationPort: String(port) })).map((one) => one.waypointLocal ?? "");
    expect([own.length, own.filter((text) => !text.includes(to))]).toEqual([SESSIONS + 1, []]);
    await begun.goesOn();
    const { faults, pools } = await r1.verify();
    expect([faults, pools.filter((one) => one.used + one.resting + one.moving + one.free !== one.size), pools.some((one) => one.used > 0)]).toEqual([[], [], true]);
    await fabric.net.must("r1", "ip", "addr", "add", `${from}/${length[family]}`, "dev", "wan0", ...(family === 6 ? ["nodad"] : []));
    await fabric.net.must("g", "ip", "addr", "add", `${linkAddress(OLD, family, 1)}/${length[family]}`, "dev", "west0", ...(family === 6 ? ["nodad"] : []));
    await begin();
  }, 90_000);

  test.each(families)("L-9 RB-3 RB-30 IPv%i: the gateway toward the servers changes; sessions go on by the new one at once", async (family) => {
    const flows = await talking(family);
    await fabric.net.must("h", "ip", "addr", "del", `${served(2, family)}/${lanLength[family]}`, "dev", "up0");
    await fabric.net.must("r2", "ip", "neigh", "flush", "dev", "lan0");
    const changed = families.map((one) => served(one === family ? 3 : 2, one));
    await put(router(fabric, "r2", { gateways: { wan0: [linkAddress(FAR, 4, 0), linkAddress(FAR, 6, 0)], lan0: changed } }));
    await flows.goesOn();
  }, 60_000);
});
