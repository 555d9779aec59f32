// What interfaces, peers and routes compile to: numbers, networks, next hops by key, waypoint ports, gateways, VLANs, IPv6.
import { formatAddress } from "../base/addresstext.ts";
import { addressOf } from "../../test/support/config/sample.ts";
import { line, parseLines } from "../../test/support/config/write.ts";
import { compile } from "./compile.ts";
import type { RouterConfig } from "./config.ts";
import { buildLookup } from "./lookup.ts";

function one(spec: object, ...more: string[]): RouterConfig {
  const config = compile(parseLines([line("Router", "one", spec), ...more])).routers.get("one");
  if (config === undefined) throw new Error("no router");
  return config;
}

const lan = (name: string, more: object = {}): object => ({ name, type: "LAN", addresses: ["10.1.0.1/24"], ...more });
const numbers = (config: RouterConfig): string[] => config.interfaces.map((each) => `${each.ifnum} ${each.name}`);
/** `key interface vlan gateway mtu` of each next hop. */
const nexthops = (config: RouterConfig): string[] => config.nexthops.map(({ key, interface: name, vlan, gateway, mtu }) => `${key} ${name} ${vlan} ${gateway === undefined ? "-" : formatAddress(gateway)} ${mtu}`);

test("numbers of interfaces: given ones stay, the others get the lowest free one by place", () => {
  expect(numbers(one({ interfaces: [lan("a"), lan("b", { id: 1 }), lan("c"), lan("d", { id: 2047 }), lan("e")] }))).toEqual(["1 b", "2 a", "3 c", "4 e", "2047 d"]);
});

test("numbers of interfaces with ids do not change when the list is edited", () => {
  const a = lan("a", { id: 10 });
  const b = lan("b", { id: 20 });
  expect([numbers(one({ interfaces: [a, b] })), numbers(one({ interfaces: [b, lan("new"), a] })), numbers(one({ interfaces: [b] }))]).toEqual([["10 a", "20 b"], ["1 new", "10 a", "20 b"], ["20 b"]]);
});

test("devices, kinds of interface, VLANs in order, what the host shares", () => {
  const { interfaces } = one({ interfaces: [lan("a", { device: "eth7", type: "Shared", sharedWithHost: true, mtu: 9000, neighbourhood: "campus", vlans: [{ id: 30 }, { id: 20, addresses: ["fd00::1/64"] }] }), lan("w", { type: "WAN" })] });
  expect(interfaces.map(({ device, type, hosts, sharedWithHost, mtu, neighbourhood, networks }) => ({ device, type, hosts, sharedWithHost, mtu, neighbourhood, vlans: networks.map((each) => each.vlan) }))).toEqual([
    { device: "eth7", type: "Shared", hosts: true, sharedWithHost: true, mtu: 9000, neighbourhood: "campus", vlans: [0, 20, 30] },
    { device: "w", type: "WAN", hosts: false, sharedWithHost: false, mtu: 1500, neighbourhood: undefined, vlans: [0] },
  ]);
});

test("next hops: two links a network, gateways, one of each path, one of a route's own gateway, each once", () => {
  const wan = { name: "w", type: "WAN", addresses: ["192.0.2.1/24"], gateways: ["192.0.2.254"], waypoints: [{ address: "192.0.2.1" }] };
  const path = (name: string, remoteAddress: string, more: object = {}): object => ({ name, interface: "w", remoteAddress, ...more });
  const config = one({
    interfaces: [lan("a", { gateways: ["10.1.0.254", "fe80::1"], vlans: [{ id: 7, addresses: ["10.7.0.1/24"], gateways: ["10.7.0.254"] }] }), wan],
    peers: [{ name: "two", psk: { file: "k" }, paths: [path("near", "192.0.2.2"), path("far", "203.0.113.2", { mtu: 1400 }), path("given", "203.0.113.3", { gateway: "192.0.2.9" })] }],
  }, line("Tenant", "t"), line("Service", "s", { addresses: ["10.9.0.0/24"] }), ...["r", "q"].map((name) => line("ServiceRoute", name, { serviceRef: { name: "s" }, routers: ["one"], type: "Local", local: { interface: "a", gateway: "10.1.0.77" } })));
  expect(nexthops(config)).toEqual([
    "a/0/10.1.0.254 a 0 10.1.0.254 1500", "a/0/10.1.0.77 a 0 10.1.0.77 1500", "a/0/fe80::1 a 0 fe80::1 1500", "a/0/link4 a 0 - 1500", "a/0/link6 a 0 - 1500",
    "a/7/10.7.0.254 a 7 10.7.0.254 1500", "a/7/link4 a 7 - 1500", "a/7/link6 a 7 - 1500",
    "peer:two/far w 0 192.0.2.254 1400", "peer:two/given w 0 192.0.2.9 1500", "peer:two/near w 0 - 1500",
    "w/0/192.0.2.254 w 0 192.0.2.254 1500", "w/0/link4 w 0 - 1500", "w/0/link6 w 0 - 1500",
  ]);
  expect(config.routes.map((route) => (route.kind === "peer" ? "" : route.nexthops[4]))).toEqual(["a/0/10.1.0.77", "a/0/10.1.0.77"]);
});

test("the next hop toward a host: on link, else the gateway, else none; link-local is on link", () => {
  const lookup = buildLookup(one({ interfaces: [lan("a", { gateways: ["10.1.0.254"], vlans: [{ id: 7, addresses: ["10.7.0.1/24", "fd00:7::1/64"] }] })] }));
  const keyTo = (vlan: number, to: string, ifnum = 1): string | undefined => lookup.nexthopTo(ifnum, vlan, addressOf(to))?.key;
  expect([keyTo(0, "10.1.0.9"), keyTo(0, "10.9.0.9"), keyTo(0, "fd00::9"), keyTo(0, "fe80::9"), keyTo(7, "10.7.0.9"), keyTo(7, "fd00:7::9"), keyTo(7, "10.1.0.9"), keyTo(8, "10.1.0.9"), keyTo(0, "10.1.0.9", 2)])
    .toEqual(["a/0/link4", "a/0/10.1.0.254", undefined, "a/0/link6", "a/7/link4", "a/7/link6", undefined, undefined, undefined]);
});

test("waypoints: ranges, public addresses, on VLANs too; other addresses are plain", () => {
  const { locals } = one({ interfaces: [{
    name: "w", type: "Shared", addresses: ["192.0.2.1/24", "192.0.2.7/24"], vlans: [{ id: 9, addresses: ["198.51.100.1/24"] }],
    waypoints: [{ address: "192.0.2.1", ports: "20000-24999" }, { address: "192.0.2.1", ports: "25000-29999" }, { address: "198.51.100.1", publicAddress: "203.0.113.1" }],
  }] });
  expect(locals.map((local) => [formatAddress(local.address), local.vlan, local.waypoint, local.ports?.first, local.publicAddress === undefined ? undefined : formatAddress(local.publicAddress)])).toEqual([
    ["192.0.2.1", 0, true, 20_000, undefined], ["192.0.2.1", 0, true, 25_000, undefined], ["198.51.100.1", 9, true, undefined, "203.0.113.1"], ["192.0.2.7", 0, false, undefined, undefined],
  ]);
});

test("RB-4 the ports of a path: as written, else as the peer's Router object announces them for that address, else those of the protocol", () => {
  const wan = { name: "w", type: "WAN", addresses: ["192.0.2.1/24"], gateways: ["192.0.2.254"], waypoints: [{ address: "192.0.2.1" }] };
  const two = line("Router", "two", { interfaces: [{ name: "w", type: "WAN", addresses: ["192.0.2.2/24", "192.0.2.3/24", "10.0.0.4/24"], waypoints: [{ address: "192.0.2.2", ports: "20000-20099" }, { address: "192.0.2.3" }, { address: "10.0.0.4", publicAddress: "203.0.113.4", ports: "30000-65535" }] }] });
  const path = (name: string, remoteAddress: string, more: object = {}): object => ({ name, interface: "w", remoteAddress, ...more });
  const config = one({ interfaces: [wan], peers: [{ name: "two", psk: { file: "k" }, paths: [path("a", "192.0.2.2"), path("b", "192.0.2.3"), path("c", "203.0.113.4"), path("d", "192.0.2.9", { ports: "40000-40099" })] }] }, two);
  expect(config.paths.map((each) => `${each.name} ${each.remotePorts?.first ?? "-"} ${each.remotePorts?.last ?? "-"}`)).toEqual(["a 20000 20099", "b - -", "c 30000 65535", "d 40000 40099"]);
});

test("the local address of a path: the one given, else the first waypoint in the family of the remote address; VLANs keep apart", () => {
  const wan = { name: "w", type: "WAN", addresses: ["192.0.2.1/24", "192.0.2.7/24", "2001:db8::1/64"], vlans: [{ id: 9, addresses: ["198.51.100.1/24"] }], waypoints: ["192.0.2.1", "192.0.2.7", "2001:db8::1", "198.51.100.1"].map((address) => ({ address })) };
  const path = (name: string, remoteAddress: string, more: object = {}): object => ({ name, interface: "w", remoteAddress, ...more });
  const config = one({ interfaces: [wan], peers: [{ name: "two", psk: { file: "k" }, metadataEncryption: { enabled: false }, hmac: { mode: "Regular", window: 2 }, allowedTenants: ["z", "a"], paths: [path("a", "192.0.2.2"), path("b", "192.0.2.3", { localAddress: "192.0.2.7", pairs: 10 }), path("c", "2001:db8::2"), path("d", "198.51.100.2", { vlan: 9, vector: "mpls" })] }] });
  expect(config.paths.map((each) => [each.key, formatAddress(each.local), each.vlan, each.family, each.pairs, each.vector])).toEqual([
    ["two/a", "192.0.2.1", 0, 4, 50_000, undefined], ["two/b", "192.0.2.7", 0, 4, 10, undefined], ["two/c", "2001:db8::1", 0, 6, 50_000, undefined], ["two/d", "198.51.100.1", 9, 4, 50_000, "mpls"],
  ]);
  expect(config.peers).toMatchObject([{ name: "two", metadataEncryption: { enabled: false, suite: "CBC", required: false }, hmac: { mode: "Regular", window: 2 }, allowedTenants: [{ tenant: "a" }, { tenant: "z" }] }]);
});

test("keys come from a pre-shared key, or by certificate; trust and rotation are there when they are not the defaults", () => {
  const wan = { name: "w", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] };
  const peer = (name: string, host: number, more: object): object => ({ name, paths: [{ name: "p", interface: "w", remoteAddress: `192.0.2.${host}` }], ...more });
  const peers = [peer("by-key", 2, { psk: { file: "k" } }), peer("by-name", 3, { outboundOnly: "Peer" }), peer("out", 4, { outboundOnly: "ThisRouter" })];
  const keying = (spec: object): unknown => one({ interfaces: [wan], peers, ...spec }).peers.map(({ name, authentication, psk, initiator }) => [name, authentication, psk?.file, initiator]);
  expect(keying({})).toEqual([["by-key", undefined, "k", undefined], ["by-name", "certificate", undefined, "peer"], ["out", "certificate", undefined, "self"]]);
  expect(keying({ authentication: "Certificate" })).toEqual([["by-key", "certificate", "k", undefined], ["by-name", "certificate", undefined, "peer"], ["out", "certificate", undefined, "self"]]);
  const told = (spec: object): unknown => (({ trust, keyRotationHours }) => ({ trust, keyRotationHours }))(one({ interfaces: [wan], ...spec }));
  expect(told({ keyRotation: { interval: "24h" } })).toEqual({});
  expect(told({ trust: { authorities: [{ pem: "PEM" }, { file: "ca.pem" }], revoked: ["ff", "0a"] }, keyRotation: { interval: "90m" } })).toEqual({ trust: { authorities: ["PEM"], authorityFiles: ["ca.pem"], revoked: ["0a", "ff"] }, keyRotationHours: 2 });
  expect(told({ trust: { onFailure: "KeepKeys" }, keyRotation: { enabled: false } })).toEqual({ trust: { authorities: [], revoked: [], failSoft: true }, keyRotationHours: 0 });
});

test("S-7 a peer may assert the tenants listed for it and their children, nobody else", () => {
  const wan = { name: "w", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] };
  const config = one({ interfaces: [wan], peers: [{ name: "two", psk: { file: "k" }, allowedTenants: ["dev.acme"], paths: [{ name: "a", interface: "w", remoteAddress: "192.0.2.2" }] }] }, line("Tenant", "acme"), line("Tenant", "dev.acme"));
  const lookup = buildLookup(config);
  expect(["dev.acme", "web.dev.acme", "acme", "<global>"].map((tenant) => lookup.allowedByPeer("two", tenant))).toEqual([true, true, false, false]);
  expect([lookup.allowedByPeer("three", "dev.acme"), lookup.peer("two")?.name, lookup.peer("three")]).toEqual([false, "two", undefined]);
});

test("S-7 keys of origins are told in order, each with its list or that of the peer of its name; a peer's policy when it is not the default", () => {
  const wan = { name: "w", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] };
  const peer = (name: string, host: number, originSignature?: string): object => ({ name, psk: { file: "k" }, allowedTenants: ["acme"], paths: [{ name: "a", interface: "w", remoteAddress: `192.0.2.${host}` }], ...(originSignature !== undefined && { originSignature }) });
  const [old, fresh] = ["A", "B"].map((letter) => `${letter.repeat(43)}=`);
  const origins = [{ router: "two", ed25519: old }, { router: "far", ed25519: fresh, allowedTenants: ["z", "dev.acme"] }, { router: "far", ed25519: old }];
  const config = one({ interfaces: [wan], peers: [peer("four", 4, "Ignore"), peer("three", 3, "Require"), peer("two", 2)], trust: { origins } }, line("Tenant", "acme"));
  expect(config.trust).toEqual({ authorities: [], revoked: [], origins: [{ router: "far", ed25519: old }, { router: "far", ed25519: fresh, allowedTenants: ["dev.acme", "z"] }, { router: "two", ed25519: old }] });
  expect(one({ interfaces: [wan], trust: { origins: [{ router: "two" }, { router: "far" }, { router: "two", ed25519: old }] } }).trust?.origins).toEqual([{ router: "far" }, { router: "two" }, { router: "two", ed25519: old }]);
  expect(config.peers.map(({ name, originSignature }) => [name, originSignature])).toEqual([["four", "Ignore"], ["three", "Require"], ["two", undefined]]);
  const lookup = buildLookup(config);
  expect(["acme", "dev.acme", "z", "<global>"].map((tenant) => [lookup.allowedByOrigin("two", tenant), lookup.allowedByOrigin("far", tenant), lookup.allowedByOrigin("who", tenant)]))
    .toEqual([[true, false, false], [true, true, false], [false, true, false], [false, false, false]]);
});

test("costs by the vectors of a policy: ordered, given, never; without one by the route", () => {
  const wan = { name: "w", type: "WAN", addresses: ["192.0.2.1/24"], waypoints: [{ address: "192.0.2.1" }] };
  const path = (name: string, end: number, vector: string | undefined): object => ({ name, interface: "w", remoteAddress: `192.0.2.${end}`, ...(vector === undefined ? {} : { vector }) });
  const peer = { name: "two", psk: { file: "k" }, paths: [path("a", 2, "first"), path("b", 3, "second"), path("c", 4, "fixed"), path("d", 5, "off"), path("e", 6, "other"), path("f", 7, undefined)] };
  const policy = line("ServicePolicy", "p", { vectors: [{ name: "fixed", use: "Cost", cost: 55 }, { name: "first" }, { name: "second" }, { name: "off", use: "Never" }] });
  const costs = (spec: object, more: object = {}): string[] => one({ interfaces: [wan], peers: [peer] }, policy, line("Service", "s", { addresses: ["10.9.0.1"], ...spec }),
    line("ServiceRoute", "r", { serviceRef: { name: "s" }, routers: ["one"], type: "Peer", peer: { peer: "two" }, cost: 7, ...more })).routes.map((route) => `${route.cost} ${route.kind === "peer" ? route.path : ""}`);
  expect(costs({ servicePolicyRef: { name: "p" } })).toEqual(["1 two/a", "10 two/b", "55 two/c"]);
  expect(costs({ servicePolicyRef: { name: "p" } }, { vector: "second" })).toEqual(["1 two/a", "10 two/b", "10 two/f", "55 two/c"]);
  expect(costs({})).toEqual(["7 two/a", "7 two/b", "7 two/c", "7 two/d", "7 two/e", "7 two/f"]);
});
