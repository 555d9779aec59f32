// The path between two routers carries 1,400 bytes and says nothing about it; devices of 1,500, ICMP blackholed:
//
//   a --lan0 r1 wan0 == drops what is longer than 1,400 == wan0 r2 lan0-- b
//
// and one below the floor, whose routers cut what may be cut: a -- r1 -- n1 ==1,000 bytes== n2 -- r2 -- b
import { formatAddress } from "../../pkg/base/addresstext.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import type { Packet } from "../../pkg/svr/packet.ts";
import { startCapture } from "../support/capture.ts";
import { openDropper } from "../support/drop.ts";
import type { Dropper } from "../support/drop.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { ipOf } from "../support/pcap.ts";
import type { Frame } from "../support/pcap.ts";
import { Fabric, startFabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, narrow, pair, withoutOffloads } from "../support/topologies.ts";
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

/** The IPv4 packets of sessions between the routers: all but what they say to each other on UDP 1280. */
function ofSessions(frames: readonly Frame[]): Packet[] {
  return frames.flatMap((frame) => {
    const ip = ipOf(frame);
    const packet = ip === undefined ? undefined : parsePacket(ip.data);
    return packet?.ok === true && packet.value.family === 4 && packet.value.sourcePort !== 1280 && packet.value.destinationPort !== 1280 ? [packet.value] : [];
  });
}

describeNet("a path of 1,000 bytes between kernel routers", () => {
  let fabric: Fabric;
  beforeAll(async () => { fabric = await startFabric(await openNet(narrow(1000)), openSite({ routers: { r1: { paths: { r2: { gateway: "192.168.1.1" } } }, r2: { paths: { r1: { gateway: "192.168.2.1" } } } } })); }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const verdicts = async (): Promise<string[]> => (await Promise.all(fabric.routers.map((router) => router.peers()))).flatMap((peers) => peers.flatMap((peer) => peer.paths.map((path) => path.mtuDiscovery)));

  /** Whole datagrams of hosts and a stream, both ways. */
  const crosses = async (port: number): Promise<void> => {
    for (const family of families) {
      const to = { address: hostAddress(2, family), port: port + family };
      await startUdpServer(fabric.net, "b", to);
      const udp = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port, bytes: 1400 });
      for (let round = 0; round < 4; round++) expect(await udp.send(1)).toMatchObject({ answered: 1, wrong: 0 });
      const server = await startTcpServer(fabric.net, "b", to);
      const client = startTcpClient(fabric.net, "a", { to: to.address, port: to.port, sessions: 1, messageBytes: 100_000 });
      await waitFor("all is echoed", async () => (await client.report()).receivedBytes === 100_000, { deadlineMs: 20_000 });
      await Promise.all([client.stop(), server.stop()]);
    }
  };

  test("M-4 2.7 from the first second on: DF=0, and what is cut on its way arrives", async () => {
    const [sent, heard] = [await startCapture(fabric.net, "r1", "wan0"), await startCapture(fabric.net, "n2", "in0")];
    await crosses(7000);
    expect(await verdicts()).toEqual(["searching", "searching"]);
    const packets = ofSessions(await sent.stop()).filter((one) => formatAddress(one.source) === "192.168.1.2");
    expect([packets.length > 20, packets.some((one) => one.dontFragment)]).toEqual([true, false]);
    expect(new Set(packets.map((one) => one.ipId)).size).toBeGreaterThan(packets.length * 0.9); // drawn of 65,536
    const cut = ofSessions(await heard.stop()).filter((one) => one.fragment !== undefined);
    expect([cut.length > 40, Math.max(...cut.map((one) => one.end)) <= 1000]).toEqual([true, true]);
  }, 60_000);

  test("M-4 10.3 a path below the floor: an alarm, 1,280 bytes in force, DF=0, and data arrives all the same", async () => {
    await waitFor("both know it", async () => (await verdicts()).every((verdict) => verdict === "below-floor"), { deadlineMs: 60_000, everyMs: 500 });
    for (const router of fabric.routers) {
      expect(router.log().filter((line) => line.msg.startsWith("path MTU alarm raised"))).toHaveLength(1);
      expect((await router.peers()).flatMap((peer) => peer.paths.map((path) => path.mtu))).toEqual([1280]);
    }
    const sent = await startCapture(fabric.net, "r1", "wan0");
    await crosses(7100);
    const packets = ofSessions(await sent.stop());
    expect(packets.filter((one) => one.fragment === undefined && (one.dontFragment || (one.proto === 17 && one.end > 1280))).map((one) => [one.proto, one.end, one.dontFragment])).toEqual([]);
  }, 120_000);
});
