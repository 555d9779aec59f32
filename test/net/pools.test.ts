// Waypoint ports, and who may say what about them, with real packets:
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b        captures at r1 wan0
//
// r1 has one pair a path toward r2; r2 has many toward r1, whose IPv4 waypoint announces a range of ports and whose IPv6 one does not.
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { SessionView } from "../../pkg/api/view.ts";
import { parseUuid } from "../../pkg/base/ids.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { PROTO_UDP } from "../../pkg/svr/constants.ts";
import { startCapture } from "../support/capture.ts";
import { contextOf, craft, fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, linkAddress, pair } from "../support/topologies.ts";
import { startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const families = [4, 6] as const;
const RANGE = { first: 65_436, last: 65_535 }, MANY = 60, FLOWS = 50, COPIES = 6;

const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }, { router: "r2", interface: "lan0" }] }],
  services: [
    { name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], transports: [{ protocol: "UDP", ports: ["1000-65535"] }], at: { router: "r2", interface: "lan0" } },
    { name: "west", addresses: ["10.1.0.0/24", "fd00:1::/64"], transports: [{ protocol: "UDP", ports: ["1000-65535"] }], at: { router: "r1", interface: "lan0" } },
  ],
  routers: { r1: { more: { shards: 1 }, paths: { r2: { pairs: 1 } } }, r2: { more: { shards: 2 } } },
};

describeNet("waypoint ports", () => {
  let fabric: Fabric, r1: Router, r2: Router, fromR1: Injector;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    fromR1 = await openInjector(fabric.net, { node: "r1", device: "wan0" }, { node: "r2", device: "wan0" });
    const hashes = await Promise.all(fabric.routers.map(hashOf));
    const changed = fabric.object("Router", "r1");
    const wan = (changed.spec["interfaces"] as { name: string; waypoints?: { address: string; ports?: string }[] }[]).find((one) => one.name === "wan0");
    for (const waypoint of wan?.waypoints ?? []) if (waypoint.address === linkAddress(1, 4, 0)) waypoint.ports = `${RANGE.first}-${RANGE.last}`;
    fabric.put(changed);
    for (const [index, router] of fabric.routers.entries()) await waitFor(`${router.name} knows the range`, async () => await hashOf(router) !== hashes[index]);
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const hashOf = async (router: Router): Promise<string> => (await router.status()).configuration.hash;
  const sound = async (): Promise<void> => {
    expect(await Promise.all([r1, r2].map((router) => router.verify()))).toMatchObject([{ faults: [], ok: true }, { faults: [], ok: true }]);
  };

  test("L-9 RB-2 IPv4 and IPv6: a dead session left on the next hop gives way to a new one on its 5-tuple with another UUID", async () => {
    const onPort = async (port: number): Promise<SessionView[]> => r2.live({ destinationPort: String(port) });
    const flows = await Promise.all(families.map(async (family) => {
      const at = { address: hostAddress(2, family), port: 2000 + family };
      await startUdpServer(fabric.net, "b", at);
      const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
      expect(await client.send(1)).toMatchObject({ answered: 1 });
      return { at, old: await onPort(at.port) };
    }));
    await r1.kill();
    rmSync(fabric.net.pinFolder("r1"), { recursive: true });
    await r1.start(); // knows nothing: the only pair of each path is free again
    for (const { at, old } of flows) {
      const fresh = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
      for (let round = 0; round < 3; round++) expect(await fresh.send(1)).toMatchObject({ answered: 1, wrong: 0 });
      expect((await onPort(at.port)).map((one) => [one.waypointLocal, one.waypointRemote, one.sessionId === old[0]?.sessionId])).toEqual([[old[0]?.waypointLocal, old[0]?.waypointRemote, false]]);
    }
    await sound();
  }, 60_000);

  test.each(families)("L-9 RB-4 IPv%i: two waypoints of one interface, one with a range that ends at 65535; every session crosses, also to port 65535", async (family) => {
    const at = { address: hostAddress(1, family), port: 65_535 };
    await startUdpServer(fabric.net, "a", at);
    const before = await r2.drops(), capture = await startCapture(fabric.net, "r1", "wan0");
    const client = await startUdpClient(fabric.net, "b", { to: at.address, port: at.port, sockets: MANY });
    expect(await client.send(2)).toMatchObject({ answered: 2 * MANY, wrong: 0 });
    expect(await r2.drops()).toEqual(before);
    const ports = new Set(readWire(await capture.stop()).filter((one) => one.destination === linkAddress(1, family, 0) && one.packet.proto === PROTO_UDP && one.metadata !== undefined).map((one) => one.packet.destinationPort));
    const outside = [...ports].filter((port) => port < RANGE.first || port > RANGE.last);
    expect([ports.size > 0, outside.length > 0]).toEqual([true, family === 6]);
  }, 30_000);

  test.each(families)("L-9 RB-5 IPv%i: copies of the first packets of many flows enter on two CPUs at once, over two shards: one session each, on both routers, and at most one packet of a flow is lost", async (family) => {
    const port = 3000 + family, far = await startCapture(fabric.net, "a", "eth0");
    await startUdpServer(fabric.net, "a", { address: hostAddress(1, family), port, mode: "sink" });
    const first = (flow: number): Uint8Array => buildPacket(fieldsOf(hostAddress(2, family), hostAddress(1, family)), { kind: "udp", sourcePort: 20_000 + flow, destinationPort: port }, Uint8Array.of(flow));
    const all = Array.from({ length: FLOWS * COPIES }, (_, n) => first(n % FLOWS));
    const injectors = await Promise.all([0, availableParallelism() - 1].map(async (cpu) => openInjector(fabric.net, { node: "b", device: "eth0", cpu }, { node: "r2", device: "lan0" })));
    await Promise.all(injectors.map(async (one) => one.send(...all)));
    await waitFor("both have them", async () => (await Promise.all([r1, r2].map((router) => router.live({ destinationPort: String(port) })))).every((list) => list.length >= FLOWS));
    const [west, east] = await Promise.all([r1, r2].map(async (router) => (await router.live({ destinationPort: String(port) })).map((one) => one.sessionId).toSorted()));
    expect([east?.length, west]).toEqual([FLOWS, east]);
    const sent = injectors.length * COPIES;
    const arrived = async (): Promise<number[]> => [...Map.groupBy(readWire(await far.frames()).filter((one) => one.packet.destinationPort === port), (one) => one.packet.sourcePort).values()].map((list) => list.length);
    await waitFor("all but one packet of each flow are there", async () => { const counts = await arrived(); return counts.length === FLOWS && counts.every((count) => count >= sent - 1); });
    await far.stop();
    expect((await arrived()).filter((count) => count > sent)).toEqual([]);
    await sound();
    await Promise.all(injectors.map(async (one) => one.close()));
  }, 30_000);

  test.each(families)("L-9 RB-8 IPv%i: reverse metadata without tenant is dropped and counted, the initiator goes on with metadata", async (family) => {
    const at = { address: hostAddress(1, family), port: 4000 + family };
    await startUdpServer(fabric.net, "a", { ...at, mode: "sink" });
    const client = await startUdpClient(fabric.net, "b", { to: at.address, port: at.port, firstPort: 31_000 + family });
    await client.send(1, { waitMs: 100 });
    const [session] = await waitFor("the session", async () => { const found = await r2.live({ destinationPort: String(at.port) }); return found.length === 1 && found; });
    expect(session?.downstream).toBe("I-META");
    const portOf = (endpoint = ""): number => Number(/:(\d+)$/.exec(endpoint)?.[1]);
    const message = {
      source: linkAddress(1, family, 0), destination: linkAddress(1, family, 1), key: fabric.keys("r1", "r2")[0]!, body: Uint8Array.of(1),
      transport: { kind: "udp", sourcePort: portOf(session?.waypointRemote), destinationPort: portOf(session?.waypointLocal) } as const,
      metadata: {
        uuid: parseUuid(session?.sessionId ?? "")!, tenant: undefined, sourceRouter: "r1", service: "test/west",
        reverseContext: contextOf({ source: at.address, destination: hostAddress(2, family), sourcePort: at.port, destinationPort: 31_000 + family, proto: PROTO_UDP }),
      },
    };
    const incomplete = async (): Promise<number> => (await r2.drops())["metadata-incomplete"] ?? 0;
    const before = await incomplete(), far = await startCapture(fabric.net, "b", "eth0");
    await fromR1.send(craft(message));
    await waitFor("it is counted", async () => await incomplete() === before + 1);
    expect((await r2.live({ destinationPort: String(at.port) })).map((one) => one.downstream)).toEqual(["I-META"]);
    expect(readWire(await far.stop()).filter((one) => one.packet.sourcePort === at.port)).toEqual([]);
    await fromR1.send(craft({ ...message, metadata: { ...message.metadata, tenant: "corp" } })); // the same with a tenant is heard
    await client.send(1, { waitMs: 100 });
    await waitFor("metadata is off", async () => (await r2.live({ destinationPort: String(at.port) })).every((one) => one.downstream === "I-QUIET"));
    expect(await incomplete()).toBe(before + 1);
  }, 30_000);
});
