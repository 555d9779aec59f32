// Packets of protected sessions: which go to a protect worker when they arrive and when they leave, what its record says, how opened
// and sealed packets come back through loopback. The worker is played by the test; keys are nobody's business here.
import { Flag, Protect } from "../../pkg/svr/session.ts";
import { openHarness } from "./harness.ts";
import type { Harness, Words } from "./harness.ts";
import { egress, families, hexOf, ingress, install, LAN, prepare, runInjected, send, session, TCP, UDP, WAN, WAN_HOP } from "./fixture.ts";
import type { Family } from "./fixture.ts";
import { buildPacket, bytesOf, cookie, join } from "./packets.ts";
import type { PacketSpec } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

const OPENED = 0x4f, SEALED = 0x4c, SHIFT = 20, PROTECT_RING = 64, PLAIN = 8; // SVR_PUNT_PLAIN
const FORWARD = 2, REVERSE = 3; // index entries of slot 0
const text = bytesOf("a body");
const bits = (protect: number, more: Words = {}): Words => ({ label: protect << SHIFT, ...more });

function fromHost(f: Family, proto: number, body = text): PacketSpec {
  return proto === TCP ? { from: f.host, to: f.server, tcp: { sport: 40000, dport: 443, flags: "A", seq: 1, ack: 1, body } } : { from: f.host, to: f.server, udp: { sport: 40000, dport: 443, body } };
}

function toPeer(f: Family, proto: number, body = text): PacketSpec {
  const l4 = proto === TCP ? { tcp: { sport: 16384, dport: 16385, flags: "A", seq: 1, ack: 1, body } } : { udp: { sport: 16384, dport: 16385, body } };
  return { from: f.waypoint, to: f.peer, ttl: 63, ...l4 };
}

function fromPeer(f: Family, proto: number, body = text): PacketSpec {
  const l4 = proto === TCP ? { tcp: { sport: 16385, dport: 16384, flags: "A", seq: 1, ack: 1, body } } : { udp: { sport: 16385, dport: 16384, body } };
  return { from: f.peer, to: f.waypoint, ...l4 };
}

function toHost(f: Family, proto: number, body = text): PacketSpec {
  const l4 = proto === TCP ? { tcp: { sport: 443, dport: 40000, flags: "A", seq: 1, ack: 1, body } } : { udp: { sport: 443, dport: 40000, body } };
  return { from: f.server, to: f.host, ttl: 63, ...l4 };
}

const cases = families.flatMap((f) => [{ f, proto: TCP, name: `${f.name} TCP` }, { f, proto: UDP, name: `${f.name} UDP` }]);

describe.each(cases)("$name", ({ f, proto }) => {
  test("SEAL: rewritten and booked as if it left, then the worker's, with its next hop; nothing is counted as sent", async () => {
    await install(harness, ingress(f, proto, bits(Protect.sealFwd)));
    const before = await harness.ask("stats", { ifnum: WAN });
    const got = await send(harness, fromHost(f, proto));
    expect(got).toMatchObject({ verdict: "punt:seal", punt: { shard: PROTECT_RING, entry: FORWARD, local: WAN_HOP, gsoSize: 0, flags: PLAIN, data: hexOf(toPeer(f, proto)) } });
    expect(await session(harness)).toMatchObject({ packets0: 1 });
    expect(await harness.ask("stats", { ifnum: WAN })).toEqual(before);
  });

  test.each([["ends", Protect.bodyFwd | Protect.bodyRev], ["that others encrypt", Protect.encrypted | Protect.encryptedRev]])("027 a record says that its body is not encrypted unless it is, here or by the ends (%s)", async (_name, encrypted) => {
    await install(harness, ingress(f, proto, bits(Protect.sealFwd | Protect.openRev | encrypted)));
    expect([(await send(harness, fromHost(f, proto))).punt?.flags, (await send(harness, fromPeer(f, proto), { ifnum: WAN })).punt?.flags]).toEqual([0, 0]);
    await install(harness, ingress(f, proto, bits(Protect.sealFwd | Protect.openRev | (encrypted & (Protect.bodyFwd | Protect.encrypted)))));
    expect([(await send(harness, fromHost(f, proto))).punt?.flags, (await send(harness, fromPeer(f, proto), { ifnum: WAN })).punt?.flags]).toEqual([0, PLAIN]);
  });

  test("the other direction's bits change nothing", async () => {
    await install(harness, ingress(f, proto, bits(Protect.sealRev | Protect.openFwd << 1 | Protect.bodyRev)));
    expect((await send(harness, fromHost(f, proto))).verdict).toBe("forward");
  });

  test("OPEN: as it came, to the worker, and nothing of the session changes", async () => {
    await install(harness, ingress(f, proto, bits(Protect.openRev)));
    const got = await send(harness, fromPeer(f, proto), { ifnum: WAN });
    expect(got).toMatchObject({ verdict: "punt:open", punt: { shard: PROTECT_RING, entry: REVERSE, local: 0, ifnum: WAN, data: hexOf(fromPeer(f, proto)) } });
    expect(await session(harness)).toMatchObject({ packets1: 0, seen_ms1: 0 });
  });

  test("OPEN: with the cookie it is the shard's, whatever else is asked", async () => {
    await install(harness, ingress(f, proto, bits(Protect.openRev, { flags: Flag.revMeta | Flag.revSlow })));
    expect((await send(harness, fromPeer(f, proto, join(cookie, text)), { ifnum: WAN })).verdict).toBe("punt:cookie");
    expect((await send(harness, fromPeer(f, proto), { ifnum: WAN })).verdict).toBe("punt:open");
  });

  test("an opened packet goes on as if it had just arrived, even if its body looks like metadata", async () => {
    await install(harness, ingress(f, proto, bits(Protect.openRev)));
    for (const body of [text, join(cookie, text)]) {
      const got = await runInjected(harness, buildPacket(fromPeer(f, proto, body)), { word: OPENED, entry: REVERSE });
      expect(got).toMatchObject({ verdict: "forward", out: hexOf(toHost(f, proto, body)) });
    }
    expect(await session(harness)).toMatchObject({ packets1: 2 });
  });

  test("an opened packet that must be sealed again (transit) or needs the shard says so", async () => {
    await install(harness, ingress(f, proto, bits(Protect.openRev | Protect.sealRev)));
    const packet = buildPacket(fromPeer(f, proto));
    expect(await runInjected(harness, packet, { word: OPENED, entry: REVERSE })).toMatchObject({ verdict: "punt:seal", punt: { entry: REVERSE, flags: 0x4 | PLAIN, data: hexOf(toHost(f, proto)) } });
    await harness.ask("patch", { slot: 0, flags: Flag.revMeta });
    expect(await runInjected(harness, packet, { word: OPENED, entry: REVERSE })).toMatchObject({ verdict: "punt:need-meta", punt: { shard: 0, entry: REVERSE, flags: 0x4 } });
  });

  test("what a worker brings back must be of the session that it names, and that must pass", async () => {
    await install(harness, ingress(f, proto, bits(Protect.openRev)));
    const packet = buildPacket(fromPeer(f, proto));
    for (const entry of [0, 1, FORWARD, 5, 0xffffffff]) expect((await runInjected(harness, packet, { word: OPENED, entry })).verdict).toBe("drop:no-flow");
    expect((await runInjected(harness, packet, { word: OPENED, entry: REVERSE, from: [2, 1, 2, 3, 4, 6] })).verdict).toBe("pass");
    await harness.ask("patch", { slot: 0, life: 3, flags: Flag.delete });
    expect((await runInjected(harness, packet, { word: OPENED, entry: REVERSE })).verdict).toBe("drop:no-flow");
    expect((await runInjected(harness, buildPacket(toPeer(f, proto)), { word: SEALED, entry: FORWARD })).verdict).toBe("drop:no-flow");
  });

  test("an opened packet that is refused is told once, with the tuple of its session's hosts", async () => {
    await install(harness, ingress(f, TCP, { ...bits(Protect.openRev), tenant: 5, service: 9 }));
    const illegal = buildPacket({ from: f.peer, to: f.waypoint, tcp: { sport: 16385, dport: 16384, flags: "SF" } });
    for (const _of of [1, 2]) expect((await runInjected(harness, illegal, { word: OPENED, entry: REVERSE })).verdict).toBe("drop:state");
    const told = await harness.ask("refusals");
    expect(told).toMatchObject([{ reason: 4, tenant: 5, service: 9, path: 1, ifnum: WAN, proto: TCP, destinationPort: 40000, sourcePort: 443 }]);
  });

  test("a sealed packet leaves by its session's next hop, untouched, counted", async () => {
    await install(harness, ingress(f, proto, bits(Protect.sealFwd)));
    const packet = toPeer(f, proto, join(text, new Uint8Array(16))), before = await harness.ask("stats", { ifnum: WAN });
    expect(await runInjected(harness, buildPacket(packet), { word: SEALED, entry: FORWARD })).toMatchObject({ verdict: "forward", out: hexOf(packet) });
    const after = await harness.ask("stats", { ifnum: WAN });
    expect([after.txPackets - before.txPackets, after.txBytes - before.txBytes]).toEqual([1, buildPacket(packet).length]);
    await harness.ask("patch", { slot: 0, "side1.nexthop": 999 });
    expect((await runInjected(harness, buildPacket(packet), { word: SEALED, entry: FORWARD })).verdict).toBe("drop:no-nexthop");
  });

  test.each([["a tag", Protect.sealFwd, 16], ["a tag and an encrypted body", Protect.sealFwd | Protect.bodyFwd, 40], ["nothing, since only the body is told", Protect.bodyFwd, 0]])(
    "MTU: room is kept for %s", async (_name, protect, growth) => {
      await install(harness, ingress(f, proto, bits(protect)));
      const fits = new Uint8Array(1500 - f.header - (proto === TCP ? 20 : 8) - growth).fill(2);
      expect((await send(harness, fromHost(f, proto, fits))).verdict).toBe(growth > 0 ? "punt:seal" : "forward");
      expect((await send(harness, fromHost(f, proto, new Uint8Array(fits.length + 1).fill(2)))).verdict).toBe("punt:mtu");
    });

  test("no worker, or one that is behind: dropped, protect-full", async () => {
    await install(harness, ingress(f, proto, bits(Protect.sealFwd | Protect.openRev)));
    await harness.ask("settings", { protectors: 0 });
    expect((await send(harness, fromHost(f, proto))).verdict).toBe("drop:protect-full");
    await harness.ask("settings", { protectors: 2 });
    await harness.ask("patch", { slot: 0 });
    expect((await send(harness, fromPeer(f, proto), { ifnum: WAN })).verdict).toBe("punt:open"); // slot 0 of two workers is the first one's
    await install(harness, { slot: 1, ...egress(f, proto, bits(Protect.openFwd)) });
    expect((await send(harness, { ...toPeer(f, proto), ttl: 64, from: f.peer, to: f.waypoint }, { ifnum: WAN })).verdict).toBe("drop:protect-full"); // the second has no ring
    await harness.ask("settings", { protectors: 1 });
  });

  test("a capture copies what came and what leaves: sealed on the way out, and the opened packet only as it leaves", async () => {
    await install(harness, ingress(f, proto, bits(Protect.sealFwd | Protect.openRev, { flags: Flag.capture })));
    await harness.ask("want", { slot: 0, packets: new Uint8Array(Uint32Array.from([9, 9, 9, 9]).buffer) });
    expect(await send(harness, fromHost(f, proto))).toMatchObject({ verdict: "punt:seal", punt: { flags: 0x2 | PLAIN } });
    const sealed = toPeer(f, proto, join(text, new Uint8Array(16).fill(7)));
    await runInjected(harness, buildPacket(sealed), { word: SEALED, entry: FORWARD });
    const came = fromPeer(f, proto, join(text, new Uint8Array(16).fill(8)));
    await send(harness, came, { ifnum: WAN });
    await runInjected(harness, buildPacket(fromPeer(f, proto)), { word: OPENED, entry: REVERSE });
    expect((await harness.ask("copies")).map(({ point, ifnum, data }) => [point, ifnum, data])).toEqual([
      [0, LAN, hexOf(fromHost(f, proto))], [1, WAN, hexOf(sealed)], [2, WAN, hexOf(came)], [3, LAN, hexOf(toHost(f, proto))],
    ]);
  });
});

describe.each(families)("$name super-packets", (f) => {
  const body = new Uint8Array(3000).fill(5);

  test("stay whole on both ways to the worker and back", async () => {
    await install(harness, ingress(f, TCP, bits(Protect.sealFwd | Protect.openRev)));
    const sealing = await send(harness, fromHost(f, TCP, body), { gso: 1000 });
    expect(sealing).toMatchObject({ verdict: "punt:seal", punt: { gsoSize: 1000, segments: 3, data: hexOf(toPeer(f, TCP, body)) } });
    expect(await send(harness, fromPeer(f, TCP, body), { ifnum: WAN, gso: 1000 })).toMatchObject({ verdict: "punt:open", punt: { gsoSize: 1000, segments: 3 } });
    expect(await runInjected(harness, buildPacket(fromPeer(f, TCP, body)), { word: OPENED, entry: REVERSE, gso: 1000 })).toMatchObject({ verdict: "forward", out: hexOf(toHost(f, TCP, body)) });
    expect(await session(harness)).toMatchObject({ packets0: 3, packets1: 3 });
  });

  test("MTU: each segment needs the room", async () => {
    await install(harness, ingress(f, TCP, bits(Protect.sealFwd | Protect.bodyFwd)));
    const most = 1500 - f.header - 20 - 40;
    expect((await send(harness, fromHost(f, TCP, body), { gso: most })).verdict).toBe("punt:seal");
    expect((await send(harness, fromHost(f, TCP, body), { gso: most + 1 })).verdict).toBe("punt:mtu");
  });
});

describe.each(families)("$name WATCH", (f) => {
  test("TCP payload goes to the shard in both directions, everything else goes on in the clear", async () => {
    await install(harness, ingress(f, TCP, bits(Protect.watch)));
    const empty = new Uint8Array();
    expect([(await send(harness, fromHost(f, TCP))).verdict, (await send(harness, fromHost(f, TCP, empty))).verdict]).toEqual(["punt:slow", "forward"]);
    expect([(await send(harness, fromPeer(f, TCP), { ifnum: WAN })).verdict, (await send(harness, fromPeer(f, TCP, empty), { ifnum: WAN })).verdict]).toEqual(["punt:slow", "forward"]);
    await harness.ask("patch", { slot: 0, label: 0 });
    expect((await send(harness, fromHost(f, TCP))).verdict).toBe("forward");
    await prepare(harness);
    await install(harness, ingress(f, UDP, bits(Protect.watch)));
    expect((await send(harness, fromHost(f, UDP))).verdict).toBe("forward");
  });

  test("the flow label beside the bits is what leaves", async () => {
    await install(harness, ingress(f, UDP, { label: 0xabcde + (Protect.sealFwd << SHIFT) }));
    const got = await send(harness, fromHost(f, UDP));
    expect(got.punt?.data).toBe(hexOf({ ...toPeer(f, UDP), ...(f.family === 6 && { flowLabel: 0xabcde }) }));
  });
});
