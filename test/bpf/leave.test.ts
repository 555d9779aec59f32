// Frames that shards write to loopback, and the token buckets in front of the rings.
import { openHarness } from "./harness.ts";
import type { Harness } from "./harness.ts";
import { families, LAN, prepare, send, WAN, WAN_HOP } from "./fixture.ts";
import { addressBytes, buildFrame, buildPacket, bytesOf, cookie } from "./packets.ts";

let harness: Harness;
beforeAll(() => { harness = openHarness(); });
afterAll(async () => { await harness.close(); });
beforeEach(async () => { await prepare(harness); });

const secret = [2, 1, 2, 3, 4, 5];
const NO_NEXTHOP = 65;
const toHop = (hop: number): number[] => [0x02, 0x53, 0x56, 0x52, hop >> 8, hop & 255];

describe.each(families)("$name injected frames", (f) => {
  const packet = buildPacket({ from: f.waypoint, to: f.peer, udp: { sport: 16384, dport: 16385, body: bytesOf("from a shard") } });

  test("leave by the next hop that they name, packet untouched, counted", async () => {
    const before = await harness.ask("stats", { ifnum: WAN });
    const got = await harness.ask("run", { prog: "inject", data: buildFrame(packet, { to: toHop(WAN_HOP), from: secret }) });
    expect(got).toMatchObject({ code: 7, reason: 0 });
    expect(got.out).toBe(Buffer.from(buildFrame(packet, { to: toHop(WAN_HOP), from: secret })).toString("hex")); // the kernel's neighbour puts link addresses in when it leaves the device
    const after = await harness.ask("stats", { ifnum: WAN });
    expect([after.txPackets - before.txPackets, after.txBytes - before.txBytes]).toEqual([1, packet.length]);
  });

  test("leave by a gateway", async () => {
    await harness.ask("nexthop", { index: 80, ifindex: 1, ifnum: WAN, family: f.family, gateway: addressBytes(f.peer) });
    expect(await harness.ask("run", { prog: "inject", data: buildFrame(packet, { to: toHop(80), from: secret }) })).toMatchObject({ code: 7, reason: 0 });
  });

  test.each([
    ["another destination MAC", [2, 0x53, 0x56, 0x53, 0, WAN_HOP], secret, undefined], ["another source MAC", toHop(WAN_HOP), [2, 1, 2, 3, 4, 6], undefined],
    ["another ethertype", toHop(WAN_HOP), secret, 0x0806],
  ])("%s: not ours, passes", async (_name, to, from, type) => {
    const frame = buildFrame(packet, { to, from, ...(type === undefined ? {} : { type }) });
    expect(await harness.ask("run", { prog: "inject", data: frame })).toMatchObject({ code: -1, reason: 0 });
  });

  test("a next hop that is missing drops with its reason", async () => {
    expect(await harness.ask("run", { prog: "inject", data: buildFrame(packet, { to: toHop(999), from: secret }) })).toMatchObject({ code: 2, reason: NO_NEXTHOP });
  });
});

/** Verdicts of `count` first packets that differ in their port. */
async function burst(count: number, one: (port: number) => Promise<string>): Promise<string[]> {
  const seen: string[] = [];
  for (let port = 1; port <= count; port++) seen.push(await one(port));
  return seen;
}

describe.each(families)("$name token buckets", (f) => {
  const first = (from: string) => async (sport: number): Promise<string> => (await send(harness, { from, to: f.server, udp: { sport, dport: 53 } })).verdict;
  const metadata = (from: string) => async (sport: number): Promise<string> =>
    (await send(harness, { from, to: f.waypoint, udp: { sport, dport: 1, body: cookie } }, { ifnum: WAN })).verdict;
  const miss = "punt:miss", drop = "drop:rate", meta = "punt:metadata";

  test("a tenant's burst goes up, the rest is dropped, another tenant is not touched", async () => {
    const member = { ifnum: LAN, vlan: 0, family: f.family };
    await harness.ask("member", { ...member, address: addressBytes(f.host), bits: f.family === 4 ? 32 : 128, tenant: 5 });
    await harness.ask("member", { ...member, address: "", bits: 0, tenant: 6 });
    await harness.ask("rate", { key: 5, per_second: 1, burst: 3 });
    expect(await burst(5, first(f.host))).toEqual([miss, miss, miss, drop, drop]);
    expect(await burst(5, first(f.nat))).toEqual([miss, miss, miss, miss, miss]);
  });

  test("the longest prefix says who the tenant is, VLANs apart", async () => {
    await harness.ask("member", { ifnum: LAN, vlan: 0, family: f.family, address: "", bits: 0, tenant: 5 });
    await harness.ask("member", { ifnum: LAN, vlan: 9, family: f.family, address: "", bits: 0, tenant: 6 });
    await harness.ask("rate", { key: 5, per_second: 1, burst: 1 });
    expect(await burst(2, first(f.host))).toEqual([miss, drop]);
    expect((await send(harness, { from: f.host, to: f.server, udp: { sport: 1, dport: 53 } }, { vlan: 9 })).verdict).toBe(miss);
  });

  test("hosts of no tenant share one bucket", async () => {
    await harness.ask("rate", { key: 0xffffffff, per_second: 1, burst: 2 });
    expect(await burst(3, first(f.host))).toEqual([miss, miss, drop]);
    expect(await burst(1, first(f.nat))).toEqual([drop]);
  });

  test("each remote address has a bucket of its own on a waypoint address", async () => {
    await harness.ask("rate", { key: 0, per_second: 1, burst: 2 });
    expect(await burst(3, metadata(f.peer))).toEqual([meta, meta, drop]);
    expect(await burst(3, metadata(f.host))).toEqual([meta, meta, drop]);
  });

  test("rate 0 and no entry are unlimited, and a bucket fills again", async () => {
    await harness.ask("rate", { key: 0, per_second: 0, burst: 1 });
    expect(new Set(await burst(20, metadata(f.peer)))).toEqual(new Set([meta]));
    await harness.ask("rate", { key: 0, per_second: 100_000, burst: 1 });
    expect((await burst(20, metadata(f.peer))).filter((verdict) => verdict === meta).length).toBeGreaterThan(1);
  });

  test("when the map of buckets is full the rest share one: a flood of sources is bounded", async () => {
    await harness.ask("rate", { key: 0, per_second: 1, burst: 1 });
    expect(await harness.ask("sweep")).toEqual({ code: 0 });
    const sources = f.family === 4 ? (i: number): string => `10.9.0.${i}` : (i: number): string => `fd00:9::${i.toString(16)}`;
    const seen = await burst(40, (i) => metadata(sources(i))(1));
    expect(seen.filter((verdict) => verdict === meta).length).toBeLessThanOrEqual(9);
    expect((await harness.ask("tokens")).count).toBeLessThanOrEqual(8);
  });
});

test("the sweeper forgets idle buckets, and keeps the shared one and those in use", async () => {
  const f = families[0]!;
  for (let number = 1; number <= 5; number++) await harness.ask("stale", { number });
  await harness.ask("rate", { key: 0, per_second: 1, burst: 1 });
  expect((await send(harness, { from: f.peer, to: f.waypoint, udp: { sport: 1, dport: 1, body: cookie } }, { ifnum: WAN })).verdict).toBe("punt:metadata");
  expect(await harness.ask("sweep")).toEqual({ code: 0 });
  const deadline = Date.now() + 4500;
  let count = 99;
  while (count > 2 && Date.now() < deadline) {
    expect(await harness.ask("walks", { walks: 2 })).toEqual({ ok: true });
    count = (await harness.ask("tokens")).count;
  }
  expect(count).toBe(2);
});
