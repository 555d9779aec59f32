// What lives in the pinned maps lives on: routers killed and started again under real connections.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        1,000 TCP sessions, captures at both hosts
//
// L-7 with SIGKILL and with SIGTERM, sessions that age while no process runs, blind resets.
import type { SessionRecord } from "../../pkg/api/record.ts";
import { PROTO_TCP, TCP_ACK, TCP_RST } from "../../pkg/svr/constants.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { startCapture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";
import { compareWays } from "../support/ways.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const SESSIONS = 1000, MANY = 4000; // the ring holds about 2,000 records
const families = [4, 6] as const;

describeNet("routers that go and come back", () => {
  let fabric: Fabric, r1: Router, r2: Router;
  let port = 2000;

  beforeAll(async () => {
    const timers = { timers: { udpIdle: "2s", reset: "1s", guard: "500ms" } };
    fabric = await startFabric(await openNet(withoutOffloads(pair)), openSite({ routers: { r1: { more: timers }, r2: { more: timers } } }));
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  interface Talking { family: 4 | 6; client: TcpClient; port: number }

  async function manySessions(family: 4 | 6): Promise<Talking> {
    const at = { address: hostAddress(2, family), port: ++port };
    await startTcpServer(fabric.net, "b", at);
    const client = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: SESSIONS / 2, everyMs: 500 });
    await waitFor("all sessions talk", async () => {
      const { live, receivedBytes } = await client.report();
      return live === SESSIONS / 2 && receivedBytes > SESSIONS * 64;
    }, { deadlineMs: 30_000 });
    return { client, family, port: at.port };
  }

  const idsOn = async (router: Router, ports: readonly number[]): Promise<Map<string, number | undefined>> =>
    new Map((await router.live()).filter((one) => ports.includes(one.destinationPort ?? 0)).map((one) => [one.sessionId, one.sourcePort]));
  const endsOf = (router: Router, ports: readonly number[]): SessionRecord[] => router.records().filter((one) => one.recordType === "end" && ports.includes(one.destinationPort ?? 0));

  test("L-7 killed, started, stopped and started again with 1,000 sessions over IPv4 and IPv6: no reset, no packet lost, no gap", async () => {
    const talking = await Promise.all(families.map(manySessions));
    const ports = talking.map((one) => one.port);
    const before = await idsOn(r1, ports);
    expect(before.size).toBe(SESSIONS);
    const [near, far] = [await startCapture(fabric.net, "a", "eth0"), await startCapture(fabric.net, "b", "eth0")];
    const since = BigInt(Date.now()) * 1_000_000n; // both captures listen from here on
    await Promise.all([r1.kill(), r2.kill()]);
    await passes(2000); // each session talks 4 times while no router runs
    await Promise.all([r1.start(), r2.start()]);
    expect(await Promise.all([r1.status(), r2.status()])).toMatchObject([{ adopted: true }, { adopted: true }]);
    expect(await idsOn(r1, ports)).toEqual(before);
    expect([await r1.stop(), await r2.stop()]).toEqual([{ code: 0, signal: null }, { code: 0, signal: null }]);
    await passes(1000);
    await Promise.all([r1.start(), r2.start()]);
    for (const { client } of talking) {
      expect(await client.report()).toMatchObject({ live: SESSIONS / 2, wrong: 0, faults: {} });
      expect(await client.stop()).toMatchObject({ answered: SESSIONS / 2, wrong: 0, faults: {} });
    }
    await waitFor("all sessions end", async () => (await idsOn(r1, ports)).size === 0 && (await idsOn(r2, ports)).size === 0, { deadlineMs: 20_000 });
    const [atA, atB] = [await near.stop(), await far.stop()].map((frames) => readWire(frames).filter((one) => one.packet.proto === PROTO_TCP));
    for (const { family } of talking) for (const network of [1, 2]) {
      const own = (one: WirePacket): boolean => one.source === hostAddress(network, family);
      const [sent = [], arrived = []] = network === 1 ? [atA, atB] : [atB, atA];
      const way = compareWays(sent.filter((one) => own(one) && one.unixNs >= since), arrived.filter(own));
      expect(way).toMatchObject({ lost: 0 });
      expect(way.packets).toBeGreaterThan(SESSIONS * 3);
      expect(way.longestMs).toBeLessThan(1000);
    }
    for (const router of [r1, r2]) {
      const records = await waitFor("all end records", () => endsOf(router, ports).length >= SESSIONS && endsOf(router, ports));
      expect(new Map(records.map((one) => [one.sessionId, one.sourcePort]))).toEqual(before);
      expect([records.length, new Set(records.map((one) => one.endReason))]).toEqual([SESSIONS, new Set(["fin"])]);
    }
  }, 120_000);

  test("L-7 sessions over IPv4 and IPv6 age while no process runs; the next start writes their end records", async () => {
    const ports = await Promise.all(families.map(async (family) => {
      const at = { address: hostAddress(2, family), port: ++port };
      await startUdpServer(fabric.net, "b", at);
      const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port, sockets: 50 });
      expect(await client.send(2)).toMatchObject({ sent: 100, answered: 100 });
      return at.port;
    }));
    const ids = await idsOn(r1, ports);
    expect(ids.size).toBe(100);
    await Promise.all([r1.kill(), r2.kill()]);
    const killedAt = Date.now();
    await passes(5000); // idle timeout 2 s, precision 2 s, guard half a second
    const startedAt = Date.now();
    await Promise.all([r1.start(), r2.start()]);
    for (const router of [r1, r2]) {
      const records = await waitFor(`${router.name} writes the end records`, () => endsOf(router, ports).length >= 100 && endsOf(router, ports));
      expect(new Map(records.map((one) => [one.sessionId, one.sourcePort]))).toEqual(ids);
      for (const one of records) {
        expect(one).toMatchObject({ endReason: "timeout", forwardPackets: 2, reversePackets: 2, tenant: "corp" });
        expect([Date.parse(one.time) >= killedAt, Date.parse(one.time) < startedAt]).toEqual([true, true]);
      }
      for (const of of Map.groupBy(router.records(), (one) => one.boot).values()) expect(of.map((one) => one.sequence)).toEqual(of.map((_one, index) => index)); // gap-free, behaviour 13.1
    }
  }, 60_000);

  test("L-7 more sessions age without a process than the ring of records holds: what did not fit waits, and none is lost", async () => {
    const at = { address: hostAddress(2, 4), port: ++port };
    await startUdpServer(fabric.net, "b", { ...at, mode: "sink" });
    const fromA = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    const opening = (sourcePort: number): Uint8Array => buildPacket(fieldsOf(hostAddress(1, 4, 20), at.address), { kind: "udp", sourcePort, destinationPort: at.port }, Uint8Array.of(1, 2, 3));
    const count = async (router: Router): Promise<number> => (await router.status()).sessions;
    for (let opened = 0; opened < MANY; opened += 500) {
      await fromA.send(...Array.from({ length: 500 }, (_, index) => opening(1 + opened + index)));
      await waitFor("their sessions", async () => (await count(r1)) >= opened + 500 && (await count(r2)) >= opened + 500, { deadlineMs: 15_000 });
    }
    await Promise.all([r1.kill(), r2.kill()]);
    const records = [r1.records().length, r2.records().length];
    await passes(6000);
    await Promise.all([r1.start(), r2.start()]);
    for (const [index, router] of [r1, r2].entries()) {
      const fresh = (): SessionRecord[] => router.records().slice(records[index]);
      const ends = (): SessionRecord[] => fresh().filter((one) => one.recordType === "end" && one.destinationPort === at.port);
      await waitFor(`${router.name} has told of all`, () => ends().length >= MANY, { deadlineMs: 20_000 });
      expect(fresh().filter((one) => one.recordType === "loss")).toEqual([]);
      expect([new Set(ends().map((one) => one.sessionId)).size, ends().length, (await router.live()).length]).toEqual([MANY, MANY, 0]);
      expect((await router.counters()).records.lost).toBe(0);
    }
  }, 90_000);

  test.each(families)("L-7 IPv%i: a blind RST does not end a session whose hosts keep talking", async (family) => {
    const at = { address: hostAddress(2, family), port: ++port };
    await startTcpServer(fabric.net, "b", at);
    const client = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 1, everyMs: 100 });
    await waitFor("it talks", async () => (await client.report()).receivedBytes > 200);
    const [session] = (await r1.live()).filter((one) => one.destinationPort === at.port);
    const fromA = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    const fromB = await openInjector(fabric.net, { node: "b", device: "eth0" }, { node: "r2", device: "lan0" });
    const [a, b] = [{ address: hostAddress(1, family), port: session?.sourcePort ?? 0 }, at];
    const rst = (from: typeof a, to: typeof a): Uint8Array => buildPacket(fieldsOf(from.address, to.address), { kind: "tcp", sourcePort: from.port, destinationPort: to.port, flags: TCP_RST | TCP_ACK, seq: 12345, ack: 54321 });
    await fromA.send(rst(a, b));
    await fromB.send(rst(b, a));
    const { receivedBytes } = await client.report();
    await passes(4000); // RESET would have ended after 1 s and GUARD after another half
    const later = await client.report();
    expect(later).toMatchObject({ live: 1, wrong: 0, faults: {} });
    expect(later.receivedBytes).toBeGreaterThan(receivedBytes + 64 * 10);
    for (const router of [r1, r2]) {
      const live = (await router.live()).filter((one) => one.destinationPort === at.port);
      expect(live.map((one) => [one.sessionId, one.tcpState])).toEqual([[session?.sessionId, "established"]]);
    }
    await client.stop();
  }, 60_000);
});
