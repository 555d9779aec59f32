// The words of explain on the three-router example, and on small configurations for what the example does not have.
import { addressOf } from "../../test/support/config/sample.ts";
import { parsedOf } from "../../test/support/config/random.ts";
import { parseThree } from "../../test/support/config/three.ts";
import type { ParsedObject } from "../api/document.ts";
import { compile } from "./compile.ts";
import { globalTenant } from "./config.ts";
import type { RouterConfig } from "./config.ts";
import { explain } from "./explain.ts";
import type { WhyQuestion } from "./explain.ts";

const three = compile(parseThree()).routers;

function configOf(routers: ReadonlyMap<string, RouterConfig>, name: string): RouterConfig {
  const config = routers.get(name);
  if (config === undefined) throw new Error(`no router ${name}`);
  return config;
}

/** A question in short form: `tcp/443` or `1`. */
function question(transport: string, to: string, who: { tenant?: string; from?: string } = {}): WhyQuestion {
  const [name = "", port = "0"] = transport.split("/");
  const proto = { tcp: 6, udp: 17 }[name] ?? Number(name);
  const { tenant, from } = who;
  return { proto, port: Number(port), destination: addressOf(to), ...(tenant === undefined ? {} : { tenant }), ...(from === undefined ? {} : { from: addressOf(from) }) };
}

/** Each step on a line: stage, sign, text, object and field. */
function lines(config: RouterConfig, asked: WhyQuestion): string[] {
  const { steps, allow, reason, service } = explain(config, asked);
  const last = [allow ? "allow" : "deny", reason, service].filter((part) => part !== undefined).join(" ");
  return [...steps.map(({ stage, ok, text, origin }) => `${stage} ${ok ? "+" : "-"} ${text}${origin === undefined ? "" : ` [${origin.object} ${origin.field}]`}`), last];
}

const eng = { tenant: "engineering.acme" };
const rows: [desc: string, router: string, asked: WhyQuestion, said: string[]][] = [
  ["an allowed connection toward a peer", "branch", question("tcp/443", "10.9.0.10", eng), [
    "tenant + engineering.acme, as asked [Tenant engineering.acme metadata.name]",
    "service + shop/web by 10.9.0.10/32, TCP, port 443 [Service shop/web spec.transports[0].ports[1]]",
    "access + shop/web admits engineering.acme, as a child of acme [Service shop/web spec.access[0]]",
    "route + to peer transit by path transit/v4, cost 1, first of 2 candidates [ServiceRoute shop/web-branch spec.peer.peer]",
    "security + what hosts say crosses as it is [Service shop/web metadata.name]",
    "nat + addresses and ports become waypoints, 192.0.2.1 to 192.0.2.2 [ServiceRoute shop/web-branch spec.peer.peer]",
    "allow shop/web",
  ]],
  ["the same at the last router", "cloud", question("tcp/8001", "fd00:9::10", eng), [
    "tenant + engineering.acme, as asked [Tenant engineering.acme metadata.name]",
    "service + shop/web by fd00:9::10/128, TCP, ports 8000-8010 [Service shop/web spec.transports[0].ports[2]]",
    "access + shop/web admits engineering.acme, as a child of acme [Service shop/web spec.access[0]]",
    "route + to hosts at lan0, cost 1 [ServiceRoute shop/web-cloud spec.local]",
    "nat + the destination stays, the source becomes fd00:9::1 [ServiceRoute shop/web-cloud spec.local]",
    "allow shop/web",
  ]],
  ["destination NAT", "cloud", question("tcp/8080", "10.8.0.10", { tenant: "finance.acme" }), [
    "tenant + finance.acme, as asked [Tenant finance.acme metadata.name]",
    "service + shop/reports by 10.8.0.10/32, TCP, port 8080 [Service shop/reports spec.transports[0].ports[0]]",
    "access + shop/reports admits finance.acme [Service shop/reports spec.access[0]]",
    "route + to hosts at lan0, cost 1 [ServiceRoute shop/reports-cloud spec.host]",
    "nat + the destination becomes 10.9.0.11, the source becomes 10.9.0.1 [ServiceRoute shop/reports-cloud spec.host]",
    "allow shop/reports",
  ]],
  ["a protocol without ports", "branch", question("1", "10.9.0.77", eng), [
    "tenant + engineering.acme, as asked [Tenant engineering.acme metadata.name]",
    "service + shop/bulk by 10.9.0.0/24, ICMP [Service shop/bulk spec.transports[2]]",
    "access + shop/bulk admits engineering.acme, as a child of acme [Service shop/bulk spec.access[0]]",
    "route + to peer transit by path transit/v4, cost 1, first of 2 candidates [ServiceRoute shop/bulk-branch spec.peer.peer]",
    "security + what hosts say crosses as it is [Service shop/bulk metadata.name]",
    "nat + addresses and ports become waypoints, 192.0.2.1 to 192.0.2.2 [ServiceRoute shop/bulk-branch spec.peer.peer]",
    "allow shop/bulk",
  ]],
  ["P-2 a deny entry", "branch", question("tcp/22", "10.9.0.10", { tenant: "finance.acme" }), [
    "tenant + finance.acme, as asked [Tenant finance.acme metadata.name]",
    "service + shop/admin by 10.9.0.10/32, TCP, port 22 [Service shop/admin spec.transports[0].ports[0]]",
    "access - shop/admin denies finance.acme [Service shop/admin spec.access[1]]",
    "deny access shop/admin",
  ]],
  ["P-2 a child allowed, its parent not", "branch", question("tcp/22", "10.9.0.10", { tenant: "acme" }), [
    "tenant + acme, as asked [Tenant acme metadata.name]",
    "service + TCP to 10.9.0.10:22 fits shop/admin [Service shop/admin metadata.name]",
    "access - acme has no access to shop/admin [Service shop/admin metadata.name]",
    "deny access",
  ]],
  ["P-1 an address with other ports only", "branch", question("tcp/23", "10.9.0.10", eng), [
    "tenant + engineering.acme, as asked [Tenant engineering.acme metadata.name]",
    "service - TCP to 10.9.0.10:23 fits no service: shop/admin, shop/bulk, shop/web has the address, with other protocols or ports [Service shop/admin metadata.name]",
    "deny no-service",
  ]],
  ["P-1 an address of nothing", "branch", question("47", "2001:db8:77::1", eng), [
    "tenant + engineering.acme, as asked [Tenant engineering.acme metadata.name]",
    "service - GRE to 2001:db8:77::1 fits no service: no service that a ServiceRoute leads to from this router has the address",
    "deny no-service",
  ]],
  ["P-6 a source that two tenants have", "branch", question("tcp/443", "10.9.0.10", { from: "10.1.0.7" }), [
    "tenant - 10.1.0.7 is engineering.acme at lan-eng, finance.acme at lan-fin: ask for one tenant",
    "deny",
  ]],
  ["a source on a router without hosts", "transit", question("udp/5", "fd00:9::10", { from: "10.1.0.7" }), [
    `tenant + no interface has hosts with 10.1.0.7: ${globalTenant}`,
    "service - UDP to [fd00:9::10]:5 fits no service: shop/bulk, shop/web has the address, with other protocols or ports [Service shop/bulk metadata.name]",
    "deny no-service",
  ]],
  ["neither tenant nor source", "cloud", question("58", "fd00:9::10"), [
    `tenant + neither tenant nor source is given: ${globalTenant}`,
    "service + ICMPv6 to fd00:9::10 fits shop/bulk [Service shop/bulk metadata.name]",
    `access - ${globalTenant} has no access to shop/bulk [Service shop/bulk metadata.name]`,
    "deny access",
  ]],
  ["a child that is not configured", "branch", question("tcp/22", "10.9.0.10", { tenant: "qa.engineering.acme" }), [
    "tenant + qa.engineering.acme is not configured and counts as engineering.acme [Tenant engineering.acme metadata.name]",
    "service + shop/admin by 10.9.0.10/32, TCP, port 22 [Service shop/admin spec.transports[0].ports[0]]",
    "access + shop/admin admits qa.engineering.acme, as a child of engineering.acme [Service shop/admin spec.access[0]]",
    "route + to peer transit by path transit/v4, cost 1, first of 2 candidates [ServiceRoute shop/admin-branch spec.peer.peer]",
    "security + what hosts say crosses as it is [SecurityPolicy shop/plain spec.payloadEncryption]",
    "nat + addresses and ports become waypoints, 192.0.2.1 to 192.0.2.2 [ServiceRoute shop/admin-branch spec.peer.peer]",
    "allow shop/admin",
  ]],
  ["a tenant that nobody knows", "branch", question("tcp/22", "10.9.0.10", { tenant: "stranger" }), [
    "tenant + there is no Tenant stranger, nor a parent of it",
    "service + TCP to 10.9.0.10:22 fits shop/admin [Service shop/admin metadata.name]",
    "access - stranger has no access to shop/admin [Service shop/admin metadata.name]",
    "deny access",
  ]],
  ["a mistyped tenant", "branch", question("tcp/22", "10.9.0.10", { tenant: "finnance.acne" }), [
    "tenant + there is no Tenant finnance.acne, nor a parent of it; did you mean finance.acme?",
    "service + TCP to 10.9.0.10:22 fits shop/admin [Service shop/admin metadata.name]",
    "access - finnance.acne has no access to shop/admin [Service shop/admin metadata.name]",
    "deny access",
  ]],
];

test.each(rows)("%s", (_desc, router, asked, said) => {
  expect(lines(configOf(three, router), asked)).toEqual(said);
});

/** One router with a LAN of IPv4 and a VLAN; services and routes as given. */
function small(...more: ParsedObject[]): RouterConfig {
  const lan0 = { name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"], gateways: ["10.1.0.254"], vlans: [{ id: 7, addresses: ["10.7.0.1/24"] }] };
  const tenants = [
    parsedOf("Tenant", { name: "acme" }, { members: [{ interface: "lan0", vlan: 7 }, { interface: "lan0", prefixes: ["10.1.0.0/25", "172.16.0.0/16"] }] }),
  ];
  return configOf(compile({ objects: [parsedOf("Router", { name: "one" }, { interfaces: [lan0] }), ...tenants, ...more] }).routers, "one");
}

const service = (name: string, spec: object): ParsedObject => parsedOf("Service", { name }, { addresses: ["10.7.0.9", "fd00::/64"], access: [{ tenant: "acme" }], ...spec });
const route = (name: string, local: object, more: object = {}): ParsedObject => parsedOf("ServiceRoute", { name }, { serviceRef: { name: "s" }, routers: ["one"], type: "Local", local, ...more });
const acme = { tenant: "acme" };

test.each<[desc: string, from: string, said: string]>([
  ["the member line of the network where it is on link", "10.1.0.7", "tenant + 10.1.0.7 at lan0 is in 10.1.0.0/25 of acme [Tenant acme spec.members[1].prefixes[0]]"],
  ["on link, without a member line", "10.1.0.200", `tenant + 10.1.0.200 at lan0 has no member line: ${globalTenant}`],
  ["a VLAN", "10.7.0.200", "tenant + 10.7.0.200 at lan0 VLAN 7 is in 0.0.0.0/0 of acme [Tenant acme spec.members[0]]"],
  ["on link nowhere: every network with a line", "172.16.0.1", "tenant + 172.16.0.1 at lan0 VLAN 7 is in 0.0.0.0/0 of acme [Tenant acme spec.members[0]]"],
])("the tenant of a source: %s", (_desc, from, said) => {
  expect(lines(small(), question("tcp/1", "10.7.0.9", { from }))[0]).toBe(said);
});

test("8 a policy that asks for a post-quantum exchange: who is not ready is named; a way past them is taken", () => {
  const path = { name: "v4", interface: "wan0", remoteAddress: "192.0.2.2" };
  const wan0 = { name: "wan0", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] };
  const at = (peers: object[], ...to: string[]): string[] => {
    const objects = [
      parsedOf("Router", { name: "one" }, { interfaces: [wan0], peers }), parsedOf("Tenant", { name: "acme" }, {}), service("s", { securityPolicyRef: { name: "p" } }), parsedOf("SecurityPolicy", { name: "p" }, { postQuantumRequired: true }),
      parsedOf("Service", { name: "wide" }, { addresses: ["10.0.0.0/8"], access: [{ tenant: "acme" }] }), parsedOf("ServiceRoute", { name: "w" }, { serviceRef: { name: "wide" }, routers: ["one"], type: "Peer", peer: { peer: "two" } }),
      ...to.map((peer) => parsedOf("ServiceRoute", { name: peer }, { serviceRef: { name: "s" }, routers: ["one"], type: "Peer", peer: { peer } })),
    ];
    return lines(configOf(compile({ objects }).routers, "one"), question("tcp/1", "10.7.0.9", acme)).slice(3);
  };
  const [two, three] = [{ name: "two", psk: { file: "k" }, paths: [path] }, { name: "three", paths: [{ ...path, remoteAddress: "192.0.2.3" }] }];
  expect(at([two], "two")).toEqual(["route - default/s asks for a post-quantum exchange; not ready here: two [Service default/s metadata.name]", "deny no-path default/s"]);
  expect(at([two, three], "two", "three")[0]).toBe("route + to peer three by path three/v4, cost 1 [ServiceRoute default/three spec.peer.peer]");
});

test("8.2 a policy that asks for encrypted payloads: a peer that cannot hold them is named; a way past it is taken, at whatever cost", () => {
  const wan0 = { name: "wan0", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] };
  const peer = (name: string, end: number, more: object): object => ({ name, psk: { file: "k" }, paths: [{ name: "v4", interface: "wan0", remoteAddress: `192.0.2.${end}` }], ...more });
  const at = (policy: object, peers: object[], ...to: string[]): string[] => {
    const objects = [
      parsedOf("Router", { name: "one" }, { interfaces: [wan0], peers }), parsedOf("Tenant", { name: "acme" }, {}), service("s", { securityPolicyRef: { name: "p" } }), parsedOf("SecurityPolicy", { name: "p" }, policy),
      ...to.map((name, index) => parsedOf("ServiceRoute", { name }, { serviceRef: { name: "s" }, routers: ["one"], cost: index + 1, type: "Peer", peer: { peer: name } })),
    ];
    return lines(configOf(compile({ objects }).routers, "one"), question("tcp/1", "10.7.0.9", acme)).slice(3);
  };
  const gcm = { payloadEncryption: "GCM" };
  const clear = peer("two", 2, { metadataEncryption: { enabled: false } }), untagged = peer("three", 3, { hmac: { mode: "Disabled" } }), able = peer("four", 4, { metadataEncryption: { suite: "GCM" } });
  const refused = (names: string): string[] => [`route - default/s asks for encrypted payloads, which need encrypted metadata and tags; not so toward: ${names} [Service default/s metadata.name]`, "deny no-path default/s"];
  expect(at(gcm, [clear], "two")).toEqual(refused("two"));
  expect(at(gcm, [clear, untagged], "three", "two")).toEqual(refused("three, two"));
  expect(at(gcm, [clear, able], "two", "four")[0]).toBe("route + to peer four by path four/v4, cost 2 [ServiceRoute default/four spec.peer.peer]");
  expect(at({ hmacScope: "EveryPacket" }, [clear], "two")[0]).toBe("route + to peer two by path two/v4, cost 1 [ServiceRoute default/two spec.peer.peer]");
  const trusted = peer("two", 2, { metadataEncryption: { enabled: false }, paths: [{ name: "v4", interface: "wan0", remoteAddress: "192.0.2.2", payloadEncryption: "None" }] });
  expect(at({ ...gcm, clearPaths: true }, [trusted], "two")[0]).toBe("route + to peer two by path two/v4, cost 1 [ServiceRoute default/two spec.peer.peer]");
  expect(at(gcm, [trusted], "two")).toEqual(refused("two"));
});

test.each<[desc: string, policy: object | undefined, path: object, said: string]>([
  ["no policy", undefined, {}, "what hosts say crosses as it is [Service default/s metadata.name]"],
  ["a policy that does not encrypt", {}, {}, "what hosts say crosses as it is [SecurityPolicy default/p spec.payloadEncryption]"],
  ["tags alone", { hmacScope: "EveryPacket" }, {}, "what hosts say crosses as it is, with a tag on each packet [SecurityPolicy default/p spec.hmacScope]"],
  ["GCM, and nothing twice", { payloadEncryption: "GCM" }, {}, "AES-256-GCM for what hosts do not encrypt themselves [SecurityPolicy default/p spec.payloadEncryption]"],
  ["CBC for everything", { payloadEncryption: "CBC", adaptive: false }, {}, "AES-256-CBC [SecurityPolicy default/p spec.payloadEncryption]"],
  ["the other suite by the path", { payloadEncryption: "CBC", adaptive: false }, { payloadEncryption: "GCM" }, "AES-256-GCM, by the path [Router one spec.peers[0].paths[0]]"],
  ["by the path alone", undefined, { payloadEncryption: "GCM" }, "AES-256-GCM for what hosts do not encrypt themselves, by the path [Router one spec.peers[0].paths[0]]"],
  ["a trusted path that the policy does not trust", { payloadEncryption: "GCM" }, { payloadEncryption: "None" }, "AES-256-GCM for what hosts do not encrypt themselves [SecurityPolicy default/p spec.payloadEncryption]"],
  ["a trusted path that it trusts", { payloadEncryption: "GCM", clearPaths: true }, { payloadEncryption: "None" }, "what hosts say crosses as it is, by the path [Router one spec.peers[0].paths[0]]"],
])("8.2 the cipher of what hosts say: %s", (_desc, policy, path, said) => {
  const wan0 = { name: "wan0", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] };
  const two = { name: "two", psk: { file: "k" }, paths: [{ name: "v4", interface: "wan0", remoteAddress: "192.0.2.2", ...path }] };
  const objects = [
    parsedOf("Router", { name: "one" }, { interfaces: [wan0], peers: [two] }), parsedOf("Tenant", { name: "acme" }, {}), parsedOf("ServiceRoute", { name: "r" }, { serviceRef: { name: "s" }, routers: ["one"], type: "Peer", peer: { peer: "two" } }),
    ...(policy === undefined ? [service("s", {})] : [service("s", { securityPolicyRef: { name: "p" } }), parsedOf("SecurityPolicy", { name: "p" }, policy)]),
  ];
  expect(lines(configOf(compile({ objects }).routers, "one"), question("tcp/1", "10.7.0.9", acme))[4]).toBe(`security + ${said}`);
});

test("no route, no route of the family, no address to send from, several candidates", () => {
  const wide = service("s", { sourceNat: "None" });
  const tail = (config: RouterConfig, to: string): string[] => lines(config, question("tcp/1", to, acme)).slice(3);
  const beside = parsedOf("Service", { name: "t" }, { addresses: ["10.7.0.0/24"], transports: [{ protocol: "UDP" }] }); // its route makes the other one part of the configuration
  expect(tail(small(wide, beside, route("r", { interface: "lan0", vlan: 7 }, { serviceRef: { name: "t" } })), "10.7.0.9")).toEqual(["route - there is no route to default/s here [Service default/s metadata.name]", "deny no-path default/s"]);
  expect(tail(small(wide, route("r", { interface: "lan0", vlan: 7 })), "fd00::1")).toEqual(["route - no route to default/s serves IPv6 here [Service default/s metadata.name]", "deny no-path default/s"]);
  expect(tail(small(service("s", { sourceNat: "Interface" }), route("r", { interface: "lan0", gateway: "fe80::1" })), "fd00::1")).toEqual([
    "route + to hosts at lan0, cost 1 [ServiceRoute default/r spec.local]", "nat - lan0 has no IPv6 address to send from [ServiceRoute default/r spec.local]", "deny nat default/s",
  ]);
  expect(tail(small(wide, route("r", { interface: "lan0" }, { cost: 5 }), route("q", { interface: "lan0", vlan: 7 })), "10.7.0.9")).toEqual([
    "route + to hosts at lan0 VLAN 7, cost 1, first of 2 candidates [ServiceRoute default/q spec.local]", "nat + the destination stays, the source stays [Service default/s metadata.name]", "allow default/s",
  ]);
});

test("destination NAT without source NAT; an entry for every protocol; one for every port; a number", () => {
  const host = parsedOf("ServiceRoute", { name: "h" }, { serviceRef: { name: "s" }, routers: ["one"], type: "Host", host: { interface: "lan0", targets: ["10.1.0.9"] } });
  const said = lines(small(service("s", {}), host), question("99", "10.7.0.9", acme));
  expect([said[1], said[4]]).toEqual(["service + default/s by 10.7.0.9/32, every protocol [Service default/s spec.addresses[0]]", "nat + the destination becomes 10.1.0.9, the source stays [ServiceRoute default/h spec.host]"]);
  const tcp = lines(small(service("s", { transports: [{ protocol: "TCP" }, { protocol: 99 }] }), host), question("tcp/9", "10.7.0.9", acme));
  expect(tcp[1]).toBe("service + default/s by 10.7.0.9/32, TCP, every port [Service default/s spec.transports[0]]");
  const other = lines(small(service("s", { transports: [{ protocol: "TCP" }, { protocol: 99 }] }), host), question("99", "10.7.0.9", acme));
  expect(other[1]).toBe("service + default/s by 10.7.0.9/32, protocol 99 [Service default/s spec.transports[1]]");
});

test("many services that come near are counted, not listed", () => {
  const services = ["a", "b", "c", "d", "e", "f", "g"].map((name) => service(name, { transports: [{ protocol: "TCP", ports: [1] }] }));
  expect(lines(small(...services, route("r", { interface: "lan0", vlan: 7 }, { serviceRef: { name: "a" } })), question("tcp/2", "10.7.0.9", acme))[1]).toBe(
    "service - TCP to 10.7.0.9:2 fits no service: default/a, default/b, default/c, default/d, default/e and 2 more has the address, with other protocols or ports [Service default/a metadata.name]");
});
