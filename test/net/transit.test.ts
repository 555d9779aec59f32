// Sessions over two segments, with offloads on, so that the data plane gets super-packets:
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        CBC on the first link, GCM on the second
//
// One UUID on the path, keys and secrets per hop, streams that look like metadata, state lost at a router, tenants that a peer
// must not assert.
import { rmSync } from "node:fs";
import { toHex } from "../../pkg/base/bytes.ts";
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { forgetSession } from "../support/forget.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, linkAddress, transit } from "../support/topologies.ts";
import { download, ping, startHttpServer, startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { isHandshake, readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
const at = { router: "r2", interface: "lan0" };
const gcm = { metadataEncryption: { suite: "GCM" } };
const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }, { name: "rogue", members: [{ router: "r1", interface: "lan0", prefixes: ["10.1.0.66/32", "fd00:1::66/128"] }] }],
  services: [{ name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at, more: { sourceNat: "Interface" } }],
  routers: { t: { peers: { r2: gcm } }, r2: { peers: { t: { ...gcm, allowedTenants: ["corp"] } }, waypoints: { wan0: { ports: "2000-2999" } } } },
};

describeNet("two segments", () => {
  let fabric: Fabric, r1: Router, t: Router, r2: Router;
  let port = 1000;

  beforeAll(async () => {
    const net = await openNet(transit);
    for (const address of ["10.1.0.66/24", "fd00:1::66/64"]) await net.must("a", "ip", "addr", "add", address, "dev", "eth0", ...(address.includes(":") ? ["nodad", "preferred_lft", "0"] : [])); // used only when asked for
    fabric = await startFabric(net, site);
    [r1, t, r2] = [fabric.router("r1"), fabric.router("t"), fabric.router("r2")];
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const startCaptures = (): Promise<[Capture, Capture]> => Promise.all([startCapture(fabric.net, "r1", "wan0"), startCapture(fabric.net, "r2", "wan0")]);
  const readBoth = async ([west, east]: [Capture, Capture]): Promise<[WirePacket[], WirePacket[]]> => [readWire(await west.stop(), fabric.keys("r1", "t")), readWire(await east.stop(), fabric.keys("t", "r2"))];
  const onPort = async (router: Router, of: number) => (await router.sessions()).filter((one) => one.destinationPort === of);

  test.each(families)("L-1 IPv%i: one UUID on the three routers of a path, equal counts, both flows, each its role", async (family) => {
    const to = { address: hostAddress(2, family), port: ++port };
    await startUdpServer(fabric.net, "b", to);
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    for (let round = 0; round < 4; round++) expect(await client.send(5)).toMatchObject({ answered: 5, wrong: 0 });
    const views = await Promise.all([r1, t, r2].map(async (router) => onPort(router, to.port)));
    expect(views.map((of) => of.length)).toEqual([1, 1, 1]);
    const [ingress, middle, egress] = views.map((of) => of[0]);
    expect([ingress?.role, middle?.role, egress?.role]).toEqual(["ingress", "transit", "egress"]);
    expect(new Set([ingress, middle, egress].map((one) => one?.sessionId)).size).toBe(1);
    for (const view of [ingress, middle, egress]) {
      expect(view).toMatchObject({ tenant: "corp", service: "test/east", forwardPackets: 20, reversePackets: 20, sourceAddress: hostAddress(1, family), destinationAddress: to.address });
      expect(view?.flows.map((flow) => [flow.direction, flow.packets])).toEqual([["forward", 20], ["reverse", 20]]);
    }
    expect(new Set([ingress, middle, egress].map((one) => one?.forwardBytes)).size).toBe(1);
    expect(middle?.parentSpanId).toBe(ingress?.spanId);
    expect(egress?.parentSpanId).toBe(middle?.spanId);
  }, 30_000);

  test.each(families)("L-1 IPv%i: each hop signs with keys and ports of its own; the session's data stays", async (family) => {
    const captures = await startCaptures();
    expect(await ping(fabric.net, "a", hostAddress(2, family), { count: 3 })).toMatchObject({ answered: 3 });
    const [west, east] = (await readBoth(captures)).map((packets) => packets.filter(isHandshake));
    expect([west?.length, east?.length].every((count) => count !== undefined && count >= 2)).toBe(true);
    for (const packets of [west, east]) expect(packets?.every((one) => one.metadata?.authentic === true && one.metadata.encrypted)).toBe(true);
    const [first, second] = [west?.[0]?.metadata?.tlvs, east?.[0]?.metadata?.tlvs];
    expect(first?.keyId).not.toBe(second?.keyId);
    for (const field of ["uuid", "tenant", "service", "sourceRouter", "forwardContext"] as const) expect(second?.[field]).toEqual(first?.[field]);
    expect([first?.iv?.length, second?.iv?.length]).toEqual([16, 12]);
  }, 30_000);

  test.each(families)("W-2 IPv%i: where the peer announces a range of ports, destinations are inside it, one after the other; sources stay even", async (family) => {
    const to = { address: hostAddress(2, family), port: ++port };
    await startUdpServer(fabric.net, "b", to);
    const captures = await startCaptures();
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port, sockets: 20 });
    expect(await client.send(2)).toMatchObject({ answered: 40, wrong: 0 });
    const [west, east] = (await readBoth(captures)).map((packets) => packets.filter((one) => one.metadata?.tlvs.forwardContext !== undefined).map((one) => one.packet));
    expect(new Set(west?.map((one) => one.destinationPort % 2))).toEqual(new Set([1]));
    expect(west?.filter((one) => one.destinationPort < 16_385)).toEqual([]);
    const ports = new Set(east?.map((one) => one.destinationPort));
    expect([ports.size, Math.min(...ports) >= 2000, Math.max(...ports) <= 2999]).toEqual([20, true, true]);
    expect(new Set([...west ?? [], ...east ?? []].map((one) => one.sourcePort % 2))).toEqual(new Set([0]));
  }, 30_000);

  test("S-3 names and addresses are unreadable in both suites, header TLVs are not", async () => {
    const captures = await startCaptures();
    const to = { address: hostAddress(2, 4), port: ++port };
    await startUdpServer(fabric.net, "b", to);
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    for (let round = 0; round < 2; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    const frames = await Promise.all(captures.map((one) => one.stop()));
    for (const of of frames) {
      const blind = readWire(of).filter((one) => one.metadata !== undefined); // without keys
      expect(blind.length).toBeGreaterThanOrEqual(2);
      for (const { packet, metadata } of blind) {
        expect(metadata).toMatchObject({ authentic: false, encrypted: true });
        expect([typeof metadata?.tlvs.keyId, metadata?.tlvs.tenant, metadata?.tlvs.uuid]).toEqual(["number", undefined, undefined]);
        const bytes = Buffer.from(packet.data);
        for (const secret of ["corp", "test/east", "\u0000\u0002r1", "\u0000\u0002r2"]) expect(bytes.includes(secret)).toBe(false); // with its length: two letters alone stand in any cipher text
        for (const inner of ["0a01000a", "0a02000a"]) expect(bytes.includes(Buffer.from(inner, "hex"))).toBe(false);
      }
    }
  }, 30_000);

  test.each(families)("W-4 IPv%i: a stream full of cookies arrives byte for byte over two segments, in super-packets", async (family) => {
    const to = { address: hostAddress(2, family), port: ++port };
    await startTcpServer(fabric.net, "b", to);
    const captures = await startCaptures();
    const client = startTcpClient(fabric.net, "a", { to: to.address, port: to.port, sessions: 2, messageBytes: 200_000, pattern: "cookies" });
    for (let round = 1; round <= 3; round++) {
      await waitFor("all echoes", async () => (await client.report()).receivedBytes === round * 400_000, { deadlineMs: 15_000 });
      await client.say();
    }
    await waitFor("the last echoes", async () => (await client.report()).receivedBytes === 1_600_000, { deadlineMs: 15_000 });
    expect(await client.stop()).toMatchObject({ answered: 2, wrong: 0, faults: {} });
    for (const packets of await readBoth(captures)) {
      const marked = packets.filter((one) => one.metadata?.empty === true);
      expect(marked.length).toBeGreaterThan(10);
      expect(marked.every((one) => one.metadata?.authentic === true && toHex(one.body).startsWith("4c48dbc6ddf6670c"))).toBe(true);
    }
  }, 60_000);

  test.each(families)("W-4 UDP over IPv%i: bodies that start with the cookie cross two segments", async (family) => {
    const to = { address: hostAddress(2, family), port: ++port };
    const server = await startUdpServer(fabric.net, "b", to);
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    const bodies = ["4c48dbc6ddf6670c1014", "4c48dbc6ddf6670c", "00", "4c48dbc6ddf6670c100c0000"];
    for (const body of bodies) expect(await client.send(1, { body: body })).toMatchObject({ answered: 1, wrong: 0 });
    expect((await server.report()).last.map((one) => one.data)).toEqual(bodies);
  }, 30_000);

  test.each(families)("W-8 IPv%i: bulk data crosses whole: super-packets on the wire, every byte in place", async (family) => {
    const to = { address: hostAddress(2, family), port: ++port };
    await startHttpServer(fabric.net, "b", to);
    const capture = await startCapture(fabric.net, "r1", "wan0");
    expect(await download(fabric.net, "a", { ...to, bytes: 20_000_000 })).toEqual({ code: 0, bytes: 20_000_000, error: "" });
    const longest = Math.max(...readWire(await capture.stop()).map((one) => one.packet.end));
    expect(longest).toBeGreaterThan(10_000);
  }, 60_000);

  test.each(families)("L-5 L-9 RB-6 IPv%i: forgotten on the transit router: rebuilt there with the same UUID, joined by the last router", async (family) => {
    const to = { address: hostAddress(2, family), port: ++port };
    await startUdpServer(fabric.net, "b", to);
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    const [id = ""] = (await onPort(r1, to.port)).map((one) => one.sessionId);
    const [far] = await onPort(r2, to.port);
    forgetSession(fabric.net, "t", id);
    expect(await client.send(1, { waitMs: 500 })).toMatchObject({ answered: 0 });
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1, wrong: 0 });
    for (const router of [r1, t, r2]) expect((await router.live({ destinationPort: String(to.port) })).map((one) => one.sessionId)).toEqual([id]);
    const [joined] = await onPort(r2, to.port);
    expect([joined?.natSource, joined?.waypointRemote === far?.waypointRemote]).toEqual([far?.natSource, false]); // another pair, the same NAT
  }, 30_000);

  test("RB-17 the transit router comes back with a route that leads back to where packets come from: dropped, judged again, and the session goes on when the route is right", async () => {
    const to = { address: hostAddress(2, 4), port: ++port };
    await startUdpServer(fabric.net, "b", to);
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port });
    for (let round = 0; round < 3; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    const [id = ""] = (await onPort(r1, to.port)).map((one) => one.sessionId);
    await t.kill();
    rmSync(fabric.net.pinFolder("t"), { recursive: true });
    t.config.put(fabric.object("ServiceRoute", "east-t", { peer: { peer: "r1" } }));
    await t.start();
    const captures = await startCaptures();
    expect(await client.send(1, { waitMs: 500 })).toMatchObject({ answered: 0 }); // t asks for metadata
    for (let round = 0; round < 2; round++) expect(await client.send(1, { waitMs: 500 })).toMatchObject({ answered: 0 });
    await waitFor("t refuses each", async () => ((await t.drops())["no-path"] ?? 0) >= 2);
    await waitFor("t tells of it", () => t.records().find((one) => one.denyReason === "no-path" && one.peer === "r1" && one.tenant === "corp" && one.destinationPort === to.port && one.destinationAddress === to.address));
    const [west, east] = await readBoth(captures);
    const fromT = west.filter((one) => one.source === linkAddress(1, 4, 1)), sentBack = fromT.filter((one) => one.metadata?.tlvs.control === undefined);
    expect(fromT.map((one) => one.metadata?.tlvs.control)).toContain(2);
    expect([sentBack.length, east.filter((one) => one.source === linkAddress(2, 4, 0) && one.metadata?.tlvs.forwardContext !== undefined).length, await t.live()]).toEqual([0, 0, []]);
    const { hash } = (await t.status()).configuration;
    t.config.put(fabric.object("ServiceRoute", "east-t"));
    await waitFor("t has the right route", async () => (await t.status()).configuration.hash !== hash);
    await waitFor("it is answered again", async () => (await client.send(1, { waitMs: 300 })).answered === 1);
    for (const router of [r1, t, r2]) expect((await router.live({ destinationPort: String(to.port) })).map((one) => one.sessionId)).toEqual([id]);
  }, 60_000);

  test.each(families)("S-7 IPv%i: a tenant that the last router does not allow its peer is dropped there, though the transit router passes it", async (family) => {
    const from = family === 4 ? "10.1.0.66" : "fd00:1::66";
    const to = { address: hostAddress(2, family), port: ++port };
    const server = await startUdpServer(fabric.net, "b", to);
    const before = (await r2.drops())["tenant-not-allowed"] ?? 0;
    const client = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port, from, waitMs: 300 });
    expect(await client.send(2)).toMatchObject({ answered: 0 });
    expect((await server.report()).received).toBe(0);
    await waitFor("r2 counts it", async () => (await r2.drops())["tenant-not-allowed"] === before + 2);
    expect([(await onPort(t, to.port)).length, (await onPort(r2, to.port)).length]).toEqual([1, 0]);
    expect((await r2.counters()).peerDrops["t"]?.["tenant-not-allowed"]).toBeGreaterThanOrEqual(2);
    const allowed = await startUdpClient(fabric.net, "a", { to: to.address, port: to.port, from: hostAddress(1, family) });
    expect(await allowed.send(2)).toMatchObject({ answered: 2 });
  }, 30_000);
});
