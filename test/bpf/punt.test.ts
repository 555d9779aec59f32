// Packets of a known session that only a shard can handle: each cause, what the record in the ring says, and that a packet that
// goes up changes nothing in the session.
import { Flag } from "../../pkg/svr/session.ts";
import { openHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { egress, families, hexOf, hostSide, ingress, install, peerSide, prepare, send, sendFrame, session, TCP, UDP, WAN } from "./fixture.ts";
import type { Family } from "./fixture.ts";
import { buildFrame, buildPacket, bytesOf, cookie, join } from "./packets.ts";
import type { PacketSpec } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

const text = bytesOf("plain body");

function fromHost(f: Family, body: Uint8Array, proto = UDP, more: Partial<PacketSpec> = {}): PacketSpec {
  const l4 = proto === TCP ? { tcp: { sport: 40000, dport: 443, flags: "PA", seq: 1, ack: 1, body } } : { udp: { sport: 40000, dport: 443, body } };
  return { from: f.host, to: f.server, ...l4, ...more };
}

function fromPeer(f: Family, body: Uint8Array, proto = UDP): PacketSpec {
  const l4 = proto === TCP ? { tcp: { sport: 16385, dport: 16384, flags: "PA", seq: 1, ack: 1, body } } : { udp: { sport: 16385, dport: 16384, body } };
  return { from: f.peer, to: f.waypoint, ...l4 };
}

const plain = new Uint8Array(100).fill(1);
const second = join(plain, cookie, plain), last = join(plain, plain, cookie);

describe.each(families)("$name", (f) => {
  test.each([["TCP", TCP], ["UDP", UDP]])("COOKIE: %s metadata from a peer, and a host's body that looks like it (W-4)", async (_name, proto) => {
    await install(harness, ingress(f, proto));
    const metadata = join(cookie, text);
    const reverse = await send(harness, fromPeer(f, metadata, proto), { ifnum: WAN });
    expect(reverse).toMatchObject({ verdict: "punt:cookie", punt: { entry: 3, ifnum: WAN, local: 1, data: hexOf(fromPeer(f, metadata, proto)), gsoSize: 0 } });
    const forward = await send(harness, fromHost(f, metadata, proto));
    expect(forward).toMatchObject({ verdict: "punt:cookie", punt: { entry: 2, local: 0, mac: "020000000009" } });
    expect(await session(harness)).toMatchObject({ packets0: 0, packets1: 0, seen_ms0: 0, seen_ms1: 0 });
  });

  test.each([
    ["alone", cookie, "punt:cookie"], ["cut short", cookie.slice(0, 7), "forward"], ["not at the start", join(bytesOf("x"), cookie), "forward"],
    ["one bit off", join(cookie.slice(0, 7), new Uint8Array([0x0d])), "forward"],
  ])("the cookie %s", async (_name, body, verdict) => {
    await install(harness, ingress(f, UDP));
    expect((await send(harness, fromHost(f, body))).verdict).toBe(verdict);
  });

  test.each([["TCP", TCP], ["UDP", UDP]])("W-4 W-8 %s super-packet with metadata in its last segment only", async (_name, proto) => {
    await install(harness, ingress(f, proto));
    expect(await send(harness, fromPeer(f, last, proto), { ifnum: WAN, gso: 100 })).toMatchObject({ verdict: "punt:cookie", punt: { gsoSize: 100, segments: 3 } });
    expect((await send(harness, fromPeer(f, last, proto), { ifnum: WAN, gso: 99 })).verdict).toBe("forward");
    expect((await send(harness, fromPeer(f, last, proto), { ifnum: WAN })).verdict).toBe("forward");
  });

  test("W-4 W-8 metadata in the middle of a super-packet from a peer: datagrams can stand there, TCP segments cannot", async () => {
    await install(harness, ingress(f, UDP));
    expect((await send(harness, fromPeer(f, second, UDP), { ifnum: WAN, gso: 100 })).verdict).toBe("punt:cookie");
    await install(harness, { slot: 1, ...ingress(f, TCP) });
    expect((await send(harness, fromPeer(f, second, TCP), { ifnum: WAN, gso: 100 })).verdict).toBe("forward");
  });

  test("W-4 a host's TCP segment with the cookie inside a super-packet: looked for at first, and for good once one was seen", async () => {
    const verdict = async (body: Uint8Array): Promise<string> => (await send(harness, fromHost(f, body, TCP), { gso: 100 })).verdict;
    await install(harness, ingress(f, TCP));
    expect(await verdict(second)).toBe("punt:cookie");
    await harness.ask("patch", { slot: 0, flags: 0, bytes0: 1 << 20 });
    expect([await verdict(second), await verdict(last)]).toEqual(["forward", "punt:cookie"]);
    expect((await session(harness))["flags"]).toBe(Flag.cookies);
    expect(await verdict(second)).toBe("punt:cookie");
  });

  test.each([
    ["NEED_META forward", Flag.fwdMeta, "punt:need-meta", "forward"], ["NEED_META reverse", Flag.revMeta | Flag.holdMeta, "forward", "punt:need-meta"],
    ["SLOW forward", Flag.fwdSlow, "punt:slow", "forward"], ["SLOW reverse", Flag.revSlow, "forward", "punt:slow"],
  ])("%s", async (_name, flags, forward, reverse) => {
    await install(harness, ingress(f, UDP, { flags }));
    expect((await send(harness, fromHost(f, text))).verdict).toBe(forward);
    expect((await send(harness, fromPeer(f, text), { ifnum: WAN })).verdict).toBe(reverse);
  });

  test("W-3 R-META: a forward packet without metadata turns reverse metadata off, one that goes up does not", async () => {
    await install(harness, egress(f, UDP, { flags: Flag.revMeta }));
    const plain = { from: f.peer, to: f.waypoint, udp: { sport: 16384, dport: 16385, body: text } };
    const answer = { from: f.server, to: f.host, udp: { sport: 443, dport: 40000, body: text } };
    expect((await send(harness, { ...plain, udp: { ...plain.udp, body: cookie } }, { ifnum: WAN })).verdict).toBe("punt:cookie");
    expect((await send(harness, answer)).verdict).toBe("punt:need-meta");
    expect((await send(harness, plain, { ifnum: WAN })).verdict).toBe("forward");
    expect((await send(harness, answer)).verdict).toBe("forward");
  });

  test("while a modify is open eBPF leaves reverse metadata on", async () => {
    await install(harness, egress(f, UDP, { flags: Flag.revMeta | Flag.holdMeta }));
    expect((await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16384, dport: 16385, body: text } }, { ifnum: WAN })).verdict).toBe("forward");
    expect((await session(harness))["flags"]).toBe(Flag.revMeta | Flag.holdMeta);
  });

  test("MTU: as large as the path passes, one byte more goes up whole", async () => {
    await install(harness, ingress(f, UDP));
    const fits = new Uint8Array(1500 - f.header - 8).fill(2);
    const over = new Uint8Array(fits.length + 1).fill(2);
    expect((await send(harness, fromHost(f, fits))).verdict).toBe("forward");
    expect(await send(harness, fromHost(f, over))).toMatchObject({ verdict: "punt:mtu", punt: { data: hexOf(fromHost(f, over)) } });
  });

  test("MTU: of a super-packet the segments count, not the whole", async () => {
    await install(harness, ingress(f, TCP));
    const packet = fromHost(f, new Uint8Array(3000).fill(3), TCP);
    expect((await send(harness, packet, { gso: 1500 - f.header - 20 })).verdict).toBe("forward");
    expect(await session(harness)).toMatchObject({ packets0: 3, bytes0: 3000 + 3 * (f.header + 20), next_seq0: 3001 });
    expect((await send(harness, packet, { gso: 1500 - f.header - 19 })).verdict).toBe("punt:mtu");
  });

  test.each([[1, "punt:ttl"], [0, "punt:ttl"], [2, "forward"]])("TTL %p", async (ttl, verdict) => {
    await install(harness, ingress(f, UDP));
    const got = await send(harness, fromHost(f, text, UDP, { ttl }));
    expect(got.verdict).toBe(verdict);
  });

  test("the record holds exactly the IP packet, without link padding, in the smallest of four sizes", async () => {
    await install(harness, ingress(f, UDP, { flags: Flag.fwdSlow, shard: 1 }));
    const padded = buildFrame(join(buildPacket(fromHost(f, bytesOf("x"))), new Uint8Array(9)));
    expect(await sendFrame(harness, padded)).toMatchObject({ punt: { data: hexOf(fromHost(f, bytesOf("x"))), room: 256, vlan: 0 } });
    for (const [size, room] of [[256 - f.header - 8, 256], [257 - f.header - 8, 2048], [2049 - f.header - 8, 10240]] as const) {
      const got = await send(harness, fromHost(f, new Uint8Array(size).fill(5)));
      expect(got.punt).toMatchObject({ room, data: hexOf(fromHost(f, new Uint8Array(size).fill(5))) });
    }
  });

  test("a super-packet or protocol that only a shard can change", async () => {
    const other = families.find((one) => one !== f)!;
    await install(harness, { sides: [hostSide(f, UDP), peerSide(other, UDP)] });
    expect((await send(harness, fromHost(f, text))).verdict).toBe("forward");
    expect((await send(harness, fromHost(f, text), { gso: 4 })).verdict).toBe("punt:slow"); // a super-packet of UDP over the other family
    await prepare(harness);
    await install(harness, { sides: [hostSide(f, TCP), peerSide(f, UDP)] });
    expect((await send(harness, fromHost(f, text, TCP))).verdict).toBe("punt:slow");
  });

  test("the shard of the session gets what belongs to it", async () => {
    await install(harness, ingress(f, UDP, { flags: Flag.fwdSlow, shard: 1 }));
    expect((await send(harness, fromHost(f, text))).punt).toMatchObject({ shard: 1 });
    await harness.ask("patch", { slot: 0, shard: 0 });
    expect((await send(harness, fromHost(f, text))).punt).toMatchObject({ shard: 0 });
    await harness.ask("patch", { slot: 0, shard: 9 });
    expect((await send(harness, fromHost(f, text))).verdict).toBe("drop:ring-full"); // there is no ring 9
  });

  test("without a session both directions of a flow go to the same shard, and flows spread", async () => {
    const used = new Set<number | undefined>();
    for (let sport = 5000; sport < 5040; sport++) {
      const there = await send(harness, { from: f.host, to: f.server, udp: { sport, dport: 53 } });
      const back = await send(harness, { from: f.server, to: f.host, udp: { sport: 53, dport: sport } });
      expect(there.punt?.shard).toBe(back.punt?.shard);
      used.add(there.punt?.shard);
    }
    expect([...used].sort()).toEqual([0, 1]);
  });

  test("sessions of one hop spread, though their ports differ by one each: 16384 and 16385, 16386 and 16387, ...", async () => {
    const used = new Map<number | undefined, number>();
    for (let sport = 16384; sport < 16384 + 256; sport += 2) {
      const shard = (await send(harness, { from: f.host, to: f.server, udp: { sport, dport: sport + 1 } })).punt?.shard;
      used.set(shard, (used.get(shard) ?? 0) + 1);
    }
    for (const shard of [0, 1]) expect(used.get(shard)).toBeGreaterThan(128 / 5);
  });
});

test("a full ring drops and counts, and takes packets again once it is drained", async () => {
  const f = families[0]!;
  await harness.ask("interface", { ifindex: 1, ifnum: 3, flags: 2 });
  const frame = buildFrame(buildPacket({ from: f.host, to: f.server, udp: { sport: 1, dport: 2, body: new Uint8Array(1400) } }));
  const reasons = new Set<number>();
  for (let i = 0; i < 600; i++) reasons.add((await harness.ask("run", { data: frame })).reason);
  expect([...reasons]).toEqual([0, 66]);
  expect((await harness.ask("punts")).length).toBeGreaterThan(400);
  expect((await sendFrame(harness, frame)).verdict).toBe("punt:miss");
});
