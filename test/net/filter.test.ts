// The checks in front of any session (behaviour 10.2), and sizes up to 9,000 bytes, on every interface while a session lives:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        single packets from a, from r1 wan0, from r2 wan0, from b
//
// Each is dropped and counted once under the right reason; none makes a session, a fault or a log of errors, and the live session
// is unharmed. Links of 9,216 bytes, so that oversize packets arrive. What is cut, bent or replayed is in abuse.test.ts.
import { concatBytes, fromHex, writeU16 } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { IpFields, TransportSpec } from "../../pkg/svr/build.ts";
import { finishChecksum, finishIpv4Header } from "../../pkg/svr/checksum.ts";
import { IPV4_HEADER, IPV6_HEADER, PROTO_UDP, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, TCP_URG } from "../../pkg/svr/constants.ts";
import { contextOf, craft, fieldsOf, freshUuid } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer } from "../support/traffic.ts";
import type { TcpClient } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { createRandom, seedFrom } from "../fuzz/random.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const cookie = fromHex("4c48dbc6ddf6670c") ?? new Uint8Array();
const jumbo = { ...pair, links: pair.links.map((link) => ({ ...link, mtu: 9216 })) };
const seed = seedFrom(process.env["FUZZ_SEED"], Date.now());

describeNet(`filters, FUZZ_SEED=${seed}`, () => {
  let fabric: Fabric, living: TcpClient, sessionId: string;
  const wires: { name: string; router: Router; injector: Injector; lan: boolean }[] = [];
  const random = createRandom(seed);

  beforeAll(async () => {
    fabric = await startFabric(await openNet(jumbo), openSite());
    const [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    const places = [["a", "eth0", "lan0", r1], ["r2", "wan0", "wan0", r1], ["r1", "wan0", "wan0", r2], ["b", "eth0", "lan0", r2]] as const;
    for (const [node, device, to, router] of places) {
      wires.push({ name: `${router.name} ${to}`, router, lan: to === "lan0", injector: await openInjector(fabric.net, { node, device }, { node: router.name, device: to }) });
    }
    await startTcpServer(fabric.net, "b", { address: hostAddress(2, 4), port: 80 });
    living = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions: 1, everyMs: 50 });
    await waitFor("a session lives", async () => (await living.report()).receivedBytes > 100);
    [sessionId = ""] = (await r1.live()).map((one) => one.sessionId);
  }, 60_000);

  afterEach(async () => {
    const { receivedBytes } = await living.report();
    await waitFor("the live session goes on", async () => (await living.report()).receivedBytes > receivedBytes + 64 * 5);
    expect(await living.report()).toMatchObject({ live: 1, wrong: 0, faults: {} });
    for (const router of fabric.routers) {
      expect((await router.sessions()).map((one) => one.sessionId)).toEqual([sessionId]);
      expect(router.process.exit).toBeUndefined();
      expect(router.log().filter((line) => line.level >= 50)).toEqual([]);
    }
  }, 30_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const dropsOf = async (router: Router): Promise<Record<string, number>> => (await router.counters()).drops;

  /** Sends packets and gives what the counters rose by, once they rose by as many as there are packets. */
  async function dropped(at: { router: Router; injector: Injector }, packets: readonly Uint8Array[], expected = packets.length): Promise<Record<string, number>> {
    const before = await dropsOf(at.router);
    const risen = async (): Promise<Record<string, number>> =>
      Object.fromEntries(Object.entries(await dropsOf(at.router)).map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const).filter(([, count]) => count > 0));
    const total = async (): Promise<number> => Object.values(await risen()).reduce((sum, count) => sum + count, 0);
    for (let from = 0; from < packets.length; from += 200) await at.injector.send(...packets.slice(from, from + 200));
    await waitFor(`${expected} drops`, async () => (await total()) >= expected, { show: () => `${packets.length} packets` });
    expect(await total()).toBe(expected);
    return risen();
  }

  const bytes = (length: number): Uint8Array => random.bytes(length);
  const lan = (family: Family): IpFields => fieldsOf(hostAddress(1, family, 20), hostAddress(2, family, 20));
  const refused = (family: Family, change: Partial<{ source: string; destination: string }>): IpFields => fieldsOf(change.source ?? hostAddress(1, family, 20), change.destination ?? hostAddress(2, family, 20));
  const udp: TransportSpec = { kind: "udp", sourcePort: 1000, destinationPort: 2000 };

  test("10.2 bad addresses, from hosts and from peers: filter", async () => {
    const packets = [
      refused(4, { source: "255.255.255.255" }), refused(4, { source: "224.0.0.1" }), refused(4, { source: "127.0.0.1" }), refused(4, { source: "10.2.0.20", destination: "10.2.0.20" }),
      refused(4, { source: "0.0.0.0" }), refused(6, { source: "ff02::1" }), refused(6, { source: "::1" }), refused(6, { source: "fd00:2::20", destination: "fd00:2::20" }), refused(6, { source: "::" }),
    ].map((ip) => buildPacket(ip, udp));
    for (const at of wires) {
      const { filter = 0, "no-service": refusedByPlace = 0 } = await dropped(at, packets);
      expect([at.lan ? filter : filter + refusedByPlace, at.name]).toEqual([packets.length, at.name]);
      if (at.lan) await at.router.denials("filter", packets);
    }
  }, 30_000);

  test.each(families)("10.2 IPv%i: TCP flags that cannot be: state", async (family) => {
    const flags = [0, TCP_SYN | TCP_FIN, TCP_SYN | TCP_RST, TCP_FIN, TCP_FIN | TCP_PSH | TCP_URG, 0x3f];
    for (const at of wires.filter((one) => one.lan)) {
      const ip = at.router.name === "r1" ? lan(family) : fieldsOf(hostAddress(2, family, 20), hostAddress(1, family, 20));
      const packets = flags.map((of) => buildPacket(ip, { kind: "tcp", sourcePort: 1000, destinationPort: 80, flags: of, window: 100 }));
      expect(await dropped(at, packets)).toEqual({ state: packets.length });
      await at.router.denials("state", packets);
    }
  }, 30_000);

  test.each(families)("10.2 IPv%i: lengths and checksums that do not fit: filter", async (family) => {
    const l4 = family === 4 ? IPV4_HEADER : IPV6_HEADER;
    const [at] = wires;
    if (at === undefined) throw new Error("no wire");
    const whole = buildPacket(lan(family), udp, bytes(100));
    const change = (edit: (packet: Uint8Array) => void): Uint8Array => { const copy = whole.slice(); edit(copy); return copy; };
    const packets = [
      change((packet) => { writeU16(packet, l4 + 4, 7); finishChecksum(packet, l4); }), change((packet) => { writeU16(packet, l4 + 4, 200); finishChecksum(packet, l4); }),
      change((packet) => { writeU16(packet, l4 + 4, 50); finishChecksum(packet, l4); }), change((packet) => { packet[l4 + 6]! ^= 0x5a; }),
      whole.slice(0, l4 + 3), whole.slice(0, l4 - 1), whole.slice(0, 60),
      ...(family === 4 ? [change((packet) => { packet[0] = 0x44; finishIpv4Header(packet); }), change((packet) => { packet[0] = 0x4f; })] : []),
    ];
    expect(await dropped(at, packets)).toEqual({ filter: packets.length });
  }, 30_000);

  /** A first packet of r1 that would open a session. */
  function opening(family: Family, tlvs: Parameters<typeof craft>[0]["metadata"] = {}): Uint8Array {
    const [key] = fabric.keys("r1", "r2");
    if (key === undefined) throw new Error("no keys");
    const forwardContext = contextOf({ source: hostAddress(1, family, 20), destination: hostAddress(2, family), sourcePort: 9, destinationPort: 53, proto: PROTO_UDP });
    return craft({
      source: linkAddress(1, family, 0), destination: linkAddress(1, family, 1), key, body: bytes(10), transport: { kind: "udp", sourcePort: 30_000, destinationPort: 30_001 },
      metadata: { uuid: freshUuid(), tenant: "corp", service: "test/east", sourceRouter: "r1", forwardContext, ...tlvs },
    });
  }

  test.each(families)("W-6 IPv%i: a critical TLV that nobody knows, and metadata without what is mandatory, are dropped under their reasons", async (family) => {
    const at = wires.find((one) => one.name === "r2 wan0");
    if (at === undefined) throw new Error("no wire");
    const critical = { unknownPayload: [{ type: 0xc0ff, value: Uint8Array.of(1) }] };
    expect(await dropped(at, [opening(family, critical)])).toEqual({ "metadata-unknown-critical": 1 });
    const incomplete = [{ tenant: undefined }, { service: undefined }, { uuid: undefined }, { sourceRouter: undefined }].map((tlvs) => opening(family, tlvs));
    expect(await dropped(at, incomplete)).toEqual({ "metadata-incomplete": incomplete.length });
  }, 30_000);

  test.each(families)("IPv%i: metadata of random bytes, of every size up to 9,000, for a waypoint: dropped under a reason of the wire", async (family) => {
    const reasons = new Set(["metadata-malformed", "unknown-key", "no-flow", "hmac-failure", "metadata-unknown-critical", "metadata-incomplete", "filter"]);
    for (const at of wires.filter((one) => !one.lan)) {
      const [own, other] = at.router.name === "r2" ? [1, 0] as const : [0, 1] as const;
      const ip = fieldsOf(linkAddress(1, family, other), linkAddress(1, family, own));
      const packets = Array.from({ length: 600 }, (_, index) => {
        const length = index % 10 === 0 ? random.below(9000) : random.below(300);
        const body = concatBytes(cookie, Uint8Array.of(0x10 | random.below(2), random.below(256), random.below(4), random.below(256)), bytes(length));
        const ports = { sourcePort: 20_000 + random.below(20_000), destinationPort: 40_001 + 2 * random.below(10_000) };
        return buildPacket(ip, index % 2 === 0 ? { kind: "udp", ...ports } : { kind: "tcp", ...ports, flags: TCP_ACK, window: 1 }, body);
      });
      expect(Object.keys(await dropped(at, packets)).filter((reason) => !reasons.has(reason))).toEqual([]);
    }
  }, 60_000);

  test("packets of random bytes, of every size up to 9,000, on every interface", async () => {
    for (const at of wires) {
      const packets = Array.from({ length: 500 }, (_, index) => {
        const data = bytes(1 + (index % 10 === 0 ? random.below(9000) : random.below(200)));
        if (index % 3 !== 0) data[0] = index % 3 === 1 ? 0x45 : 0x60 | ((data[0] ?? 0) & 0x0f); // headers that look right at first
        return data;
      });
      const before = Object.values(await dropsOf(at.router)).reduce((sum, count) => sum + count, 0);
      await at.injector.send(...packets);
      await waitFor("most are counted", async () => Object.values(await dropsOf(at.router)).reduce((sum, count) => sum + count, 0) >= before + packets.length * 0.8); // some are not IP at all, and one in twelve is longer than the link takes
    }
  }, 60_000);

  test.each(families)("IPv%i: fragments that overlap, never end or lie about their place open nothing", async (family) => {
    const whole = buildPacket(lan(family), udp, bytes(4000));
    for (const at of wires) {
      const pieces: Uint8Array[] = [];
      for (let id = 1; id <= 100; id++) {
        const [from, length] = [random.below(400) * 8, 8 + random.below(100) * 8];
        pieces.push(fragment(family, whole, { id, offset: 0, bytes: 800, more: true }), fragment(family, whole, { id, offset: from, bytes: length, more: random.below(2) === 0 }), fragment(family, whole, { id, offset: 400, bytes: 800, more: false }));
      }
      await at.injector.send(...pieces);
    }
    for (const router of fabric.routers) await waitFor("the admin API answers", async () => (await router.status()).name === router.name);
  }, 60_000);
});

interface Piece { id: number; offset: number; bytes: number; more: boolean }

/** One IP fragment of a packet, at a place that need not be right. */
function fragment(family: Family, whole: Uint8Array, { id, offset, bytes, more }: Piece): Uint8Array {
  const header = family === 4 ? IPV4_HEADER : IPV6_HEADER;
  const slice = whole.slice(header + offset, header + offset + bytes);
  if (family === 4) {
    const packet = concatBytes(whole.slice(0, header), slice);
    writeU16(packet, 2, packet.length);
    writeU16(packet, 4, id);
    writeU16(packet, 6, (more ? 0x2000 : 0) | (offset / 8));
    finishIpv4Header(packet);
    return packet;
  }
  const extension = Uint8Array.of(whole[6] ?? 0, 0, offset >>> 8, (offset & 0xf8) | (more ? 1 : 0), 0, 0, id >>> 8, id & 0xff);
  const packet = concatBytes(whole.slice(0, header), extension, slice);
  packet[6] = 44;
  writeU16(packet, 4, packet.length - header);
  return packet;
}
