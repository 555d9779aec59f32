// Every reason for which a first packet is refused, provoked with real packets (P-7): nothing goes on, each packet is counted under the
// reason, and one record of it says what was refused, however many packets of the 5-tuple came (behaviour 2.6):
//
//   a --lan0 r1 wan0 == wan0 r2 lan0-- b       r2 takes the word of r1 for tenant corp only
import { TCP_ACK, TCP_PSH } from "../../pkg/svr/constants.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { DropReason } from "../../pkg/svr/reasons.ts";
import { startCapture } from "../support/capture.ts";
import { fieldsOf } from "../support/craft.ts";
import { openInjector } from "../support/inject.ts";
import type { Injector } from "../support/inject.ts";
import { openNet } from "../support/net.ts";
import { describeNet } from "../support/probe.ts";
import { startFabric } from "../support/router.ts";
import type { Fabric, Router } from "../support/router.ts";
import type { Site, SiteService } from "../support/site.ts";
import { hostAddress, pair, withoutOffloads } from "../support/topologies.ts";
import { waitFor } from "../support/wait.ts";
import { readWire } from "../support/wire.ts";

const GRE = 47;
const at = { router: "r2", interface: "lan0" };
const service = (name: string, port: number, change: Partial<SiteService> = {}, protocol = "UDP"): SiteService =>
  ({ name, addresses: ["10.2.0.0/24", "fd00:2::/64"], transports: [{ protocol, ports: [port] }], access: ["corp", "guest", "few"], at, ...change });
const strict = { apiVersion: "opensvr.io/v1alpha1", kind: "ServicePolicy", metadata: { name: "strict", namespace: "test" }, spec: { reverseFlowEnforcement: "Strict" } };

const site: Site = {
  tenants: [
    { name: "corp", members: [{ router: "r1", interface: "lan0" }] }, { name: "guest", members: [{ router: "r1", interface: "lan0", prefixes: ["10.1.0.96/28", "fd00:1::60/124"] }] },
    { name: "few", members: [{ router: "r1", interface: "lan0", prefixes: ["10.1.0.112/28", "fd00:1::70/124"] }], budgets: { sessions: 1 } },
  ],
  services: [
    service("open", 5000), service("closed", 5001, { access: [] }), service("lost", 5002), service("pooled", 5003, { more: { sourceNat: "Pool" } }), service("silent", 5004, { more: { enforcement: "Block" } }, "TCP"),
    { name: "bare", addresses: ["10.2.0.0/24", "fd00:2::/64"], transports: [{ protocol: "GRE" }], access: ["corp"], at, more: { sourceNat: "Interface" } },
    service("returning", 5005, { more: { servicePolicyRef: { name: "strict" } } }), service("entering", 5006, { more: { servicePolicyRef: { name: "strict" }, enforcement: "Allow" } }, "TCP"),
  ],
  routers: { r2: { peers: { r1: { allowedTenants: ["corp"] } } } },
};

interface Case { reason: string; at?: "r2"; counter?: DropReason; source?: number; elsewhere?: true; port: number; tcp?: true; spoil?: true; first?: true }

const cases: Case[] = [
  { reason: "no-service", port: 4999 }, { reason: "access", port: 5001 }, { reason: "peer-tenant", at: "r2", counter: "tenant-not-allowed", source: 0x61, port: 5000 },
  { reason: "state", port: 5004, tcp: true }, { reason: "filter", port: 5000, spoil: true }, { reason: "no-path", port: 5002 }, { reason: "limit", source: 0x71, port: 5000, first: true },
  { reason: "nat", at: "r2", port: 5003 }, { reason: "reverse-path", elsewhere: true, port: 5005 },
];

describeNet("denials", () => {
  let fabric: Fabric, r1: Router, r2: Router, fromA: Injector;
  let next = 30_000;

  beforeAll(async () => {
    fabric = await startFabric(await openNet(withoutOffloads(pair)), site);
    [r1, r2] = [fabric.router("r1"), fabric.router("r2")];
    fromA = await openInjector(fabric.net, { node: "a", device: "eth0" }, { node: "r1", device: "lan0" });
    const router = fabric.object("Router", "r1");
    for (const one of router.spec["interfaces"] as Record<string, unknown>[]) if (one["name"] === "lan0") one["sourceCheck"] = "None"; // so that hosts of another network reach the service
    const before = await Promise.all([r1, r2].map(async (one) => (await one.status()).configuration.hash));
    fabric.put(strict);
    r1.config.put(router);
    r1.config.remove(fabric.object("ServiceRoute", "lost-r1"));
    for (const [index, one] of [r1, r2].entries()) await waitFor(`${one.name} has the policy`, async () => { const { hash, problems } = (await one.status()).configuration; return hash !== before[index] && problems.every((line) => !line.includes("error")); }, { deadlineMs: 20_000 });
  }, 60_000);
  afterAll(async () => { await fabric.close(); }, 60_000);

  const families = [4, 6] as const;
  const hostOf = (family: 4 | 6, network: number, n: number): string => (family === 4 ? `10.${network}.0.${n}` : `fd00:${network}::${n.toString(16)}`);
  const addressOf = (family: 4 | 6, { source = 10, elsewhere }: Case): string => (elsewhere === true ? hostOf(family, 2, 0x4d) : hostOf(family, 1, source));

  function packet(family: 4 | 6, one: Case, sourcePort: number): Uint8Array {
    const ports = { sourcePort, destinationPort: one.port };
    const spec = one.tcp === true ? { kind: "tcp" as const, ...ports, flags: TCP_ACK | TCP_PSH, seq: 1, ack: 1, window: 500 } : { kind: "udp" as const, ...ports };
    const data = buildPacket(fieldsOf(addressOf(family, one), hostAddress(2, family)), spec, Uint8Array.of(1, 2, 3));
    if (one.spoil === true) data[data.length - 1]! ^= 0x55; // the checksum does not fit any more
    return data;
  }

  describe.each(families)("IPv%i", (family) => {
    test.each(cases)("P-7 $reason: counted for each packet, told once, and nothing reaches the far host", async (one) => {
      const router = one.at === "r2" ? r2 : r1;
      if (one.first === true && (await r1.live({ tenant: "few" })).length === 0) { // takes the only session that the tenant may have
        await fromA.send(packet(family, one, ++next));
        await waitFor("a session of the tenant", async () => (await r1.live({ tenant: "few" })).length > 0);
      }
      const sourcePort = ++next;
      const counted = async (): Promise<number> => (await router.drops())[one.counter ?? one.reason] ?? 0;
      const [before, far] = [await counted(), await startCapture(fabric.net, "b", "eth0")];
      await fromA.send(...Array.from({ length: 3 }, () => packet(family, one, sourcePort)));
      await waitFor("three more are counted", async () => (await counted()) >= before + 3);
      const told = await waitFor("the record", () => { const found = router.records().filter((record) => record.recordType === "deny" && record.sourcePort === sourcePort); return found.length > 0 && found; });
      expect(told.map((record) => [record.denyReason, record.sourceAddress, record.destinationAddress, record.destinationPort, record.protocol])).toEqual(
        [[one.reason, addressOf(family, one), hostAddress(2, family), one.port, one.tcp === true ? 6 : 17]]);
      expect(told[0]?.tenant).toBe(one.source === 0x61 ? "guest" : one.source === 0x71 ? "few" : "corp");
      expect(await counted()).toBe(before + 3);
      expect(readWire(await far.stop()).filter((seen) => seen.packet.destinationPort === one.port && seen.packet.sourcePort === sourcePort)).toEqual([]);
      expect((await router.live()).filter((session) => session.sourcePort === sourcePort)).toEqual([]);
    }, 30_000);

    test("P-7 nat: behind one address a second session of a protocol without ports to the same host is refused, and the first goes on", async () => {
      const gre = (host: number): Uint8Array => buildPacket(fieldsOf(hostOf(family, 1, host), hostAddress(2, family)), { kind: "other", proto: GRE }, Uint8Array.of(0, 0, 8, 0, host, 2, 3, 4));
      const far = await startCapture(fabric.net, "b", "eth0");
      const arrived = async (): Promise<number[]> => readWire(await far.frames()).flatMap(({ packet: { proto, data, l4, family: seen } }) => (proto === GRE && seen === family ? [data[l4 + 4] ?? 0] : []));
      await fromA.send(gre(20));
      await waitFor("the first arrives", async () => (await arrived()).length === 1);
      const before = (await r2.drops())["nat"] ?? 0;
      await fromA.send(gre(21), gre(21));
      await waitFor("the second is refused", async () => ((await r2.drops())["nat"] ?? 0) === before + 2);
      const told = await waitFor("the record", () => { const found = r2.records().filter((record) => record.recordType === "deny" && record.sourceAddress === hostOf(family, 1, 21)); return found.length > 0 && found; });
      expect(told.map((record) => [record.denyReason, record.protocol, record.tenant, record.service])).toEqual([["nat", GRE, "corp", "test/bare"]]);
      await fromA.send(gre(20));
      await waitFor("the first goes on", async () => (await arrived()).length === 2);
      expect(await arrived()).toEqual([20, 20]);
      await far.stop();
    }, 30_000);

    test("L-9 RB-33 TCP that enters in the middle where the answers would leave elsewhere is refused with reverse-path; where they return, it is a session", async () => {
      const entering: Case = { reason: "reverse-path", elsewhere: true, port: 5006, tcp: true };
      const [refused, admitted] = [++next, ++next];
      await fromA.send(packet(family, entering, refused), packet(family, { reason: "", port: 5006, tcp: true }, admitted));
      await waitFor("the refusal", () => r1.records().find((record) => record.denyReason === "reverse-path" && record.sourcePort === refused && record.destinationPort === 5006));
      await waitFor("the session, on both routers", async () => (await Promise.all([r1, r2].map(async (one) => one.live()))).every((list) => list.some((session) => session.sourcePort === admitted)));
      expect((await r1.sessions()).filter((session) => session.sourcePort === refused)).toEqual([]);
    }, 30_000);
  });
});
