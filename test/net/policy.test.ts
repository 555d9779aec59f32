// Who may talk to what, with two departments that have the same addresses behind one router:
//
//   eng 10.1.0.10 --lan-eng+                                  engineering.acme
//                          r1 wan0 == wan0 r2 lan0-- b        services at 10.2.0.0/24
//   fin 10.1.0.10 --lan-fin+                                  finance.acme; 10.1.0.99 belongs to the parent, acme
import { PROTO_TCP, PROTO_UDP, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST } from "../../pkg/svr/constants.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { startCapture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site, SiteService } from "../support/site.ts";
import { hostAddress, overlap, withoutOffloads } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import type { TcpReport, UdpReport } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";
import type { WirePacket } from "../support/wire.ts";

const families = [4, 6] as const;
type Family = (typeof families)[number];
const at = { router: "r2", interface: "lan0" };
const lan = ["10.2.0.0/24", "fd00:2::/64"];
const nat = { sourceNat: "Interface" };

function tcp(name: string, ports: (number | string)[], change: Partial<SiteService> = {}): SiteService {
  return { name, addresses: lan, transports: [{ protocol: "TCP", ports }], access: ["acme"], at, more: nat, ...change };
}

const site: Site = {
  tenants: [
    { name: "acme", members: [{ router: "r1", interface: "lan-fin", prefixes: ["10.1.0.99/32"] }] },
    { name: "engineering.acme", members: [{ router: "r1", interface: "lan-eng" }] }, { name: "finance.acme", members: [{ router: "r1", interface: "lan-fin" }] },
  ],
  services: [
    tcp("web", ["80-89"]), tcp("child", [90], { access: ["engineering.acme"] }), tcp("closed", [91], { access: [] }), tcp("denied", [92], { access: ["acme", "!finance.acme"] }),
    tcp("split", [93]), tcp("reset", [7001], { more: { ...nat, enforcement: "Reset" } }), tcp("block", [7002], { more: { ...nat, enforcement: "Block" } }),
    tcp("allow", [7003], { more: { ...nat, enforcement: "Allow" } }),
    { name: "dns4", addresses: ["0.0.0.0/0"], transports: [{ protocol: "UDP", ports: [53] }], access: ["acme"], at: { ...at, gateway: "10.2.0.10" }, more: nat },
    { name: "dns6", addresses: ["::/0"], transports: [{ protocol: "UDP", ports: [53] }], access: ["acme"], at: { ...at, gateway: "fd00:2::10" }, more: nat },
    { name: "whole", addresses: ["10.2.0.11/32", "fd00:2::11/128"], access: ["engineering.acme"], at, more: nat },
    { name: "moved", addresses: ["10.8.0.10", "fd00:8::10"], transports: [{ protocol: "TCP", ports: [80] }], access: ["acme"], at, targets: ["10.2.0.10", "fd00:2::10"] },
  ],
};

describeNet("policy", () => {
  let fabric: Fabric, r1: Router, r2: Router, fromEng: Injector;
  let sourcePort = 30_000;

  beforeAll(async () => {
    const net = await openNet(withoutOffloads(overlap));
    for (const [node, address] of [["fin", "10.1.0.99/24"], ["b", "10.2.0.11/24"], ["b", "fd00:2::11/64"]] as const) await net.must(node, "ip", "addr", "add", address, "dev", "eth0");
    fabric = await startFabric(net, site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    fromEng = await openInjector(net, { node: "eng", device: "eth0" }, { node: "r1", device: "lan-eng" });
    const split = fabric.object("Service", "split", { access: [{ tenant: "acme", permission: "Deny" }] });
    const before = (await r2.status()).configuration.hash;
    r2.config.put(split); // the egress thinks otherwise than the ingress
    await waitFor("r2 applied it", async () => (await r2.status()).configuration.hash !== before);
    for (const family of families) for (const port of [80, 90, 91, 92, 93]) await startTcpServer(net, "b", { address: hostAddress(2, family), port });
  }, 90_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  /** One TCP connection and what became of it. */
  async function connect(node: string, to: string, port: number, from?: string): Promise<TcpReport> {
    const client = startTcpClient(fabric.net, node, { to, port, sessions: 1, ...(from !== undefined && { from }) });
    const report = await waitFor(`${node} talks to ${to}:${port}, or not`, async () => {
      const now = await client.report();
      return (now.answered === 1 || Object.keys(now.faults).length > 0) && now;
    }, { deadlineMs: 1500 }).catch(() => client.report());
    await client.process.stop();
    return report;
  }

  async function ask(node: string, to: string, port: number, from?: string): Promise<UdpReport> {
    const client = await startUdpClient(fabric.net, node, { to, port, waitMs: 500, ...(from !== undefined && { from }) });
    const report = await client.send(1);
    await client.process.stop();
    return report;
  }

  /** What left r1 toward its peer while `work` ran. */
  async function onWan(work: () => Promise<unknown>): Promise<WirePacket[]> {
    const capture = await startCapture(fabric.net, "r1", "wan0");
    await work();
    return readWire(await capture.stop(), fabric.keys("r1", "r2")).filter((one) => one.packet.proto === PROTO_TCP || one.packet.proto === PROTO_UDP);
  }

  async function denied(router: Router, reason: string, port: number): Promise<void> {
    await waitFor(`${router.name} reports ${reason} for port ${port}`, () => router.records().find((one) => one.recordType === "deny" && one.denyReason === reason && one.destinationPort === port));
  }

  test.each(families)("P-1 IPv%i: without a service, or without access policy, no packet leaves and the denial is reported", async (family) => {
    const [to, port] = [hostAddress(2, family), family === 4 ? 94 : 95];
    const before = await r1.drops();
    const packets = await onWan(async () => {
      expect(await Promise.all([connect("eng", to, port), connect("eng", to, 91)])).toMatchObject([{ connected: 0 }, { connected: 0 }]);
    });
    expect(packets).toEqual([]);
    await denied(r1, "no-service", port);
    await denied(r1, "access", 91);
    const after = await r1.drops();
    for (const reason of ["no-service", "access"]) expect(after[reason]).toBeGreaterThan(before[reason] ?? 0);
    expect((await r1.sessions()).filter((one) => one.destinationPort === port || one.destinationPort === 91)).toEqual([]);
  }, 30_000);

  test.each(families)("P-2 IPv%i: what a parent may, its children may; what a child may, its parent and its sister may not", async (family) => {
    const to = hostAddress(2, family);
    const both = (port: number): Promise<TcpReport[]> => Promise.all(["eng", "fin"].map((node) => connect(node, to, port)));
    expect(await both(80)).toMatchObject([{ answered: 1, wrong: 0 }, { answered: 1, wrong: 0 }]);
    expect(await both(90)).toMatchObject([{ answered: 1 }, { connected: 0 }]);
    expect(await both(92)).toMatchObject([{ answered: 1 }, { connected: 0 }]);
    if (family === 6) return;
    expect(await Promise.all([80, 90].map((port) => connect("fin", to, port, "10.1.0.99")))).toMatchObject([{ answered: 1 }, { connected: 0 }]);
    expect(r1.records().find((one) => one.recordType === "deny" && one.sourceAddress === "10.1.0.99")).toMatchObject({ tenant: "acme", denyReason: "access" });
  }, 30_000);

  test.each(families)("P-3 IPv%i: a port on everything beats an address without port", async (family) => {
    const to = family === 4 ? "10.2.0.11" : "fd00:2::11";
    for (const port of [53, 54]) await startUdpServer(fabric.net, "b", { address: to, port });
    expect((await r2.status()).configuration.problems).toEqual([]);
    const asked = [ask("eng", to, 53), ask("eng", to, 54), ask("fin", to, 53), ask("fin", to, 54)];
    expect(await Promise.all(asked)).toMatchObject([{ answered: 1 }, { answered: 1 }, { answered: 1 }, { answered: 0 }]);
    const serviceOf = async (port: number): Promise<(string | undefined)[]> =>
      (await r1.sessions()).filter((one) => one.destinationAddress === to && one.destinationPort === port && one.tenant === "engineering.acme").map((one) => one.service);
    expect([await serviceOf(53), await serviceOf(54)]).toEqual([[`test/dns${family}`], ["test/whole"]]);
  }, 30_000);

  const missing = (family: Family): string => (family === 4 ? "10.2.0.77" : "fd00:2::77"); // nobody there who would reset
  const midFlow = (family: Family, port: number, flags: number): Uint8Array => buildPacket(fieldsOf(hostAddress(1, family), missing(family)),
    { kind: "tcp", sourcePort: ++sourcePort, destinationPort: port, flags, seq: 1000, ack: 2000, window: 500 }, Uint8Array.of(1, 2, 3));

  test.each(families)("P-4 L-9 RB-33 IPv%i: a first packet that is no SYN: reset answers RST, block is silent, allow makes a session", async (family) => {
    const capture = await startCapture(fabric.net, "eng", "eth0");
    const before = await r1.drops();
    const first = sourcePort + 1;
    const packets = await onWan(async () => {
      await fromEng.send(...[7001, 7002, 7003].map((port) => midFlow(family, port, TCP_ACK | TCP_PSH)), midFlow(family, 7003, TCP_FIN | TCP_ACK), midFlow(family, 7003, TCP_RST | TCP_ACK));
      await waitFor("a session", async () => (await r1.live()).some((one) => one.destinationPort === 7003 && one.sourcePort === first + 2));
      await waitFor("all refusals", async () => ((await r1.drops())["state"] ?? 0) >= (before["state"] ?? 0) + 4);
    });
    expect(packets.filter((one) => one.packet.tcp !== undefined)).toHaveLength(1);
    const answers = readWire(await capture.stop()).filter((one) => one.source === missing(family) && one.packet.tcp !== undefined);
    expect(answers.map((one) => [one.packet.destinationPort, one.packet.tcp?.flags, one.packet.tcp?.seq])).toEqual([[first, TCP_RST, 2000]]);
    const sessions = (await r1.sessions()).filter((one) => one.destinationAddress === missing(family));
    expect(sessions.map((one) => [one.sourcePort, one.service])).toEqual([[first + 2, "test/allow"]]);
    await denied(r1, "state", 7002);
  }, 30_000);

  test.each(families)("P-5 IPv%i: the egress denies although the ingress allows: dropped there, nothing reaches the host", async (family) => {
    const host = await startCapture(fabric.net, "b", "eth0");
    const before = await r2.drops();
    expect(await connect("eng", hostAddress(2, family), 93)).toMatchObject({ connected: 0 });
    expect(readWire(await host.stop()).filter((one) => one.packet.destinationPort === 93)).toEqual([]);
    expect((await r2.drops())["access"]).toBeGreaterThan(before["access"] ?? 0);
    await waitFor("r2 reports it with its peer", () => r2.records().find((one) => one.denyReason === "access" && one.destinationPort === 93 && one.peer === "r1"));
    expect((await r2.sessions()).filter((one) => one.destinationPort === 93)).toEqual([]);
  }, 30_000);

  test.each(families)("P-6 IPv%i: two tenants with the same addresses and ports never mix", async (family) => {
    const [from, to] = [hostAddress(1, family), hostAddress(2, family)];
    const server = await startUdpServer(fabric.net, "b", { address: to, port: 53 });
    const settings = { to, port: 53, sockets: 20, firstPort: 40_000 };
    const [eng, fin] = await Promise.all([startUdpClient(fabric.net, "eng", settings), startUdpClient(fabric.net, "fin", { ...settings, bytes: 32 })]);
    for (let round = 0; round < 3; round++) {
      const reports = await Promise.all([eng.send(2), fin.send(2)]);
      expect(reports).toMatchObject([{ sent: 40, answered: 40, wrong: 0 }, { sent: 40, answered: 40, wrong: 0 }]);
    }
    const sessions = (await r1.live()).filter((one) => one.sourceAddress === from && one.destinationAddress === to && one.destinationPort === 53);
    expect(Map.groupBy(sessions, (one) => one.tenant).get("engineering.acme")).toHaveLength(20);
    expect(Map.groupBy(sessions, (one) => one.tenant).get("finance.acme")).toHaveLength(20);
    expect(new Set(sessions.map((one) => one.sessionId)).size).toBe(40);
    const senders = new Set((await server.report()).last.map((one) => `${one.from} ${one.port}`));
    expect([senders.size, [...senders].every((one) => one.startsWith(family === 4 ? "10.2.0.1 " : "fd00:2::1 "))]).toEqual([40, true]);
    await Promise.all([eng, fin].map((one) => one.process.stop()));
  }, 30_000);

  test.each(families)("N-5 IPv%i: destination NAT at the last router, and back", async (family) => {
    const [shown, real] = [family === 4 ? "10.8.0.10" : "fd00:8::10", hostAddress(2, family)];
    const [near, far] = [await startCapture(fabric.net, "eng", "eth0"), await startCapture(fabric.net, "b", "eth0")];
    expect(await connect("eng", shown, 80)).toMatchObject({ answered: 1, wrong: 0, faults: {} });
    const [inside, outside] = [await near.stop(), await far.stop()].map((frames) => readWire(frames).filter((one) => one.packet.tcp !== undefined));
    const pairsOf = (packets: WirePacket[] = []): Set<string> => new Set(packets.map((one) => [one.source, one.destination].join(" > ")));
    expect(pairsOf(inside)).toEqual(new Set([`${hostAddress(1, family)} > ${shown}`, `${shown} > ${hostAddress(1, family)}`]));
    expect(pairsOf(outside)).toEqual(new Set([`${hostAddress(1, family)} > ${real}`, `${real} > ${hostAddress(1, family)}`]));
    const record = await waitFor("its session", async () => (await r2.sessions()).find((one) => one.destinationAddress === shown));
    expect(record.natDestination).toBe(family === 4 ? `${real}:80` : `[${real}]:80`);
  }, 30_000);
});
