// Where a connection enters, and that the few services and routers that a question needs answer it as all of them do.
import fc from "fast-check";
import { parsedOf, randomObjects, randomQuestions } from "../../test/support/config/random.ts";
import { addressOf } from "../../test/support/config/sample.ts";
import type { ParsedObject } from "../api/document.ts";
import { compile } from "./compile.ts";
import { decidingServices, entryOf } from "./entry.ts";
import { explain } from "./explain.ts";
import type { WhyQuestion } from "./explain.ts";

test("one router, and of the routes those to the services that decide, give the answer that everything gives", () => {
  fc.assert(fc.property(randomObjects, randomQuestions, (objects, questions) => {
    const all = compile({ objects }).routers;
    for (const question of questions.slice(0, 4)) {
      const services = decidingServices(objects, question);
      const few = objects.filter(({ object }) => object.kind !== "ServiceRoute" || services.has(`${object.metadata.namespace}/${object.spec.serviceRef.name}`));
      for (const [name, config] of all) {
        const alone = compile({ objects: few }, { only: new Set([name]) }).routers;
        expect([...alone.keys()]).toEqual([name]);
        expect(explain(alone.get(name)!, question)).toEqual(explain(config, question));
      }
    }
  }), { numRuns: 100 });
}, 60_000);

const lan = (address: string, more: object = {}): object => ({ name: "lan0", type: "LAN", addresses: [address], ...more });
const router = (name: string, interfaces: object[], nat: object = {}): ParsedObject => parsedOf("Router", { name }, { interfaces, nat });
const objects: ParsedObject[] = [
  router("edge", [lan("10.1.0.1/24")]), router("campus", [lan("10.2.0.1/24", { neighbourhood: "campus", vlans: [{ id: 7, addresses: ["10.7.0.1/24"] }] })]),
  router("wan", [{ name: "lan0", type: "WAN", addresses: ["10.3.0.1/24"] }]), router("nat", [lan("10.4.0.1/24")], { static: [{ inside: "10.9.0.0/24", outside: "203.0.113.0/24", interface: "lan0" }] }),
  parsedOf("Tenant", { name: "acme" }, { members: [{ router: "edge", interface: "lan0" }] }), parsedOf("Tenant", { name: "hr.acme" }),
  parsedOf("Tenant", { name: "every" }, { members: [{ interface: "lan0", prefixes: ["10.1.0.0/16"] }] }), parsedOf("Tenant", { name: "school" }, { members: [{ neighbourhood: "campus", prefixes: ["10.2.0.0/16"] }] }),
  parsedOf("Service", { name: "web", namespace: "shop" }, { addresses: ["10.9.0.10"] }), parsedOf("Service", { name: "net", namespace: "shop" }, { addresses: ["10.9.0.0/16"] }), parsedOf("Service", { name: "far", namespace: "shop" }, { addresses: ["10.99.0.0/16"] }),
  parsedOf("ServiceRoute", { name: "net", namespace: "shop" }, { serviceRef: { name: "net" }, routers: ["wan", "edge", "gone"], type: "Local", local: { interface: "lan0" } }),
];
const ask = ({ to = "10.9.0.10", from, ...more }: { to?: string; from?: string; tenant?: string }): WhyQuestion => ({ proto: 6, port: 443, destination: addressOf(to), ...more, ...(from !== undefined && { from: addressOf(from) }) });

test.each<[string, Parameters<typeof ask>[0], string, string[]]>([
  ["a tenant: where its members are", { tenant: "acme" }, "hosts", ["edge"]],
  ["a name that is not configured: as its nearest ancestor", { tenant: "it.acme" }, "hosts", ["edge"]],
  ["members on every router with the interface, not toward peers", { tenant: "every" }, "hosts", ["campus", "edge", "nat"]],
  ["members of a neighbourhood", { tenant: "school" }, "hosts", ["campus"]],
  ["a source: where it is on link, VLANs too", { from: "10.7.0.9" }, "hosts", ["campus"]],
  ["a source behind a gateway: where a tenant has its prefix, or every source", { from: "10.2.9.9" }, "hosts", ["campus", "edge"]],
  ["a tenant and a source on link", { tenant: "every", from: "10.1.0.9" }, "hosts", ["edge"]],
  ["a tenant and a source that is nowhere on link", { tenant: "acme", from: "10.77.0.9" }, "hosts", ["edge"]],
  ["a tenant without members: where the service is reached from", { tenant: "hr.acme" }, "routes", ["edge", "wan"]],
  ["nobody is named: the same", {}, "routes", ["edge", "wan"]],
  ["an outside address of a static NAT is that of its inside", { to: "203.0.113.10" }, "routes", ["edge", "wan"]],
  ["a service that no route leads to, and no service at all", { to: "10.99.0.1" }, "nothing", ["campus", "edge", "nat", "wan"]],
  ["no service at all", { tenant: "stranger", to: "192.0.2.1" }, "nothing", ["campus", "edge", "nat", "wan"]],
])("%s", (_desc, question, by, routers) => {
  expect(entryOf(objects, ask(question))).toEqual({ by, routers });
});

test("services decide with those that overlap them", () => {
  expect([...decidingServices(objects, ask({}))].sort()).toEqual(["shop/net", "shop/web"]);
  expect([...decidingServices(objects, ask({ to: "10.9.1.1" }))].sort()).toEqual(["shop/net", "shop/web"]);
  expect([...decidingServices(objects, ask({ to: "fd00::1" }))]).toEqual([]);
});
