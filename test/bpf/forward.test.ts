// Established packets: packet in, verdict, packet out, session after. Every checksum of the packet out is computed in full by
// the builder. The frame enters on LAN (hosts) or WAN (peers); see fixture.ts.
import { openHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { egress, families, hexOf, hostSide, ingress, install, LAN, peerSide, prepare, send, sendFrame, serverSide, session, TCP, UDP, WAN, WAN_HOP } from "./fixture.ts";
import type { Family } from "./fixture.ts";
import { addressBytes, buildFrame, buildPacket, bytesOf, join } from "./packets.ts";
import type { PacketSpec } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

const body = bytesOf("a body of odd length");
const segment = { flags: "PA", seq: 1000, ack: 2000, body };

/** What a host, a server and a peer send, and what it becomes on the other side. */
function talk(f: Family, proto: number): { host: PacketSpec; server: PacketSpec; outbound: PacketSpec; inbound: PacketSpec } {
  const l4 = (sport: number, dport: number): Partial<PacketSpec> => (proto === TCP ? { tcp: { sport, dport, ...segment } } : { udp: { sport, dport, body } });
  return {
    host: { from: f.host, to: f.server, tos: 0xb9, ...l4(40000, 443) },
    server: { from: f.server, to: f.host, tos: 0x02, ...l4(443, 40000) },
    outbound: { from: f.waypoint, to: f.peer, tos: 0xb9, ttl: 63, ...l4(16384, 16385) },
    inbound: { from: f.peer, to: f.waypoint, tos: 0x02, ...l4(16385, 16384) },
  };
}

describe.each(families)("$name", (f) => {
  test.each([["TCP", TCP], ["UDP", UDP]])("%s from a host leaves rewritten toward the peer, DSCP and ECN kept, TTL less one", async (_name, proto) => {
    await install(harness, ingress(f, proto));
    const got = await send(harness, talk(f, proto).host);
    expect(got.verdict).toBe("forward");
    expect(got.out).toBe(hexOf(talk(f, proto).outbound));
  });

  test.each([["TCP", TCP], ["UDP", UDP]])("%s from the peer leaves rewritten toward the host", async (_name, proto) => {
    await install(harness, ingress(f, proto));
    const got = await send(harness, talk(f, proto).inbound, { ifnum: WAN });
    expect(got.verdict).toBe("forward");
    expect(got.out).toBe(hexOf({ ...talk(f, proto).server, ttl: 63 }));
  });

  test.each([["TCP", TCP], ["UDP", UDP]])("%s arrives at the egress and leaves toward the server; its answer goes back", async (_name, proto) => {
    await install(harness, egress(f, proto));
    const l4 = (sport: number, dport: number): Partial<PacketSpec> => (proto === TCP ? { tcp: { sport, dport, ...segment } } : { udp: { sport, dport, body } });
    const there = await send(harness, { from: f.peer, to: f.waypoint, ...l4(16384, 16385) }, { ifnum: WAN });
    expect(there).toMatchObject({ verdict: "forward", out: hexOf({ from: f.host, to: f.server, ttl: 63, ...l4(40000, 443) }) });
    const back = await send(harness, { from: f.server, to: f.host, ...l4(443, 40000) });
    expect(back).toMatchObject({ verdict: "forward", out: hexOf({ from: f.waypoint, to: f.peer, ttl: 63, ...l4(16385, 16384) }) });
  });

  test("N-1 N-5 source and destination NAT at the egress, both directions", async () => {
    const inside = serverSide(f, TCP, { remote: f.server, remotePort: 8443, local: f.nat, localPort: 20000 });
    await install(harness, { sides: [peerSide(f, TCP, { first: false }), inside], fields: { tcp_state: 3 } });
    const there = await send(harness, { from: f.peer, to: f.waypoint, tcp: { sport: 16384, dport: 16385, ...segment } }, { ifnum: WAN });
    expect(there.out).toBe(hexOf({ from: f.nat, to: f.server, ttl: 63, tcp: { sport: 20000, dport: 8443, ...segment } }));
    const back = await send(harness, { from: f.server, to: f.nat, tcp: { sport: 8443, dport: 20000, ...segment } });
    expect(back.out).toBe(hexOf({ from: f.waypoint, to: f.peer, ttl: 63, tcp: { sport: 16385, dport: 16384, ...segment } }));
  });

  test("a transit router joins two segments", async () => {
    const next = peerSide(f, UDP, { remote: f.nat, remotePort: 30001, localPort: 30000, path: 2 });
    await install(harness, { sides: [peerSide(f, UDP, { first: false }), next] });
    const got = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16384, dport: 16385, body } }, { ifnum: WAN });
    expect(got).toMatchObject({ verdict: "forward", out: hexOf({ from: f.waypoint, to: f.nat, ttl: 63, udp: { sport: 30000, dport: 30001, body } }) });
  });

  test("counts packets and bytes per side, sets last-seen, leaves the other side alone", async () => {
    await install(harness, ingress(f, UDP));
    await send(harness, talk(f, UDP).host);
    await send(harness, talk(f, UDP).host);
    await send(harness, talk(f, UDP).inbound, { ifnum: WAN });
    const bytes = f.header + 8 + body.length;
    const after = await session(harness);
    expect(after).toMatchObject({ packets0: 2, packets1: 1, bytes0: 2 * bytes, bytes1: bytes });
    expect(after["seen_ms0"]).toBeGreaterThan(0);
    expect(after["setup_ms"]).toBeGreaterThan(900);
    expect(after["setup_ms"]).toBeLessThan(5000);
  });

  test("counts the interfaces it came in and left by", async () => {
    await install(harness, ingress(f, UDP));
    const before = [await harness.ask("stats", { ifnum: LAN }), await harness.ask("stats", { ifnum: WAN })] as const;
    await send(harness, talk(f, UDP).host);
    const after = [await harness.ask("stats", { ifnum: LAN }), await harness.ask("stats", { ifnum: WAN })] as const;
    expect(after[0].rxPackets - before[0].rxPackets).toBe(1);
    expect(after[1].txPackets - before[1].txPackets).toBe(1);
    expect(after[1].txBytes - before[1].txBytes).toBe(f.header + 8 + body.length);
  });

  test.each([["TCP", TCP], ["UDP", UDP], ["ICMP", f.icmp]])("%s: the sum that a driver supplied of the whole packet stays true", async (_name, proto) => {
    await install(harness, ingress(f, proto));
    const packet: PacketSpec = proto === f.icmp ? { from: f.host, to: f.server, icmp: { type: f.ask, id: 77, body } } : talk(f, proto).host;
    expect((await send(harness, packet, { complete: true })).verdict).toBe("forward");
  });

  test("what follows the IP packet in a large frame does not leave", async () => {
    await install(harness, ingress(f, UDP));
    const frame = buildFrame(join(buildPacket(talk(f, UDP).host), new Uint8Array(1400).fill(0x5a)));
    expect(await sendFrame(harness, frame)).toMatchObject({ verdict: "forward", out: hexOf(talk(f, UDP).outbound) });
  });

  test("a packet whose length is a lie counts the bytes that came", async () => {
    const packet = buildPacket(talk(f, UDP).host);
    packet.set([0xff, 0xf0], f.family === 4 ? 2 : 4);
    const before = await harness.ask("stats", { ifnum: LAN });
    expect((await sendFrame(harness, buildFrame(packet))).verdict).toBe("drop:filter");
    expect((await harness.ask("stats", { ifnum: LAN })).rxBytes - before.rxBytes).toBe(packet.length);
  });

  test("P-6 RB-28 the same 5-tuple on another VLAN or interface is another session", async () => {
    await install(harness, { slot: 0, ...ingress(f, UDP) });
    const tagged = hostSide(f, UDP, { vlan: 77 });
    await install(harness, { slot: 1, sides: [tagged, peerSide(f, UDP, { localPort: 20000, remotePort: 20001 })] });
    const plain = await send(harness, talk(f, UDP).host);
    const vlan = await send(harness, talk(f, UDP).host, { vlan: 77 });
    const other = await send(harness, talk(f, UDP).host, { ifnum: LAN + 5, flags: 2 });
    expect(plain.out).toBe(hexOf(talk(f, UDP).outbound));
    expect(vlan.out).toBe(hexOf({ ...talk(f, UDP).outbound, udp: { sport: 20000, dport: 20001, body } }));
    expect(other.verdict).toBe("punt:miss");
    expect((await session(harness, 1))["packets0"]).toBe(1);
  });

  test("leaves with the VLAN tag of the next hop, and without the one it came with", async () => {
    await harness.ask("nexthop", { index: 50, ifindex: 1, ifnum: WAN, mtu: 1500, vlan: 9 });
    await install(harness, { sides: [hostSide(f, UDP, { vlan: 77 }), peerSide(f, UDP, { nexthop: 50 })] });
    const got = await send(harness, talk(f, UDP).host, { vlan: 77 });
    expect(got.verdict).toBe("forward");
    expect(got.out).toBe(hexOf(talk(f, UDP).outbound)); // the new tag stands beside the packet until the device puts it in
  });

  test("leaves by a gateway, of either family", async () => {
    for (const [index, other] of families.entries()) {
      await harness.ask("nexthop", { index: 51 + index, ifindex: 1, ifnum: WAN, family: other.family, gateway: addressBytes(other.peer), mtu: 1500, vlan: 0 });
      await install(harness, { slot: index, sides: [hostSide(f, UDP), peerSide(f, UDP, { nexthop: 51 + index })] });
      expect(await send(harness, talk(f, UDP).host)).toMatchObject({ verdict: "forward", out: hexOf(talk(f, UDP).outbound) });
      await prepare(harness);
    }
  });

  test("no next hop: dropped with its reason, nothing counted", async () => {
    await install(harness, { sides: [hostSide(f, UDP), peerSide(f, UDP, { nexthop: 999 })] });
    expect((await send(harness, talk(f, UDP).host)).verdict).toBe("drop:no-nexthop");
    expect(await session(harness)).toMatchObject({ packets0: 0, bytes0: 0, seen_ms0: 0 });
  });

  test("frame padding behind the packet is not counted and does not disturb", async () => {
    await install(harness, ingress(f, UDP));
    const spec = { ...talk(f, UDP).host, udp: { sport: 40000, dport: 443, body: bytesOf("x") } };
    const got = await sendFrame(harness, buildFrame(join(buildPacket(spec), new Uint8Array(11))));
    expect(got.out).toBe(hexOf({ ...talk(f, UDP).outbound, udp: { sport: 16384, dport: 16385, body: bytesOf("x") } }) + "00".repeat(f.family === 4 ? 11 : 0)); // an IPv6 frame is larger than the least one without it
    expect((await session(harness))["bytes0"]).toBe(f.header + 9);
  });

  test("protocols without ports change addresses only", async () => {
    const proto = 47;
    await install(harness, { sides: [hostSide(f, proto, { remotePort: 0, localPort: 0 }), { ...serverSide(f, proto, { remotePort: 0, localPort: 0, local: f.nat }) }] });
    const got = await send(harness, { from: f.host, to: f.server, raw: { proto, body } });
    expect(got).toMatchObject({ verdict: "forward", out: hexOf({ from: f.nat, to: f.server, ttl: 63, raw: { proto, body } }) });
  });
});

test("450 sessions in an index of 256 buckets are all found, whichever of their two buckets they stand in", async () => {
  expect(await harness.ask("fill", { from: 0, count: 450 })).toEqual({ placed: 450 });
  const verdicts = new Map<string, number>();
  for (let i = 0; i < 450; i++) {
    const got = await send(harness, { from: `10.0.${i >> 8}.${i & 255}`, to: "10.200.0.1", udp: { sport: 256, dport: 512 } }, { ifnum: 1, flags: 2 });
    verdicts.set(got.verdict, (verdicts.get(got.verdict) ?? 0) + 1);
  }
  expect([...verdicts]).toEqual([["drop:no-nexthop", 450]]); // they lead nowhere, so a hit has its own reason
});

describe.each(families)("$name speed, order of magnitude only", (f) => {
  test.each([["TCP", TCP], ["UDP", UDP]])("%s: a packet of a session costs less than 2 microseconds", async (_name, proto) => {
    await install(harness, { sides: [hostSide(f, proto), serverSide(f, proto)], fields: { tcp_state: proto === TCP ? 3 : 0 } }); // leaves as it came, so it can be repeated
    await harness.ask("interface", { ifindex: 1, ifnum: LAN, flags: 2 });
    const ran = await harness.ask("run", { data: buildFrame(buildPacket({ ...talk(f, proto).host, ttl: 255 })), repeat: 250 });
    expect(ran).toMatchObject({ code: 7, reason: 0 });
    expect((await session(harness))["packets0"]).toBe(250);
    expect(ran.ns).toBeLessThan(2000);
  });
});

describe("IPv4 header", () => {
  const f = families[0]!;

  test("DF is set toward a peer and left as it came toward a host (protocol 2.7)", async () => {
    await install(harness, ingress(f, UDP));
    const udp = { sport: 40000, dport: 443, body };
    const out = await send(harness, { from: f.host, to: f.server, df: false, id: 99, udp });
    expect(out.out).toBe(hexOf({ from: f.waypoint, to: f.peer, ttl: 63, df: true, id: 99, udp: { sport: 16384, dport: 16385, body } }));
    const back = await send(harness, { from: f.peer, to: f.waypoint, df: false, udp: { sport: 16385, dport: 16384, body } }, { ifnum: WAN });
    expect(back.out).toBe(hexOf({ from: f.server, to: f.host, ttl: 63, df: false, udp: { sport: 443, dport: 40000, body } }));
  });

  test("protocol 2.7: on a path without a known MTU DF=0 and an identification of its own, the checksum following; toward a host as it came", async () => {
    await install(harness, ingress(f, UDP));
    await harness.ask("nexthop", { index: WAN_HOP, ifindex: 1, flags: 1, mtu: 1500, ifnum: WAN, mss4: 1340, mss6: 1320, vlan: 0 });
    const udp = { sport: 40000, dport: 443, body };
    const ids = new Set<number>();
    for (const df of [true, false]) {
      for (let round = 0; round < 20; round++) {
        const { out, verdict } = await send(harness, { from: f.host, to: f.server, df, id: 99, udp });
        const id = parseInt(out.slice(8, 12), 16);
        expect([verdict, out]).toEqual(["forward", hexOf({ from: f.waypoint, to: f.peer, ttl: 63, df: false, id, udp: { sport: 16384, dport: 16385, body } })]);
        ids.add(id);
      }
    }
    expect(ids.size).toBeGreaterThan(35); // 40 numbers drawn of 65,536
    const back = await send(harness, { from: f.peer, to: f.waypoint, df: false, id: 7, udp: { sport: 16385, dport: 16384, body } }, { ifnum: WAN });
    expect(back.out).toBe(hexOf({ from: f.server, to: f.host, ttl: 63, df: false, id: 7, udp: { sport: 443, dport: 40000, body } }));
  });

  test.each([["router alert", [0x94, 4, 0, 0]], ["forty bytes", [...new Array<number>(39).fill(1), 0]]])("options are not carried: %s", async (_name, options) => {
    await install(harness, ingress(f, TCP));
    for (const complete of [false, true]) {
      const got = await send(harness, { from: f.host, to: f.server, options, tcp: { sport: 40000, dport: 443, ...segment } }, { complete });
      expect(got).toMatchObject({ verdict: "forward", out: hexOf({ from: f.waypoint, to: f.peer, ttl: 63, tcp: { sport: 16384, dport: 16385, ...segment } }) });
    }
  });

  test("a wrong header checksum stays wrong: nothing is repaired on the way", async () => {
    await install(harness, ingress(f, UDP));
    const packet = buildPacket({ from: f.host, to: f.server, udp: { sport: 40000, dport: 443, body } });
    packet[10]! ^= 0x10;
    const good = hexOf({ from: f.waypoint, to: f.peer, ttl: 63, udp: { sport: 16384, dport: 16385, body } });
    const got = await sendFrame(harness, buildFrame(packet));
    expect(got.verdict).toBe("forward");
    expect(got.out.slice(20, 24)).not.toBe(good.slice(20, 24));
    expect(got.out.slice(24)).toBe(good.slice(24));
  });

  test("UDP checksum 0 over IPv4 stays 0, both directions", async () => {
    await install(harness, ingress(f, UDP));
    const there = await send(harness, { from: f.host, to: f.server, udp: { sport: 40000, dport: 443, body, noChecksum: true } });
    expect(there.out).toBe(hexOf({ from: f.waypoint, to: f.peer, ttl: 63, udp: { sport: 16384, dport: 16385, body, noChecksum: true } }));
    const back = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, body, noChecksum: true } }, { ifnum: WAN });
    expect(back.out).toBe(hexOf({ from: f.server, to: f.host, ttl: 63, udp: { sport: 443, dport: 40000, body, noChecksum: true } }));
  });
});

describe("IPv6 header", () => {
  const f = families[1]!;

  test("the flow label is the session's toward peers and left alone toward hosts (protocol 14)", async () => {
    await install(harness, ingress(f, UDP, { label: 0xabcde }));
    const out = await send(harness, { from: f.host, to: f.server, flowLabel: 0x11111, udp: { sport: 40000, dport: 443, body } });
    expect(out.out).toBe(hexOf({ from: f.waypoint, to: f.peer, ttl: 63, flowLabel: 0xabcde, udp: { sport: 16384, dport: 16385, body } }));
    const back = await send(harness, { from: f.peer, to: f.waypoint, flowLabel: 0xabcde, udp: { sport: 16385, dport: 16384, body } }, { ifnum: WAN });
    expect(back.out).toBe(hexOf({ from: f.server, to: f.host, ttl: 63, flowLabel: 0xabcde, udp: { sport: 443, dport: 40000, body } }));
  });
});

describe.each(families)("$name UDP checksums that come out as zero", (f) => {
  test("are written as all ones", async () => {
    await install(harness, ingress(f, UDP));
    const frames: string[] = [];
    for (let word = 0; word < 0x10000 && frames.length === 0; word++) {
      const tail = new Uint8Array([word >> 8, word & 255]);
      const out = hexOf({ from: f.waypoint, to: f.peer, ttl: 63, udp: { sport: 16384, dport: 16385, body: tail } });
      if (out.slice(2 * (f.header + 6), 2 * (f.header + 8)) !== "ffff") continue;
      const got = await send(harness, { from: f.host, to: f.server, udp: { sport: 40000, dport: 443, body: tail } });
      expect(got.out).toBe(out);
      frames.push(out);
    }
    expect(frames).toHaveLength(1);
  });
});
