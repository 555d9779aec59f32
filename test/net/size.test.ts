// Sizes over a path that is smaller than the links of the hosts, each packet seen alone (no offloads), IPv4 and IPv6:
//
//   a --9,216 lan0 r1 wan0 ==1,400== wan0 r2 lan0 9,216-- b        captures at a, at r1 wan0, at b
//
// SVR fragments of first and established packets, fragments of hosts, the MSS of both ends, TCP too long for the path.
import { IPV4_HEADER, IPV6_HEADER, PROTO_UDP, TAG_BYTES, TCP_ACK, TCP_HEADER, TCP_SYN, UDP_HEADER } from "../../pkg/svr/constants.ts";
import { readMss } from "../../pkg/svr/tcp.ts";
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { gatewaysOf, hostAddress, linkAddress, small, withMtu, withoutOffloads } from "../support/topologies.ts";
import { ping, startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { wholesOf } from "../support/wholes.ts";
import type { Whole } from "../support/wholes.ts";
import { digestOf, ipLength, readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const PATH = 1400, LAN = 9216;

const ipHeader = (family: Family): number => (family === 4 ? IPV4_HEADER : IPV6_HEADER);

describeNet("a path of 1,400 bytes between links of 9,216", () => {
  let fabric: Fabric;
  let port = 3000;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(withoutOffloads(withMtu(withMtu(small, "a", LAN), "b", LAN))), openSite());
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const captures = (): Promise<Capture[]> => Promise.all([startCapture(fabric.net, "a", "eth0"), startCapture(fabric.net, "r1", "wan0"), startCapture(fabric.net, "b", "eth0")]);

  /** What the captures saw: at the host that opens, between the routers, at the other host. */
  async function seen(of: readonly Capture[]): Promise<[WirePacket[], WirePacket[], WirePacket[]]> {
    const [near = [], wan = [], far = []] = await Promise.all(of.map((one) => one.stop()));
    return [readWire(near), readWire(wan, fabric.keys("r1", "r2")), readWire(far)];
  }

  const dropsNow = async (): Promise<Record<string, number>[]> => Promise.all(fabric.routers.map((router) => router.drops()));

  /** One body a round from a, echoed by b, each way cut on the way. */
  async function echo(family: Family, bytes: number, rounds: number): Promise<[WirePacket[], WirePacket[], WirePacket[]]> {
    const at = { address: hostAddress(2, family), port: ++port };
    const [server, of] = [await startUdpServer(fabric.net, "b", at), await captures()];
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port, bytes });
    for (let round = 0; round < rounds; round++) expect(await client.send(1)).toMatchObject({ answered: 1, wrong: 0 });
    expect(await server.report()).toMatchObject({ received: rounds, bytes: rounds * bytes });
    await Promise.all([client.process.stop(), server.process.stop()]);
    return seen(of);
  }

  /** Checks what protocol 10.2 says of one packet in fragments. */
  function soundWhole({ fragments, packet }: Whole, body: number): void {
    const tlvs = fragments.map((one) => one.metadata!.tlvs);
    const slices = fragments.map((one) => ipLength(one) - one.packet.payload - one.metadata!.headerLength - one.metadata!.payloadLength);
    expect(new Set(tlvs.map((one) => one.fragment?.extId)).size).toBe(1);
    let next = 0;
    for (const [index, { fragment }] of tlvs.entries()) {
      expect([fragment?.offset, fragment?.more]).toEqual([next, index < tlvs.length - 1]);
      if (index < tlvs.length - 1) expect(slices[index]! % 8).toBe(0);
      next += slices[index]!;
    }
    expect(next).toBe(body + TAG_BYTES); // one tag, behind the last slice
    expect(tlvs.map((one) => one.keyId !== undefined)).toEqual(tlvs.map((_, index) => index === 0));
    expect(fragments.every((one) => one.metadata?.authentic === false)).toBe(true); // a fragment proves nothing alone
    expect(packet.metadata?.authentic).toBe(true);
    expect(packet.body).toHaveLength(body);
    expect(Math.max(...fragments.map(ipLength))).toBeLessThanOrEqual(PATH);
  }

  const udp = (packets: readonly WirePacket[]): WirePacket[] => packets.filter((one) => one.packet.proto === PROTO_UDP);
  const cases = families.flatMap((family) => [1500, 9000].map((size) => ({ family, size })));

  test.each(cases)("M-1 RB-18 UDP of $size bytes over IPv$family: first and later packets cross in fragments, the hosts get the originals", async ({ family, size }) => {
    const body = size - ipHeader(family) - UDP_HEADER;
    const before = await dropsNow();
    const [near, wan, far] = await echo(family, body, 3);
    const wholes = wholesOf(wan, fabric.keys("r1", "r2"));
    expect(wholes).toHaveLength(6);
    expect(wholes.flatMap((one) => one.fragments)).toHaveLength(udp(wan).length);
    for (const whole of wholes) soundWhole(whole, body);
    const [first, answer, ...later] = wholes.map((one) => one.packet.metadata!.tlvs);
    expect(first).toMatchObject({ tenant: "corp", service: "test/east", sourceRouter: "r1" });
    expect(answer).toMatchObject({ tenant: "corp", sourceRouter: "r2", uuid: first?.uuid });
    expect(later.map((one) => one.uuid)).toEqual(later.map(() => undefined)); // TLV 1 and 16 alone say nothing of the session
    for (const whole of wholes) expect(whole.fragments[0]!.metadata!.tlvs.fragment).toMatchObject({ ipId: 0, largest: 0 });
    const facts = (packets: WirePacket[]): unknown[] => udp(packets).map((one) => [one.source, one.destination, ipLength(one), digestOf(one.body)]);
    expect(udp(near).map(ipLength)).toEqual(new Array<number>(6).fill(size));
    expect(facts(far)).toEqual(facts(near));
    expect(new Set(wholes.map((one) => digestOf(one.packet.body)))).toEqual(new Set(udp(near).map((one) => digestOf(one.body))));
    expect(await dropsNow()).toEqual(before);
  }, 30_000);

  test.each(families)("M-1 IPv%i: an echo request of 4,000 bytes crosses in fragments", async (family) => {
    const of = await captures();
    expect(await ping(fabric.net, "a", hostAddress(2, family), { bytes: 4000, count: 3 })).toMatchObject({ answered: 3 });
    const [, wan] = await seen(of);
    const wholes = wholesOf(wan, fabric.keys("r1", "r2"));
    expect(wholes).toHaveLength(6);
    for (const whole of wholes) soundWhole(whole, 4008);
  }, 30_000);

  test.each([{ link: 1300, family: 4 }, { link: 1300, family: 6 }, { link: 600, family: 4 }] as const)("M-2 IPv$family fragments of $link bytes from a host leave in fragments no larger", async ({ link, family }) => {
    const body = 5000;
    const route = [`-${family}`, "route", "replace", `${hostAddress(2, family)}/${family === 4 ? 32 : 128}`, "via", gatewaysOf(1)[family === 4 ? 0 : 1], "dev", "eth0"];
    await fabric.net.must("a", "ip", ...route, "mtu", ...(family === 4 ? ["lock"] : []), String(link)); // locked: without DF
    const [near, wan, far] = await echo(family, body, 2);
    await fabric.net.must("a", "ip", ...route);
    const fromA = (packets: readonly WirePacket[]): WirePacket[] => packets.filter((one) => one.source === hostAddress(1, family) && one.packet.fragment !== undefined);
    const [sent, arrived] = [fromA(near), fromA(far)];
    const largest = Math.max(...sent.map(ipLength));
    expect([sent.length > 4, largest <= link]).toEqual([true, true]);
    expect(Math.max(...arrived.map(ipLength))).toBeLessThanOrEqual(largest);
    expect(arrived).toHaveLength(sent.length);
    if (family === 4) expect(arrived.map((one) => one.packet.ipId).toSorted()).toEqual(sent.map((one) => one.packet.ipId).toSorted());
    const wholes = wholesOf(wan, fabric.keys("r1", "r2")).filter((one) => one.packet.source === linkAddress(1, family, 0));
    expect(wholes).toHaveLength(2);
    for (const whole of wholes) {
      soundWhole(whole, body);
      expect(whole.fragments[0]!.metadata!.tlvs.fragment?.largest).toBe(largest);
      expect(Math.max(...whole.fragments.map(ipLength))).toBeLessThanOrEqual(Math.max(1280, largest));
    }
  }, 30_000);

  /** Opens a connection that echoes so many bytes, and gives the MSS of SYN and SYN-ACK as sent and as received, and the packets between the routers. */
  async function connection(family: Family, bytes = 64): Promise<{ sent: number[]; received: number[]; wan: WirePacket[] }> {
    const at = { address: hostAddress(2, family), port: ++port };
    const [server, of] = [await startTcpServer(fabric.net, "b", at), await captures()];
    const client = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 1, messageBytes: bytes });
    await waitFor("all is echoed", async () => (await client.report()).receivedBytes === bytes, { deadlineMs: 15_000 });
    expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
    await server.stop();
    const [near, wan, far] = await seen(of);
    const mssOf = (packets: readonly WirePacket[], flags: number): number => {
      const syn = packets.find((one) => (one.packet.tcp?.flags ?? 0) % 64 === flags);
      return syn === undefined ? -1 : readMss(syn.packet.data, syn.packet.l4);
    };
    return { sent: [mssOf(near, TCP_SYN), mssOf(far, TCP_SYN | TCP_ACK)], received: [mssOf(far, TCP_SYN), mssOf(near, TCP_SYN | TCP_ACK)], wan: wan.filter((one) => one.packet.tcp !== undefined) };
  }

  /** Gives both routers another spec and waits until it is in force. */
  async function reconfigure(change: (spec: Record<string, unknown>) => void): Promise<void> {
    for (const router of fabric.routers) {
      const object = fabric.object("Router", router.name);
      change(object.spec);
      const before = (await router.status()).configuration.hash;
      router.config.put(object);
      await waitFor(`${router.name} applies it`, async () => (await router.status()).configuration.hash !== before);
    }
  }

  test.each(families)("M-3 IPv%i: the MSS of SYN and SYN-ACK is that of the path, and no packet is cut", async (family) => {
    const { sent, received, wan } = await connection(family, 300_000);
    const [host, path] = [LAN, PATH].map((mtu) => mtu - ipHeader(family) - TCP_HEADER);
    expect([sent, received]).toEqual([[host, host], [path, path]]);
    expect(wholesOf(wan, fabric.keys("r1", "r2"))).toEqual([]);
    expect(Math.max(...wan.map(ipLength))).toBe(PATH);
  }, 30_000);

  test("M-3 IPv4 and IPv6: the MSS follows the path MTU and the limit that are configured, and is never raised", async () => {
    const paths = (mtu: number) => (spec: Record<string, unknown>): void => { for (const peer of spec["peers"] as { paths: { mtu?: number }[] }[]) for (const path of peer.paths) path.mtu = mtu; };
    await reconfigure(paths(1300));
    for (const family of families) expect((await connection(family)).received).toEqual([1300, 1300].map((mtu) => mtu - ipHeader(family) - TCP_HEADER));
    await reconfigure((spec) => { spec["mssClamp"] = 900; });
    for (const family of families) expect((await connection(family)).received).toEqual([900, 900]);
    await reconfigure((spec) => { spec["mssClamp"] = 8960; });
    await fabric.net.must("a", "ip", "link", "set", "eth0", "mtu", "1280");
    for (const family of families) {
      const { sent, received } = await connection(family);
      expect(received).toEqual([1280 - ipHeader(family) - TCP_HEADER, 8960]);
      expect(sent[0]).toBe(received[0]);
    }
    await fabric.net.must("a", "ip", "link", "set", "eth0", "mtu", String(LAN));
  }, 60_000);

  test.each(families)("M-1 TCP over IPv%i without a limit of the MSS: segments of 9,216 bytes cross in fragments with one TCP header", async (family) => {
    await reconfigure((spec) => { spec["mssClamp"] = "None"; });
    const { sent, received, wan } = await connection(family, 300_000);
    expect(received).toEqual(sent);
    expect(Math.max(...wan.map(ipLength))).toBeLessThanOrEqual(PATH);
    const wholes = wholesOf(wan, fabric.keys("r1", "r2"));
    expect(wholes.length).toBeGreaterThan(60);
    for (const whole of wholes) {
      soundWhole(whole, whole.packet.body.length);
      const headers = whole.fragments.map(({ packet }) => Buffer.from(packet.data.subarray(packet.l4, packet.payload)).fill(0, 16, 18).toString("hex")); // all but the checksum
      expect(new Set(headers).size).toBe(1);
    }
    await reconfigure(() => undefined);
  }, 60_000);
});
