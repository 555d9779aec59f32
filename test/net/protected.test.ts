// Sessions whose packets are protected between routers, over two segments with different suites for metadata:
//
//   a --lan0 r1 wan0 == west0 t east0 == wan0 r2 lan0-- b        captures on both links
//
// Services by their ports: a tag on each packet, bodies encrypted with CBC, with GCM. S-4 and what hosts see of it: nothing.
import { startCapture } from "../support/capture.ts";
import type { Capture } from "../support/capture.ts";
import { flipped } from "../support/bend.ts";
import { hideLibrary } from "../support/engines.ts";
import { forgetSession } from "../support/forget.ts";
import { openInjector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site, SiteService } from "../support/site.ts";
import { hostAddress, linkAddress, transit } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
const service = (name: string, first: number): SiteService => ({
  name, addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" }, more: { securityPolicyRef: { name } },
  transports: ["TCP", "UDP"].map((protocol) => ({ protocol, ports: [`${first}-${first + 999}`] })),
});
const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0" }] }],
  services: [service("tagged", 1_000), service("cbc", 2_000), service("gcm", 3_000)],
  policies: {
    tagged: { hmacScope: "EveryPacket" },
    cbc: { payloadEncryption: "CBC", adaptive: false },
    gcm: { payloadEncryption: "GCM", adaptive: false },
  },
  routers: { t: { peers: { r2: { metadataEncryption: { suite: "GCM" } } } }, r2: { peers: { t: { metadataEncryption: { suite: "GCM" } } } } },
};
const kinds = families.flatMap((family) => [["tagged", 1_000], ["cbc", 2_000], ["gcm", 3_000]].map(([name, port]) => ({ family, name: name as string, first: port as number })));

describeNet("protected sessions", () => {
  let fabric: Fabric, r1: Router;
  let used = 0;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(transit), site);
    for (const host of ["a", "b"]) await fabric.net.exec(host, ["sysctl", "-w", "net.ipv4.tcp_rto_max_ms=1000"]); // from Linux 6.15 on: hosts try again sooner
    r1 = fabric.router("r1");
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const startCaptures = (): Promise<[Capture, Capture]> => Promise.all([startCapture(fabric.net, "r1", "wan0"), startCapture(fabric.net, "r2", "wan0")]);
  const readBoth = async ([west, east]: [Capture, Capture]): Promise<[WirePacket[], WirePacket[]]> => [readWire(await west.stop(), fabric.keys("r1", "t")), readWire(await east.stop(), fabric.keys("t", "r2"))];

  test.each(kinds)("S-4 UDP under $name over IPv$family: everything is answered, and no byte of it is read on the way unless only tagged", async ({ family, name, first }) => {
    const at = { address: hostAddress(2, family), port: first + ++used };
    await startUdpServer(fabric.net, "b", at);
    const captures = await startCaptures();
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
    const body = Buffer.from("all that is said here is said in confidence").toString("hex");
    for (let round = 0; round < 20; round++) expect(await client.send(1, { body })).toMatchObject({ answered: 1, wrong: 0 });
    for (const packets of await readBoth(captures)) {
      const spoken = packets.filter((one) => one.packet.proto === 17 && one.packet.end - one.packet.payload > 40);
      expect(spoken.length).toBeGreaterThanOrEqual(40);
      const seen = spoken.filter((one) => Buffer.from(one.packet.data).toString("hex").includes(body));
      expect(seen.length === 0).toBe(name !== "tagged");
      const opening = packets.find((one) => one.metadata?.tlvs.forwardContext !== undefined)?.metadata?.tlvs;
      expect([opening?.security?.scope, opening?.payloadEncrypted, opening?.payloadKey?.key.length]).toEqual(name === "tagged" ? [1, undefined, undefined] : [1, true, 32]);
    }
  }, 30_000);

  /** Segments a device takes at once: one, as without segmentation offload, or as many as the kernel has in one packet. */
  async function setOffload(segments: 1 | 65_535): Promise<void> {
    for (const [router, device] of [["r1", "wan0"], ["t", "west0"], ["t", "east0"], ["r2", "wan0"]] as const) await fabric.net.must(router, "ip", "link", "set", device, "gso_max_segs", String(segments));
  }

  test.each(kinds.flatMap((kind) => [{ ...kind, offload: "with", segments: 65_535 as const }, { ...kind, offload: "without", segments: 1 as const }]))("TCP under $name over IPv$family $offload segmentation offload: every byte in place, segments fit the path as they are, encrypted ones travel in trains", async ({ family, name, first, segments }) => {
    await setOffload(segments);
    const at = { address: hostAddress(2, family), port: first + ++used };
    await startTcpServer(fabric.net, "b", at);
    const captures = await startCaptures();
    const client = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 1, messageBytes: 200_000 });
    await waitFor("the echo", async () => (await client.report()).answered === 1);
    for (let round = 0; round < 5; round++) await client.say();
    await waitFor("all echoes", async () => (await client.report()).answered === 1, { show: () => JSON.stringify(r1.process.errors.slice(-300)) });
    for (const router of ["r1", "t", "r2"]) expect((await fabric.router(router).live()).filter(({ destinationPort }) => destinationPort === at.port).map(({ security }) => security)).toEqual([name === "tagged" ? "clear" : "encrypted"]);
    expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
    for (const packets of await readBoth(captures)) {
      expect(packets.some((one) => one.metadata?.tlvs.fragment !== undefined)).toBe(false);
      const longest = Math.max(...packets.filter(({ metadata }) => metadata === undefined).map((one) => one.packet.end));
      expect([longest > 1_400, longest <= 1_500]).toEqual([true, segments === 1 || name === "tagged"]);
    }
    await setOffload(65_535);
  }, 30_000);

  test.each(kinds.filter(({ name }) => name !== "tagged"))("S-1 S-5 under $name over IPv$family: a copy of an established packet, and one with a flipped bit, are dropped and counted once each", async ({ family, first }) => {
    const at = { address: hostAddress(2, family), port: first + ++used };
    const server = await startUdpServer(fabric.net, "b", at);
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
    for (let round = 0; round < 4; round++) expect(await client.send(1)).toMatchObject({ answered: 1 });
    const capture = await startCapture(fabric.net, "r2", "wan0");
    expect(await client.send(1)).toMatchObject({ answered: 1 });
    const [sealed] = readWire(await capture.stop(), fabric.keys("t", "r2")).filter((one) => one.destination === linkAddress(2, family, 1) && one.packet.proto === 17);
    expect(sealed?.metadata).toBeUndefined();
    const r2 = fabric.router("r2"), before = await r2.drops(), { received } = await server.report();
    const injector = await openInjector(fabric.net, { node: "t", device: "east0" }, { node: "r2", device: "wan0" });
    const data = sealed!.packet.data.slice(0, sealed!.packet.end);
    await injector.send(data);
    const dropped = async (reason: string): Promise<number> => ((await r2.drops())[reason] ?? 0) - (before[reason] ?? 0);
    await waitFor("the copy is dropped", async () => (await dropped("replay-payload")) === 1);
    for (const at of [sealed!.packet.payload, sealed!.packet.payload + 9, data.length - 1]) await injector.send(flipped(data, at, 3));
    await waitFor("what was flipped is dropped", async () => (await dropped("hmac-failure")) === 3);
    expect([await dropped("replay-payload"), (await server.report()).received]).toEqual([1, received]);
  }, 30_000);

  test.each(families)("12.3 an ICMP error over IPv%i about an encrypted session reaches its host, and quotes nothing that hosts said", async (family) => {
    const at = { address: hostAddress(2, family), port: 3_000 + ++used }; // nobody listens
    const captures = await startCaptures(), host = await startCapture(fabric.net, "a", "eth0");
    const client = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
    const body = Buffer.from("all that is said here is said in confidence").toString("hex");
    for (let round = 0; round < 3; round++) await client.send(1, { body, waitMs: 300 });
    const heard = readWire(await host.stop()).filter(({ packet, destination }) => destination === hostAddress(1, family) && packet.icmpType === (family === 4 ? 3 : 1));
    expect(heard.length).toBeGreaterThan(0);
    for (const packets of await readBoth(captures)) {
      expect(packets.some((one) => one.metadata?.tlvs.icmpLocation !== undefined)).toBe(true);
      expect(packets.some((one) => Buffer.from(one.packet.data).toString("hex").includes(body.slice(0, 16)))).toBe(false);
    }
  }, 30_000);

  test.each(["t", "r2"])("L-5 protected sessions that %s lost go on with new keys, every byte in place", async (name) => {
    const clients = await Promise.all(kinds.map(async ({ family, first }) => {
      const at = { address: hostAddress(2, family), port: first + ++used };
      await startTcpServer(fabric.net, "b", at);
      return { of: at.port, client: startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 1, everyMs: 50 }) };
    }));
    const router = fabric.router(name);
    for (const { of, client } of clients) {
      await waitFor("it talks", async () => (await client.report()).receivedBytes > 500);
      const id = (await router.live()).find(({ destinationPort }) => destinationPort === of)?.sessionId ?? "";
      const { receivedBytes } = await client.report();
      forgetSession(fabric.net, name, id);
      await waitFor("it goes on", async () => (await client.report()).receivedBytes > receivedBytes + 1_000);
      expect((await router.live()).some(({ sessionId }) => sessionId === id)).toBe(true);
    }
    for (const { client } of clients) expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
  }, 60_000);

  test.each([["r1", "ingress"], ["t", "transit router"], ["r2", "egress"]])("after kill -9 of %s, the %s, protected sessions go on within 5 s of its return and none is reset", async (name) => {
    const clients = await Promise.all(kinds.map(async ({ family, first }) => {
      const at = { address: hostAddress(2, family), port: first + ++used };
      await startTcpServer(fabric.net, "b", at);
      return startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 1, everyMs: 100 });
    }));
    const received = async (): Promise<number[]> => Promise.all(clients.map(async (client) => (await client.report()).receivedBytes));
    await waitFor("all talk", async () => (await received()).every((bytes) => bytes > 1_000));
    const router = fabric.router(name);
    await router.kill();
    await router.start();
    const before = await received();
    await waitFor("all go on", async () => (await received()).every((bytes, index) => bytes > before[index]! + 500), { deadlineMs: 5_000 });
    for (const client of clients) expect(await client.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
  }, 60_000);

  test("a router without libipsec-mb protects by node:crypto, and says so; its peers see no difference", async () => {
    const egress = fabric.router("r2");
    await egress.stop();
    hideLibrary(egress, fabric.net.folder);
    await egress.start();
    expect([(await egress.status()).protection, (await r1.status()).protection]).toEqual(["node:crypto: libipsec-mb is not installed", "libipsec-mb"]);
    for (const { family, first } of kinds) {
      const at = { address: hostAddress(2, family), port: first + ++used };
      await Promise.all([startTcpServer(fabric.net, "b", at), startUdpServer(fabric.net, "b", at)]);
      const udp = await startUdpClient(fabric.net, "a", { to: at.address, port: at.port });
      expect(await udp.send(20)).toMatchObject({ answered: 20, wrong: 0 });
      const tcp = startTcpClient(fabric.net, "a", { to: at.address, port: at.port, sessions: 1, messageBytes: 200_000 });
      await waitFor("the echo", async () => (await tcp.report()).answered === 1);
      expect(await tcp.stop()).toMatchObject({ answered: 1, wrong: 0, faults: {} });
    }
  }, 60_000);
});
