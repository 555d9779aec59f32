// The path between two routers carries 1,400 bytes and says nothing about it; devices of 1,500, ICMP blackholed:
//
//   a --lan0 r1 wan0 == drops what is longer than 1,400 == wan0 r2 lan0-- b
import { startCapture } from "../support/capture.ts";
import { openDropper } from "../support/drop.ts";
import type { Dropper } from "../support/drop.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { ipLength, readWire } from "../support/wire.ts";

const TRUE = 1400;
const families = [4, 6] as const;

describeNet("a path that silently loses what is longer than 1,400 bytes", () => {
  let fabric: Fabric, fromR1: Dropper;

  const mtus = async (): Promise<number[]> => (await Promise.all(fabric.routers.map((router) => router.peers()))).flatMap((peers) => peers.flatMap((peer) => peer.paths.map((path) => path.mtu)));
  const isTrue = (mtu: number): boolean => mtu >= TRUE - 8 && mtu <= TRUE;

  beforeAll(async () => {
    const net = await openNet(withoutOffloads(pair));
    fabric = new Fabric(net, openSite());
    fromR1 = await openDropper(net, "r1", "wan0");
    for (const one of [fromR1, await openDropper(net, "r2", "wan0")]) await one.set({ shortest: TRUE + 1 });
    await Promise.all(fabric.routers.map((router) => router.start()));
  }, 90_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  test("M-4 RB-19 both routers find it within 60 s of their start, both families", async () => {
    await waitFor("every path has its true size", async () => { const all = await mtus(); return all.length === 4 && all.every(isTrue); }, { deadlineMs: 60_000, everyMs: 200 });
    const [peer] = await fabric.router("r1").peers();
    expect(peer?.paths.map((path) => path.mtuDiscovery)).toEqual(["found", "found"]);
    expect(fabric.routers.map((router) => router.log().filter((line) => line.msg === "path MTU changed").length)).toEqual([2, 2]);
  }, 90_000);

  test.each(families)("M-4 M-3 IPv%i: what is found is in force: whole datagrams of hosts arrive, TCP is not cut, nothing longer crosses", async (family) => {
    const { net } = fabric;
    const to = { address: hostAddress(2, family), port: 7000 + family };
    const wan = await startCapture(net, "r1", "wan0");
    await startUdpServer(net, "b", to);
    const udp = await startUdpClient(net, "a", { to: to.address, port: to.port, bytes: 1440 });
    for (let round = 0; round < 3; round++) expect(await udp.send(1)).toMatchObject({ answered: 1, wrong: 0 });
    const server = await startTcpServer(net, "b", to);
    const client = startTcpClient(net, "a", { to: to.address, port: to.port, sessions: 1, messageBytes: 100_000 });
    await waitFor("all is echoed", async () => (await client.report()).receivedBytes === 100_000, { deadlineMs: 20_000 });
    await Promise.all([client.stop(), server.stop()]);
    const packets = readWire(await wan.stop(), fabric.keys("r1", "r2"));
    expect(Math.max(...packets.map(ipLength))).toBeLessThanOrEqual(TRUE);
    expect(packets.some((one) => one.metadata?.tlvs.fragment !== undefined && one.packet.proto === 17)).toBe(true);
    expect(packets.filter((one) => one.metadata?.tlvs.fragment !== undefined && one.packet.proto === 6)).toEqual([]);
  }, 60_000);

  test("RB-19 the path is away in the middle of a run: the last value stays in force, and the run ends with the true size", async () => {
    fabric.router("r1").config.put(fabric.object("Router", "r1", { pathMtuDiscovery: { interval: "1s" } }));
    const values: number[] = [];
    const look = async (): Promise<void> => { values.push(...(await fabric.router("r1").peers()).flatMap((peer) => peer.paths.map((path) => path.mtu))); };
    await fromR1.set({}); // everything is lost
    await waitFor("probes are lost", async () => { await look(); return (await fromR1.seen()).dropped >= 6; }, { deadlineMs: 20_000, everyMs: 200 });
    await fromR1.set({ shortest: TRUE + 1 });
    expect(values.every(isTrue)).toBe(true);
    await waitFor("a later run is over", async () => { await look(); return (await fromR1.seen()).dropped >= 18; }, { deadlineMs: 40_000, everyMs: 200 });
    expect(values.every(isTrue)).toBe(true);
  }, 90_000);
});
