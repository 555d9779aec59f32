// The service lookup by named cases of behaviour 2.2 and 2.3, and the tables around it.
import { buildLookup } from "./lookup.ts";
import type { Lookup } from "./lookup.ts";
import { addressOf, configOf, originOf, prefixOf } from "../../test/support/config/sample.ts";
import type { ServiceSketch } from "../../test/support/config/sample.ts";
import { globalTenant } from "./config.ts";
import type { MemberConfig, RouterConfig } from "./config.ts";

const tenants = ["acme", "engineering.acme", "web.engineering.acme", "zeta"];

/** Answer in one line: `allow shop/web`, `deny shop/web`, `miss no-service`. */
function ask(lookup: Lookup, tenant: string, transport: [number, number], to: string): string {
  const found = lookup.find(lookup.tenantId(tenant) ?? -1, transport[0], transport[1], addressOf(to));
  return found.access === "miss" ? `miss ${found.why}` : `${found.access} ${found.service.name}`;
}

const tcp = (port: number): [number, number] => [6, port];
const udp = (port: number): [number, number] => [17, port];

const rows: [desc: string, services: ServiceSketch[], tenant: string, transport: [number, number], to: string, answer: string][] = [
  ["P-1 no service at all", [], "acme", tcp(443), "10.0.0.1", "miss no-service"],
  ["P-1 service without access policy", [{ name: "s/a", to: ["10.0.0.0/8"] }], "acme", tcp(443), "10.0.0.1", "miss access"],
  ["P-1 service for another tenant", [{ name: "s/a", to: ["10.0.0.0/8"], transports: ["tcp/443"], allow: ["zeta"] }], "acme", tcp(443), "10.0.0.1", "miss access"],
  ["P-1 service for another tenant, another port", [{ name: "s/a", to: ["10.0.0.0/8"], transports: ["tcp/443"], allow: ["zeta"] }], "acme", tcp(80), "10.0.0.1", "miss no-service"],
  ["P-1 disabled service", [{ name: "s/a", to: ["10.0.0.0/8"], allow: ["acme"], enabled: false }], "acme", tcp(443), "10.0.0.1", "miss no-service"],
  ["P-2 parent allowed: child passes", [{ name: "s/a", to: ["::/0"], allow: ["acme"] }], "web.engineering.acme", tcp(1), "::1", "allow s/a"],
  ["P-2 child allowed: parent denied", [{ name: "s/a", to: ["::/0"], allow: ["engineering.acme"] }], "acme", tcp(1), "::1", "miss access"],
  ["P-2 a sibling by letters is no child", [{ name: "s/a", to: ["::/0"], allow: ["acme"] }], "zeta", tcp(1), "::1", "miss access"],
  ["P-3 udp/53 on 0/0 beats a /32 without transport", [{ name: "s/dns", to: ["0.0.0.0/0"], transports: ["udp/53"], allow: ["acme"] }, { name: "s/host", to: ["1.0.0.1/32"], allow: ["acme"] }], "acme", udp(53), "1.0.0.1", "allow s/dns"],
  ["P-3 the /32 has the rest", [{ name: "s/dns", to: ["0.0.0.0/0"], transports: ["udp/53"], allow: ["acme"] }, { name: "s/host", to: ["1.0.0.1/32"], allow: ["acme"] }], "acme", udp(54), "1.0.0.1", "allow s/host"],
  ["class 2 beats class 3 with a longer prefix", [{ name: "s/udp", to: ["0.0.0.0/0"], transports: ["udp"], allow: ["acme"] }, { name: "s/host", to: ["1.0.0.1/32"], allow: ["acme"] }], "acme", udp(9), "1.0.0.1", "allow s/udp"],
  ["longest prefix before most specific tenant", [{ name: "s/long", to: ["10.1.0.0/16"], allow: ["acme"] }, { name: "s/short", to: ["10.0.0.0/8"], allow: ["engineering.acme"] }], "engineering.acme", tcp(1), "10.1.0.1", "allow s/long"],
  ["most specific tenant before narrowest range", [{ name: "s/own", to: ["10.0.0.0/8"], transports: ["tcp/1-65535"], allow: ["engineering.acme"] }, { name: "s/up", to: ["10.0.0.0/8"], transports: ["tcp/443"], allow: ["acme"] }], "engineering.acme", tcp(443), "10.0.0.1", "allow s/own"],
  ["narrowest range before name", [{ name: "s/a", to: ["10.0.0.0/8"], transports: ["tcp/1-1000"], allow: ["acme"] }, { name: "s/b", to: ["10.0.0.0/8"], transports: ["tcp/400-500"], allow: ["acme"] }], "acme", tcp(443), "10.0.0.1", "allow s/b"],
  ["name in byte order at last", [{ name: "s/b", to: ["10.0.0.0/8"], allow: ["acme"] }, { name: "s/B", to: ["10.0.0.0/8"], allow: ["acme"] }], "acme", tcp(1), "10.0.0.1", "allow s/B"],
  ["deny ends the lookup", [{ name: "s/wide", to: ["10.0.0.0/8"], allow: ["acme"] }, { name: "s/db", to: ["10.0.0.5/32"], deny: ["acme"] }], "engineering.acme", tcp(1), "10.0.0.5", "deny s/db"],
  ["a child may be let in where the parent is not", [{ name: "s/db", to: ["10.0.0.5/32"], deny: ["acme"], allow: ["engineering.acme"] }], "engineering.acme", tcp(1), "10.0.0.5", "allow s/db"],
  ["traffic without a tenant needs its own entry", [{ name: "s/a", to: ["10.0.0.0/8"], allow: ["acme"] }], globalTenant, tcp(1), "10.0.0.1", "miss access"],
  ["a public entry does not admit a named tenant", [{ name: "s/a", to: ["10.0.0.0/8"], allow: [globalTenant] }], "acme", tcp(1), "10.0.0.1", "miss access"],
  ["a public entry admits traffic without a tenant", [{ name: "s/a", to: ["10.0.0.0/8"], allow: [globalTenant] }], globalTenant, tcp(1), "10.0.0.1", "allow s/a"],
  ["ICMP is 1 over IPv4", [{ name: "s/ping", to: ["10.0.0.0/8", "fd00::/8"], transports: ["icmp"], allow: ["acme"] }], "acme", [1, 0], "10.0.0.1", "allow s/ping"],
  ["ICMP is 58 over IPv6", [{ name: "s/ping", to: ["10.0.0.0/8", "fd00::/8"], transports: ["icmp"], allow: ["acme"] }], "acme", [58, 0], "fd00::1", "allow s/ping"],
  ["ICMP is not 1 over IPv6", [{ name: "s/ping", to: ["fd00::/8"], transports: ["icmp"], allow: ["acme"] }], "acme", [1, 0], "fd00::1", "miss no-service"],
  ["port range ends are inside, 65535 too", [{ name: "s/a", to: ["10.0.0.0/8"], transports: ["tcp/65000-65535"], allow: ["acme"] }], "acme", tcp(65_535), "10.0.0.1", "allow s/a"],
  ["an unknown child counts as its nearest known ancestor", [{ name: "s/a", to: ["10.0.0.0/8"], allow: ["acme"] }], "new.engineering.acme", tcp(1), "10.0.0.1", "allow s/a"],
  ["an unknown tenant finds nothing", [{ name: "s/a", to: ["10.0.0.0/8"], allow: ["acme"] }], "stranger", tcp(1), "10.0.0.1", "miss access"],
];

test.each(rows)("%s", (_desc, services, tenant, transport, to, answer) => {
  expect(ask(buildLookup(configOf(tenants, services)), tenant, transport, to)).toBe(answer);
});

test("access of a tenant that is not in the configuration is left out", () => {
  const lookup = buildLookup(configOf(["acme"], [{ name: "s/a", to: ["10.0.0.0/8"], allow: ["ghost"] }]));
  expect(ask(lookup, "ghost", tcp(1), "10.0.0.1")).toBe("miss access");
  expect(lookup.tenantId("ghost")).toBeUndefined();
  expect(lookup.tenantId(`ghost.${globalTenant}`)).toBeUndefined();
});

test("the caller's own tenant numbers are used when given", () => {
  const config = configOf(["acme"], [{ name: "s/a", to: ["10.0.0.0/8"], allow: ["acme"] }]);
  const lookup = buildLookup(config, { tenantId: (name) => (name === "acme" ? 700 : 701) });
  expect(lookup.tenantId("acme")).toBe(700);
  expect(lookup.tenantById(700)?.name).toBe("acme");
  expect(lookup.find(700, 6, 1, addressOf("10.0.0.1")).access).toBe("allow");
  expect(lookup.tenantOf(1, 0, addressOf("10.0.0.1"))).toBe(701);
  expect(lookup.service("s/a")).toBe(config.services[0]);
});

function withMembers(members: [ifnum: number, vlan: number, prefix: string, tenant: string][]): RouterConfig {
  const list: MemberConfig[] = members.map(([ifnum, vlan, prefix, tenant]) => ({ ifnum, vlan, prefix: prefixOf(prefix), tenant, origin: originOf(`Tenant ${tenant}`) }));
  return { ...configOf(["acme", "zeta"], []), members: list };
}

test("P-6 the same source is another tenant on another interface or VLAN", () => {
  const lookup = buildLookup(withMembers([[1, 0, "0.0.0.0/0", "acme"], [2, 0, "0.0.0.0/0", "zeta"], [1, 7, "10.0.0.0/8", "zeta"]]));
  const nameAt = (ifnum: number, vlan: number): string | undefined => lookup.tenantById(lookup.tenantOf(ifnum, vlan, addressOf("10.0.0.1")))?.name;
  expect([nameAt(1, 0), nameAt(2, 0), nameAt(1, 7), nameAt(3, 0)]).toEqual(["acme", "zeta", "zeta", globalTenant]);
});

test("the longest source prefix refines the tenant of an interface", () => {
  const lookup = buildLookup(withMembers([[1, 0, "0.0.0.0/0", "acme"], [1, 0, "10.9.0.0/16", "zeta"]]));
  expect(lookup.memberOf(1, 0, addressOf("10.9.1.1"))?.tenant).toBe("zeta");
  expect(lookup.memberOf(1, 0, addressOf("10.8.1.1"))?.tenant).toBe("acme");
  expect(lookup.memberOf(1, 0, addressOf("fd00::1"))).toBeUndefined();
});
