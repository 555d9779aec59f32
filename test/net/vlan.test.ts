// VLANs on host and peer links, two tenants with the same addresses on one cable; single tagged packets at both ends, because
// kernels of small machines have no VLAN devices, and neighbours written down, as docs/limits.md says:
//
//   10.1.0.10 of eng --tag 10--+
//                              lan0 r1 wan0 ==tag 7== wan0 r2 lan0 --tag 30-- 10.2.0.10
//   10.1.0.10 of fin --tag 20--+
//
// The VLAN is part of every flow key (protocol 2.6); packets leave with the tag of their network.
import { buildPacket } from "../../pkg/svr/build.ts";
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import type { Net, Topology } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { gatewaysOf, hostAddress, linkAddress } from "../support/topologies.ts";
import { waitFor } from "../support/wait.ts";
import { isHandshake, readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const ENG = 10, FIN = 20, WAN = 7, FAR = 30;

const routerSide = (network: number): string[] => { const [v4, v6] = gatewaysOf(network); return [`${v4}/24`, `${v6}/64`]; };
const wanSide = (end: 0 | 1): string[] => [`${linkAddress(1, 4, end)}/28`, `${linkAddress(1, 6, end)}/64`];

const tagged: Topology = {
  nodes: { a: { kind: "host" }, r1: { kind: "router" }, r2: { kind: "router" }, b: { kind: "host" } },
  links: [
    { name: "a", ends: [{ node: "a", device: "eth0" }, { node: "r1", device: "lan0", vlans: [ENG, FIN].map((id) => ({ id, addresses: routerSide(1) })) }] },
    { name: "r1-r2", ends: [{ node: "r1", device: "wan0", vlans: [{ id: WAN, addresses: wanSide(0) }] }, { node: "r2", device: "wan0", vlans: [{ id: WAN, addresses: wanSide(1) }] }] },
    { name: "b", ends: [{ node: "b", device: "eth0" }, { node: "r2", device: "lan0", vlans: [{ id: FAR, addresses: routerSide(2) }] }] },
  ],
};

const at = { router: "r2", interface: "lan0", vlan: FAR };
const nat = { sourceNat: "Interface" };
const site: Site = {
  tenants: [{ name: "eng", members: [{ router: "r1", interface: "lan0", vlan: ENG }] }, { name: "fin", members: [{ router: "r1", interface: "lan0", vlan: FIN }] }],
  services: [
    { name: "shared", addresses: ["10.2.0.0/24", "fd00:2::/64"], transports: [{ protocol: "UDP", ports: [53] }], at, more: nat },
    { name: "private", addresses: ["10.2.0.0/24", "fd00:2::/64"], transports: [{ protocol: "UDP", ports: [54] }], access: ["eng"], at, more: nat },
  ],
};

async function writeNeighbours(net: Net): Promise<void> {
  const known = [["r1", "lan0", "a", "eth0", (family: Family) => hostAddress(1, family)], ["r2", "lan0", "b", "eth0", (family: Family) => hostAddress(2, family)],
    ["r1", "wan0", "r2", "wan0", (family: Family) => linkAddress(1, family, 1)], ["r2", "wan0", "r1", "wan0", (family: Family) => linkAddress(1, family, 0)]] as const;
  for (const [node, device, owner, of, address] of known) for (const family of families) {
    const mac = net.macOf(owner, of).replaceAll(/(..)(?=.)/g, "$1:");
    await net.must(node, "ip", "neigh", "replace", address(family), "lladdr", mac, "dev", device, "nud", "permanent");
  }
}

describeNet("VLANs", () => {
  let fabric: Fabric, r1: Router, eng: Injector, fin: Injector, far: Injector, atA: Capture, atB: Capture;

  beforeAll(async () => {
    const net = await openNet(tagged);
    await writeNeighbours(net);
    fabric = await startFabric(net, site);
    r1 = fabric.router("r1");
    for (const router of fabric.routers) expect((await router.status()).configuration.problems).toEqual([]);
    const inject = (node: string, to: string, vlan: number): Promise<Injector> => openInjector(net, { node, device: "eth0" }, { node: to, device: "lan0", vlan });
    [eng, fin, far] = await Promise.all([inject("a", "r1", ENG), inject("a", "r1", FIN), inject("b", "r2", FAR)]);
    [atA, atB] = [await startCapture(net, "a", "eth0"), await startCapture(net, "b", "eth0")];
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const query = (family: Family, port: number, body: string): Uint8Array =>
    buildPacket(fieldsOf(hostAddress(1, family), hostAddress(2, family)), { kind: "udp", sourcePort: 5000, destinationPort: port }, Uint8Array.of(...Buffer.from(body)));
  const withBody = async (capture: Capture, body: string, to: string): Promise<WirePacket[]> => readWire(await capture.frames()).filter((one) => one.destination === to && Buffer.from(one.body).toString() === body);

  /** Sends a datagram on a VLAN, waits for it at the far end, answers it there, and waits for the answer. */
  async function ask(family: Family, from: Injector, body: string): Promise<{ there: WirePacket; back: WirePacket }> {
    await from.send(query(family, 53, body));
    const there = await waitFor(`${body} at b`, async () => (await withBody(atB, body, hostAddress(2, family)))[0]);
    const answer = buildPacket(fieldsOf(there.destination, there.source), { kind: "udp", sourcePort: 53, destinationPort: there.packet.sourcePort }, Uint8Array.of(...Buffer.from(`re ${body}`)));
    await far.send(answer);
    return { there, back: await waitFor(`the answer to ${body} at a`, async () => (await withBody(atA, `re ${body}`, hostAddress(1, family)))[0]) };
  }

  test.each(families)("P-6 W-1 IPv%i: equal addresses and ports on two VLANs are two sessions; each packet leaves with the tag of its network", async (family) => {
    const wan = await startCapture(fabric.net, "r1", "wan0");
    for (const [index, [from, vlan]] of [[eng, ENG], [fin, FIN], [eng, ENG], [fin, FIN]].entries() as ArrayIterator<[number, [Injector, number]]>) {
      const { there, back } = await ask(family, from, `v${family} ${vlan} round ${index}`);
      expect([there.vlan, there.source, back.vlan, back.packet.destinationPort]).toEqual([FAR, gatewaysOf(2)[family === 4 ? 0 : 1], vlan, 5000]);
    }
    const packets = readWire(await wan.stop(), fabric.keys("r1", "r2")).filter((one) => one.packet.proto === 17);
    expect(packets.map((one) => one.vlan)).toEqual(Array(8).fill(WAN));
    expect(packets.map(isHandshake)).toEqual([true, true, true, true, false, false, false, false]);
    expect(packets.filter(isHandshake).every((one) => one.metadata?.authentic)).toBe(true);
    const sessions = (await r1.live()).filter((one) => one.destinationAddress === hostAddress(2, family));
    expect(sessions.map((one) => `${one.tenant} ${one.vlan} ${one.forwardPackets}`).toSorted()).toEqual([`eng ${ENG} 2`, `fin ${FIN} 2`]);
  }, 60_000);

  test.each(families)("P-1 IPv%i: access is that of the VLAN's tenant; a VLAN that is not configured has none", async (family) => {
    const stranger = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0", vlan: 99 });
    const untagged = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    const body = `v${family} private`;
    const before = (await r1.counters()).drops["filter"] ?? 0;
    for (const from of [fin, stranger, untagged]) await from.send(query(family, 54, body));
    await waitFor("a denial on fin's VLAN", () => r1.records().find((one) => one.recordType === "deny" && one.vlan === FIN && one.tenant === "fin" && one.destinationAddress === hostAddress(2, family)));
    await waitFor("the source check refuses where no network is", async () => ((await r1.counters()).drops["filter"] ?? 0) >= before + 2);
    await eng.send(query(family, 54, body));
    await waitFor("eng's arrives, and only that", async () => (await withBody(atB, body, hostAddress(2, family))).length === 1);
  }, 30_000);
});
