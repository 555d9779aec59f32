// explain against the tables that shards decide by: for any configuration and connection the same verdict, service, reason
// and way out.
import fc from "fast-check";
import { parsedOf, randomObjects, randomQuestions } from "../support/config/random.ts";
import { addressOf } from "../support/config/sample.ts";
import { compile } from "../../pkg/plan/compile.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import { explain } from "../../pkg/plan/explain.ts";
import type { WhyQuestion } from "../../pkg/plan/explain.ts";
import { buildTables } from "../../pkg/router/build.ts";
import { numberNames } from "../../pkg/router/names.ts";
import { egressSides } from "../../pkg/router/route.ts";
import type { Chosen } from "../../pkg/router/route.ts";
import type { Tables } from "../../pkg/router/tables.ts";
import type { Turn } from "../../pkg/router/turn.ts";
import { keysOf } from "./lab.ts";

/** Tables as a shard gets them, with numbers in an order of their own. */
function tablesOf(config: RouterConfig): Tables {
  const numbered = new Map<string, number>();
  const nameId = (name: string): number => {
    numbered.set(name, numbered.get(name) ?? 5_000 - numbered.size);
    return numbered.get(name) ?? 0;
  };
  const { ids } = numberNames(config, nameId);
  const keys = Object.fromEntries(config.peers.map((peer) => [peer.name, { send: keysOf(config.name, peer.name), receive: [keysOf(peer.name, config.name)] }]));
  return buildTables({ config, ids, keys }, { nameId, nameOf: (id) => [...numbered].find(([, one]) => one === id)?.[0] });
}

/** A turn that has ports for everybody and can protect what is asked, which is all that choosing a way asks of it. */
const turnOf = (tables: Tables): Turn => ({ tables, nowMs: 0, protection: { tools: {} }, ports: { natStart: () => 0, pair: () => ({ local: 16_384, remote: 16_385 }) } }) as unknown as Turn;

const hostOf = ({ family }: WhyQuestion["destination"]): WhyQuestion["destination"] => addressOf(family === 4 ? "10.1.0.77" : "fd00:1::77");

interface Decision { allow: boolean; reason?: string; service?: string; way?: string }

/** A way out in the words of explain. */
function wayOf(tables: Tables, { side }: Chosen): string {
  const path = tables.pathById(side.path);
  return path === undefined ? `to hosts at ${tables.interfaceName(side.ifnum)}${side.vlan === 0 ? "" : ` VLAN ${side.vlan}`}` : `to peer ${path.peer.name} by path ${path.name}`;
}

function decide(tables: Tables, { tenant = "", proto, port, destination: asked }: WhyQuestion): Decision {
  const destination = tables.nat.insideOf(asked)?.address ?? asked;
  const selected = tables.select(tables.tenantId(tenant) ?? -1, proto, port, destination);
  if (selected.kind === "deny") return { allow: false, reason: selected.reason, ...(selected.service === undefined ? {} : { service: selected.service.name }) };
  const service = selected.service.name;
  const source = hostOf(destination);
  const ways = egressSides(turnOf(tables), selected.service, { source, destination, sourcePort: 40_000, destinationPort: port, proto, family: destination.family }, { ifnum: 2_000, vlan: 0, tenant, wasOutside: destination !== asked });
  if (!ways.ok) return { allow: false, reason: ways.error, service };
  const chosen = ways.value.next();
  return chosen === undefined ? { allow: false, reason: "nat", service } : { allow: true, service, way: wayOf(tables, chosen) };
}

test("P-1 P-2 P-3 N-3 N-4 svrctl why says what a shard decides", () => {
  const seen = new Set<string>();
  fc.assert(fc.property(randomObjects, randomQuestions, (objects, questions) => {
    for (const config of compile({ objects }).routers.values()) {
      const tables = tablesOf(config);
      for (const question of questions) {
        const { allow, reason, service, steps } = explain(config, { ...question, from: hostOf(question.destination) });
        const way = allow ? steps.find((step) => step.stage === "route")?.text.replace(/, cost .*/, "") : undefined;
        expect({ allow, reason, service, way }).toEqual({ reason: undefined, service: undefined, way: undefined, ...decide(tables, question) });
        seen.add(reason ?? "allow");
      }
    }
  }), { numRuns: 500 });
  expect([...seen]).toEqual(expect.arrayContaining(["access", "allow", "nat", "no-path", "no-service"]));
});

test.each<[string, object, object, string | undefined]>([
  ["by the default", {}, {}, "to peer two by path two/v4"],
  ["where metadata is clear", { metadataEncryption: { enabled: false } }, {}, undefined],
  ["where packets have no tags", { hmac: { mode: "Disabled" } }, {}, undefined],
  ["where metadata is clear, by a path that says clear and is not believed", { metadataEncryption: { enabled: false } }, { payloadEncryption: "None" }, undefined],
])("8.2 svrctl why and a shard say the same of a service with encrypted payloads toward a peer %s", (_name, peer, path, way) => {
  const objects = [
    parsedOf("Tenant", { name: "acme" }), parsedOf("SecurityPolicy", { name: "strong", namespace: "shop" }, { payloadEncryption: "GCM" }),
    parsedOf("Service", { name: "web", namespace: "shop" }, { addresses: ["0.0.0.0/0"], access: [{ tenant: "acme" }], securityPolicyRef: { name: "strong" } }),
    parsedOf("ServiceRoute", { name: "r", namespace: "shop" }, { serviceRef: { name: "web" }, routers: ["one"], type: "Peer", peer: { peer: "two" } }),
    parsedOf("Router", { name: "one" }, {
      interfaces: [{ name: "wan0", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] }],
      peers: [{ name: "two", psk: { file: "k" }, paths: [{ name: "v4", interface: "wan0", remoteAddress: "192.0.2.2", ...path }], ...peer }],
    }),
  ];
  const config = compile({ objects }).routers.get("one")!, question = { tenant: "acme", proto: 6, port: 0, destination: addressOf("10.2.0.7") };
  const expected = way === undefined ? { allow: false, reason: "no-path", service: "shop/web" } : { allow: true, service: "shop/web" };
  expect(decide(tablesOf(config), question)).toEqual({ ...expected, ...(way !== undefined && { way }) });
  expect(explain(config, question)).toMatchObject(expected);
});

test("6.3 W-11 the cheapest way whatever its family; of equal ones that of the packet's own", () => {
  const serviceRef = { name: "web" };
  const objects = [
    parsedOf("Tenant", { name: "acme" }),
    parsedOf("Service", { name: "web", namespace: "shop" }, { addresses: ["10.1.0.0/24", "fd00:1::/64"], access: [{ tenant: "acme" }] }),
    parsedOf("Service", { name: "mail", namespace: "shop" }, { addresses: ["10.2.0.0/24", "fd00:2::/64"], access: [{ tenant: "acme" }] }),
    parsedOf("ServiceRoute", { name: "both", namespace: "shop" }, { serviceRef: { name: "mail" }, routers: ["one"], type: "Peer", peer: { peer: "two" } }),
    parsedOf("ServiceRoute", { name: "hosts", namespace: "shop" }, { serviceRef, routers: ["one"], cost: 5, type: "Local", local: { interface: "lan0" } }),
    parsedOf("ServiceRoute", { name: "peer", namespace: "shop" }, { serviceRef, routers: ["one"], cost: 1, type: "Peer", peer: { peer: "two" } }),
    parsedOf("Router", { name: "one" }, {
      interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.0.1/24", "fd00:1::1/64"] }, { name: "wan0", type: "WAN", addresses: ["2001:db8::1/64", "192.0.2.1/24"], waypoints: [{ address: "2001:db8::1" }, { address: "192.0.2.1" }] }],
      peers: [{ name: "two", psk: { file: "k" }, paths: [{ name: "a6", interface: "wan0", remoteAddress: "2001:db8::2" }, { name: "b4", interface: "wan0", remoteAddress: "192.0.2.2" }] }],
    }),
  ];
  const config = compile({ objects }).routers.get("one")!;
  const way = (to: string): string | undefined => decide(tablesOf(config), { tenant: "acme", proto: 6, port: 80, destination: addressOf(to) }).way;
  expect([way("10.1.0.9"), way("fd00:1::9")]).toEqual(["to peer two by path two/b4", "to peer two by path two/a6"]);
  expect([way("10.2.0.9"), way("fd00:2::9")]).toEqual(["to peer two by path two/b4", "to peer two by path two/a6"]);
  const alone = { ...config, paths: config.paths.filter((path) => path.family === 6), routes: config.routes.filter((route) => route.kind !== "peer" || route.path === "two/a6") };
  expect(decide(tablesOf(alone), { tenant: "acme", proto: 6, port: 80, destination: addressOf("10.1.0.9") }).way).toBe("to peer two by path two/a6");
});
