// What nobody should send, on every interface of running routers, IPv4 and IPv6:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        injectors into r1 lan0, r1 wan0, r2 wan0, r2 lan0
//
// Cut, bent, replayed, oversize and random packets are dropped and counted under their reason; a stream of each family runs
// beside them all the time, and after each test the tables are as they were before the first one.
import type { SessionView } from "../../pkg/api/view.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { IPV4_HEADER, PROTO_TCP, PROTO_UDP, TCP_FIN, TCP_SYN } from "../../pkg/svr/constants.ts";
import type { PeerKeys } from "../../pkg/svr/keys.ts";
import type { Metadata } from "../../pkg/svr/metadata.ts";
import { cutUdp, flipped, l4Of, Noise, repaired, withWord } from "../support/bend.ts";
import { contextOf, craft, fieldsOf, freshUuid } from "../support/craft.ts";
import type { Crafted } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import { openSite } from "../support/site.ts";
import { hostAddress, linkAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpServer } from "../support/traffic.ts";
import type { TcpClient, UdpServer } from "../support/traffic.ts";
import { passes, waitFor } from "../support/wait.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
type Drops = Record<string, number>;

const SINK = 4000; // port of b
const BATCH = 250;
const ERROR = 50; // level of the log
const COOKIE = [0x4c, 0x48, 0xdb, 0xc6, 0xdd, 0xf6, 0x67, 0x0c];
const NOBODY: Record<Family, string> = { 4: "10.1.0.66", 6: "fd00:1::66" };
/** What S-1 lets a flipped bit be counted as. */
const FLIPPED = ["hmac-failure", "unknown-key", "metadata-malformed", "metadata-unknown-critical", "metadata-incomplete", "no-flow", "filter"];
/** What random bytes may be counted as. */
const RANDOM = ["filter", "state", "no-flow", "no-service", "metadata-malformed", "metadata-unknown-critical", "reassembly", "ttl"];

describeNet("abuse", () => {
  let fabric: Fabric, r1: Router, r2: Router, fromR1: PeerKeys;
  let into: Record<"r1 lan0" | "r1 wan0" | "r2 wan0" | "r2 lan0", Injector>;
  let streams: TcpClient[], sinks: Record<Family, UdpServer>;
  let base: Map<Router, Record<string, number>>;
  let old: { packets: Uint8Array[]; sentAt: number };
  let port = 20_000;

  beforeAll(async () => {
    const more = { timers: { udpIdle: "1s", icmpIdle: "1s", guard: "200ms" } }; // sessions of these tests end soon
    fabric = await startFabric(await openNet(withoutOffloads(pair)), openSite({ routers: { r1: { more }, r2: { more } } }));
    const { net } = fabric;
    [r1, r2, fromR1] = [fabric.router("r1"), fabric.router("r2"), fabric.keys("r1", "r2")[0]!];
    const [r1Lan, r1Wan, r2Wan, r2Lan] = await Promise.all([
      openInjector(net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" }), openInjector(net, { node: "r2", device: "wan0" }, { node: "r1", device: "wan0" }),
      openInjector(net, { node: "r1", device: "wan0" }, { node: "r2", device: "wan0" }), openInjector(net, { node: "b", device: "eth0" }, { node: "r2", device: "lan0" }),
    ]);
    into = { "r1 lan0": r1Lan, "r1 wan0": r1Wan, "r2 wan0": r2Wan, "r2 lan0": r2Lan };
    const sink = async (family: Family): Promise<UdpServer> => startUdpServer(net, "b", { address: hostAddress(2, family), port: SINK, mode: "sink" });
    sinks = { 4: await sink(4), 6: await sink(6) };
    streams = await Promise.all(families.map(async (family) => {
      await startTcpServer(net, "b", { address: hostAddress(2, family), port: 80 });
      return startTcpClient(net, "a", { to: hostAddress(2, family), port: 80, sessions: 1, everyMs: 50, messageBytes: 2000 });
    }));
    await waitFor("the streams run", async () => (await Promise.all(streams.map((one) => one.report()))).every((one) => one.receivedBytes > 4000));
    base = new Map(await Promise.all([r1, r2].map(async (router) => [router, await entries(router)] as const)));
    old = { packets: families.map((family) => first(family)), sentAt: performance.now() };
    await into["r2 wan0"].send(...old.packets);
    await waitFor("the packets that are replayed later open sessions", async () => (await toSink(r2)).length === 2);
    await waitFor("these sessions end", async () => (await toSink(r2)).length === 0);
  }, 90_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  afterEach(async () => {
    const before = await Promise.all(streams.map((one) => one.report()));
    for (const [index, stream] of streams.entries()) {
      await waitFor("the stream goes on", async () => (await stream.report()).receivedBytes > before[index]!.receivedBytes + 4000);
      expect(await stream.report()).toMatchObject({ live: 1, wrong: 0, faults: {} });
    }
    for (const router of [r1, r2]) {
      await waitFor(`the tables of ${router.name} are as before`, async () => { expect(await entries(router)).toEqual(base.get(router)); return true; });
      expect([router.process.exit, (await router.drops())["fault"], router.log().filter((line) => line.level >= ERROR)]).toEqual([undefined, undefined, []]);
    }
  }, 60_000);

  async function entries(router: Router): Promise<Record<string, number>> {
    return Object.fromEntries((await router.tables()).map((table) => [table.name, table.entries] as const));
  }

  const toSink = async (router: Router): Promise<SessionView[]> => (await router.sessions()).filter((one) => one.destinationPort === SINK);

  /** A packet of r1 that opens a session toward the sink, signed now. */
  function first(family: Family, change: Partial<Crafted> & { tlvs?: Partial<Metadata> } = {}): Uint8Array {
    const { tlvs, ...more } = change;
    port += 2;
    const proto = more.transport?.kind === "tcp" ? PROTO_TCP : PROTO_UDP;
    const forwardContext = contextOf({ source: hostAddress(1, family, 66), destination: hostAddress(2, family), sourcePort: port, destinationPort: SINK, proto });
    const metadata = { forwardContext, uuid: freshUuid(), tenant: "corp", service: "test/east", sourceRouter: "r1", ...tlvs };
    return craft({
      source: linkAddress(1, family, 0), destination: linkAddress(1, family, 1), transport: { kind: "udp", sourcePort: port, destinationPort: port + 1 }, metadata, key: fromR1,
      body: Uint8Array.of(1, 2, 3, 4), ...more,
    });
  }

  const sum = (drops: Drops): number => Object.values(drops).reduce((total, count) => total + count, 0);

  /** Sends packets a few at a time until all are counted as dropped, and gives what was counted. */
  async function dropped(router: Router, by: Injector, packets: readonly Uint8Array[]): Promise<Drops> {
    const before = await router.drops();
    for (let at = 0; at < packets.length; at += BATCH) {
      await by.send(...packets.slice(at, at + BATCH));
      const sent = Math.min(at + BATCH, packets.length);
      let now: Drops = {};
      await waitFor(`${sent} drops`, async () => sum(now = await router.drops()) - sum(before) >= sent, { show: () => JSON.stringify({ before, now }) });
    }
    const after = await router.drops();
    return Object.fromEntries(Object.entries(after).map(([reason, count]) => [reason, count - (before[reason] ?? 0)] as const).filter(([, count]) => count !== 0));
  }

  test.each(families)("W-6 S-1 IPv%i: a first packet cut after each byte", async (family) => {
    const whole = first(family);
    const payload = l4Of(whole) + 8;
    const metadata = ((whole[payload + 8]! & 0x0f) << 8 | whole[payload + 9]!) + (whole[payload + 10]! << 8 | whole[payload + 11]!);
    const cuts = Array.from({ length: whole.length - payload }, (_, length) => cutUdp(whole, length));
    const counted = await dropped(r2, into["r2 wan0"], cuts);
    expect(counted).toEqual({ "no-flow": 8, "metadata-malformed": metadata - 8, "hmac-failure": cuts.length - metadata });
    const raw = Array.from({ length: whole.length - 1 }, (_, length) => whole.slice(0, length + 1));
    expect(await dropped(r2, into["r2 wan0"], raw)).toEqual({ filter: raw.length });
    expect(await toSink(r2)).toEqual([]);
  }, 60_000);

  const carriers = families.flatMap((family) => (["udp", "tcp"] as const).map((carrier) => ({ family, carrier })));

  test.each(carriers)("S-1 $carrier over IPv$family: each bit that the tag covers, flipped, drops the packet with one counter", async ({ family, carrier }) => {
    const ports = { sourcePort: 30_000, destinationPort: 30_001 };
    const whole = first(family, { transport: carrier === "udp" ? { kind: "udp", ...ports } : { kind: "tcp", ...ports, flags: TCP_SYN, seq: 7, window: 9, options: Uint8Array.of(2, 4, 5, 180) } });
    const l4 = l4Of(whole);
    const checksum = l4 + (carrier === "udp" ? 6 : 16);
    const covered = Array.from({ length: whole.length - l4 - 4 }, (_, index) => l4 + 4 + index).filter((at) => at < checksum || at >= checksum + 2);
    const bent = covered.flatMap((at) => Array.from({ length: 8 }, (_, bit) => flipped(whole, at, bit)));
    const counted = await dropped(r2, into["r2 wan0"], bent);
    expect(sum(counted)).toBe(bent.length);
    expect(Object.keys(counted).filter((reason) => !FLIPPED.includes(reason) && !(carrier === "tcp" && reason === "state"))).toEqual([]); // flags that no TCP sends are looked at first
    expect(counted["hmac-failure"]).toBeGreaterThan(bent.length / 2);
    expect(await toSink(r2)).toEqual([]);
    if (carrier === "tcp") return;
    const moved = repaired(withWord(whole, l4, 30_100)); // as a NAT does
    moved[family === 4 ? 8 : 7] = 3; // another TTL
    await into["r2 wan0"].send(repaired(moved));
    await waitFor("it opens a session", async () => (await toSink(r2)).length === 1);
  }, 60_000);

  test.each(families)("S-2 IPv%i: a first packet replayed while its session lives is a repeat, after its end it is dropped", async (family) => {
    const uuid = freshUuid();
    const packet = first(family, { tlvs: { uuid }, skew: 2 }); // signed for the next epoch: inside the window for four seconds at least
    const { received } = await sinks[family].report();
    const before = await r2.drops();
    await into["r2 wan0"].send(packet);
    const [session] = await waitFor("a session", async () => { const list = await toSink(r2); return list.length === 1 && list; });
    await into["r2 wan0"].send(packet, packet);
    await waitFor("the repeats reach the host", async () => (await sinks[family].report()).received === received + 3);
    expect((await toSink(r2)).map((one) => one.sessionId)).toEqual([session?.sessionId]);
    expect(await r2.drops()).toEqual(before);
    const l4 = l4Of(packet), word = (at: number): number => packet[at]! << 8 | packet[at + 1]!;
    const end = craft({
      source: linkAddress(1, family, 0), destination: linkAddress(1, family, 1), key: fromR1, transport: { kind: "udp", sourcePort: word(l4), destinationPort: word(l4 + 2) }, metadata: { control: 6, uuid },
    });
    await into["r2 wan0"].send(end);
    await waitFor("it ends", async () => (await toSink(r2)).length === 0);
    expect(await dropped(r2, into["r2 wan0"], [packet, packet, packet])).toEqual({ "replay-first-packet": 3 });
    expect(await toSink(r2)).toEqual([]);
    expect((await sinks[family].report()).received).toBe(received + 3);
  }, 60_000);

  test.each(families)("IPv%i: lengths that lie, metadata beyond its bounds, names nobody may use", async (family) => {
    const whole = first(family);
    const l4 = l4Of(whole), payload = l4 + 8, length = family === 4 ? 2 : 4;
    const raw = (metadata: number[]): Uint8Array => buildPacket(fieldsOf(linkAddress(1, family, 0), linkAddress(1, family, 1)), { kind: "udp", sourcePort: 40_000, destinationPort: 40_001 }, Uint8Array.from([...COOKIE, ...metadata]));
    const wrongChecksum = first(family);
    wrongChecksum[l4 + 6]! ^= 0x55;
    const cases: [what: string, reason: string, packet: Uint8Array][] = [
      ["an IP length beyond the frame", "filter", withWord(whole, length, 65_535)], ["an IP length inside the header", "filter", withWord(whole, length, 7)],
      ["a UDP length beyond the packet", "filter", withWord(whole, l4 + 4, 65_535)], ["a UDP length below its header", "filter", withWord(whole, l4 + 4, 7)],
      ["a wrong checksum", "filter", wrongChecksum],
      ["a header of 4,095 bytes", "metadata-malformed", withWord(whole, payload + 8, 0x1fff)], ["a header of 11 bytes", "metadata-malformed", withWord(whole, payload + 8, 0x100b)],
      ["65,535 bytes of payload TLVs", "metadata-malformed", withWord(whole, payload + 10, 65_535)], ["version 2", "metadata-malformed", withWord(whole, payload + 8, 0x2014)],
      ["a TLV that overruns", "metadata-malformed", raw([0x10, 0x10, 0, 0, 0, 16, 0xff, 0xff])], ["a TLV twice", "metadata-malformed", raw([0x10, 0x16, 0, 0, 0, 24, 0, 1, 1, 0, 24, 0, 1, 1])],
      ["an unknown critical TLV", "metadata-unknown-critical", raw([0x10, 0x10, 0, 0, 0xc0, 0xff, 0, 0])], ["a key of nobody", "unknown-key", raw([0x10, 0x14, 0, 0, 0, 16, 0, 4, 1, 2, 3, 4])],
      ["no tenant", "metadata-incomplete", first(family, { tlvs: { tenant: undefined } })], ["a tenant the peer may not assert", "tenant-not-allowed", first(family, { tlvs: { tenant: "evil" } })],
      ["clear names", "decrypt-failure", first(family, { suite: 0 })], ["a clock ten seconds ahead", "hmac-clock-skew", first(family, { skew: 10 })],
      ["a clock two minutes behind", "hmac-failure", first(family, { skew: -120 })], ["a message for a flow that is none", "no-flow", first(family, { tlvs: { control: 2 } })],
    ];
    for (const [what, reason, packet] of cases) expect([what, await dropped(r2, into["r2 wan0"], [packet])]).toEqual([what, { [reason]: 1 }]);
    expect(await toSink(r2)).toEqual([]);
  }, 60_000);

  test.each(families)("IPv%i: what no host sends", async (family) => {
    const [from, to] = [NOBODY[family], hostAddress(2, family)];
    const udp = { kind: "udp", sourcePort: 5, destinationPort: SINK } as const;
    const tcp = (flags: number): Uint8Array => buildPacket(fieldsOf(from, to), { kind: "tcp", sourcePort: 5, destinationPort: SINK, flags });
    const broadcast = family === 4 ? "255.255.255.255" : "ff02::1", loopback = family === 4 ? "127.0.0.1" : "::1";
    const plain = buildPacket(fieldsOf(from, to), udp, Uint8Array.of(1));
    const cases: [what: string, reason: string, packet: Uint8Array][] = [
      ["a broadcast source", "filter", buildPacket(fieldsOf(broadcast, to), udp)], ["a loopback source", "filter", buildPacket(fieldsOf(loopback, to), udp)],
      ["itself as destination", "filter", buildPacket(fieldsOf(to, to), udp)], ["SYN with FIN", "state", tcp(TCP_SYN | TCP_FIN)], ["no flag", "state", tcp(0)],
      ["a UDP length beyond the packet", "filter", withWord(plain, l4Of(plain) + 4, 999)], ["a UDP header cut", "filter", plain.slice(0, l4Of(plain) + 5)],
    ];
    for (const [what, reason, packet] of cases) expect([what, await dropped(r1, into["r1 lan0"], [packet])]).toEqual([what, { [reason]: 1 }]);
    if (family === 4) expect(await dropped(r1, into["r1 lan0"], [withWord(plain, IPV4_HEADER - 14, 0x3fff)])).toEqual({ reassembly: 1 }); // beyond 65,535 when joined
  }, 60_000);

  const places = (["r1 lan0", "r1 wan0", "r2 wan0", "r2 lan0"] as const).flatMap((place) => families.map((family) => ({ place, family })));

  test.each(places)("random packets over IPv$family into $place", async ({ place, family }) => {
    const router = place.startsWith("r1") ? r1 : r2;
    const noise = new Noise(place.length * 1000 + place.charCodeAt(1) + place.charCodeAt(3) + family);
    const [source, destination] = place.endsWith("wan0")
      ? [linkAddress(1, family, place === "r2 wan0" ? 0 : 1), linkAddress(1, family, place === "r2 wan0" ? 1 : 0)] : [hostAddress(place === "r1 lan0" ? 1 : 2, family, 66), hostAddress(place === "r1 lan0" ? 2 : 1, family)];
    const ip = fieldsOf(source, destination);
    const udp = { kind: "udp", sourcePort: 50_000, destinationPort: 50_001 } as const;
    const highBits = family === 4 ? [12, 16] : [8, 24];
    const bodies = [
      (): Uint8Array => { // right addresses, noise behind them, for a port of ours
        const packet = buildPacket(ip, { kind: "other", proto: [PROTO_UDP, PROTO_TCP][noise.below(2)]! }, new Uint8Array(noise.below(300)));
        packet.set(noise.bytes(packet.length - l4Of(packet)), l4Of(packet));
        if (packet.length > l4Of(packet) + 2) packet[l4Of(packet) + 2]! |= 0x40;
        return packet;
      },
      // noise alone, but for the first bits of the addresses: multicast and link-local packets are the host's, not the router's
      (): Uint8Array => noise.bytes(1 + noise.below(200)).map((byte, at) => (at === 0 ? family << 4 | byte & 15 : highBits.includes(at) ? byte & 0x7f : byte)),
      ...(place.endsWith("wan0") ? [(): Uint8Array => buildPacket(ip, udp, noise.bytes(noise.below(300))), (): Uint8Array => buildPacket(ip, udp, Uint8Array.from([...COOKIE, ...noise.bytes(noise.below(300))]))] : []),
    ];
    const packets = Array.from({ length: 1000 }, (_, index) => bodies[index % bodies.length]!());
    const counted = await dropped(router, into[place], packets);
    expect(sum(counted)).toBe(packets.length);
    expect(Object.keys(counted).filter((reason) => !RANDOM.includes(reason))).toEqual([]);
  }, 60_000);

  test("S-2 IPv4 and IPv6: replayed after ten seconds: dropped in time-based mode", async () => {
    await passes(Math.max(0, old.sentAt + 10_100 - performance.now()));
    const counted = await dropped(r2, into["r2 wan0"], old.packets);
    expect((counted["hmac-clock-skew"] ?? 0) + (counted["hmac-failure"] ?? 0)).toBe(2); // skew for a minute
    expect(sum(counted)).toBe(2);
    expect(await toSink(r2)).toEqual([]);
  }, 60_000);

  test("S-2 IPv4 and IPv6: replayed after the end of the session: accepted in regular mode", async () => {
    for (const [router, peer] of [[r1, "r2"], [r2, "r1"]] as const) {
      const object = fabric.object("Router", router.name);
      for (const one of object.spec["peers"] as Record<string, unknown>[]) one["hmac"] = { mode: "Regular" };
      router.config.put(object);
      await waitFor(`${router.name} applies it`, async () => (await router.peers()).find((one) => one.name === peer)?.hmac === "Regular");
    }
    for (const family of families) {
      const packet = first(family, { mode: "regular" });
      for (let round = 0; round < 2; round++) {
        await into["r2 wan0"].send(packet);
        await waitFor("a session", async () => (await toSink(r2)).length === 1);
        await waitFor("its end", async () => (await toSink(r2)).length === 0);
      }
    }
    expect(await dropped(r2, into["r2 wan0"], families.map((family) => first(family)))).toEqual({ "hmac-failure": 2 }); // signed with a time
  }, 60_000);
});
