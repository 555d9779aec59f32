// What a router believes: packets as its peer would make them, changed in one bit, late, or sent twice.
//
//   r1's place: (single packets from r1 wan0) == wan0 r2 lan0-- b 10.2.0.10        r1 itself carries one live session
//
// S-1, S-2, S-7 at the peer itself.
import { finishChecksum, finishIpv4Header } from "../../pkg/svr/checksum.ts";
import { IPV4_HEADER, IPV6_HEADER, PROTO_UDP } from "../../pkg/svr/constants.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { uuidHex } from "../../pkg/base/ids.ts";
import { contextOf, craft, freshUuid } from "../support/craft.ts";
import type { Crafted } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpServer } from "../support/traffic.ts";
import type { TcpClient, UdpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const body = Uint8Array.of(...Buffer.from("ping"));

/** Everything a flipped bit may be counted as (behaviour 16, S-1). */
const flipReasons = ["hmac-failure", "unknown-key", "metadata-malformed", "metadata-unknown-critical", "metadata-incomplete", "no-flow", "filter"];

describeNet("what a router believes", () => {
  let fabric: Fabric, r2: Router, wire: Injector, living: TcpClient;
  const sinks = new Map<Family, UdpServer>();
  let ports = 20_000;

  beforeAll(async () => {
    const more = { timers: { guard: "500ms" } };
    fabric = await startFabric(await openNet(pair), openSite({ routers: { r1: { more }, r2: { more } } }));
    r2 = fabric.router("r2");
    wire = await openInjector(fabric.net, { node: "r1", device: "wan0" }, { node: "r2", device: "wan0" });
    for (const family of families) sinks.set(family, await startUdpServer(fabric.net, "b", { address: hostAddress(2, family), port: 53, mode: "sink" }));
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
    living = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions: 1, everyMs: 100 });
    await waitFor("a session lives", async () => (await living.report()).receivedBytes > 100);
  }, 60_000);
  afterAll(async () => {
    try {
      expect(await living.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} }); // unharmed by all of this
    } finally {
      await fabric.close();
    }
  }, 60_000);

  const received = async (family: Family): Promise<number> => (await sinks.get(family)?.report())?.received ?? 0;
  const total = async (): Promise<number> => Object.values((await r2.counters()).drops).reduce((sum, count) => sum + count, 0);
  const sessionOf = async (uuid: Uint8Array): Promise<string | undefined> => (await r2.sessions({ sessionId: uuidHex(uuid) }))[0]?.life;

  /** A packet that opens a UDP session from r1, on waypoint ports that r1 does not use. */
  function opening(family: Family, uuid: Uint8Array, change: Partial<Crafted> & { tlvs?: Metadata } = {}): Uint8Array {
    const [key] = fabric.keys("r1", "r2");
    if (key === undefined) throw new Error("no keys");
    const sourcePort = (ports += 2);
    const forwardContext = contextOf({ source: hostAddress(1, family, 20), destination: hostAddress(2, family), sourcePort, destinationPort: 53, proto: PROTO_UDP });
    return craft({
      source: linkAddress(1, family, 0), destination: linkAddress(1, family, 1), transport: { kind: "udp", sourcePort, destinationPort: sourcePort + 1 }, key, body, ...change,
      metadata: { uuid, tenant: "corp", service: "test/east", sourceRouter: "r1", forwardContext, ...change.tlvs },
    });
  }

  const headerOf = (family: Family): number => (family === 4 ? IPV4_HEADER : IPV6_HEADER);

  test.each(families)("S-1 IPv%i: one flipped bit anywhere in what the tag covers: dropped, one counter, no session; then the whole packet is taken", async (family) => {
    const uuid = freshUuid();
    const packet = opening(family, uuid, { skew: 2 }); // the next epoch, so that there is time
    const l4 = headerOf(family);
    const covered = [l4 + 4, l4 + 5, ...Array.from({ length: packet.length - l4 - 8 }, (_, index) => l4 + 8 + index)]; // UDP length, then the payload
    const flips = covered.flatMap((byte) => Array.from({ length: 8 }, (_, bit) => {
      const flipped = packet.slice();
      flipped[byte] = (flipped[byte] ?? 0) ^ (1 << bit);
      finishChecksum(flipped, l4);
      return flipped;
    }));
    expect(flips.length).toBeGreaterThan(1000);
    const [before, drops, heard] = [await total(), (await r2.counters()).drops, await received(family)];
    await wire.send(...flips);
    await waitFor("each is counted", async () => (await total()) >= before + flips.length);
    await wire.send(packet);
    await waitFor("the whole one opens its session", async () => (await sessionOf(uuid)) === "live");
    expect(await total()).toBe(before + flips.length);
    const after = (await r2.counters()).drops;
    const raised = Object.keys(after).filter((reason) => after[reason] !== drops[reason]);
    expect(raised.filter((reason) => !flipReasons.includes(reason))).toEqual([]);
    expect(after["hmac-failure"]).toBeGreaterThan((drops["hmac-failure"] ?? 0) + flips.length / 2);
    expect(await received(family)).toBe(heard + 1);
    expect((await r2.live()).filter((one) => one.sourceAddress === hostAddress(1, family, 20))).toHaveLength(1);
  }, 60_000);

  test.each(families)("S-1 IPv%i: a source address or port changed as a NAT does, or another TTL, changes nothing", async (family) => {
    const l4 = headerOf(family);
    const uuids = [freshUuid(), freshUuid(), freshUuid()];
    const [port, hops, address] = uuids.map((uuid) => opening(family, uuid));
    if (port === undefined || hops === undefined || address === undefined) throw new Error("three packets");
    port[l4] = 0x77; // source port
    finishChecksum(port, l4);
    hops[family === 4 ? 8 : 7] = 3;
    if (family === 4) finishIpv4Header(hops);
    address[l4 - (family === 4 ? 5 : 17)] = 14; // last byte of the source address: another on the link
    if (family === 4) finishIpv4Header(address);
    finishChecksum(address, l4);
    const before = await total();
    await wire.send(port, hops, address);
    for (const uuid of uuids) await waitFor("its session", async () => (await sessionOf(uuid)) === "live");
    expect(await total()).toBe(before);
  }, 30_000);

  test.each(families)("S-2 IPv%i: a first packet sent again while its session lives is a repeat; when it ended, dropped as a replay", async (family) => {
    const uuid = freshUuid();
    const packet = opening(family, uuid, { skew: 2 });
    const heard = await received(family);
    await wire.send(packet);
    await waitFor("its session", async () => (await sessionOf(uuid)) === "live");
    await wire.send(packet);
    await waitFor("both bodies arrive", async () => (await received(family)) === heard + 2);
    await endByPeer(family, uuid, packet);
    const before = (await r2.drops())["replay-first-packet"] ?? 0;
    await wire.send(packet);
    await waitFor("it is counted", async () => ((await r2.drops())["replay-first-packet"] ?? 0) === before + 1);
    expect([await sessionOf(uuid), await received(family)]).toEqual([undefined, heard + 2]);
  }, 30_000);

  /** The delete message of r1 for a session, on the ports of its first packet; then until nothing is left of it. */
  async function endByPeer(family: Family, uuid: Uint8Array, first: Uint8Array, change: Partial<Crafted> = {}): Promise<void> {
    const l4 = headerOf(family);
    const at = (offset: number): number => ((first[l4 + offset] ?? 0) << 8) | (first[l4 + offset + 1] ?? 0);
    const [key] = fabric.keys("r1", "r2");
    if (key === undefined) throw new Error("no keys");
    await wire.send(craft({
      source: linkAddress(1, family, 0), destination: linkAddress(1, family, 1), key, transport: { kind: "udp", sourcePort: at(0), destinationPort: at(2) }, metadata: { uuid, control: 6 }, ...change,
    }));
    await waitFor("the session is deleted", async () => (await sessionOf(uuid)) === undefined);
    expect((await waitFor("its end record", () => r2.records().find((one) => one.recordType === "end" && one.sessionId === uuidHex(uuid)))).endReason).toBe("peer-delete");
  }

  test("S-2 IPv4 and IPv6: a first packet sent again after 10 s is dropped in time-based mode", async () => {
    const uuids = families.map(() => freshUuid());
    const packets = families.map((family, index) => opening(family, uuids[index] ?? freshUuid()));
    const heard = await Promise.all(families.map(received));
    await wire.send(...packets);
    for (const uuid of uuids) await waitFor("its session", async () => (await sessionOf(uuid)) === "live");
    for (const [index, family] of families.entries()) await endByPeer(family, uuids[index] ?? freshUuid(), packets[index] ?? new Uint8Array());
    await passes(10_000);
    const before = await r2.drops();
    await wire.send(...packets);
    const late = (drops: Record<string, number>): number => (drops["hmac-failure"] ?? 0) + (drops["hmac-clock-skew"] ?? 0);
    await waitFor("both are counted", async () => late(await r2.drops()) === late(before) + 2);
    expect((await r2.drops())["hmac-clock-skew"]).toBe((before["hmac-clock-skew"] ?? 0) + 2); // it would be right at another time
    expect(await Promise.all(uuids.map(sessionOf))).toEqual([undefined, undefined]);
    expect(await Promise.all(families.map(received))).toEqual(heard.map((count) => count + 1));
  }, 60_000);

  test.each(families)("S-7 IPv%i: a tenant that is not in the list of the peer, or not known at all, is dropped and counted", async (family) => {
    const before = await r2.counters();
    const uuids = [freshUuid(), freshUuid()];
    await wire.send(opening(family, uuids[0]!, { tlvs: { tenant: "other" } }), opening(family, uuids[1]!, { tlvs: { tenant: "corporate" } }));
    await waitFor("both are counted", async () => (await r2.counters()).drops["tenant-not-allowed"] === (before.drops["tenant-not-allowed"] ?? 0) + 2);
    expect((await r2.counters()).peerDrops["r1"]?.["tenant-not-allowed"]).toBe((before.peerDrops["r1"]?.["tenant-not-allowed"] ?? 0) + 2);
    expect(await Promise.all(uuids.map(sessionOf))).toEqual([undefined, undefined]);
    const child = freshUuid();
    await wire.send(opening(family, child, { tlvs: { tenant: "team.corp" } })); // a listed tenant covers its children
    await waitFor("the child's session", async () => (await sessionOf(child)) === "live");
  }, 30_000);

  test("S-2 in regular mode a first packet is accepted again, however late", async () => {
    const spec = fabric.object("Router", "r2").spec;
    const peers = (spec["peers"] as Record<string, unknown>[]).map((peer) => ({ ...peer, hmac: { mode: "Regular" } }));
    const { hash } = (await r2.status()).configuration;
    r2.config.put(fabric.object("Router", "r2", { peers }));
    await waitFor("r2 takes it", async () => (await r2.status()).configuration.hash !== hash);
    for (const family of families) {
      const uuid = freshUuid();
      const packet = opening(family, uuid, { mode: "regular", skew: -1000 });
      for (let time = 0; time < 2; time++) {
        await wire.send(packet);
        await waitFor("its session", async () => (await sessionOf(uuid)) === "live");
        if (time === 0) await endByPeer(family, uuid, packet, { mode: "regular" });
      }
    }
    r2.config.put(fabric.object("Router", "r2"));
    await waitFor("r2 is as before", async () => (await r2.status()).configuration.hash === hash);
  }, 60_000);
});
