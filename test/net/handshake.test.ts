// The handshake of a segment under loss, in one direction only, with bodies that look like metadata, and opened from both ends:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        droppers on packets that leave r1 wan0 and r2 wan0, captures at r1 wan0
import { toHex } from "../../pkg/base/bytes.ts";
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { openDropper } from "../support/drop.ts";
import type { Dropper } from "../support/drop.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { UdpClient, UdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { directionsOf, ipLength, isHandshake, readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const COOKIE = "4c48dbc6ddf6670c";
const EMPTY_HEADER = 12 + 16; // bytes: header and tag, protocol 3.4 and 7.1

describeNet("handshakes", () => {
  let fabric: Fabric, r1: Router, r2: Router, fromR1: Dropper, fromR2: Dropper;
  let port = 1000;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(withoutOffloads(pair)), openSite());
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    [fromR1, fromR2] = await Promise.all([openDropper(fabric.net, "r1", "wan0"), openDropper(fabric.net, "r2", "wan0")]);
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);
  afterEach(async () => { await Promise.all([fromR1.set(), fromR2.set()]); });

  const wan = (): Promise<Capture> => startCapture(fabric.net, "r1", "wan0");
  const read = (frames: Awaited<ReturnType<Capture["frames"]>>): WirePacket[] => readWire(frames, fabric.keys("r1", "r2")).filter((one) => one.packet.icmpType === undefined);

  async function udpPair(family: Family, mode: "echo" | "sink" = "echo"): Promise<{ client: UdpClient; server: UdpServer; capture: Capture; at: { address: string; port: number } }> {
    const at = { address: hostAddress(2, family), port: ++port };
    const server = await startUdpServer(fabric.net, "b", { ...at, mode });
    return { server, client: await startUdpClient(fabric.net, "a", { to: at.address, port: at.port, waitMs: 300 }), capture: await wan(), at };
  }

  test.each(families)("W-3 IPv%i: a lost first reverse packet makes forward metadata repeat", async (family) => {
    const { client, capture } = await udpPair(family);
    await fromR2.set({ metadata: "with", count: 1 });
    expect(await client.send(1)).toMatchObject({ answered: 0 });
    await waitFor("the answer is dropped", async () => (await fromR2.seen()).dropped === 1); // the first decisions of a router take their time
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    const { forward, reverse } = directionsOf(read(await capture.stop()));
    expect(forward.map(isHandshake)).toEqual([true, true, false, false]);
    expect(reverse.map(isHandshake)).toEqual([true, false, false]); // the lost one never reached this end
    expect(forward[1]?.metadata?.tlvs.uuid).toEqual(forward[0]?.metadata?.tlvs.uuid);
  }, 30_000);

  test.each(families)("W-3 IPv%i: a lost first plain forward packet makes reverse metadata repeat", async (family) => {
    const { client, server, capture } = await udpPair(family);
    await fromR1.set({ metadata: "without", count: 1 });
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    expect(await client.send(1)).toMatchObject({ answered: 0 });
    expect(await fromR1.seen()).toMatchObject({ dropped: 1 });
    await server.push();
    expect(await client.send(1)).toMatchObject({ answered: 1, wrong: 0 });
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    const { forward, reverse } = directionsOf(read(await capture.stop()));
    expect(forward.map(isHandshake)).toEqual([true, false, false]); // the lost one was never on this wire
    expect(reverse.map(isHandshake)).toEqual([true, true, false, false]);
    expect(reverse[1]?.metadata?.tlvs.uuid).toEqual(reverse[0]?.metadata?.tlvs.uuid);
  }, 30_000);

  test.each(families)("W-9 IPv%i: one-way UDP stops carrying metadata after 3 packets and 1 s, by code 3 with TLV 18", async (family) => {
    const [host, { client, server, capture }] = [await startCapture(fabric.net, "a", "eth0"), await udpPair(family, "sink")];
    const sentAt = performance.now();
    let sent = 0;
    await waitFor("a packet without metadata", async () => {
      await client.send(1);
      sent++;
      return read(await capture.frames()).at(-1)?.metadata === undefined;
    }, { deadlineMs: 15_000 });
    expect(performance.now() - sentAt).toBeGreaterThan(1000);
    for (let more = 0; more < 3; more++, sent++) await client.send(1);
    const { forward, reverse } = directionsOf(read(await capture.stop()));
    const carrying = forward.map(isHandshake);
    expect(carrying.slice(0, 3)).toEqual([true, true, true]);
    expect(carrying.slice(-4)).toEqual([false, false, false, false]);
    expect(carrying.toSorted().reverse()).toEqual(carrying); // once off, off
    expect(reverse.map((one) => [one.metadata?.tlvs.control, one.metadata?.tlvs.disableForward, one.metadata?.authentic, one.body.length])).toEqual([[3, true, true, 0]]);
    expect(reverse[0]?.metadata?.tlvs).toMatchObject({ uuid: forward[0]?.metadata?.tlvs.uuid, tenant: "corp", sourceRouter: "r2" });
    expect(await server.report()).toMatchObject({ received: sent });
    const toHost = readWire(await host.stop()).filter((one) => one.packet.destinationPort === forward.length || one.source === hostAddress(2, family));
    expect(toHost.filter((one) => one.packet.proto === 17)).toEqual([]); // control messages end at routers
  }, 30_000);

  test.each(families)("W-4 UDP over IPv%i: bodies that start with the cookie arrive byte for byte, with metadata and without", async (family) => {
    const { client, server, capture } = await udpPair(family);
    const bodies = [`${COOKIE}1014004900`, COOKIE, `${COOKIE}100c0000${COOKIE}`, COOKIE.slice(0, 14), `${COOKIE}ff`];
    for (const body of bodies) expect(await client.send(1, { body: body })).toMatchObject({ answered: 1, wrong: 0 });
    expect((await server.report()).last.map((one) => one.data)).toEqual(bodies);
    const { forward, reverse } = directionsOf(read(await capture.stop()));
    for (const way of [forward, reverse]) {
      expect(way.map((one) => [one.metadata?.empty, one.metadata?.authentic])).toEqual([[false, true], [true, true], [true, true], [undefined, undefined], [true, true]]);
      expect(way.map((one) => toHex(one.body))).toEqual(bodies);
      const header = family === 4 ? 28 : 48;
      expect(way.slice(1).map((one) => ipLength(one) - header - one.body.length)).toEqual([EMPTY_HEADER, EMPTY_HEADER, 0, EMPTY_HEADER]);
    }
  }, 30_000);

  test.each(families)("W-4 TCP over IPv%i: a stream full of cookies arrives byte for byte, one segment at a time", async (family) => {
    const at = { address: hostAddress(2, family), port: ++port };
    await startTcpServer(fabric.net, "b", at);
    const capture = await wan();
    const client = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 2, messageBytes: 50_000, pattern: "cookies" });
    await waitFor("all echoes", async () => (await client.report()).answered === 2);
    await client.say();
    await waitFor("all echoes", async () => (await client.report()).receivedBytes === 200_000);
    expect(await client.stop()).toMatchObject({ answered: 2, wrong: 0, faults: {} });
    const marked = read(await capture.stop()).filter((one) => one.metadata?.empty === true);
    expect(marked.length).toBeGreaterThan(3); // how many depends on where the kernel cuts
    expect(marked.every((one) => one.metadata?.authentic === true && toHex(one.body).startsWith(COOKIE))).toBe(true);
  }, 30_000);

  test.each(families)("W-10 L-9 RB-5 IPv%i: two sessions that open each other at once become the one with the lower UUID", async (family) => {
    const shared = ++port;
    const [west, east] = [hostAddress(1, family), hostAddress(2, family)];
    const settings = { port: shared, firstPort: shared, waitMs: 200 };
    const [atA, atB] = await Promise.all([startUdpClient(fabric.net, "a", { ...settings, to: east, from: west }), startUdpClient(fabric.net, "b", { ...settings, to: west, from: east })]);
    await Promise.all([fromR1.set({ metadata: "with", count: 1 }), fromR2.set({ metadata: "with", count: 1 })]);
    await Promise.all([atA.send(1), atB.send(1)]); // both lost: both routers wait for an answer
    const ofPort = async (router: Router): Promise<string[]> => (await router.live()).filter((one) => one.sourcePort === shared).map((one) => one.sessionId);
    const [first = "", second = ""] = await waitFor("a session on each router", async () => {
      const both = [...await ofPort(r1), ...await ofPort(r2)];
      return both.length === 2 && both;
    });
    expect(first).not.toBe(second);
    const lower = first < second ? first : second;
    const heard = await Promise.all([startCapture(fabric.net, "a", "eth0"), startCapture(fabric.net, "b", "eth0")]);
    for (let round = 0; round < 3; round++) {
      await atA.send(1);
      await atB.send(1);
    }
    expect([await ofPort(r1), await ofPort(r2)]).toEqual([[lower], [lower]]);
    const arrived = (await Promise.all(heard.map((one) => one.stop()))).map((frames, index) => readWire(frames).filter((one) => one.packet.destinationPort === shared && one.destination === [west, east][index]));
    expect(arrived.map((packets) => packets.length)).toEqual([3, 3]);
  }, 30_000);
});
