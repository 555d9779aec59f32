// All ports of an address: source NAT and waypoint pairs of one interface until nothing is left, IPv4 and IPv6:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        captures at r1 wan0 and at b
//
// Hosts of a reach b through r2, which translates on its two addresses; they also reach the address of r2 itself, translated by r1 on the interface
// address whose ports are waypoints. 150,000 sessions; every packet carries the number of its flow.
import { readU32, writeU32 } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { NAT_PORT_COUNT, NAT_PORT_FIRST, NAT_PORT_LAST, PROTO_UDP } from "../../pkg/svr/constants.ts";
import { startCapture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import type { Topology } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { gatewaysOf, hostAddress, linkAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];

const PAIRS = 50_000, MORE = 400, BATCH = 1_000;
const SURPLUS = 2_000; // flows beyond the pairs; each shard has half of the pairs and gets about half of the flows
const FAR_PORT = 9; // of b
const nat = { sourceNat: "Interface" };
const hmac = { hmac: { window: 5 } }; // a busy machine may hold first packets for more than an epoch while thousands wait
const routers = { r1: { more: { limits: { sessions: 170_000 } }, peers: { r2: hmac } }, r2: { more: { limits: { sessions: 170_000 } }, peers: { r1: hmac } } };

const SECOND = "10.2.0.2";
const topology: Topology = { ...pair, links: pair.links.map(({ ends: [far, near], ...link }) => ({ ...link, ends: [far, link.name === "b" ? { ...near, addresses: [...near.addresses!, `${SECOND}/24`] } : near] })) };

const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [
    { name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: nat },
    { name: "out", addresses: [linkAddress(1, 4, 1), linkAddress(1, 6, 1)], at: { router: "r1", interface: "wan0" }, more: nat },
  ],
  routers,
};

/** Flow n of the hosts of a: one of 200 addresses, a port of its own there, its number as body. */
function flow(family: Family, n: number, to: { address: string; port: number }): Uint8Array {
  const source = hostAddress(1, family, family === 4 ? 20 + (n % 200) : 2000 + (n % 200));
  const body = new Uint8Array(4);
  writeU32(body, 0, n);
  return buildPacket(fieldsOf(source, to.address), { kind: "udp", sourcePort: 1024 + Math.floor(n / 200), destinationPort: to.port }, body);
}

/** What identifies a flow on a wire. */
const tupleOf = ({ source, destination, packet }: WirePacket): string => `${source} ${packet.sourcePort} ${destination} ${packet.destinationPort}`;

/** The number in the body of a packet. */
const numberOf = ({ body }: WirePacket): number => readU32(body, 0);

describeNet("all ports of an address", () => {
  let fabric: Fabric, r1: Router, r2: Router, fromA: Injector;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(withoutOffloads(topology)), site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    fromA = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  /** Sends flows first to last - 1, each once, and waits until both routers decided each: a session, or a drop. */
  async function open(family: Family, [first, last]: readonly [number, number], to: { address: string; port: number }, decided: () => Promise<number>): Promise<void> {
    const before = await decided();
    for (let at = first; at < last; at += BATCH) {
      const end = Math.min(at + BATCH, last);
      await fromA.send(...Array.from({ length: end - at }, (_, index) => flow(family, at + index, to)));
      await waitFor(`${end - first} decisions`, async () => (await decided()) >= before + end - first, { deadlineMs: 20_000 });
    }
  }

  const drops = async (router: Router): Promise<number> => Object.values(await router.drops()).reduce((sum, count) => sum + count, 0);
  const sessions = async (router: Router): Promise<number> => (await router.status()).sessions;
  const decidedBy = (router: Router) => async (): Promise<number> => (await sessions(router)) + (await drops(router));
  const decidedOnTheWay = async (): Promise<number> => (await sessions(r2)) + (await drops(r1)) + (await drops(r2));

  const udp = (packets: readonly WirePacket[]): WirePacket[] => packets.filter((one) => one.packet.proto === PROTO_UDP);
  const pairs = new Set<string>(); // 5-tuples of the sessions toward r2, from r1

  test("N-1 N-2 RB-1 IPv4: 50,000 sessions to one server: as many as there are pairs, others are refused; the last router takes its second address when the first has no port left", async () => {
    const far = { address: hostAddress(2, 4), port: FAR_PORT };
    const sink = await startUdpServer(fabric.net, "b", { ...far, mode: "sink" });
    const [wan, lan] = [await startCapture(fabric.net, "r1", "wan0"), await startCapture(fabric.net, "b", "eth0")];
    await open(4, [0, PAIRS + SURPLUS], far, decidedOnTheWay);
    expect([await r1.drops(), await r2.drops()]).toEqual([{ nat: SURPLUS }, {}]);
    expect([await sessions(r1), await sessions(r2)]).toEqual([PAIRS, PAIRS]);
    const arrived = udp(readWire(await lan.stop()));
    expect([arrived.length, new Set(arrived.map(numberOf)).size, new Set(arrived.map(tupleOf)).size]).toEqual([PAIRS, PAIRS, PAIRS]);
    const bySource = Map.groupBy(arrived, (one) => one.source);
    expect([...bySource].map(([source, list]) => [source, list.length])).toEqual([[gatewaysOf(2)[0], NAT_PORT_COUNT], [SECOND, PAIRS - NAT_PORT_COUNT]]); // none untranslated
    const ports = bySource.get(gatewaysOf(2)[0])!.map((one) => one.packet.sourcePort).toSorted((a, b) => a - b);
    expect([new Set(ports).size, ports[0], ports.at(-1)]).toEqual([NAT_PORT_COUNT, NAT_PORT_FIRST, NAT_PORT_LAST]);
    expect(arrived.findIndex((one) => one.source === SECOND)).toBeGreaterThan(NAT_PORT_COUNT - BATCH); // packets of two shards may overtake each other
    for (const one of udp(readWire(await wan.stop()))) pairs.add(tupleOf(one));
    expect(pairs.size).toBe(PAIRS);
    await waitFor("the denials are reported", () => r1.records().some((one) => one.denyReason === "nat"));
    await sink.process.stop();
  }, 180_000);

  test("N-7 IPv6: pairs for the sessions to come", async () => {
    const far = { address: hostAddress(2, 6), port: FAR_PORT };
    const [sink, wan] = [await startUdpServer(fabric.net, "b", { ...far, mode: "sink" }), await startCapture(fabric.net, "r1", "wan0")];
    await open(6, [0, MORE], far, decidedOnTheWay);
    expect([await sessions(r1), await sessions(r2)]).toEqual([PAIRS + MORE, PAIRS + MORE]);
    for (const one of udp(readWire(await wan.stop()))) pairs.add(tupleOf(one));
    expect(pairs.size).toBe(PAIRS + MORE);
    await sink.process.stop();
  }, 60_000);

  test.each(families)("N-1 N-7 IPv%i: source NAT on the address of the waypoints gets every port that no pair holds, none twice, and then refuses", async (family) => {
    if (family === 4) await r2.stop(); // its maps go on forwarding: what got into a session of another would reach b
    const [own, remote] = [linkAddress(1, family, 0), linkAddress(1, family, 1)];
    const toward = [...pairs].filter((tuple) => tuple.startsWith(`${own} `));
    const port = toward[0]!.split(" ")[3]!; // of r2: a waypoint port in use, and an ordinary port to hosts
    const held = toward.filter((tuple) => tuple.endsWith(` ${remote} ${port}`));
    const free = NAT_PORT_COUNT - held.length;
    const [wan, far] = [await startCapture(fabric.net, "r1", "wan0"), await startCapture(fabric.net, "b", "eth0")];
    const before = { sessions: await sessions(r1), nat: (await r1.drops())["nat"] ?? 0 };
    await open(family, [0, free + MORE], { address: remote, port: Number(port) }, decidedBy(r1));
    expect([await sessions(r1), (await r1.drops())["nat"]]).toEqual([before.sessions + free, before.nat + MORE]);
    const left = udp(readWire(await wan.stop()));
    expect(new Set(left.map((one) => one.source))).toEqual(new Set([own])); // none untranslated
    const tuples = new Set(left.map(tupleOf));
    expect([left.length, new Set(left.map(numberOf)).size, tuples.size]).toEqual([free, free, free]);
    expect([...tuples].filter((tuple) => pairs.has(tuple))).toEqual([]);
    expect(udp(readWire(await far.stop()))).toEqual([]);
  }, 180_000);
});
