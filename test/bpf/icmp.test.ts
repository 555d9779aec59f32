// ICMP queries: between hosts with another identifier, and on and off their UDP carrier (protocol 3.3). Both checksums of the
// packet out are computed in full by the builder.
import { openHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { egress, families, hexOf, hostSide, ingress, install, peerSide, prepare, send, sendFrame, serverSide, session, UDP, WAN } from "./fixture.ts";
import { buildFrame, buildPacket, bytesOf } from "./packets.ts";
import type { IcmpSpec } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

const body = bytesOf("an odd ping body.");
const sizes = [["empty", new Uint8Array()], ["even", bytesOf("even body!")], ["odd", body]] as const;

describe.each(families)("$name", (f) => {
  const ask = (more: Partial<IcmpSpec> = {}): IcmpSpec => ({ type: f.ask, id: 77, seq: 5, body, ...more });
  const answer = (more: Partial<IcmpSpec> = {}): IcmpSpec => ({ type: f.answer, id: 77, seq: 5, body, ...more });

  test.each(sizes)("W-7 a request from a host gets its UDP carrier, body %s", async (_name, text) => {
    await install(harness, ingress(f, f.icmp));
    const got = await send(harness, { from: f.host, to: f.server, icmp: ask({ body: text }) });
    expect(got).toMatchObject({ verdict: "forward", out: hexOf({ from: f.waypoint, to: f.peer, ttl: 63, udp: { sport: 16384, dport: 16385, icmp: ask({ body: text }) } }) });
  });

  test.each(sizes)("W-7 the answer loses its carrier toward the host, body %s", async (_name, text) => {
    await install(harness, ingress(f, f.icmp));
    const got = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, icmp: answer({ body: text }) } }, { ifnum: WAN });
    expect(got).toMatchObject({ verdict: "forward", out: hexOf({ from: f.server, to: f.host, ttl: 63, icmp: answer({ body: text }) }) });
  });

  test("W-7 at the egress with source NAT the identifier changes toward the server and back", async () => {
    const inside = serverSide(f, f.icmp, { local: f.nat, localPort: 20000 });
    await install(harness, { sides: [peerSide(f, f.icmp, { first: false }), inside], fields: { context_proto: f.icmp, context_source_port_be: 77 } });
    const there = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16384, dport: 16385, icmp: ask() } }, { ifnum: WAN });
    expect(there).toMatchObject({ verdict: "forward", out: hexOf({ from: f.nat, to: f.server, ttl: 63, icmp: ask({ id: 20000 }) }) });
    const back = await send(harness, { from: f.server, to: f.nat, icmp: answer({ id: 20000 }) });
    expect(back).toMatchObject({ verdict: "forward", out: hexOf({ from: f.waypoint, to: f.peer, ttl: 63, udp: { sport: 16385, dport: 16384, icmp: answer() } }) });
  });

  test("a single router changes the identifier between two hosts", async () => {
    await install(harness, { sides: [hostSide(f, f.icmp), serverSide(f, f.icmp, { local: f.nat, localPort: 20000 })], fields: { context_proto: f.icmp } });
    const there = await send(harness, { from: f.host, to: f.server, icmp: ask() });
    expect(there).toMatchObject({ verdict: "forward", out: hexOf({ from: f.nat, to: f.server, ttl: 63, icmp: ask({ id: 20000 }) }) });
    const back = await send(harness, { from: f.server, to: f.nat, icmp: answer({ id: 20000 }) });
    expect(back).toMatchObject({ verdict: "forward", out: hexOf({ from: f.server, to: f.host, ttl: 63, icmp: answer() }) });
  });

  test("a transit router passes the carrier as it is", async () => {
    const next = peerSide(f, f.icmp, { remote: f.nat, remotePort: 30001, localPort: 30000, path: 2 });
    await install(harness, { sides: [peerSide(f, f.icmp, { first: false }), next], fields: { context_proto: f.icmp, context_source_port_be: 77 } });
    const got = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16384, dport: 16385, icmp: ask() } }, { ifnum: WAN });
    expect(got).toMatchObject({ verdict: "forward", out: hexOf({ from: f.waypoint, to: f.nat, ttl: 63, udp: { sport: 30000, dport: 30001, icmp: ask() } }) });
    expect((await session(harness))["bytes0"]).toBe(f.header + 8 + body.length);
  });

  test("L-1 bytes are those of the inner packet on the host side and on the peer side", async () => {
    await install(harness, ingress(f, f.icmp));
    await send(harness, { from: f.host, to: f.server, icmp: ask() });
    await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, icmp: answer() } }, { ifnum: WAN });
    const inner = f.header + 8 + body.length;
    expect(await session(harness)).toMatchObject({ packets0: 1, packets1: 1, bytes0: inner, bytes1: inner });
  });

  test("a request from the other side is not an answer", async () => {
    await install(harness, ingress(f, f.icmp));
    const got = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, icmp: ask() } }, { ifnum: WAN });
    expect(got.verdict).toBe("drop:state");
  });

  test.each([
    ["too short for an ICMP header", { body: bytesOf("short") }, "drop:filter"],
    ["without a UDP checksum nothing can be derived: the shard does it", { noChecksum: true, icmp: { type: f.answer, id: 77 } }, "punt:slow"],
  ])("a carried message %s", async (_name, udp, verdict) => {
    await install(harness, ingress(f, f.icmp));
    const got = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, ...udp } }, { ifnum: WAN });
    expect(got.verdict).toBe(verdict);
  });

  test("a carried message whose UDP length contradicts the IP length is dropped: no checksum can be derived", async () => {
    await install(harness, ingress(f, f.icmp));
    const packet = buildPacket({ from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, icmp: answer() } });
    packet[f.header + 5]! -= 1;
    expect((await sendFrame(harness, buildFrame(packet), { ifnum: WAN })).verdict).toBe("drop:filter");
  });

  test("the carrier counts for the MTU of the path, and its absence for the LAN", async () => {
    const hop = { ifindex: 1 };
    await harness.ask("nexthop", { ...hop, index: 60, ifnum: WAN, mtu: f.header + 8 + body.length + 7 });
    await harness.ask("nexthop", { ...hop, index: 61, ifnum: 3, mtu: f.header + 8 + body.length });
    await install(harness, { sides: [hostSide(f, f.icmp, { nexthop: 61 }), peerSide(f, f.icmp, { nexthop: 60 })], fields: { context_proto: f.icmp, context_source_port_be: 77 } });
    expect((await send(harness, { from: f.host, to: f.server, icmp: ask() })).verdict).toBe("punt:mtu");
    const back = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, icmp: answer() } }, { ifnum: WAN });
    expect(back.verdict).toBe("forward");
  });

  test("12.2 an ICMP error is in no session through its header, even with identifier 0", async () => {
    const zero = [hostSide(f, f.icmp, { remotePort: 0 }), peerSide(f, f.icmp)] as const;
    await install(harness, { sides: zero, fields: { context_proto: f.icmp } });
    expect((await send(harness, { from: f.host, to: f.server, icmp: ask({ id: 0 }) })).verdict).toBe("forward");
    expect((await send(harness, { from: f.host, to: f.server, icmp: { type: f.family === 4 ? 3 : 1, id: 0, body } })).verdict).toBe("drop:icmp-error");
  });

  test("12.2 an error about a packet of a session goes to its shard, with the side it came from; about others of ours it is the kernel's", async () => {
    await install(harness, ingress(f, UDP));
    const quote = buildPacket({ from: f.waypoint, to: f.peer, udp: { sport: 16384, dport: 16385, body } });
    const error = { type: f.family === 4 ? 11 : 3, id: 0, seq: 0, body: quote };
    const got = await send(harness, { from: f.nat, to: f.waypoint, icmp: error }, { ifnum: WAN });
    expect([got.verdict, got.punt?.entry]).toEqual(["punt:error", 3]);
    const other = buildPacket({ from: f.waypoint, to: f.peer, udp: { sport: 16386, dport: 16385, body } });
    expect((await send(harness, { from: f.nat, to: f.waypoint, icmp: { ...error, body: other } }, { ifnum: WAN })).verdict).toBe("pass");
  });

  test("an answer with another identifier, or with no request, is a first packet", async () => {
    await install(harness, egress(f, f.icmp));
    expect((await send(harness, { from: f.server, to: f.host, icmp: answer({ id: 78 }) })).verdict).toBe("punt:miss");
    expect((await send(harness, { from: f.server, to: f.host, icmp: ask() })).verdict).toBe("punt:miss");
  });
});

describe("IPv4 queries besides echo", () => {
  const f = families[0]!;

  test.each([["timestamp", 13, 14], ["address mask", 17, 18]])("%s has an identifier too", async (_name, type, reply) => {
    await install(harness, ingress(f, f.icmp));
    const there = await send(harness, { from: f.host, to: f.server, icmp: { type, id: 77, body } });
    expect(there).toMatchObject({ verdict: "forward", out: hexOf({ from: f.waypoint, to: f.peer, ttl: 63, udp: { sport: 16384, dport: 16385, icmp: { type, id: 77, body } } }) });
    const back = await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 16385, dport: 16384, icmp: { type: reply, id: 77, body } } }, { ifnum: WAN });
    expect(back.verdict).toBe("forward");
  });

  test("options are stripped before the carrier is put on", async () => {
    await install(harness, ingress(f, f.icmp));
    const got = await send(harness, { from: f.host, to: f.server, options: [0x94, 4, 0, 0], icmp: { type: 8, id: 77, body } });
    expect(got.out).toBe(hexOf({ from: f.waypoint, to: f.peer, ttl: 63, udp: { sport: 16384, dport: 16385, icmp: { type: 8, id: 77, body } } }));
  });
});
