// W-11 with real packets: hosts of both families over a path of IPv4 and one of IPv6, so that all four combinations meet:
//
//   a --lan0 r1 wan0 =IPv4= west0 t east0 =IPv6= wan0 r2 lan0-- b
//
// Devices offload as they like: bulk TCP must cross in super-packets, in eBPF, without a packet going up.
import { startCapture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, transit, withFamily } from "../support/topologies.ts";
import { download, ping, runIperf, startHttpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { ipLength, readWire } from "../support/wire.ts";

const inner = [4, 6] as const;
const links = [{ node: "r1", device: "wan0", outer: 4 }, { node: "r2", device: "wan0", outer: 6 }] as const;

describeNet("inner and outer families that differ", () => {
  let fabric: Fabric;
  beforeAll(async () => {
    fabric = await startFabric(await openNet(withFamily(withFamily(transit, "r1-t", 4), "t-r2", 6)), openSite());
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const punts = async (): Promise<number> => (await Promise.all(fabric.routers.map(async (router) => (await router.counters()).shards.reduce((all, one) => all + one.punts, 0)))).reduce((all, one) => all + one, 0);

  test.each(inner)("W-11 bulk TCP of IPv%i stays in eBPF", async (family) => {
    const before = await punts();
    const rate = await runIperf(fabric.net, "a", { node: "b", address: hostAddress(2, family) }, { port: 5201 + family });
    const went = await punts() - before;
    expect(rate).toBeGreaterThan(20_000_000);
    expect(went).toBeLessThan(60); // two connections and their handshakes on three routers
    console.log(`IPv${family} over IPv4 and IPv6: ${Math.round(rate / 1e6)} Mbit/s, ${went} packets went up`);
  }, 60_000);

  test.each(inner)("W-11 a download, UDP and ping of IPv%i are whole; super-packets stay whole; each link has its own family", async (family) => {
    const at = { address: hostAddress(2, family), port: 8000 + family };
    await startHttpServer(fabric.net, "b", at);
    const captures = await Promise.all(links.map(({ node, device }) => startCapture(fabric.net, node, device)));
    expect(await download(fabric.net, "a", { ...at, bytes: 1_000_000 })).toMatchObject({ code: 0, bytes: 1_000_000 });
    for (const [index, capture] of captures.entries()) {
      const packets = readWire(await capture.stop()).filter((one) => one.packet.tcp !== undefined);
      expect(new Set(packets.map((one) => one.packet.family))).toEqual(new Set([links[index]!.outer]));
      expect(packets.filter((one) => ipLength(one) > 1500).length).toBeGreaterThan(5);
    }
    await startUdpServer(fabric.net, "b", { ...at, port: 9000 + family });
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: 9000 + family, bytes: 1200 });
    for (let round = 0; round < 5; round++) expect(await client.send(1)).toMatchObject({ answered: 1, wrong: 0 });
    expect(await ping(fabric.net, "a", at.address, { count: 4 })).toMatchObject({ answered: 4 });
  }, 60_000);

  test.each(inner)("RB-18 datagrams of IPv%i that fit no path cross in fragments", async (family) => {
    const at = { address: hostAddress(2, family), port: 9100 + family };
    await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port, bytes: 4000 });
    for (let round = 0; round < 4; round++) expect(await client.send(1)).toMatchObject({ answered: 1, wrong: 0 });
  }, 60_000);
});
