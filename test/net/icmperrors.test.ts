// ICMP errors of real hosts and routers, on and off the waypoints, IPv4 and IPv6:
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        source NAT at r2, b behind it
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { gatewaysOf, hostAddress, linkAddress, transit } from "../support/topologies.ts";
import { ping, startUdpClient } from "../support/traffic.ts";

const families = [4, 6] as const;

describeNet("errors about packets of sessions", () => {
  let fabric: Fabric;

  beforeAll(async () => { fabric = await startFabric(await openNet(transit), openSite({ more: { sourceNat: "Interface" } })); }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  test.each(families)("RB-25 IPv%i: the hops of a trace are the routers, one after the other, and then the host", async (family) => {
    const to = hostAddress(2, family);
    const hops = [gatewaysOf(1)[family === 4 ? 0 : 1], linkAddress(1, family, 1), linkAddress(2, family, 1)];
    for (const [index, hop] of hops.entries()) {
      for (const identifier of [100 + index, 100 + index]) { // the first packet of a session, and a later one
        const { stdout } = await fabric.net.exec("a", ["ping", "-n", "-c", "1", "-W", "2", "-e", String(identifier), "-t", String(index + 1), to]);
        expect(stdout.replaceAll(/\s+/g, " ")).toMatch(new RegExp(`From ${hop} icmp_seq=1 Time (to live )?exceeded`, "i"));
      }
    }
    expect(await ping(fabric.net, "a", to, { count: 2 })).toEqual({ sent: 2, answered: 2 });
  }, 60_000);

  test.each(families)("RB-25 10.3 IPv%i: a closed port of the far host is an error of the socket, first packet and later ones", async (family) => {
    const client = await startUdpClient(fabric.net, "a", { to: hostAddress(2, family), port: 9, waitMs: 1_000 });
    for (let round = 0; round < 2; round++) expect(await client.send(1)).toMatchObject({ sent: 1, answered: 0, faults: 1 }); // ECONNREFUSED
    const drops = await Promise.all(fabric.routers.map((router) => router.drops()));
    expect(drops.map((of) => of["icmp-error"] ?? 0)).toEqual([0, 0, 0]);
  }, 60_000);

  test.each(families)("RB-25 IPv%i: a flood of pings, the first ones while the session is set up: one session, all answered", async (family) => {
    const { stdout } = await fabric.net.exec("a", ["ping", "-n", "-f", "-l", "4", "-c", "300", "-W", "2", "-e", "4711", hostAddress(2, family)]);
    expect(stdout).toContain("300 packets transmitted, 300 received");
    for (const router of fabric.routers) {
      const of = (await router.live()).filter((one) => one.protocol === (family === 4 ? 1 : 58) && one.sourceAddress === hostAddress(1, family) && one.sourcePort === 4711);
      expect(of.map((one) => one.forwardPackets)).toEqual([300]);
    }
  }, 60_000);

  test.each(families)("10.1 IPv%i: pings of the routers themselves in fragments are answered by their kernels, and so are those through source NAT", async (family) => {
    const own = [gatewaysOf(1)[family === 4 ? 0 : 1], linkAddress(1, family, 0)];
    for (const to of [...own, hostAddress(2, family)]) expect([to, await ping(fabric.net, "a", to, { count: 2, bytes: 4000 })]).toEqual([to, { sent: 2, answered: 2 }]);
  }, 60_000);
});
