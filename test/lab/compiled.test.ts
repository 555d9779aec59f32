// Routers that run what the compiler makes of YAML objects: the numbers, keys, ranges and names of a compiled configuration are
// those that decisions and the data plane need. The other tests of this folder run configurations written by hand.
//
//   hosts (VLAN 7 and 8: red, blue) - [1 branch 2] - 192.0.2/24 - [1 transit 2] - 198.51.100/24 - [1 cloud 2] - servers
import { line, parseLines } from "../support/config/write.ts";
import { formatProblem } from "../../pkg/api/problem.ts";
import { formatAddress } from "../../pkg/base/addresstext.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { hasGoodChecksum } from "../../pkg/svr/sanity.ts";
import { Flag } from "../../pkg/svr/session.ts";
import { compile } from "../../pkg/plan/compile.ts";
import { address } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { hasMetadata, parsed, text, textOf } from "./packets.ts";

const names = ["branch", "transit", "cloud"];
const psk = { file: "keys/a" };
/** A WAN interface between two routers; `end` is its last byte, 1 on the left. */
const wan = (id: number, net: 1 | 2, end: 1 | 2, ports?: string): object => {
  const own = net === 1 ? [`192.0.2.${end}`, `2001:db8:1::${end}`] : [`198.51.100.${end}`, `2001:db8:2::${end}`];
  return { name: `wan${net}`, id, type: "WAN", addresses: [`${own[0] ?? ""}/24`, `${own[1] ?? ""}/64`], waypoints: own.map((one) => ({ address: one, ...(ports === undefined ? {} : { ports }) })) };
};
const peer = (name: string, net: 1 | 2, end: 1 | 2, allowedTenants: string[] = []): object => ({
  name, psk, allowedTenants, metadataEncryption: { suite: net === 1 ? "GCM" : "CBC" },
  paths: [`192.0.2.${end}`, `2001:db8:1::${end}`].map((one, index) => ({ name: `v${index === 0 ? 4 : 6}`, interface: `wan${net}`, remoteAddress: net === 1 ? one : one.replace("192.0.2", "198.51.100").replace("db8:1", "db8:2") })),
});
const transport = [{ protocol: "UDP", ports: [53] }, { protocol: "ICMP" }];
const service = (name: string, addresses: string[], tenant: string, more: object = {}): string[] => [
  line("Service", `shop/${name}`, { addresses, transports: transport, access: [{ tenant }], ...more }),
  line("ServiceRoute", `shop/${name}-branch`, { serviceRef: { name }, routers: ["branch"], type: "Peer", peer: { peer: "transit" } }),
  line("ServiceRoute", `shop/${name}-transit`, { serviceRef: { name }, routers: ["transit"], type: "Peer", peer: { peer: "cloud" } }),
];
const local = (name: string, more: object = {}): string => line("ServiceRoute", `shop/${name}-cloud`, { serviceRef: { name }, routers: ["cloud"], type: "Local", local: { interface: "lan", ...more } });
const lines = [
  line("Tenant", "red", { members: [{ router: "branch", interface: "lan", vlan: 7 }] }), line("Tenant", "blue", { members: [{ router: "branch", interface: "lan", vlan: 8 }] }),
  ...service("dns", ["10.9.0.0/24", "fd00:9::/64"], "red", { sourceNat: "Interface" }), local("dns"),
  ...service("far", ["10.77.0.0/16"], "blue"), local("far", { gateway: "10.9.0.254" }),
  ...service("moved", ["10.66.0.1"], "red"), line("ServiceRoute", "shop/moved-cloud", { serviceRef: { name: "moved" }, routers: ["cloud"], type: "Host", host: { interface: "lan", targets: ["10.9.0.66"] } }),
  line("Router", "branch", {
    shards: 2,
    interfaces: [{ name: "lan", id: 1, type: "LAN", sharedWithHost: true, sourceCheck: "None", vlans: [7, 8].map((id) => ({ id, addresses: ["10.1.0.1/24", "fd00:1::1/64"] })) }, wan(2, 1, 1)],
    peers: [peer("transit", 1, 2)],
  }),
  line("Router", "transit", { shards: 1, interfaces: [wan(1, 1, 2), wan(2, 2, 1)], peers: [peer("branch", 1, 1, ["red", "blue"]), peer("cloud", 2, 2)] }),
  line("Router", "cloud", { shards: 1, interfaces: [wan(1, 2, 2, "20000-20999"), { name: "lan", id: 2, type: "LAN", addresses: ["10.9.0.1/24", "fd00:9::1/64"] }], peers: [peer("transit", 2, 1, ["red", "blue"])] }),
];
const compiled = compile(parseLines(lines));
const lab = (): Lab => createLab(names, { services: [], compiled: compiled.routers });

const udp = (from: string, to: string, body: string, ports: [number, number] = [40_000, 53]): Uint8Array =>
  buildPacket({ source: address(from), destination: address(to) }, { kind: "udp", sourcePort: ports[0], destinationPort: ports[1] }, text(body));
/** `source > destination: body` of what arrived at an end. */
const arrived = (packets: Uint8Array[]): string[] => packets.map((data) => {
  const packet = parsed(data);
  return `${formatAddress(packet.source)} > ${formatAddress(packet.destination)}: ${textOf(data)}`;
});

test("the configuration has no problem", () => {
  expect(compiled.problems.map(formatProblem)).toEqual([]);
});

test.each([["IPv4", "10.1.0.7", "10.9.0.20", "10.9.0.1"], ["IPv6", "fd00:1::7", "fd00:9::20", "fd00:9::1"]])("W-1 W-2 N-1 a session crosses over %s: source NAT at the last router, answers come back, ports of the announced range", (_desc, client, server, nat) => {
  const routers = lab();
  routers.fromLeft(udp(client, server, "one"), 0, 7);
  routers.run();
  expect(arrived(routers.right)).toEqual([`${nat} > ${server}: one`]);
  const asked = parsed(routers.right[0]);
  routers.fromRight(udp(server, nat, "two", [53, asked.sourcePort]));
  routers.run();
  expect(routers.delivered.map(({ end, vlan }) => `${end} ${vlan}`)).toEqual(["right 0", "left 7"]);
  expect(arrived(routers.left)).toEqual([`${server} > ${client}: two`]);
  expect([...routers.left, ...routers.right].map(parsed).every(hasGoodChecksum)).toBe(true);
  const first = routers.wires.filter((wire) => wire.forward && hasMetadata(wire)).map((wire) => parsed(wire.data).destinationPort);
  expect(first).toHaveLength(2);
  expect(first.map((port, link) => (link === 0 ? port % 2 === 1 && port >= 16_385 : port >= 20_000 && port <= 20_999))).toEqual([true, true]);
});

test("N-5 destination NAT: the target answers, the client hears the address it asked", () => {
  const routers = lab();
  routers.fromLeft(udp("10.1.0.7", "10.66.0.1", "one"), 0, 7);
  routers.run();
  routers.fromRight(udp("10.9.0.66", "10.1.0.7", "two", [53, 40_000]));
  routers.run();
  expect([arrived(routers.right), arrived(routers.left)]).toEqual([["10.1.0.7 > 10.9.0.66: one"], ["10.66.0.1 > 10.1.0.7: two"]]);
});

test("P-6 the same addresses in two VLANs are two tenants, each with its own services", () => {
  const routers = lab();
  routers.fromLeft(udp("10.1.0.7", "10.9.0.20", "red"), 0, 7);
  routers.fromLeft(udp("10.1.0.7", "10.9.0.20", "blue"), 0, 8);
  routers.fromLeft(udp("10.1.0.7", "10.77.0.1", "blue"), 0, 8);
  routers.run();
  expect(arrived(routers.right)).toEqual(["10.9.0.1 > 10.9.0.20: red", "10.1.0.7 > 10.77.0.1: blue"]);
  expect(routers.routers[0]?.drops()["access"]).toBe(1);
});

test.each([["the gateway of its route", "10.9.0.253", "10.9.0.253"], ["no gateway of its own any more, that of the interface", undefined, "10.9.0.252"]])("RB-3 a live session takes %s into use at once, by the shard that is told, and keeps its uuid", (_desc, given, gateway) => {
  const routers = lab();
  const send = (body: string): void => { routers.fromLeft(udp("10.1.0.7", "10.77.0.1", body), 0, 8); routers.run(); };
  send("one");
  const [cloud] = routers.routers.slice(-1), [before] = cloud?.live() ?? [];
  const next = lines.map((text) => {
    if (text.includes('"far-cloud"')) return local("far", given === undefined ? {} : { gateway: given });
    return text.includes('"addresses":["10.9.0.1/24","fd00:9::1/64"]') ? text.replace('"addresses":["10.9.0.1/24","fd00:9::1/64"]', '"addresses":["10.9.0.1/24","fd00:9::1/64"],"gateways":["10.9.0.252"]') : text;
  });
  Object.assign(cloud?.config ?? {}, compile(parseLines(next)).routers.get("cloud"));
  routers.reconfigure(2);
  cloud?.shards[0]?.tell({ kind: "moved", refs: cloud.datapath.sessions(0, 9).sessions.map(({ index, state }) => ({ index, uuid: state.uuid })) });
  send("two");
  const hop = (session = before): string | undefined => formatAddress(cloud?.config.nexthops.find(({ key }) => cloud.datapath.nameOf(session?.side[1].nexthop ?? 0) === `nexthop/${key}`)?.gateway ?? address("0.0.0.0"));
  const [after] = cloud?.live() ?? [];
  expect([arrived(routers.right), hop(after)]).toEqual([["10.1.0.7 > 10.77.0.1: one", "10.1.0.7 > 10.77.0.1: two"], gateway]);
  expect([after?.uuid, (after?.flags ?? 0) & Flag.moved, cloud?.live().length, cloud?.drops()]).toEqual([before?.uuid, 0, 1, {}]);
});

test("P-1 a host without a tenant reaches nothing", () => {
  const routers = lab();
  routers.fromLeft(udp("10.1.0.7", "10.9.0.20", "none"));
  routers.run();
  expect([routers.right, routers.routers[0]?.drops()["access"]]).toEqual([[], 1]);
});

test("P-2 a tenant that is not configured at the last router counts as its nearest ancestor there, by its own name", () => {
  const child = line("Tenant", "lab.red", { members: [{ router: "branch", interface: "lan" }] });
  const branch = compile(parseLines([child, ...lines])).routers.get("branch");
  if (branch === undefined) throw new Error("no router");
  const routers = createLab(names, { services: [], compiled: new Map([...compiled.routers, ["branch", branch]]) });
  routers.fromLeft(udp("10.1.0.7", "10.9.0.20", "child"));
  routers.run();
  expect(arrived(routers.right)).toEqual(["10.9.0.1 > 10.9.0.20: child"]);
  expect(routers.routers.map((router) => router.live().map((session) => router.datapath.nameOf(session.tenant)))).toEqual([["tenant/lab.red"], ["tenant/lab.red"], ["tenant/lab.red"]]);
});
