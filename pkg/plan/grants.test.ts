// Who may give a tenant access: in a cluster only Services of namespaces that the Tenant names, by name or by labels; in files everybody.
import { parsedOf } from "../../test/support/config/random.ts";
import { createPlanner } from "./planner.ts";

const service = parsedOf("Service", { name: "web", namespace: "shop" }, { addresses: ["10.1.0.9"], access: [{ tenant: "acme" }, { tenant: "zeta", permission: "Deny" }] });
const route = parsedOf("ServiceRoute", { name: "web", namespace: "shop" }, { serviceRef: { name: "web" }, routers: ["one"], type: "Local", local: { interface: "lan0" } });
const router = parsedOf("Router", { name: "one" }, { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"] }] });
const both = ["acme Allow", "zeta Deny"], denied = ["zeta Deny"];

test.each<[desc: string, serviceNamespaces: object | undefined, namespaces: Record<string, Record<string, string>> | undefined, access: string[]]>([
  ["files have no owners of namespaces", undefined, undefined, both],
  ["a tenant without grants is granted to none", undefined, { shop: {} }, denied],
  ["by name", { names: ["shop"] }, { shop: {} }, both],
  ["another name", { names: ["other"] }, { shop: {}, other: {} }, denied],
  ["by labels", { matchLabels: { team: "web" } }, { shop: { team: "web", env: "test" } }, both],
  ["by labels of which one is missing", { matchLabels: { team: "web", env: "live" } }, { shop: { team: "web" } }, denied],
  ["no labels grant to none", { matchLabels: {} }, { shop: {} }, denied],
  ["labels of a namespace that is not there", { matchLabels: { team: "web" } }, {}, denied],
])("%s", (_desc, serviceNamespaces, namespaces, access) => {
  const planner = createPlanner();
  const tenants = [parsedOf("Tenant", { name: "acme" }, serviceNamespaces === undefined ? {} : { serviceNamespaces }), parsedOf("Tenant", { name: "zeta" })];
  planner.update({ put: [service, route, router, ...tenants], remove: [], ...(namespaces === undefined ? {} : { namespaces: new Map(Object.entries(namespaces)) }) });
  expect(planner.config("one")?.services[0]?.access.map(({ tenant, permission }) => `${tenant} ${permission}`)).toEqual(access);
  expect(planner.problemsOf(service.id).map(({ code, field, fix }) => [code, field, fix])).toEqual(access === both ? [] : [["grant", "spec.access[0].tenant", 'add "shop" to spec.serviceNamespaces.names of the Tenant']]);
});

test("a grant that is taken back leaves the line out; the Service is as it was written, and the edit tells so", () => {
  const planner = createPlanner();
  const acme = (names: string[]) => parsedOf("Tenant", { name: "acme" }, { serviceNamespaces: { names } });
  planner.update({ put: [service, route, router, acme(["shop"]), parsedOf("Tenant", { name: "zeta" })], remove: [], namespaces: new Map([["shop", {}]]) });
  const { routers, objects } = planner.update({ put: [acme([])], remove: [] });
  expect([[...routers.keys()], objects.has(service.id), planner.inForce(service.id)]).toEqual([["one"], true, service]);
  expect(planner.config("one")?.services[0]?.access.map(({ tenant }) => tenant)).toEqual(["zeta"]);
});
