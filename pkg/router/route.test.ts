// Ways out of a service: which route, which ports, which translation (behaviour 5, 6.1, 6.2).
import type { IpAddress } from "../base/address.ts";
import { Flag } from "../svr/session.ts";
import type { SessionContext } from "../svr/session.ts";
import { address } from "../../test/lab/config.ts";
import { configOfChain, newTurn, tablesOf } from "../../test/support/turn.ts";
import type { TestTurn } from "../../test/support/turn.ts";
import { egressSides } from "./route.ts";
import type { Chosen } from "./route.ts";
import type { PathEntry, RouteEntry, ServiceEntry } from "./tables.ts";

const tables = tablesOf(configOfChain());
const [four, six] = [4, 6].map((family) => tables.paths.find((path) => path.family === family)) as [PathEntry, PathEntry];
const service = (routes: RouteEntry[], sourceNat = false): ServiceEntry => ({ id: 1, name: "s", enforcement: "reset", sourceNat: sourceNat ? "Interface" : "None", asksHealth: false, trafficClass: 0, security: { suite: 0, everyPacket: false, adaptive: false }, idleMs: () => 1, initialMs: () => 0, classOf: () => 0, routes: { 4: routes, 6: routes } });
const local = (change: Partial<Extract<RouteEntry, { kind: "local" }>> = {}): RouteEntry => ({ kind: "local", ifnum: 2, vlan: 3, nexthop: { 4: 41, 6: 61 }, addresses: ["192.0.2.9", "192.0.2.10", "2001:db8::9"].map(address), ...change });
const context = (family: 4 | 6, proto = 17): SessionContext => ({
  source: address(family === 4 ? "10.1.0.5" : "2001:db8:1::5"), destination: address(family === 4 ? "10.2.0.7" : "2001:db8:2::7"), sourcePort: 1000, destinationPort: 53, proto, family,
});
const fromHost = { ifnum: 1, vlan: 0, tenant: "corp" };

/** All ways, as often as they are asked for; each one is refused by the data plane. */
function waysOf(turn: TestTurn, of: ServiceEntry, wanted: SessionContext, entrance: Parameters<typeof egressSides>[3] = fromHost): Chosen[] | string {
  const ways = egressSides(turn, of, wanted, entrance);
  if (!ways.ok) return ways.error;
  const all: Chosen[] = [];
  for (let way = ways.value.next(); way !== undefined && all.length < 20; way = ways.value.next()) all.push(way);
  return all;
}

test.each<{ desc: string; routes: RouteEntry[]; family: 4 | 6; path?: PathEntry; leaves: string }>([
  { desc: "the first path", routes: [{ kind: "peer", path: four }, { kind: "peer", path: six }], family: 4, leaves: four.name },
  { desc: "W-11 a path of the other family", routes: [{ kind: "peer", path: six }], family: 4, leaves: six.name },
  { desc: "W-11 a path of the other family, IPv6", routes: [{ kind: "peer", path: four }], family: 6, leaves: four.name },
  { desc: "never back to the peer it came from", routes: [{ kind: "peer", path: four }], family: 4, path: four, leaves: "no-path" },
  { desc: "back to no peer, but to hosts", routes: [{ kind: "peer", path: four }, local()], family: 4, path: four, leaves: "local" },
  { desc: "a local route without a next hop of the family", routes: [local({ nexthop: { 4: 0, 6: 61 } })], family: 4, leaves: "no-path" },
  { desc: "a target of the other family", routes: [local({ target: address("2001:db8:2::99") }), local({ target: address("10.2.0.99") })], family: 4, leaves: "local" },
  { desc: "15.5 a peer without keys", routes: [{ kind: "peer", path: { ...four, peer: { ...four.peer, send: undefined } } }], family: 4, leaves: "no-key" },
  { desc: "15.5 past a peer without keys", routes: [{ kind: "peer", path: { ...four, peer: { ...four.peer, send: undefined } } }, { kind: "peer", path: six }], family: 4, leaves: six.name },
  { desc: "no route at all", routes: [], family: 4, leaves: "no-path" },
])("6.2 $desc", ({ routes, family, path, leaves }) => {
  const ways = waysOf(newTurn(tables), service(routes), context(family), { ...fromHost, ...(path && { path }) });
  const taken = typeof ways === "string" ? ways : ways[0]!.side.path === 0 ? "local" : tables.pathById(ways[0]!.side.path)?.name;
  expect(taken).toBe(leaves);
});

test.each<[string, 0 | 1 | undefined, boolean, boolean, boolean]>([
  ["an encrypted session over a path that says nothing", undefined, false, true, true], ["a clear one", undefined, false, false, false], ["a clear one over a clear path", 0, false, false, false],
  ["a clear one over a clear path that the policy allows", 0, true, false, true], ["a clear one over a path that encrypts, whatever the policy allows", 1, true, false, false],
])("8.2 a router on the way lets %s, if the path does not ask for more", (_name, payload, clearPaths, encrypts, passes) => {
  const turn = newTurn(tables), from = { ...four, peer: { ...four.peer } }, path = { ...four, ...(payload !== undefined && { payload }) };
  const ask = { suite: 2 as const, everyPacket: false, adaptive: false, clearPaths };
  const entrance = { ...fromHost, path: from, security: { suite: 0 as const, everyPacket: false, encrypts } }; // whether the machine can carry tags is not asked
  const ways = waysOf(turn, { ...service([{ kind: "peer", path }]), security: ask }, context(4), entrance);
  expect(typeof ways !== "string").toBe(passes);
});

test("2.2 toward a peer: at most four pairs, TCP on TCP, everything else on UDP", () => {
  const turn = newTurn(tables);
  const ways = waysOf(turn, service([{ kind: "peer", path: four }]), context(4, 6)) as Chosen[];
  expect(ways.map(({ side, flags, natSearch }) => [side.proto, side.localPort % 2, side.remotePort % 2, side.path, flags, natSearch])).toEqual(Array(4).fill([6, 0, 1, four.id, 0, undefined]));
  expect(new Set(ways.map(({ side }) => side.localPort)).size).toBe(4);
  expect((waysOf(turn, service([{ kind: "peer", path: four }]), context(4, 1)) as Chosen[])[0]!.side.proto).toBe(17);
});

test("2.5 a pair that is not used goes back, one that somebody holds waits at the end", () => {
  const turn = newTurn(tablesOf(configOfChain({ pairs: 2 })));
  const path = turn.tables.paths.find((one) => one.family === 4)!;
  const ways = egressSides(turn, service([{ kind: "peer", path }]), context(4), fromHost);
  if (!ways.ok) throw new Error(ways.error);
  const [a, b] = [ways.value.next()!, ways.value.next()!];
  expect(ways.value.next()).toBeUndefined();
  a.taken();
  b.giveBack();
  expect([turn.ports.pair(path, turn.nowMs)?.local, turn.ports.pair(path, turn.nowMs)?.local]).toEqual([b.side.localPort, a.side.localPort]);
});

test("5 without source NAT the host sees the client, once", () => {
  const ways = waysOf(newTurn(tables), service([local()]), context(4)) as Chosen[];
  expect(ways.map(({ side, flags }) => [side.local, side.localPort, side.remote, side.remotePort, side.nexthop, side.vlan, flags])).toEqual([[context(4).source, 1000, context(4).destination, 53, 41, 3, 0]]);
});

test.each([[4, ["192.0.2.9", "192.0.2.10"]], [6, ["2001:db8::9"]]] as const)("N-2 source NAT on IPv%i: secondary addresses only after the first, each over all ports", (family, own) => {
  const ways = waysOf(newTurn(tables), service([local()], true), context(family)) as Chosen[];
  expect(ways.map(({ side }) => side.local)).toEqual(own.map(address));
  for (const { flags, natSearch, side } of ways) {
    expect([flags, natSearch?.first, natSearch?.count]).toEqual([Flag.snat, 16384, 49_151]);
    expect([side.localPort, (natSearch?.start ?? 0) >= 16384]).toEqual([natSearch?.start, true]);
  }
});

test.each<[string, IpAddress | undefined, boolean, number]>([
  ["the destination itself", undefined, false, 0], ["another address", address("10.2.0.99"), false, Flag.dnat], ["another address, and source NAT", address("10.2.0.99"), true, Flag.dnat | Flag.snat],
  ["a target that is the destination", address("10.2.0.7"), false, 0],
])("N-5 destination NAT: %s", (_desc, target, sourceNat, flags) => {
  const [way] = waysOf(newTurn(tables), service([local(target === undefined ? {} : { target })], sourceNat), context(4)) as Chosen[];
  expect([way!.side.remote, way!.side.remotePort, way!.flags]).toEqual([target ?? context(4).destination, 53, flags]);
});
