// What is on the wire between two routers, each packet seen alone (no offloads), IPv4 and IPv6:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        captures at a, at r1 wan0, at b
//
// Metadata on first packets and never again, waypoint ports, TCP left as it is, no byte added.
import { PROTO_TCP, PROTO_UDP } from "../../pkg/svr/constants.ts";
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { ping, startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { conversationsOf, directionsOf, innerKey, ipLength, readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];

describeNet("the wire between two routers", () => {
  let fabric: Fabric;
  let port = 1000;
  const freshPort = (): number => ++port;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(withoutOffloads(pair)), openSite());
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const wan = (): Promise<Capture> => startCapture(fabric.net, "r1", "wan0");
  const read = async (capture: Capture): Promise<WirePacket[]> => readWire(await capture.stop(), fabric.keys("r1", "r2")).filter((one) => one.packet.icmpType === undefined);

  /** Sends over one protocol, first alone and then, when the handshake is over, again. */
  async function converse(proto: "tcp" | "udp" | "icmp", family: Family, rounds = 5): Promise<void> {
    const at = { address: hostAddress(2, family), port: freshPort() };
    if (proto === "icmp") {
      expect(await ping(fabric.net, "a", at.address, { count: rounds + 1 })).toMatchObject({ answered: rounds + 1 });
    } else if (proto === "udp") {
      await startUdpServer(fabric.net, "b", at);
      const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
      for (let round = 0; round <= rounds; round++) expect(await client.send(1)).toMatchObject({ answered: 1, wrong: 0 });
    } else {
      await startTcpServer(fabric.net, "b", at);
      const client = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 1 });
      await waitFor("the first echo", async () => (await client.report()).answered === 1);
      for (let round = 0; round < rounds; round++) await client.say();
      await waitFor("all echoes", async () => (await client.report()).receivedBytes === 64 * (rounds + 1));
      expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
    }
  }

  const kinds = families.flatMap((family) => (["tcp", "udp", "icmp"] as const).map((proto) => ({ proto, family })));

  test.each(kinds)("W-1 $proto over IPv$family: the first packets each way carry signed metadata, none after the handshake", async ({ proto, family }) => {
    const capture = await wan();
    await converse(proto, family);
    const packets = await read(capture);
    const [conversation = [], ...others] = conversationsOf(packets);
    expect(others).toEqual([]);
    const { forward, reverse } = directionsOf(conversation);
    for (const way of [forward, reverse]) {
      const carrying = way.map((one) => one.metadata !== undefined);
      expect(carrying[0]).toBe(true);
      expect(carrying.lastIndexOf(true)).toBeLessThan(2); // at most the repeat that crossed the answer
      expect(carrying.length).toBeGreaterThan(4);
    }
    const metadata = conversation.flatMap((one) => one.metadata ?? []);
    expect(metadata.every((one) => one.authentic && one.encrypted)).toBe(true);
    expect(forward[0]?.metadata?.tlvs).toMatchObject({ tenant: "corp", service: "test/east", sourceRouter: "r1" });
    expect(reverse[0]?.metadata?.tlvs).toMatchObject({ tenant: "corp", sourceRouter: "r2", uuid: forward[0]?.metadata?.tlvs.uuid });
  }, 30_000);

  test.each(kinds)("W-2 $proto over IPv$family: waypoint addresses, even source port, odd destination port; inner addresses never show", async ({ proto, family }) => {
    const capture = await wan();
    await converse(proto, family, 1);
    const packets = await read(capture);
    const { forward } = directionsOf(packets);
    const [first] = forward;
    expect([first?.source, first?.destination]).toEqual([linkAddress(1, family, 0), linkAddress(1, family, 1)]);
    expect(first?.packet.proto).toBe(proto === "tcp" ? PROTO_TCP : PROTO_UDP);
    expect([first!.packet.sourcePort % 2, first!.packet.destinationPort % 2]).toEqual([0, 1]);
    for (const number of [first!.packet.sourcePort, first!.packet.destinationPort]) expect([number >= 16384, number <= 65534]).toEqual([true, true]);
    const hosts = [hostAddress(1, family), hostAddress(2, family)];
    expect(packets.filter((one) => hosts.includes(one.source) || hosts.includes(one.destination))).toEqual([]);
  }, 30_000);

  test.each(kinds)("W-8 $proto over IPv$family: established packets have not one byte more than between hosts; TCP numbers are those of the host", async ({ proto, family }) => {
    const [lan, outer] = [await startCapture(fabric.net, "a", "eth0"), await wan()];
    await converse(proto, family);
    const isOurs = (one: WirePacket): boolean => (proto === "icmp" ? [0, 8, 128, 129].includes(one.packet.icmpType ?? -1) : one.packet.proto === (proto === "tcp" ? PROTO_TCP : PROTO_UDP));
    const inner = readWire(await lan.stop()).filter(isOurs);
    const packets = await read(outer);
    expect(packets).toHaveLength(inner.length);
    expect(inner.length).toBeGreaterThan(10);
    const carried = proto === "icmp" ? 8 : 0; // UDP header before the ICMP message, protocol 3.3
    const added = packets.filter((one) => one.metadata === undefined).length;
    if (proto !== "icmp") expect(packets.map(innerKey).toSorted()).toEqual(inner.map(innerKey).toSorted());
    const lengths = (of: WirePacket[], more: number): number[] => of.map((one) => ipLength(one) + more).toSorted((a, b) => a - b);
    const plain = packets.filter((one) => one.metadata === undefined);
    if (proto === "icmp") expect(new Set(lengths(plain, 0))).toEqual(new Set(lengths(inner, carried)));
    else expect(lengths(plain, 0)).toEqual(lengths(inner.filter((one) => plain.some((other) => innerKey(other) === innerKey(one))), carried));
    expect(added).toBeGreaterThan(8);
  }, 30_000);
});
