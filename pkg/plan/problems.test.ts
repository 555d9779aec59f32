// Every problem that the compiler reports: code, object, field, message and fix, at the line and the word that it is about.
import { line, parseLines, pointed } from "../../test/support/config/write.ts";
import { compile } from "./compile.ts";

/** What compile says about lines, without the unrelated warning that no route leads to a service. */
function said(lines: readonly string[]): string[] {
  const parsed = parseLines(lines);
  expect(parsed.problems).toEqual([]);
  return compile(parsed).problems.filter((problem) => !problem.message.startsWith("no ServiceRoute leads")).map((problem) => pointed(problem, lines));
}

const acme = line("Tenant", "acme");
const zeta = line("Tenant", "zeta");
const lan0 = { name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"], vlans: [{ id: 7 }] };
const wan0 = { name: "wan0", type: "WAN", addresses: ["192.0.2.1/24", "2001:db8::1/64"], waypoints: [{ address: "192.0.2.1" }, { address: "2001:db8::1" }] };
const path = { name: "v4", interface: "wan0", remoteAddress: "192.0.2.2" };
const psk = { file: "keys/a" };
const router = (spec: object = {}, name = "one"): string => line("Router", name, { interfaces: [lan0, wan0], ...spec });
const peers = (...list: object[]): string => router({ peers: list.map((one) => ({ name: "two", psk, paths: [path], ...one })) });
const two = (peer: object = {}, waypoint: object = {}): string => line("Router", "two", {
  interfaces: [{ name: "wan0", type: "WAN", addresses: ["192.0.2.2/24"], waypoints: [{ address: "192.0.2.2", ...waypoint }] }],
  peers: [{ name: "one", psk, paths: [{ name: "v4", interface: "wan0", remoteAddress: "192.0.2.1" }], ...peer }],
});
const service = (name: string, spec: object = {}): string => line("Service", name, { addresses: ["10.9.0.0/24"], access: [{ tenant: "acme" }], ...spec });
const route = (spec: object, name = "s/r"): string => line("ServiceRoute", name, { serviceRef: { name: "web" }, routers: ["one"], ...spec });
const local = (way: object = {}, more: object = {}): string => route({ type: "Local", local: { interface: "lan0", ...way }, ...more });
const host = (targets: string[], way: object = {}): string => route({ type: "Host", host: { interface: "lan0", targets, ...way } });
const near = { addresses: ["10.1.0.0/25"] };

type Row = [desc: string, lines: string[], problem: string | string[]];
const check = (_desc: string, lines: string[], problem: string | string[]): void => { expect(said(lines)).toEqual([problem].flat()); };

describe("objects", () => {
  const rows: Row[] = [
    ["two of one name: the first stays", [acme, zeta, acme], '5 "name" error duplicate Tenant acme metadata.name: Tenant acme is defined twice, first in a.yaml:1; remove one of them or give it another name'],
    ["a grandchild without its grandparent: the parent is there, but left out", [line("Tenant", "api.dev.acme"), line("Tenant", "dev.acme")], [
      '1 "name" error reference Tenant api.dev.acme metadata.name: Tenant "dev.acme" has an error of its own and is left out; correct that first',
      '3 "name" error reference Tenant dev.acme metadata.name: there is no parent tenant "acme"; add Tenant "acme", or rename this one',
    ]],
    ["a child without its parent", [line("Tenant", "dev.acm"), acme], '1 "name" error reference Tenant dev.acm metadata.name: there is no parent tenant "acm"; add Tenant "acm", or rename this one'],
  ];
  test.each(rows)("%s", check);
});

describe("references to objects with an error of their own", () => {
  test("say so, and not that the object should be added; a route by a peer without paths blames no policy", () => {
    const parsed = parseLines([
      line("Tenant", "acme", { wrong: 1 }), line("Tenant", "dev.acme"), service("s/web", { wrong: 1 }), service("s/other", { servicePolicyRef: { name: "p" } }), line("ServicePolicy", "s/p", { wrong: 1 }),
      peers({ paths: [{ ...path, remoteAddress: "2001:db8:9::2", localAddress: "192.0.2.1" }] }),
      route({ type: "Peer", peer: { peer: "two" } }), route({ serviceRef: { name: "open" }, type: "Peer", peer: { peer: "two" } }, "s/r2"), service("s/open", { scope: "Public", access: [] }),
    ]);
    const own = new Set(parsed.problems);
    const later = compile(parsed).problems.filter((problem) => ![...own].some((one) => one.object === problem.object && one.field === problem.field));
    expect(later.filter(({ code }) => code === "reference").map(({ object, field, message, fix }) => `${object ?? ""} ${field ?? ""}: ${message}; ${fix}`)).toEqual(expect.arrayContaining([
      'Tenant dev.acme metadata.name: Tenant "acme" has an error of its own and is left out; correct that first',
      'Service s/other spec.access[0].tenant: Tenant "acme" has an error of its own and is left out; correct that first',
      'Service s/other spec.servicePolicyRef.name: ServicePolicy "s/p" has an error of its own and is left out; correct that first',
      'ServiceRoute s/r spec.serviceRef.name: Service "s/web" has an error of its own and is left out; correct that first',
    ]));
    expect(later.filter(({ field }) => field === "spec.vector")).toEqual([]);
  });
});

describe("interfaces", () => {
  const with0 = (change: object): string => router({ interfaces: [{ ...lan0, ...change }, wan0] });
  const rows: Row[] = [
    ["a device of another interface", [router({ interfaces: [lan0, { ...wan0, device: "lan0" }] })], '1 "device" error conflict Router one spec.interfaces[1].device: device "lan0" belongs to interface "lan0" already; this interface is left out; name another device, or use one interface with VLANs'],
    ["a number of another interface", [router({ interfaces: [{ ...lan0, id: 5 }, { ...wan0, id: 5 }] })], '1 "id" error duplicate Router one spec.interfaces[1].id: number 5 belongs to interface "lan0" already; another one is used; give a free number of 1-2047'],
    ["a gateway that is not on link", [with0({ gateways: ["10.7.0.1"] })], '1 "10.7.0.1" error value Router one spec.interfaces[0].gateways[0]: gateway 10.7.0.1 is not on link; give the interface an address of the gateway\'s network'],
    ["two gateways of a family", [with0({ gateways: ["10.1.0.2", "10.1.0.3"] })], '1 "10.1.0.3" error duplicate Router one spec.interfaces[0].gateways[1]: there is an IPv4 gateway already; keep one gateway a family'],
    ["a gateway of a VLAN that is not on link", [with0({ vlans: [{ id: 7, addresses: ["10.7.0.1/24"], gateways: ["10.1.0.2"] }] })], '1 "10.1.0.2" error value Router one spec.interfaces[0].vlans[0].gateways[0]: gateway 10.1.0.2 is not on link; give the interface an address of the gateway\'s network'],
    ["a waypoint that is no address of the interface", [router({ interfaces: [lan0, { ...wan0, waypoints: [{ address: "192.0.2.9" }] }] })], '1 "address" error reference Router one spec.interfaces[1].waypoints[0].address: 192.0.2.9 is not an address of interface "wan0"; add it to the addresses of the interface, or correct it'],
    ["RB-4 waypoint ranges of one address that overlap", [router({ interfaces: [{ ...wan0, waypoints: [{ address: "192.0.2.1", ports: "20000-30000" }, { address: "192.0.2.1", ports: "30000-40000" }] }] })], '1 "ports" error overlap Router one spec.interfaces[0].waypoints[1].ports: the ports overlap those of another waypoint at 192.0.2.1; this one is left out; give each waypoint of an address a range of its own'],
    ["RB-4 a waypoint twice without a range", [router({ interfaces: [{ ...wan0, waypoints: [{ address: "192.0.2.1" }, { address: "192.0.2.1" }] }] })], '1 {"address" error overlap Router one spec.interfaces[0].waypoints[1]: the ports overlap those of another waypoint at 192.0.2.1; this one is left out; give each waypoint of an address a range of its own'],
  ];
  test.each(rows)("%s", check);
});

describe("members of tenants", () => {
  const member = (one: object, name = "acme"): string => line("Tenant", name, { members: [one] });
  const rows: Row[] = [
    ["an interface that the router does not have", [member({ router: "one", interface: "lan1" }), router()], '1 "interface" error reference Tenant acme spec.members[0].interface: there is no interface "lan1"; did you mean "lan0"?'],
    ["a VLAN that the interface does not have", [member({ router: "one", interface: "lan0", vlan: 8 }), router()], '1 "vlan" error reference Tenant acme spec.members[0].vlan: interface "lan0" has no VLAN 8; add VLAN 8 to the interface, or correct the number'],
    ["an interface without hosts", [member({ interface: "wan0" }), router()], '1 "interface" error value Tenant acme spec.members[0].interface: interface "wan0" of Router one is of type WAN: no hosts are behind it; name a LAN interface, or make it type Shared'],
    ["P-6 a network that another tenant has", [member({ interface: "lan0" }, "zeta"), member({ interface: "lan0", prefixes: ["10.1.0.0/24", "0.0.0.0/0"] }), router()],
      '1 {"interface" error overlap Tenant zeta spec.members[0]: Tenant acme has 0.0.0.0/0 on the same interface already; give the tenants separate prefixes, interfaces or VLANs'],
    ["P-6 a prefix that another tenant has", [member({ interface: "lan0", prefixes: ["10.1.0.9/32"] }, "zeta"), member({ interface: "lan0", prefixes: ["10.1.0.9/32"] }), router()],
      '1 "10.1.0.9/32" error overlap Tenant zeta spec.members[0].prefixes[0]: Tenant acme has 10.1.0.9/32 on the same interface already; give the tenants separate prefixes, interfaces or VLANs'],
    ["a router that does not exist", [member({ router: "on", interface: "lan0" }), router()], '1 "router" warning reference Tenant acme spec.members[0].router: there is no Router "on"; did you mean "one"?'],
    ["an interface that no router has", [member({ interface: "dmz" }), router()], '1 "interface" warning reference Tenant acme spec.members[0].interface: there is no interface on any Router "dmz"; known: lan0, wan0'],
  ];
  test.each(rows)("%s", check);
});

describe("peers and paths", () => {
  const paths = (...list: object[]): string => peers({ paths: list.map((one) => ({ ...path, ...one })) });
  const rows: Row[] = [
    ["the router itself", [peers({ name: "one" })], '1 "name" error value Router one spec.peers[0].name: a router is no peer of itself; name the other router'],
    ["no pre-shared key: by certificate", [peers({ psk: undefined })], []],
    ["a pre-shared key here, a certificate there", [peers({}), two({ psk: undefined })], [
      '1 "psk" warning conflict Router one spec.peers[0].psk: Router two says certificate, this one pre-shared key; write the same on both routers',
      '3 {"name" warning conflict Router two spec.peers[0].psk: Router one says pre-shared key, this one certificate; write the same on both routers']],
    ["both sides say that the other one only sends first", [peers({ outboundOnly: "Peer" }), two({ outboundOnly: "Peer" })], [
      '1 "outboundOnly" warning conflict Router one spec.peers[0].outboundOnly: Router two says ThisRouter, this one Peer; write the same on both routers',
      '3 "outboundOnly" warning conflict Router two spec.peers[0].outboundOnly: Router one says ThisRouter, this one Peer; write the same on both routers']],
    ["both sides agree which one only sends first", [peers({ outboundOnly: "Peer" }), two({ outboundOnly: "ThisRouter" })], []],
    ["a tenant that does not exist", [acme, peers({ allowedTenants: ["<global>", "acne"] })], '3 "acne" warning reference Router one spec.peers[0].allowedTenants[1]: there is no Tenant "acne"; did you mean "acme"?'],
    ["the other side does not list this router", [peers({}), line("Router", "two", { interfaces: [wan0] })], '1 "name" warning conflict Router one spec.peers[0].name: Router two does not list this router as a peer; add a peer "one" there'],
    ["another mode of authentication", [peers({ hmac: { mode: "Regular" } }), two()], [
      '1 "mode" warning conflict Router one spec.peers[0].hmac.mode: Router two says TimeBased, this one Regular; write the same on both routers',
      '3 {"name" warning conflict Router two spec.peers[0].hmac.mode: Router one says Regular, this one TimeBased; write the same on both routers']],
    ["another generation of the key", [peers({ psk: { file: "keys/a", generation: 2 } }), two()], [
      '1 "generation" warning conflict Router one spec.peers[0].psk.generation: Router two says 1, this one 2; write the same on both routers',
      '3 "psk" warning conflict Router two spec.peers[0].psk.generation: Router one says 2, this one 1; write the same on both routers']],
    ["clear metadata to a peer that drops it", [peers({ metadataEncryption: { enabled: false } }), two()], '1 "enabled" warning conflict Router one spec.peers[0].metadataEncryption.enabled: Router two says true, this one false; write the same on both routers'],
    ["an interface that does not exist", [paths({ interface: "wan1" })], '1 "interface" error reference Router one spec.peers[0].paths[0].interface: there is no interface "wan1"; did you mean "wan0"?'],
    ["a VLAN that does not exist", [paths({ vlan: 7 })], '1 "vlan" error reference Router one spec.peers[0].paths[0].vlan: interface "wan0" has no VLAN 7; add VLAN 7 to the interface, or correct the number'],
    ["an interface without a waypoint", [paths({ interface: "lan0", remoteAddress: "10.1.0.2" })], '1 "interface" error reference Router one spec.peers[0].paths[0].interface: interface "lan0" has no IPv4 waypoint for 10.1.0.2; add the address to the waypoints of the interface, or correct the path'],
    ["a local address that is no waypoint", [paths({ localAddress: "192.0.2.7" })], '1 "localAddress" error reference Router one spec.peers[0].paths[0].localAddress: 192.0.2.7 is no IPv4 waypoint of interface "wan0"; add the address to the waypoints of the interface, or correct the path'],
    ["its own address", [paths({ remoteAddress: "192.0.2.1" })], '1 "remoteAddress" error conflict Router one spec.peers[0].paths[0].remoteAddress: 192.0.2.1 is a waypoint of this router itself; write the address of the peer'],
    ["a gateway of another family", [paths({ gateway: "2001:db8::9" })], '1 "gateway" error value Router one spec.peers[0].paths[0].gateway: gateway 2001:db8::9 is of another family than the destination; write an IPv4 gateway'],
    ["a gateway that is not on link", [paths({ gateway: "10.9.9.9" })], '1 "gateway" error value Router one spec.peers[0].paths[0].gateway: gateway 10.9.9.9 is not on link at interface "wan0"; give the interface an address of the gateway\'s network'],
    ["no gateway where one is needed", [paths({ remoteAddress: "203.0.113.7" })], '1 {"name" error required Router one spec.peers[0].paths[0].gateway: the address is not on link at interface "wan0", and there is no IPv4 gateway; write a gateway here or on the interface'],
    ["a cipher for payloads, and clear metadata to the peer", [peers({ metadataEncryption: { enabled: false }, paths: [{ name: "a", interface: "wan0", remoteAddress: "192.0.2.2", payloadEncryption: "GCM" }] })], '1 "payloadEncryption" error conflict Router one spec.peers[0].paths[0].payloadEncryption: GCM cannot be used: the key of payloads would travel in clear metadata to this peer; set metadataEncryption.enabled and another hmac.mode at the peer, or leave payloadEncryption out'],
    ["a cipher for payloads, and no tags to the peer", [peers({ hmac: { mode: "Disabled" }, paths: [{ name: "a", interface: "wan0", remoteAddress: "192.0.2.2", payloadEncryption: "CBC" }] })], '1 "payloadEncryption" error conflict Router one spec.peers[0].paths[0].payloadEncryption: CBC cannot be used: packets to this peer have no tags; set metadataEncryption.enabled and another hmac.mode at the peer, or leave payloadEncryption out'],
    ["clear payloads to such a peer", [peers({ hmac: { mode: "Disabled" }, metadataEncryption: { enabled: false }, paths: [{ name: "a", interface: "wan0", remoteAddress: "192.0.2.2", payloadEncryption: "None" }] })], []],
    ["a cipher for payloads that only one end of the path says", [paths({ payloadEncryption: "GCM" }), two()], [
      '1 "payloadEncryption" warning conflict Router one spec.peers[0].paths[0].payloadEncryption: Router two says nothing for this path, this one GCM; write the same on both routers',
      '3 {"name" warning conflict Router two spec.peers[0].paths[0].payloadEncryption: Router one says GCM for this path, this one nothing; write the same on both routers']],
    ["a cipher that both say", [paths({ payloadEncryption: "GCM" }), two({ paths: [{ name: "v4", interface: "wan0", remoteAddress: "192.0.2.1", payloadEncryption: "GCM" }] })], []],
    ["an MTU above that of the interface", [paths({ mtu: 9000 })], '1 "mtu" warning range Router one spec.peers[0].paths[0].mtu: 9000 is more than the 1500 of interface "wan0", which is used; lower it, or raise the MTU of the interface'],
    ["ports that the peer does not announce", [paths({ ports: "30000-40000" }), two({}, { ports: "20000-29999" })], '1 "ports" warning conflict Router one spec.peers[0].paths[0].ports: Router two announces other ports for 192.0.2.2; write the same range on both routers, or leave it out here'],
    ["two paths with the same addresses", [paths({}, { name: "again" })], '1 "remoteAddress" error conflict Router one spec.peers[0].paths[1].remoteAddress: path two/v4 has the same addresses on the same interface; this one is left out; remove one, or give each peer a port range of its own'],
    ["RB-28 two peers with the same address and ports", [peers({}, { name: "three" })], '1 "remoteAddress" error conflict Router one spec.peers[1].paths[0].remoteAddress: path two/v4 has the same addresses on the same interface; this one is left out; remove one, or give each peer a port range of its own'],
    ["RB-28 two peers with the same address and separate ports are right", [peers({ paths: [{ ...path, ports: "20000-29999" }] }, { name: "three", paths: [{ ...path, ports: "30000-39999" }] })], []],
    ["a gateway of the interface is used", [router({ interfaces: [{ ...wan0, gateways: ["192.0.2.254"] }], peers: [{ name: "two", psk, paths: [{ ...path, remoteAddress: "203.0.113.7" }] }] })], []],
  ];
  test.each(rows)("%s", check);
});

describe("services", () => {
  const rows: Row[] = [
    ["access for a tenant that does not exist", [acme, service("s/web", { access: [{ tenant: "acne" }] })], '3 "tenant" error reference Service s/web spec.access[0].tenant: there is no Tenant "acne"; did you mean "acme"?'],
    ["a policy that does not exist", [acme, service("s/web", { servicePolicyRef: { name: "fast" } })], '3 "name" error reference Service s/web spec.servicePolicyRef.name: there is no ServicePolicy "s/fast"; there is none yet: add it'],
    ["a security policy that does not exist", [acme, service("s/web", { securityPolicyRef: { name: "plan" } }), line("SecurityPolicy", "s/plain")], '3 "name" error reference Service s/web spec.securityPolicyRef.name: there is no SecurityPolicy "s/plan"; did you mean "s/plain"?'],
    ["an entry that another service has", [acme, service("s/web"), service("s/app")], '3 "10.9.0.0/24" error conflict Service s/web spec.addresses[0]: Service s/app has the same entry for acme and 10.9.0.0/24, and wins; narrow the addresses or ports of one of the two, or remove one'],
    ["an entry with ports that another service has, told once", [acme, service("s/web", { addresses: ["10.9.0.1", "10.9.0.2"], transports: [{ protocol: "TCP", ports: [80] }] }), service("s/app", { addresses: ["10.9.0.1", "10.9.0.2"], transports: [{ protocol: "TCP", ports: [80] }] })],
      '3 80 error conflict Service s/web spec.transports[0].ports[0]: Service s/app has the same entry for acme and 10.9.0.1/32, and wins; narrow the addresses or ports of one of the two, or remove one'],
    ["more entries than a service may have", [acme, service("s/web", { addresses: Array.from({ length: 256 }, (_, index) => `10.9.0.${index}`), transports: [{ protocol: "TCP", ports: Array.from({ length: 64 }, (_, index) => index + 1) }, { protocol: "UDP", ports: Array.from({ length: 64 }, (_, index) => index + 1) }], access: [{ tenant: "acme" }, { tenant: "b" }, { tenant: "c" }] }), line("Tenant", "b"), line("Tenant", "c")],
      '3 "spec" error size Service s/web spec: addresses x transports x access make more than 65536 entries; split the service'],
  ];
  test.each(rows)("%s", check);

  test("a service that no route leads to is told, unless it is disabled", () => {
    const lines = [acme, service("s/web"), service("s/off", { enabled: false, addresses: ["10.8.0.0/24"] })];
    expect(compile(parseLines(lines)).problems.map((problem) => pointed(problem, lines))).toEqual(['3 "name" warning reference Service s/web metadata.name: no ServiceRoute leads to this service; add a ServiceRoute with its serviceRef']);
  });

  test("each field without effect is told", () => {
    const sla = { maxLossPercent: 1, maxLatency: "1s", maxJitter: "1s", minMos: 3 };
    const spec = { criterion: "Mos", bestEffort: false, loadBalancing: "Proportional", highWater: 90, lowWater: 70, resiliency: "Failover", preserveDscp: true, ttlPadding: 1 };
    const warning = (word: string, object: string, field: string): string => `1 "${word}" warning unsupported ${object} spec.${field}: has no effect in this version; leave it out, or keep it for a later version`;
    expect(said([line("ServicePolicy", "s/p", spec)])).toEqual(Object.keys(spec).map((field) => warning(field, "ServicePolicy s/p", field)));
    expect(said([line("ServicePolicy", "s/p", { sla })])).toEqual(Object.keys(sla).map((field) => warning(field, "ServicePolicy s/p", `sla.${field}`)));
  });
});

describe("service routes", () => {
  const web = service("s/web", near);
  const far = service("s/web");
  const dual = service("s/web", { addresses: ["10.1.0.9", "fd00::9"] });
  const policy = line("ServicePolicy", "s/p", { vectors: [{ name: "mpls" }, { name: "lte", use: "Never" }] });
  const picky = service("s/web", { ...near, servicePolicyRef: { name: "p" } });
  const rows: Row[] = [
    ["a service that does not exist", [router(), local()], '3 "name" error reference ServiceRoute s/r spec.serviceRef.name: there is no Service "s/web"; there is none yet: add it'],
    ["a router that does not exist", [acme, router(), web, local({}, { routers: ["one", "too"] })], '7 "too" warning reference ServiceRoute s/r spec.routers[1]: there is no Router "too"; known: one'],
    ["a peer that does not exist", [acme, peers({}), web, route({ type: "Peer", peer: { peer: "tow" } })], '7 "peer" error reference ServiceRoute s/r spec.peer.peer: Router one has no peer "tow"; known: two'],
    ["8.2 a peer that cannot hold encrypted payloads", [acme, peers({ metadataEncryption: { enabled: false } }), service("s/web", { securityPolicyRef: { name: "p" } }), line("SecurityPolicy", "s/p", { payloadEncryption: "GCM" }), route({ type: "Peer", peer: { peer: "two" } })],
      '9 "peer" warning conflict ServiceRoute s/r spec.peer.peer: payloads of s/web are to be encrypted, and Router one has no encrypted metadata or no tags with "two": the service does not go there; set metadataEncryption.enabled and another hmac.mode at the peer, on both routers, or use a policy without payloadEncryption'],
    ["8.1 tags on each packet, and none toward a peer", [acme, peers({ hmac: { mode: "Disabled" } }), service("s/web", { securityPolicyRef: { name: "p" } }), line("SecurityPolicy", "s/p", { hmacScope: "EveryPacket" }), route({ type: "Peer", peer: { peer: "two" } })],
      '9 "peer" warning conflict ServiceRoute s/r spec.peer.peer: each packet of s/web is to have a tag, and Router one has hmac.mode Disabled with "two": packets go there without; set another hmac.mode at the peer, on both routers, or use a policy with hmacScope MetadataOnly'],
    ["8 a peer with a pre-shared key alone, where the policy asks for a post-quantum exchange", [acme, peers({}), service("s/web", { securityPolicyRef: { name: "p" } }), line("SecurityPolicy", "s/p", { postQuantumRequired: true }), route({ type: "Peer", peer: { peer: "two" } })],
      '9 "peer" warning conflict ServiceRoute s/r spec.peer.peer: SecurityPolicy s/p of s/web asks for a post-quantum exchange, and Router one has a pre-shared key with "two": the service does not go there; give both routers certificates and leave psk out at the peer, or use a policy without postQuantumRequired'],
    ["8 peers by certificate are ready", [acme, peers({ psk: undefined }), service("s/web", { securityPolicyRef: { name: "p" } }), line("SecurityPolicy", "s/p", { postQuantumRequired: true }), route({ type: "Peer", peer: { peer: "two" } })], []],
    ["an interface that does not exist", [acme, router(), web, local({ interface: "lan9" })], '7 "interface" error reference ServiceRoute s/r spec.local.interface: there is no interface "lan9" on Router one; did you mean "lan0"?'],
    ["a VLAN that does not exist", [acme, router(), web, local({ vlan: 9 })], '7 "vlan" error reference ServiceRoute s/r spec.local.vlan: interface "lan0" has no VLAN 9 on Router one; add VLAN 9 to the interface, or correct the number'],
    ["a gateway that is not on link", [acme, router(), web, local({ gateway: "10.7.0.1" })], '7 "gateway" error value ServiceRoute s/r spec.local.gateway: gateway 10.7.0.1 is not on link at interface "lan0" of Router one; give the interface an address of the gateway\'s network'],
    ["no gateway where one is needed", [acme, router(), far, local()], '7 "local" error required ServiceRoute s/r spec.local.gateway: 10.9.0.0/24 is not on link at interface "lan0" of Router one, and there is no IPv4 gateway; write a gateway here or on the interface'],
    ["a local route without a vector of the policy", [acme, router(), picky, policy, local()], '9 "spec" warning value ServiceRoute s/r spec.vector: no path of this route on Router one is one that ServicePolicy s/p uses; give the route or the paths of the peer a vector of the policy'],
    ["a peer route by a vector that is never used", [acme, peers({ paths: [{ ...path, vector: "lte" }] }), picky, policy, route({ type: "Peer", peer: { peer: "two" }, vector: "mpls" })], '9 "vector" warning value ServiceRoute s/r spec.vector: no path of this route on Router one is one that ServicePolicy s/p uses; give the route or the paths of the peer a vector of the policy'],
    ["N-8 a target of another family", [acme, router(), web, host(["10.1.0.7", "fd00::7"])], '7 "fd00::7" error unsupported ServiceRoute s/r spec.host.targets[1]: the service has no IPv6 address: NAT46 and NAT64 are not supported; name a target of the service\'s own family'],
    ["a family without target", [acme, router(), dual, host(["10.1.0.7"])], '7 "targets" warning unsupported ServiceRoute s/r spec.host.targets: IPv6 addresses of the service have no target here; add an IPv6 target'],
    ["a target that cannot be reached", [acme, router(), web, host(["10.66.0.7", "10.1.0.7"])], '7 "10.66.0.7" error required ServiceRoute s/r spec.host.targets[0]: target 10.66.0.7: the address is not on link at interface "lan0", and there is no IPv4 gateway; write a gateway here or on the interface'],
    ["a circle", [acme, peers({}), two(), web, route({ routers: ["one"], type: "Peer", peer: { peer: "two" } }), route({ routers: ["two"], type: "Peer", peer: { peer: "one" } }, "s/q")],
      '9 "peer" warning cycle ServiceRoute s/r spec.peer.peer: Service s/web runs in a circle: one -> two -> one; give one of these routers a cheaper way out of the circle, or remove a route'],
    ["a circle that others lead into is told once", [acme, ...["one", "two", "zen"].map((name) => line("Router", name, { interfaces: [wan0], peers: ["one", "two", "zen"].filter((other) => other !== name).map((other, index) => ({ name: other, psk, paths: [{ ...path, remoteAddress: `192.0.2.${index + 5}` }] })) })), web,
      route({ routers: ["one"], type: "Peer", peer: { peer: "two" } }), route({ routers: ["two"], type: "Peer", peer: { peer: "zen" } }, "s/p"), route({ routers: ["zen"], type: "Peer", peer: { peer: "two" } }, "s/q")],
    '13 "peer" warning cycle ServiceRoute s/p spec.peer.peer: Service s/web runs in a circle: two -> zen -> two; give one of these routers a cheaper way out of the circle, or remove a route'],
    ["a way that ends", [acme, peers({}), two(), web, route({ routers: ["one"], type: "Peer", peer: { peer: "two" } })], []],
  ];
  test.each(rows)("%s", check);

  test("the gateway of a host route of another family is told at the gateway, for each target", () => {
    expect(said([acme, router(), web, host(["10.1.0.7"], { gateway: "fe80::1" })])).toEqual([
      '7 "targets" warning unsupported ServiceRoute s/r spec.host.targets: IPv4 addresses of the service have no target here; add an IPv4 target',
      '7 "gateway" error value ServiceRoute s/r spec.host.gateway: target 10.1.0.7: gateway fe80::1 is of another family than the destination; write an IPv4 gateway',
    ]);
  });
});

describe("tests of services", () => {
  const lines = (test: object, ...more: string[]): string[] => [acme, router(), service("s/web", { ...near, transports: [{ protocol: "TCP", ports: [80] }], tests: [{ tenant: "acme", to: "10.1.0.9", port: 80, ...test }] }), ...more];
  const rows: Row[] = [
    ["one that holds", lines({}, local()), []],
    ["one that must be denied and is", lines({ port: 81, expect: "Deny" }, local()), []],
    ["one that must be allowed and is not", lines({ port: 81 }, local()), '5 {"tenant" error test Service s/web spec.tests[0]: Router one denies it: TCP to 10.1.0.9:81 fits no service: s/web has the address, with other protocols or ports; correct what decides it, or write expect: Deny'],
    ["one that must be denied and is not", lines({ expect: "Deny" }, local()), '5 {"tenant" error test Service s/web spec.tests[0]: Router one allows it: s/web admits acme; correct what decides it, or write expect: Allow'],
    ["one for a router that does not exist", lines({ router: "too" }, local()), '5 "router" warning reference Service s/web spec.tests[0].router: there is no Router "too"; known: one'],
    ["one for another router", [...lines({ router: "one" }, local()), router({}, "two")], []],
    ["one for every router", [...lines({}, local()), router({}, "two")], '5 {"tenant" error test Service s/web spec.tests[0]: Router two denies it: TCP to 10.1.0.9:80 fits no service: no service that a ServiceRoute leads to from this router has the address; correct what decides it, or write expect: Deny'],
  ];
  test.each(rows)("%s", check);
});
