// What a router believes of a peer: what a NAT changed (S-1), whose tenant it may speak for (S-7), messages on UDP 1280.
//
//   r1's place: (single packets from r1 wan0) == wan0 r2 lan0-- b 10.2.0.10        r1 itself carries one live session
//
// Packets that are cut, bent or replayed are in abuse.test.ts.
import { formatAddress, parseAddress } from "../../pkg/base/addresstext.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { finishChecksum, finishIpv4Header } from "../../pkg/svr/checksum.ts";
import { IPV4_HEADER, IPV6_HEADER, PEERING_PORT, PROTO_UDP } from "../../pkg/svr/constants.ts";
import { epochAt } from "../../pkg/svr/epoch.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { writeMtuMessage } from "../../pkg/svr/peering.ts";
import { uuidHex } from "../../pkg/base/ids.ts";
import { contextOf, craft, freshUuid } from "../support/craft.ts";
import { startCapture } from "../support/capture.ts";
import { addressOf } from "../support/config/sample.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const body = Uint8Array.of(...Buffer.from("ping"));

describeNet("what a router believes", () => {
  let fabric: Fabric, r2: Router, wire: Injector, living: TcpClient;
  let ports = 20_000;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), openSite());
    r2 = fabric.router("r2");
    wire = await openInjector(fabric.net, { node: "r1", device: "wan0" }, { node: "r2", device: "wan0" });
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

  const total = async (): Promise<number> => Object.values((await r2.counters()).drops).reduce((sum, count) => sum + count, 0);
  const sessionOf = async (uuid: Uint8Array): Promise<string | undefined> => (await r2.sessions({ sessionId: uuidHex(uuid) }))[0]?.life;

  /** A packet that opens a UDP session from r1, on waypoint ports that r1 does not use. */
  function opening(family: Family, uuid: Uint8Array, tlvs: Metadata = {}): Uint8Array {
    const [key] = fabric.keys("r1", "r2");
    if (key === undefined) throw new Error("no keys");
    const sourcePort = (ports += 2);
    const forwardContext = contextOf({ source: hostAddress(1, family, 20), destination: hostAddress(2, family), sourcePort, destinationPort: 53, proto: PROTO_UDP });
    return craft({
      source: linkAddress(1, family, 0), destination: linkAddress(1, family, 1), transport: { kind: "udp", sourcePort, destinationPort: sourcePort + 1 }, key, body,
      metadata: { uuid, tenant: "corp", service: "test/east", sourceRouter: "r1", forwardContext, ...tlvs },
    });
  }

  const headerOf = (family: Family): number => (family === 4 ? IPV4_HEADER : IPV6_HEADER);

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

  test.each(families)("S-7 IPv%i: a tenant that is not in the list of the peer, or not known at all, is dropped and counted", async (family) => {
    const before = await r2.counters();
    const uuids = [freshUuid(), freshUuid()];
    await wire.send(opening(family, uuids[0]!, { tenant: "other" }), opening(family, uuids[1]!, { tenant: "corporate" }));
    await waitFor("both are counted", async () => (await r2.counters()).drops["tenant-not-allowed"] === (before.drops["tenant-not-allowed"] ?? 0) + 2);
    expect((await r2.counters()).peerDrops["r1"]?.["tenant-not-allowed"]).toBe((before.peerDrops["r1"]?.["tenant-not-allowed"] ?? 0) + 2);
    expect(await Promise.all(uuids.map(sessionOf))).toEqual([undefined, undefined]);
    const child = freshUuid();
    await wire.send(opening(family, child, { tenant: "team.corp" })); // a listed tenant covers its children
    await waitFor("the child's session", async () => (await sessionOf(child)) === "live");
  }, 30_000);

  test("a source that the ingress translated (TLV 25, IPv4 alone) is what the server sees, with its port; the answer finds the way back", async () => {
    const family = 4, given = hostAddress(1, family, 77), server = { address: hostAddress(2, family), port: 5300 }, uuid = freshUuid();
    await startUdpServer(fabric.net, "b", server);
    const [lan, wan] = await Promise.all([startCapture(fabric.net, "b", "eth0"), startCapture(fabric.net, "r2", "wan0")]);
    const forwardContext = contextOf({ source: hostAddress(1, family, 20), destination: server.address, sourcePort: 50_001, destinationPort: server.port, proto: PROTO_UDP });
    await wire.send(opening(family, uuid, { natSource: addressOf(given), forwardContext }));
    const seen = async (): Promise<string[]> => readWire(await lan.frames()).map(({ packet }) => `${formatAddress(packet.source)} ${packet.sourcePort} > ${formatAddress(packet.destination)} ${packet.destinationPort}`);
    await waitFor("the answer leaves", async () => readWire(await wan.frames(), fabric.keys("r2", "r1")).some(({ metadata }) => metadata?.tlvs.reverseContext?.destinationPort === 50_001));
    const [there, back] = (await seen()).filter((line) => line.includes(String(server.port)));
    expect([there, back]).toEqual([`${given} 50001 > ${server.address} ${server.port}`, `${server.address} ${server.port} > ${given} 50001`]);
    const answer = readWire(await wan.frames(), fabric.keys("r2", "r1")).find(({ metadata }) => metadata?.tlvs.reverseContext !== undefined)!.metadata!.tlvs.reverseContext!;
    expect(formatAddress(answer.destination)).toBe(hostAddress(1, family, 20)); // the ingress translates it back
    await Promise.all([lan.stop(), wan.stop()]);
  }, 30_000);

  test.each(families)("7.1 9.1 IPv%i: messages on UDP 1280 that count for nothing are counted by reason: another clock, a wrong tag, a stranger's key, no metadata", async (family) => {
    const [key] = fabric.keys("r1", "r2"), source = parseAddress(linkAddress(1, family, 0))!, destination = parseAddress(linkAddress(1, family, 1))!;
    const message = (epochs: number, keyId = key!.keyId): Uint8Array => writeMtuMessage({ kind: "probe", id: 7, size: 600 }, { source, destination, destinationPort: PEERING_PORT },
      { engine: createNodeEngine(), signing: { key: { ...key!, keyId }, mode: "time-based", epoch: epochAt(Date.now() / 1000) + epochs, counter: 0n } });
    const cut = buildPacket({ source, destination }, { kind: "udp", sourcePort: PEERING_PORT, destinationPort: PEERING_PORT }, body);
    const reasons = ["hmac-clock-skew", "hmac-failure", "unknown-key", "metadata-malformed"] as const;
    const counts = async (): Promise<number[]> => { const { drops } = await r2.counters(); return reasons.map((reason) => drops[reason] ?? 0); };
    const before = await counts(), peerBefore = (await r2.counters()).peerDrops["r1"] ?? {};
    await wire.send(message(15), message(-15), message(40), message(0, key!.keyId ^ 1), cut);
    await waitFor("each is counted once", async () => (await counts()).every((count, at) => count === before[at]! + [2, 1, 1, 1][at]!));
    const { peerDrops } = await r2.counters();
    expect(["hmac-clock-skew", "hmac-failure"].map((reason) => (peerDrops["r1"]?.[reason] ?? 0) - (peerBefore[reason] ?? 0))).toEqual([2, 1]);
  }, 30_000);
});
