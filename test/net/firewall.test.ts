// The firewall of an interface with real packets: source check, filter rules on first packets and live flows, IPv4 options (Q-4,
// behaviour 10). Flags, lengths, checksums and bad addresses are in filter.test.ts.
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b      everything is refused or permitted at r1 lan0
import { concatBytes } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { finishIpv4Header } from "../../pkg/svr/checksum.ts";
import { TCP_SYN } from "../../pkg/svr/constants.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site } from "../support/site.ts";
import { hostAddress, pair } from "../support/topologies.ts";
import { startTcpClient, startTcpServer, startUdpClient, startUdpServer } from "../support/traffic.ts";
import { waitFor } from "../support/wait.ts";

const prefixes = ["10.1.0.0/24", "fd00:1::/64"];
const site: Site = {
  tenants: [{ name: "corp", members: [{ router: "r1", interface: "lan0", prefixes }] }],
  services: [{ name: "east", addresses: ["10.2.0.0/24", "fd00:2::/64"], at: { router: "r2", interface: "lan0" } }],
};

describeNet("firewall", () => {
  let fabric: Fabric, r1: Router, injector: Injector;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(pair), site);
    r1 = fabric.router("r1");
    injector = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    for (const family of [4, 6] as const) {
      await startTcpServer(fabric.net, "b", { address: hostAddress(2, family), port: 80 });
      await startUdpServer(fabric.net, "b", { address: hostAddress(2, family), port: 53 });
    }
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const filtered = async (): Promise<number> => (await r1.drops())["filter"] ?? 0;
  /** Changes fields of r1's lan0 and waits until they are in force. */
  async function change(fields: Record<string, unknown>): Promise<void> {
    const { hash } = (await r1.status()).configuration;
    const object = fabric.object("Router", "r1");
    const interfaces = object.spec["interfaces"] as Record<string, unknown>[];
    object.spec["interfaces"] = interfaces.map((one) => (one["name"] === "lan0" ? { ...one, ...fields } : one));
    r1.config.put(object);
    await waitFor("the change is in force", async () => (await r1.status()).configuration.hash !== hash);
  }
  async function refused(count: number, ...packets: Uint8Array[]): Promise<void> {
    const before = await filtered();
    await injector.send(...packets);
    await waitFor(`${count} filtered`, async () => (await filtered()) >= before + count);
    expect(await filtered()).toBe(before + count);
    for (const told of await r1.denials("filter", packets)) expect(told).toMatchObject({ ingressInterface: "lan0", vlan: 0 });
  }
  const udpFrom = (source: string, destination: string): Uint8Array => buildPacket(fieldsOf(source, destination), { kind: "udp", sourcePort: 999, destinationPort: 53 });

  test("Q-4 a source that is not of the interface's networks, tenants or services is refused; a switch turns the check off", async () => {
    await refused(3, udpFrom("10.9.9.9", "10.2.0.10"), udpFrom("10.2.0.77", "10.2.0.10"), udpFrom("fd00:9::9", "fd00:2::10"));
    expect(await r1.sessions()).toEqual([]);
    await change({ sourceCheck: "None" });
    const { access = 0 } = await r1.drops();
    await injector.send(udpFrom("10.9.9.9", "10.2.0.10"));
    await waitFor("policy refuses it instead", async () => ((await r1.drops())["access"] ?? 0) > access || ((await r1.drops())["no-service"] ?? 0) > 0);
    await change({});
  }, 60_000);

  test("Q-4 a rule refuses first packets and stops live flows, others go on; without it they go on again", async () => {
    const client = startTcpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 80, sessions: 1, everyMs: 50 });
    const other = startTcpClient(fabric.net, "a", { to: hostAddress(2, 6), port: 80, sessions: 1, everyMs: 50 });
    await waitFor("both talk", async () => (await client.report()).receivedBytes > 640 && (await other.report()).receivedBytes > 640);
    await change({ filters: [
      { action: "Permit", protocol: "UDP", destinationPort: 53 }, { action: "Deny", protocol: "ICMP", icmpType: 13 }, // two rules of the data plane
      { action: "Deny", family: "IPv4", protocol: "TCP", destinationPort: "80-89" },
      { action: "Deny", source: "10.1.0.66", protocol: "TCP", tcpFlags: ["SYN", "!ACK"] },
    ] });
    const stopped = (await client.report()).receivedBytes;
    const before = (await other.report()).receivedBytes;
    await waitFor("the other one goes on", async () => (await other.report()).receivedBytes > before + 640);
    expect((await client.report()).receivedBytes).toBeLessThanOrEqual(stopped + 64 * 2);
    const syn = (source: string, port: number): Uint8Array => buildPacket(fieldsOf(source, "10.2.0.10"), { kind: "tcp", sourcePort: 900, destinationPort: port, flags: TCP_SYN, window: 100 });
    const rules = async (): Promise<Map<number, number>> => new Map((await r1.counters()).filtered.filter((one) => one.interface === "lan0").map(({ rule, packets }) => [rule, packets]));
    await injector.send(syn("10.1.0.66", 22));
    await waitFor("counted for its rule", async () => (await rules()).get(3) === 1);
    const [first] = await r1.denials("filter", [syn("10.1.0.66", 22)]);
    expect(first).toMatchObject({ tenant: "corp", protocol: 6 });
    const [live] = await r1.live({ destinationPort: "80", sourceAddress: hostAddress(1, 4) });
    await waitFor("the live flow is told with its service", () => r1.records().some((one) => one.denyReason === "filter" && one.service === "test/east" && one.sourcePort === live?.sourcePort && one.tenant === "corp"));
    const ruled = await rules();
    expect(ruled.get(2)).toBeGreaterThan(0);
    expect([0, 1].filter((rule) => ruled.has(rule))).toEqual([]);
    const asked = await startUdpClient(fabric.net, "a", { to: hostAddress(2, 4), port: 53 });
    expect((await asked.send(5)).answered).toBe(5);
    await change({});
    await waitFor("it goes on", async () => (await client.report()).receivedBytes > stopped + 640, { deadlineMs: 20_000 });
    expect(await client.report()).toMatchObject({ live: 1, wrong: 0 });
    await client.stop();
    await other.stop();
  }, 90_000);

  test("P-7 each refusal of the data plane has its reason, its counter and a record: rates, ICMP errors of nobody; suppressed ones are declared", async () => {
    const before = await r1.drops();
    const error = buildPacket(fieldsOf("10.1.0.20", "10.2.0.10"), { kind: "icmp", type: 3, code: 1 }, udpFrom("10.2.0.10", "10.1.0.99"));
    await injector.send(error);
    await waitFor("the error is counted", async () => (await r1.drops())["icmp-error"] === (before["icmp-error"] ?? 0) + 1);
    expect((await r1.denials("icmp-error", [error]))[0]).toMatchObject({ protocol: 1, tenant: "corp" });
    const router = fabric.object("Router", "r1"), { hash } = (await r1.status()).configuration;
    r1.config.put({ ...router, spec: { ...router.spec, limits: { firstPacketRate: 1 } } });
    await waitFor("the rate is in force", async () => (await r1.status()).configuration.hash !== hash);
    const packets = Array.from({ length: 12 }, (_, n) => buildPacket(fieldsOf("10.1.0.30", "10.2.0.10"), { kind: "udp", sourcePort: 2000 + n % 6, destinationPort: 53 }));
    await injector.send(...packets);
    const rated = async (): Promise<number> => ((await r1.drops())["rate"] ?? 0) - (before["rate"] ?? 0);
    await waitFor("most are above the rate", async () => (await rated()) >= 8);
    const told = await waitFor("they are told", async () => { const found = r1.records().filter((one) => one.denyReason === "limit" && one.sourceAddress === "10.1.0.30"); return found.length + ((await r1.counters()).refusalsSuppressed["rate"] ?? 0) === await rated() && found; });
    expect(told.length).toBeGreaterThanOrEqual(4);
    expect(new Set(told.map((one) => one.sourcePort)).size).toBe(told.length);
    await change({});
  }, 60_000);

  test("Q-4 IPv4 options pass by default; dropped with their reason where the interface says so, but for exceptions", async () => {
    const withOption = (kind: number, port: number): Uint8Array => {
      const plain = buildPacket(fieldsOf("10.1.0.20", "10.2.0.10"), { kind: "udp", sourcePort: port, destinationPort: 53 });
      const packet = concatBytes(plain.slice(0, 20), Uint8Array.of(kind, 4, 0, 0), plain.slice(20));
      packet[0] = 0x46;
      packet[3] = packet.length;
      finishIpv4Header(packet);
      return packet;
    };
    const sessionFrom = async (port: number): Promise<boolean> => (await r1.sessions({ sourcePort: String(port) })).length === 1;
    await injector.send(withOption(148, 1001));
    await waitFor("it opened a session", async () => sessionFrom(1001));
    await change({ ipOptions: { action: "Drop", except: [7] } });
    await refused(2, withOption(148, 1002), withOption(148, 1001));
    await injector.send(withOption(7, 1003));
    await waitFor("an exception opens one", async () => sessionFrom(1003));
    expect(await sessionFrom(1002)).toBe(false);
  }, 60_000);
});
