// The compiler on whole configurations: the three-router example against its golden files, and P-1, P-2, P-3, P-6 from YAML to
// the answer of the lookup. Golden files are written anew with UPDATE_GOLDEN=1.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { readable } from "../../test/support/config/readable.ts";
import { addressOf } from "../../test/support/config/sample.ts";
import { parseThree } from "../../test/support/config/three.ts";
import { line, parseLines } from "../../test/support/config/write.ts";
import { formatProblem } from "../api/problem.ts";
import { compile } from "./compile.ts";
import { globalTenant } from "./config.ts";
import type { RouterConfig } from "./config.ts";
import { explain } from "./explain.ts";
import { buildLookup } from "./lookup.ts";

const three = compile(parseThree());

test("the three-router example compiles without a problem", () => {
  expect(three.problems.map(formatProblem)).toEqual([]);
  expect([...three.routers.keys()]).toEqual(["branch", "cloud", "transit"]);
});

test.each([...three.routers])("the configuration of %s is the golden one", (name, config) => {
  const file = join(import.meta.dirname, "golden", `three-${name}.txt`);
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(file, readable(config));
  expect(readable(config)).toBe(readFileSync(file, "utf8"));
});

const lan = (name: string, more: object = {}): object => ({ name, type: "LAN", addresses: ["10.1.0.1/24"], ...more });
const router = line("Router", "one", { interfaces: [lan("lan0", { vlans: [{ id: 7, addresses: ["10.1.0.1/24"] }] }), lan("lan1", { neighbourhood: "campus" })] });
const service = (name: string, to: string, spec: object = {}): string => line("Service", name, { addresses: [to], ...spec });
const route = (service: string): string => {
  const [namespace, name] = service.split("/");
  return line("ServiceRoute", `${namespace ?? ""}/${name ?? ""}`, { serviceRef: { name }, routers: ["one"], type: "Local", local: { interface: "lan0" } });
};

function compiled(...lines: string[]): RouterConfig {
  const config = compile(parseLines([router, ...lines])).routers.get("one");
  if (config === undefined) throw new Error("no router");
  return config;
}

/** `allow s/web`, `access s/web`, `no-service`. */
function answer(config: RouterConfig, tenant: string, transport: [number, number], to = "10.1.0.9"): string {
  const { allow, reason, service: name } = explain(config, { tenant, proto: transport[0], port: transport[1], destination: addressOf(to) });
  return [allow ? "allow" : reason, name].filter((part) => part !== undefined).join(" ");
}

const tcp = (port: number): [number, number] => [6, port];
const udp = (port: number): [number, number] => [17, port];
const tenants = [line("Tenant", "acme"), line("Tenant", "dev.acme")];

test("P-1 nothing is allowed without a service, without access, by a disabled service, or by another protocol or port", () => {
  expect(answer(compiled(...tenants), "acme", tcp(80))).toBe("no-service");
  expect(answer(compiled(...tenants, service("s/web", "10.1.0.9"), route("s/web")), "acme", tcp(80))).toBe("access");
  const access = [{ tenant: "acme" }];
  const web = service("s/web", "10.1.0.9", { access, transports: [{ protocol: "TCP", ports: [80] }] });
  expect(answer(compiled(...tenants, service("s/web", "10.1.0.9", { access, enabled: false }), route("s/web")), "acme", tcp(80))).toBe("no-service");
  expect([answer(compiled(...tenants, web, route("s/web")), "acme", tcp(81)), answer(compiled(...tenants, web, route("s/web")), "acme", udp(80))]).toEqual(["no-service", "no-service"]);
  expect(answer(compiled(...tenants, web), "acme", tcp(80))).toBe("no-service");
  expect(answer(compiled(...tenants, web, route("s/web")), "acme", tcp(80))).toBe("allow s/web");
});

test("P-1 a service that cannot run as asked denies, and does not let its traffic fall through to a wider one", () => {
  const wide = service("s/all", "10.1.0.0/24", { access: [{ tenant: "acme" }] });
  const strict = service("s/web", "10.1.0.9", { access: [{ tenant: "acme" }], securityPolicyRef: { name: "strong" } });
  const config = compiled(...tenants, wide, route("s/all"), strict, route("s/web"));
  expect([answer(config, "acme", tcp(80)), answer(config, "acme", tcp(80), "10.1.0.8")]).toEqual(["access s/web", "allow s/all"]);
});

test("P-1 traffic without a tenant needs a public service", () => {
  const config = (scope: string): RouterConfig => compiled(...tenants, service("s/web", "10.1.0.9", { scope, access: [{ tenant: "acme" }] }), route("s/web"));
  expect([answer(config("Private"), globalTenant, tcp(80)), answer(config("Public"), globalTenant, tcp(80))]).toEqual(["access", "allow s/web"]);
});

test("P-2 what a parent may its children may; what a child may its parent may not", () => {
  const parent = compiled(...tenants, service("s/web", "10.1.0.9", { access: [{ tenant: "acme" }] }), route("s/web"));
  expect([answer(parent, "acme", tcp(80)), answer(parent, "dev.acme", tcp(80))]).toEqual(["allow s/web", "allow s/web"]);
  const child = compiled(...tenants, service("s/web", "10.1.0.9", { access: [{ tenant: "dev.acme" }] }), route("s/web"));
  expect([answer(child, "acme", tcp(80)), answer(child, "dev.acme", tcp(80))]).toEqual(["access", "allow s/web"]);
});

test("P-2 a deny for a tenant whose object is gone stays in force", () => {
  const config = compiled(line("Tenant", "acme"), service("s/web", "10.1.0.9", { access: [{ tenant: "acme" }, { tenant: "guest.acme", permission: "Deny" }] }), route("s/web"));
  expect([answer(config, "guest.acme", tcp(80)), answer(config, "acme", tcp(80))]).toEqual(["access s/web", "allow s/web"]);
});

test("P-3 udp/53 on 0.0.0.0/0 wins over a single address without transport", () => {
  const access = [{ tenant: "acme" }];
  const config = compiled(...tenants, service("s/dns", "0.0.0.0/0", { access, transports: [{ protocol: "UDP", ports: [53] }] }), service("s/host", "10.1.0.9", { access }), route("s/host"));
  expect([answer(config, "acme", udp(53)), answer(config, "acme", udp(54))]).toEqual(["no-path s/dns", "allow s/host"]);
});

test("P-6 the same source is another tenant behind each interface and VLAN, and reaches its own services only", () => {
  const member = (name: string, one: object): string => line("Tenant", name, { members: [one] });
  const config = compiled(
    member("red", { interface: "lan0" }), member("blue", { interface: "lan0", vlan: 7 }), member("green", { neighbourhood: "campus", prefixes: ["10.1.0.0/24"] }),
    service("s/red", "10.1.0.9", { access: [{ tenant: "red" }] }), route("s/red"), service("s/blue", "10.1.0.9", { access: [{ tenant: "blue" }] }), route("s/blue"));
  const lookup = buildLookup(config);
  const tenantAt = (ifnum: number, vlan: number): string | undefined => lookup.tenantById(lookup.tenantOf(ifnum, vlan, addressOf("10.1.0.7")))?.name;
  expect([tenantAt(1, 0), tenantAt(1, 7), tenantAt(2, 0), tenantAt(3, 0)]).toEqual(["red", "blue", "green", globalTenant]);
  expect(["red", "blue", "green"].map((tenant) => answer(config, tenant, tcp(80)))).toEqual(["allow s/red", "allow s/blue", "access"]);
});

test("P-6 hosts of a refused tenant keep their tenant instead of falling to that of a wider prefix", () => {
  const config = compiled(line("Tenant", "acme", { members: [{ interface: "lan0" }] }), line("Tenant", "lab.gone", { members: [{ interface: "lan0", prefixes: ["10.1.0.128/25"] }] }),
    service("s/web", "10.1.0.9", { access: [{ tenant: "acme" }] }), route("s/web"));
  const lookup = buildLookup(config);
  expect(["10.1.0.7", "10.1.0.200"].map((from) => lookup.tenantById(lookup.tenantOf(1, 0, addressOf(from)))?.name)).toEqual(["acme", "lab.gone"]);
  expect(answer(config, "lab.gone", tcp(80))).toBe("access");
});

test("a neighbourhood member is used where no interface member fits", () => {
  const config = compiled(line("Tenant", "acme", { members: [{ interface: "lan1", prefixes: ["10.1.0.0/25"] }] }), line("Tenant", "zeta", { members: [{ neighbourhood: "campus", prefixes: ["10.1.0.0/26", "10.1.0.128/25", "10.0.0.0/8"] }] }));
  expect(config.members.map((one) => `${one.prefix.length} ${one.tenant}`)).toEqual(["8 zeta", "25 acme", "25 zeta"]);
});

test("a destination written in two ways counts once", () => {
  const config = compiled(line("Service", "s/web", { addresses: ["10.1.0.9", "10.1.0.9/32", "fd00::9", "FD00:0::9/128"] }), route("s/web"));
  expect(config.services[0]?.addresses.map(({ origin }) => origin.field)).toEqual(["spec.addresses[0]", "spec.addresses[2]"]);
});

test.each([
  [{}, undefined], [{ match: "IdentifierAndType" }, { byType: true, asyncReply: false }], [{ asyncReply: true }, { byType: false, asyncReply: true }],
] as const)("3.7 sessions of ICMP as %j", (icmp, expected) => {
  const config = compile(parseLines([line("Router", "one", { interfaces: [lan("lan0")], icmp })])).routers.get("one");
  expect(config?.icmp).toEqual(expected);
});
