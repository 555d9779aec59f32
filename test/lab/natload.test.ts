// N-7: waypoint pairs and source NAT ports of one interface address come from one flow index, so no two flows get the same
// 5-tuple, however many sessions and shards there are. One router; what leaves is looked at and then lost.
import { flowKeyText } from "../../pkg/datapath/model-state.ts";
import type { RouterConfig } from "../../pkg/plan/config.ts";
import { NAT_PORT_COUNT, NAT_PORT_FIRST } from "../../pkg/svr/constants.ts";
import { address, ifnumOf, linkAddress, prefix } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { content, endsOf, everything, parsed } from "./packets.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import type { IpAddress } from "../../pkg/base/address.ts";

const PAIRS = 40_000, NATTED = 60_000, SHARDS = 4, BATCH = 200;
const origin = { object: "test", field: "spec" };

/** The far end of the link is a peer and a server at once: its waypoint ports are ordinary ports to hosts. */
function addBreakout(config: RouterConfig): void {
  const path = config.paths.find((one) => one.family === 4 && one.interface === "right")!;
  config.services.push({
    name: "z/breakout", enabled: true, addresses: [{ prefix: prefix("192.0.2.2/32"), origin }], transports: [], access: [{ tenant: "corp", permission: "Allow", origin }],
    enforcement: "Reset", sourceNat: "Interface", trafficClass: "BestEffort", sessionRecovery: "PacketBased", origin,
  });
  config.routes.push({
    kind: "local", service: "z/breakout", route: "z/breakout", cost: 1, maxSessions: 0, sessionRate: 0, interface: "right", ifnum: path.ifnum, vlan: 0,
    nexthops: { 4: "right-link" }, addresses: [path.local], targets: [], origin,
  });
}

/** The n-th client flow to a destination and port. */
function flow(n: number, destination: IpAddress, port: number): Uint8Array {
  return buildPacket({ source: endsOf(4, 256 + (n % 250) + 256 * (n % 7)).client, destination }, { kind: "udp", sourcePort: 1024 + Math.floor(n / 1750), destinationPort: port }, content(4));
}

function send(lab: Lab, count: number, packet: (n: number) => Uint8Array): void {
  for (let n = 0; n < count; n++) {
    lab.fromLeft(packet(n));
    if (n % BATCH !== BATCH - 1 && n !== count - 1) continue;
    while (lab.flights.length > 0) lab.land();
    while (lab.think() > 0);
  }
}

test("N-7 100,000 sessions on one address, four shards: every flow that leaves has a 5-tuple of its own", () => {
  const lab = createLab(["east", "west"], {
    services: [everything], pairs: 50_000, suite: "off", mode: "Disabled", shards: SHARDS, sessionLimit: PAIRS + NATTED + 10, limits: { sessions: 1_000_000 },
  });
  const east = lab.routers[0]!;
  addBreakout(east.config);
  lab.reconfigure(0);
  lab.onWire = () => undefined;
  const peer = linkAddress(0, 1);
  // odd and even destination ports below and above the first waypoint ports, so that NAT flows look like waypoint flows
  send(lab, NATTED, (n) => flow(n, peer, NAT_PORT_FIRST + 1 + 2 * (n % 5)));
  send(lab, PAIRS, (n) => flow(n, address("10.2.0.20"), 53));
  expect(east.drops()).toEqual({});
  expect(east.live().length).toBe(PAIRS + NATTED);
  const tuples = lab.wires.map(({ data }) => parsed(data)).map((packet) => `${packet.source.w0} ${packet.sourcePort} ${packet.destination.w0} ${packet.destinationPort} ${packet.proto}`);
  expect([tuples.length, new Set(tuples).size]).toEqual([PAIRS + NATTED, PAIRS + NATTED]);
  expect(lab.wires.every(({ data }) => parsed(data).source.w0 === linkAddress(0, 0).w0)).toBe(true);
  const pools = east.counters().flatMap((one) => one.pools).filter((pool) => pool.size > 0 && pool.used > 0);
  expect(pools.map((pool) => pool.used + pool.free)).toEqual(pools.map((pool) => pool.size));
  expect(pools.reduce((sum, pool) => sum + pool.used, 0)).toBe(PAIRS);
  expect(new Set(east.live().map((session) => session.shard)).size).toBe(SHARDS);
}, 120_000);

test("N-1 a NAT search that finds every port taken refuses, and never lets an untranslated source out", () => {
  const lab = createLab(["east", "west"], { services: [everything], pairs: 10, suite: "off", mode: "Disabled" });
  const east = lab.routers[0]!;
  addBreakout(east.config);
  lab.reconfigure(0);
  lab.onWire = () => undefined;
  const { model } = east.datapath;
  const [own, remote] = [linkAddress(0, 0), linkAddress(0, 1)];
  send(lab, 1, () => flow(0, remote, 9));
  const taken = new Set<number>();
  for (let port = NAT_PORT_FIRST; port < NAT_PORT_FIRST + NAT_PORT_COUNT; port++) {
    const key = flowKeyText({ source: remote, destination: own, sourcePort: 9, destinationPort: port, ifnum: ifnumOf.right, vlan: 0, proto: 17 });
    if (port % 5000 === 0 || model.flows.has(key)) continue; // ten ports stay free
    model.flows.set(key, { index: 0, side: 1 });
    taken.add(port);
  }
  send(lab, 15, (n) => flow(n + 1, remote, 9));
  const ports = lab.wires.map(({ data }) => parsed(data).sourcePort);
  expect([east.live().length, new Set(ports).size, ports.some((port) => taken.has(port))]).toEqual([11, 11, false]);
  expect(east.drops()).toEqual({ nat: 5 });
  expect(lab.wires.every(({ data }) => parsed(data).source.w0 === own.w0)).toBe(true);
});
