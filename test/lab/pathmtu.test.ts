// Two routers discover the MTU of the paths between them: real messages, signed and verified, over links that carry what they can
// (protocol 9.1, 10.3; M-4, RB-19). The sockets are replaced by the link; what is put in force is what shards and next hops get.
import { sameAddress } from "../../pkg/base/address.ts";
import type { IpAddress, IpFamily } from "../../pkg/base/address.ts";
import type { Datagram } from "../../pkg/ports/peering.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import { createPathMtus, withPathMtus } from "../../pkg/router/pathmtus.ts";
import type { PathMtus } from "../../pkg/router/pathmtus.ts";
import { datapathConfig } from "../../pkg/router/program.ts";
import { createNodeEngine } from "../../pkg/security/node-engine.ts";
import { numberNames } from "../../pkg/router/names.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { chainConfig } from "./config.ts";
import { keysOf } from "./lab.ts";
import { hasMetadata, parsed } from "./packets.ts";

const names = ["east", "west"];
const engine = createNodeEngine();

interface Side { config: RouterConfig; mtus: PathMtus; hear: (datagram: Datagram) => void; heard: readonly IpAddress[]; changes: number; logs: string[] }

interface World { sides: Side[]; sent: Uint8Array[]; carries: (data: Uint8Array) => boolean; bend: (data: Uint8Array) => Uint8Array; unixMs: number; pass(ms: number): void }

function createWorld(each: (config: RouterConfig) => void = () => undefined, aheadMs = 0): World {
  let now = 1_000_000;
  const world: World = {
    sides: [], sent: [], carries: () => true, bend: (data) => data, unixMs: 1_767_225_600_000,
    pass(ms) {
      for (const end = now + ms; now < end; now += 250) for (const side of world.sides) side.mtus.tick();
    },
  };
  for (const [index] of names.entries()) {
    const clock = { monotonicMs: () => now, unixMs: () => world.unixMs + index * aheadMs };
    const config = chainConfig({ names, index, services: [] });
    each(config);
    const side: Side = { config, mtus: undefined as unknown as PathMtus, hear: () => undefined, heard: [], changes: 0, logs: [] };
    const log = (_fields: object, message: string): void => void side.logs.push(message);
    side.mtus = createPathMtus({
      clock, engine, log: { info: log, warn: log, error: log }, changed: () => { side.changes++; },
      port: { follow: (addresses) => { side.heard = addresses; }, onDatagram: (listener) => { side.hear = listener; }, faults: () => [], close: () => undefined },
      datapath: { send: (frames) => (frames.forEach(({ data }) => { carry(world, data); }), frames.length) },
    });
    let count = 0;
    const { ids } = numberNames(config, () => ++count);
    const keys = Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: [keysOf(peer.name, config.name)] }]));
    side.mtus.follow({ config, ids, keys });
    world.sides.push(side);
  }
  return world;
}

function carry(world: World, data: Uint8Array): void {
  world.sent.push(data);
  if (!world.carries(data)) return;
  const packet = parsed(world.bend(data));
  const to = world.sides.find((side) => side.heard.some((address) => sameAddress(address, packet.destination)));
  to?.hear({ local: packet.destination, remote: packet.source, remotePort: packet.sourcePort, data: packet.data.slice(packet.payload, packet.end) });
}

const mtuOf = (side: Side, family: IpFamily): number => side.mtus.mtuOf(side.config.paths.find((path) => path.family === family)!);

test("M-4 10.3 probes have exactly their size, DF, port 1280, metadata and a tag; both directions and families find the link's size", () => {
  const world = createWorld();
  world.carries = (data) => data.length <= 1400;
  world.pass(60_000);
  for (const side of world.sides) {
    for (const family of [4, 6] as const) {
      expect(mtuOf(side, family)).toBeGreaterThanOrEqual(1392);
      expect(mtuOf(side, family)).toBeLessThanOrEqual(1400);
    }
    expect([side.changes, side.mtus.refused().drops]).toEqual([2, {}]);
  }
  const packets = world.sent.map(parsed);
  expect(packets.every((packet) => packet.sourcePort === 1280 && packet.destinationPort === 1280 && packet.ttl === 64 && packet.end === packet.data.length && hasGoodChecksum(packet))).toBe(true);
  expect(packets.filter((packet) => packet.end > 1200).every((packet) => packet.dontFragment)).toBe(true); // the probes
  expect(packets.filter((packet) => packet.family === 4 && packet.end < 200).map((packet) => packet.dontFragment)).toContain(false); // answers of who does not know its path yet (2.7)
  expect(world.sent.every((data) => hasMetadata({ data }))).toBe(true);
  expect(new Set(world.sent.map((data) => data.length)).has(1500)).toBe(true);
});

test("10.3 what is in force: paths of the shards, next hops with their MSS, and only toward the peer", () => {
  const world = createWorld();
  world.carries = (data) => data.length <= 1400;
  world.pass(60_000);
  const [side] = world.sides;
  const config = withPathMtus(side!.config, side!.mtus);
  expect(config.paths.every((path) => path.mtu >= 1392 && path.mtu <= 1400)).toBe(true);
  let count = 0;
  const { ids } = numberNames(config, () => ++count);
  const nexthops = datapathConfig(config, ids).nexthops;
  const toward = (isPeer: boolean): number[] => nexthops.filter((one) => (one.mss4 > 0) === isPeer).map((one) => one.mtu);
  expect([Math.max(...toward(true)) <= 1400, Math.min(...toward(false))]).toEqual([true, 1500]);
  expect(nexthops.filter((one) => one.mss4 > 0).every((one) => one.mss4 === one.mtu - (one.family === 4 ? 40 : 60))).toBe(true);
});

test("2.7 10.3 paths and next hops toward peers are cuttable until a size is found; below the floor they stay so, with an alarm, at 1,280", () => {
  const world = createWorld();
  const [side] = world.sides;
  let count = 0;
  const { ids } = numberNames(side!.config, () => ++count);
  const seen = (): { paths: unknown[]; hops: unknown[]; hosts: unknown[] } => {
    const config = withPathMtus(side!.config, side!.mtus);
    const { nexthops } = datapathConfig(config, ids);
    const all = (of: { mtu: number; cuttable?: true }[]): unknown[] => [...new Set(of.map(({ mtu, cuttable }) => `${mtu} ${cuttable ?? false}`))];
    return { paths: all(config.paths), hops: all(nexthops.filter((one) => one.mss4 > 0)), hosts: all(nexthops.filter((one) => one.mss4 === 0)) };
  };
  const hosts = ["1500 false"];
  expect(seen()).toEqual({ paths: ["1500 true"], hops: ["1500 true"], hosts });
  expect(side!.mtus.verdictOf(side!.config.paths[0]!)).toBe("searching");
  world.pass(5_000);
  expect([seen(), side!.changes]).toEqual([{ paths: ["1500 false"], hops: ["1500 false"], hosts }, 2]);
  world.carries = (data) => data.length <= 1000;
  side!.config.paths.forEach((path) => { side!.mtus.tooBig(path.key); });
  world.pass(60_000);
  expect(seen()).toEqual({ paths: ["1280 true"], hops: ["1280 true"], hosts });
  expect(side!.logs.filter((line) => line.startsWith("path MTU alarm raised"))).toHaveLength(2);
  world.carries = () => true;
  side!.config.paths.forEach((path) => { side!.mtus.tooBig(path.key); });
  world.pass(60_000);
  expect(seen()).toEqual({ paths: ["1500 false"], hops: ["1500 false"], hosts });
  expect(side!.logs.filter((line) => line === "path MTU alarm cleared")).toHaveLength(2);
});

test("M-4 an ICMP error starts a run; the size in it is nobody's business", () => {
  const world = createWorld();
  world.pass(10_000);
  const [side] = world.sides;
  const before = world.sent.length;
  side!.mtus.tooBig(side!.config.paths[0]!.key);
  side!.mtus.tooBig("nobody/nowhere");
  world.pass(1_000);
  expect([world.sent.length - before, mtuOf(side!, 4)]).toEqual([2, 1500]);
});

test("9.1 a NAT that changes source ports: the answer goes to what was seen, and counts", () => {
  const world = createWorld();
  world.bend = (data) => {
    const out = data.slice();
    if ((out[20]! << 8 | out[21]!) === 1280 && out[0]! >>> 4 === 4) [out[20], out[21]] = [0x9c, 0x40];
    return out;
  };
  world.carries = (data) => data[0]! >>> 4 === 4;
  world.pass(2_000);
  expect(world.sides.map((side) => side.mtus.verdictOf(side.config.paths.find((path) => path.family === 4)!))).toEqual(["found", "found"]);
  expect(world.sent.map(parsed).some((packet) => packet.destinationPort === 0x9c40)).toBe(true);
});

test.each([[20_000, "hmac-clock-skew"], [-20_000, "hmac-clock-skew"], [90_000, "hmac-failure"]] as const)("7.1 a clock that is %i ms ahead is told as %s, a few times a second", (aheadMs, reason) => {
  const world = createWorld(undefined, aheadMs);
  world.pass(2_000);
  for (const side of world.sides) expect(Object.keys(side.mtus.refused().drops)).toEqual([reason]);
  const [side] = world.sides, probe = world.sent.find((data) => sameAddress(parsed(data).destination, side!.heard[0]!))!, { source, destination, payload, end } = parsed(probe);
  for (let count = 0; count < 50; count++) side!.hear({ local: destination, remote: source, remotePort: 1280, data: probe.slice(payload, end) });
  expect(side!.mtus.refused().drops["hmac-failure"]).toBeGreaterThanOrEqual(40);
  expect(side!.mtus.held()).toMatchObject([{ name: "peers with a skewed clock in a second, UDP 1280", entries: 1 }]);
});

test("7.1 a flipped bit, another key, a stranger: refused and counted, no answer", () => {
  const payload = (data: Uint8Array): number => (data[0]! >>> 4 === 4 ? 28 : 48);
  const flip = (at: (data: Uint8Array) => number) => (data: Uint8Array): Uint8Array => { const out = data.slice(); out[at(data)]! ^= 1; return out; };
  for (const [reason, isOfPeer, bend] of [
    ["hmac-failure", true, flip((data) => data.length - 20)], ["unknown-key", false, flip((data) => payload(data) + 19)], ["metadata-malformed", false, flip(payload)],
  ] as const) {
    const world = createWorld();
    world.bend = bend;
    world.pass(2_000);
    for (const side of world.sides) {
      const { drops, peerDrops } = side.mtus.refused();
      const peer = names.find((name) => name !== side.config.name)!;
      expect([Object.keys(drops), drops[reason]! > 0, peerDrops]).toEqual([[reason], true, isOfPeer ? { [peer]: drops } : {}]);
    }
    expect(world.sent.every((data) => parsed(data).end === 1500)).toBe(true); // probes only
  }
});

test("10.3 switched off: nothing is sent, the configured size counts", () => {
  const world = createWorld((config) => { config.pathMtu = { discovery: false, intervalMs: 1000 }; });
  world.pass(60_000);
  expect([world.sent.length, world.sides.map((side) => mtuOf(side, 4))]).toEqual([0, [1500, 1500]]);
  expect(world.sides[0]!.mtus.verdictOf(world.sides[0]!.config.paths[0]!)).toBe("off");
});

test("1.3 the interval is that of the configuration; a new configuration keeps what is known", () => {
  const world = createWorld((config) => { config.pathMtu = { discovery: true, intervalMs: 5_000 }; });
  world.carries = (data) => data.length <= 1400;
  world.pass(30_000);
  const [side] = world.sides;
  const value = mtuOf(side!, 4);
  const before = world.sent.length;
  world.pass(30_000);
  expect(world.sent.length).toBeGreaterThan(before + 10);
  let count = 0;
  const { ids } = numberNames(side!.config, () => ++count);
  side!.mtus.follow({ config: structuredClone(side!.config), ids, keys: {} });
  expect(mtuOf(side!, 4)).toBe(value);
});

test("a flood on UDP 1280: 2,000 messages a second are looked at", () => {
  const world = createWorld();
  const [side] = world.sides;
  const { local, remote } = side!.config.paths[0]!;
  for (let count = 0; count < 3_000; count++) side!.hear({ local, remote, remotePort: 1280, data: new Uint8Array(30) });
  expect(side!.mtus.refused().drops).toEqual({ "metadata-malformed": 2_000, rate: 1_000 });
});
