// What happens to fragments that do not come, come twice in another shape, or come in disorder, and to metadata without a body:
//
//   a --lan0 r1 wan0 ==1,400== wan0 r2 lan0-- b        single packets from a, b and the link between the routers; no offloads
import { toHex, readU16, writeU16 } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { finishChecksum } from "../../pkg/svr/checksum.ts";
import { cutIp } from "../../pkg/svr/ipfragments.ts";
import { startCapture } from "../support/capture.ts";
import { craft, fieldsOf } from "../support/craft.ts";
import { openDropper } from "../support/drop.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, small, withoutOffloads } from "../support/topologies.ts";
import { startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { UdpClient, UdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const body = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8)) & 0xff);
const LAST_OF_TLV = 22; // offset of flags and offset of TLV 1 in the metadata of a later fragment: base header, TLV header, ext-id, id

describeNet("fragments and metadata alone", () => {
  let fabric: Fabric;
  let injectors: Record<"a" | "b" | "r1", Injector>;
  let port = 6000;

  beforeAll(async () => {
    const net = await openNet(withoutOffloads(small));
    fabric = await startFabric(net, openSite());
    injectors = {
      a: await openInjector(net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" }), b: await openInjector(net, { node: "b", device: "eth0" }, { node: "r2", device: "lan0" }),
      r1: await openInjector(net, { node: "r1", device: "wan0" }, { node: "r2", device: "wan0" }),
    };
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const lost = async (router: string): Promise<number> => (await fabric.router(router).drops())["reassembly"] ?? 0;

  async function flow(mode: "echo" | "sink", family: 4 | 6 = 4): Promise<{ server: UdpServer; client: UdpClient; port: number; from: number }> {
    const at = { address: hostAddress(2, family), port: ++port };
    const server = await startUdpServer(fabric.net, "b", { ...at, mode });
    return { server, client: await startUdpClient(fabric.net, "a", { to: at.address, port, bytes: 700, firstPort: 30_000 + port }), port, from: 30_000 + port };
  }

  test("M-5 a fragment of a host is missing, or overlaps another: discarded, after 5 s or at once; what comes later passes", async () => {
    const { server, port: to } = await flow("sink");
    const datagram = buildPacket({ ...fieldsOf(hostAddress(1, 4), hostAddress(2, 4)), dontFragment: false }, { kind: "udp", sourcePort: 5, destinationPort: to }, body(2500));
    const pieces = (id: number): Uint8Array[] => cutIp(datagram.slice(), { size: 1000, id });
    const before = await lost("r1");
    await injectors.a.send(...pieces(11).filter((_, index) => index !== 1));
    const since = Date.now();
    const [first, second, third] = pieces(12) as [Uint8Array, Uint8Array, Uint8Array];
    const moved = second.slice();
    writeU16(moved, 6, readU16(moved, 6) - 2); // 16 bytes earlier: over the end of the first
    writeU16(moved, 10, 0);
    const header = buildPacket(fieldsOf("1.1.1.1", "1.1.1.2"), { kind: "other", proto: 1 }).length; // 20
    let sum = 0;
    for (let at = 0; at < header; at += 2) sum += readU16(moved, at);
    writeU16(moved, 10, ~((sum & 0xffff) + (sum >>> 16)) & 0xffff);
    await injectors.a.send(first, moved, second, third);
    await waitFor("the overlap is counted", async () => await lost("r1") >= before + 1, { deadlineMs: 4000 });
    expect(Date.now() - since).toBeLessThan(4900);
    await waitFor("the missing one is counted", async () => await lost("r1") === before + 2, { deadlineMs: 12_000 });
    expect(Date.now() - since).toBeGreaterThanOrEqual(4900);
    await injectors.a.send(...pieces(13).reverse());
    await waitFor("a whole one arrives", async () => (await server.report()).received === 1);
    expect((await server.report()).last.map((one) => one.data)).toEqual([toHex(body(2500))]);
  }, 40_000);

  test("M-5 a fragment between routers is missing, or overlaps another: discarded by the far router; what comes later passes", async () => {
    const { server, client, port: to } = await flow("echo");
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    const large = toHex(body(3000));
    const dropper = await openDropper(fabric.net, "r1", "wan0");
    const wan = await startCapture(fabric.net, "r1", "wan0");
    expect(await client.send(1, { body: large })).toMatchObject({ answered: 1, wrong: 0 });
    const before = await lost("r2");
    await dropper.set({ metadata: "with", skip: 1, count: 1 });
    expect(await client.send(1, { body: large, waitMs: 500 })).toMatchObject({ answered: 0 });
    expect(await dropper.seen()).toMatchObject({ dropped: 1 });
    await dropper.set();
    const sent = readWire(await wan.stop()).filter((one) => one.source === linkAddress(1, 4, 0) && one.metadata?.tlvs.fragment !== undefined).slice(0, 3).map(({ packet }) => packet);
    expect(sent).toHaveLength(3);
    const [first, second, third] = sent.map((packet) => packet.data.slice(0, packet.end)) as [Uint8Array, Uint8Array, Uint8Array];
    const moved = second.slice();
    writeU16(moved, sent[1]!.payload + LAST_OF_TLV, readU16(moved, sent[1]!.payload + LAST_OF_TLV) - 1);
    finishChecksum(moved, sent[1]!.l4);
    await injectors.r1.send(first, moved, second, third);
    await waitFor("both are counted", async () => await lost("r2") === before + 2, { deadlineMs: 12_000 });
    expect(await client.send(1, { body: large })).toMatchObject({ answered: 1, wrong: 0 });
    expect((await server.report()).received).toBe(5);
    expect(to).toBe(port);
  }, 40_000);

  test.each([4, 6] as const)("L-9 RB-32 IPv%i: a DNS answer of 5,000 bytes whose fragments come in disorder is whole", async (family) => {
    const { client, server, port: to, from } = await flow("sink", family);
    const text = toHex(body(700));
    const answer = buildPacket({ ...fieldsOf(hostAddress(2, family), hostAddress(1, family)), dontFragment: false }, { kind: "udp", sourcePort: to, destinationPort: from }, body(5000));
    const [wan, lan] = [await startCapture(fabric.net, "r1", "wan0"), await startCapture(fabric.net, "a", "eth0")];
    expect(await client.send(1, { body: text, waitMs: 300 })).toMatchObject({ sent: 1, answered: 0 });
    await waitFor("the question is there", async () => (await server.report()).received === 1);
    const pieces = cutIp(answer, { size: 1280, id: 4711 });
    await injectors.b.send(...[2, 0, 4, 1, 3].flatMap((index) => pieces[index] ?? []));
    const arrived = await waitFor("all of it", async () => {
      const got = readWire(await lan.frames()).filter((one) => one.source === hostAddress(2, family) && one.packet.fragment !== undefined);
      return got.some((one) => one.packet.fragment?.more === false) && got.length >= pieces.length ? got : undefined;
    });
    const bytes = new Uint8Array(5008);
    for (const { packet } of arrived) bytes.set(packet.data.subarray(packet.l4, packet.end), packet.fragment!.offset);
    expect(toHex(bytes.subarray(8))).toBe(toHex(body(5000)));
    expect(readWire(await wan.stop()).every((one) => one.packet.end <= 1400)).toBe(true);
  }, 30_000);

  test("L-9 RB-32 packets of one session come in on any core: one session, all answered", async () => {
    for (const core of ["0", "1", "0"]) {
      const { stdout } = await fabric.net.exec("a", ["taskset", "-c", core, "ping", "-n", "-c", "3", "-i", "0.1", "-W", "1", "-e", "4242", hostAddress(2, 4)]);
      expect(stdout).toContain("3 received");
    }
    expect((await fabric.router("r2").live()).filter((one) => one.protocol === 1).map((one) => [one.sourcePort, one.forwardPackets])).toEqual([[4242, 9]]);
  }, 30_000);

  test("W-13 RB-27 metadata without a body, and with path metrics only, is consumed: no host sees it and nothing counts as user traffic or loss", async () => {
    const { client, port: to } = await flow("echo");
    const wan = await startCapture(fabric.net, "r1", "wan0");
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    const { packet } = readWire(await wan.stop()).find((one) => one.source === linkAddress(1, 4, 0) && one.packet.proto === 17)!;
    const mine = async (): Promise<unknown> => [(await fabric.router("r2").live()).filter((one) => one.destinationPort === to).map((one) => [one.forwardPackets, one.forwardBytes]), await fabric.router("r2").drops()];
    const before = await mine();
    const punts = async (): Promise<number> => (await fabric.router("r2").counters()).shards.reduce((all, one) => all + one.punts, 0);
    const went = await punts();
    const far = await startCapture(fabric.net, "b", "eth0");
    const message = { source: linkAddress(1, 4, 0), destination: linkAddress(1, 4, 1), transport: { kind: "udp", sourcePort: packet.sourcePort, destinationPort: packet.destinationPort } as const, key: fabric.keys("r1", "r2")[0]! };
    await injectors.r1.send(
      craft({ ...message, metadata: { control: 1 } }),
      craft({ ...message, metadata: { pathMetrics: { txColour: 1, txTime: 5, rxColour: 2, rxTime: 4, drop: true, previousCount: 3 } } }),
    );
    await waitFor("the router has both", async () => await punts() >= went + 2);
    expect(await mine()).toEqual(before);
    expect(readWire(await far.stop()).filter((one) => one.packet.destinationPort === to)).toEqual([]);
  }, 30_000);
});
