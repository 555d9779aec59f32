// Who may open what, shown by packets: precedence, parents and children, two tenants with the same addresses, IPv4 beside IPv6
// (P-1 to P-6, behaviour 2).
import { toHex } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { TCP_RST as RST } from "../../pkg/svr/constants.ts";
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import { createUntold } from "../../pkg/router/untold.ts";
import type { LabService } from "./config.ts";
import { address, ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, SYN, bodyOf, connect, content, endsOf, everything, parsed, readWire, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const names = ["branch", "transit", "cloud"];
const chains = [["east", "west"], names];
const ends = endsOf(4);
const serviceIds = (lab: Lab): (string | undefined)[] => lab.wires.filter((wire) => wire.forward).map((wire) => readWire(lab, wire)?.service);

describe("P-2 tenants and their parents", () => {
  test.each([
    ["corp", ["corp"], 1], ["dev.corp", ["corp"], 1], ["a.dev.corp", ["corp"], 1], ["corp", ["dev.corp"], 0], ["guest", ["corp"], 0],
  ] as const)("P-2 a host of %s and a service for %j: %i packets", (tenant, allow, arrives) => {
    const lab = createLab(names, { services: [{ ...everything, allow: [...allow] }], tenants: [tenant, ...allow.filter((one) => one !== tenant)] });
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    expect([lab.right.length, lab.wires.length]).toEqual([arrives, arrives * 2]);
    if (arrives === 0) expect(lab.routers[0]!.drops()).toEqual({ access: 1 });
  });

  test("P-2 2.3 a deny of the child ends the lookup although the parent is allowed", () => {
    const lab = createLab(names, { services: [{ ...everything, allow: ["corp"], deny: ["dev.corp"] }], tenants: ["dev.corp", "corp"] });
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    expect([lab.right.length, lab.routers[0]!.drops()]).toEqual([0, { access: 1 }]);
  });
});

describe.each([4, 6] as const)("IPv%i: what policy ends", (family) => {
  test.each(chains.map((routers) => [routers] as const))("1.2 3.9 through %j: from the end in the data plane on nothing passes, so that the reset has the sequence that the host expects", (routers) => {
    const of = endsOf(family);
    const lab = createLab(routers, { services: [everything] });
    connect(lab, of);
    lab.fromRight(tcpDown(of, { seq: 5001, ack: 1001, flags: ACK, body: content(10) }));
    lab.run();
    lab.left.length = 0;
    const [first] = lab.routers, [session] = first!.live();
    const { uuid } = session!, { index } = first!.datapath.shard(0).findUuid(uuid)!;
    const untold = createUntold();
    first!.datapath.shard(0).apply([{ kind: "end", ref: { index, uuid }, reason: reasonNumber("policy"), now: true }]);
    untold.add([{ index, uuid }]);
    lab.fromRight(tcpDown(of, { seq: 5011, ack: 1001, flags: ACK, body: content(10) })); // the server has not heard of it
    lab.fromLeft(tcpUp(of, { seq: 1001, ack: 5011, flags: ACK, body: content(10) }));
    lab.run();
    expect(lab.left.filter((data) => (parsed(data).tcp!.flags & RST) === 0)).toEqual([]);
    lab.left.length = 0;
    first!.shards[0]!.tell({ kind: "ended", ended: untold.take()! });
    lab.run();
    expect(lab.left.map((data) => [(parsed(data).tcp!.flags & RST) !== 0, parsed(data).tcp!.seq])).toEqual([[true, 5011]]);
  });
});

describe("P-3 precedence", () => {
  const any: LabService = { name: "net/dns", prefixes: ["0.0.0.0/0"], proto: 17, ports: { first: 53, last: 53 } };
  const host: LabService = { name: "net/host", prefixes: ["10.2.0.20/32"] };
  const wide: LabService = { name: "net/wide", prefixes: ["10.2.0.0/16"], proto: 17 };

  test.each([
    ["udp/53 on 0.0.0.0/0 beats a /32 without transport", [any, host], 53, "net/dns"],
    ["another port goes to the /32", [any, host], 54, "net/host"],
    ["a protocol beats a longer prefix without one", [wide, host], 54, "net/wide"],
    ["a port range beats the protocol alone", [wide, any], 53, "net/dns"],
  ] as const)("P-3 %s", (_desc, services, port, chosen) => {
    const lab = createLab(names, { services: [...services] });
    lab.fromLeft(udpUp(ends, content(9), { to: port }));
    lab.run();
    expect(serviceIds(lab)).toEqual([chosen, chosen]);
    expect(lab.right).toHaveLength(1);
  });

  test("P-3 2.4 the egress knows the destination by another service: used there, reported in reverse TLV 10", () => {
    const lab = createLab(["east", "west"], { services: [any] }, (index) => (index === 1 ? { services: [{ ...any, name: "net/resolver", prefixes: ["10.2.0.0/16"] }] } : {}));
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    lab.fromRight(udpDown(ends, content(9)));
    lab.run();
    expect(lab.wires.map((wire) => readWire(lab, wire)?.service)).toEqual(["net/dns", "net/resolver"]);
  });

  test("8 2.4 the egress asks for a post-quantum exchange: what a peer with a pre-shared key brings is refused and told, whatever the ingress thinks", () => {
    const lab = createLab(["east", "west"], { services: [any] }, (index) => (index === 1 ? { services: [{ ...any, postQuantum: true }] } : {}));
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    const denied = lab.routers[1]!.reports().flatMap((report) => (report.kind === "denials" ? report.denials : []));
    expect([lab.right.length, lab.routers[1]!.live().length, lab.routers[1]!.drops()["no-key"], denied.length]).toEqual([0, 0, 1, 1]);
  });
});

describe.each(chains.map((chain) => [chain] as const))("P-6 two tenants with the same addresses through %j", (chain) => {
  const services: LabService[] = [
    { name: "a/app", prefixes: ["10.2.0.0/16", "2001:db8:2::/64"], allow: ["red"], vlan: 0 },
    { name: "b/app", prefixes: ["10.2.0.0/16", "2001:db8:2::/64"], allow: ["blue"], vlan: 1 },
  ];
  const tenants = ["red", "blue"];

  test.each([4, 6] as const)("P-6 IPv%i: equal 5-tuples are two sessions, and no body reaches the other's network", (family) => {
    const both = endsOf(family);
    const lab = createLab(chain, { services, tenants });
    for (let round = 0; round < 3; round++) {
      for (const vlan of [0, 1]) lab.fromLeft(udpUp(both, content(30, vlan)), 0, vlan);
      lab.run();
      for (const vlan of [0, 1]) lab.fromRight(udpDown(both, content(40, vlan)), 0, vlan);
      lab.run();
    }
    for (const [end, length] of [["right", 30], ["left", 40]] as const) {
      const arrived = lab.delivered.filter((one) => one.end === end).map((one) => [one.vlan, toHex(bodyOf(one.data))]);
      expect(arrived).toHaveLength(6);
      expect(arrived.filter(([vlan, body]) => body !== toHex(content(length, vlan as number)))).toEqual([]);
    }
    expect(lab.routers.map((router) => router.live().length)).toEqual(chain.map(() => 2));
    for (const router of lab.routers) expect(new Set(router.live().map((session) => session.tenant)).size).toBe(2);
  });

  test("P-6 TCP connections with equal numbers stay apart, and the end of one leaves the other", () => {
    const lab = createLab(chain, { services, tenants });
    for (const vlan of [0, 1]) {
      lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN }), 0, vlan);
      lab.run();
      lab.fromRight(tcpDown(ends, { seq: 5000, ack: 1001, flags: SYN | ACK }), 0, vlan);
      lab.run();
      lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK }), 0, vlan);
      lab.run();
    }
    const refs = lab.routers[0]!.datapath.sessions(0, 9).sessions.filter((one) => one.state.side[0].vlan === 0).map((one) => ({ index: one.index, uuid: one.state.uuid }));
    lab.routers[0]!.shards[0]!.tell({ kind: "end", refs, reason: 100 });
    lab.run();
    lab.delivered.length = 0;
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(9) }), 0, 1);
    lab.run();
    expect(lab.delivered.map((one) => [one.end, one.vlan, toHex(bodyOf(one.data))])).toEqual([["right", 1, toHex(content(9))]]);
    expect(lab.routers.map((router) => router.live().length)).toEqual(chain.map(() => 1));
  });

  test("P-6 2.5 an ingress that lost its maps uses a pair again: what still comes on it is not the new session's", () => {
    const lab = createLab(chain, { services, tenants, pairs: 1 }); // the next session of either tenant must take the same pair
    for (let round = 0; round < 3; round++) {
      lab.fromLeft(udpUp(ends, content(30, 0)));
      lab.run();
      lab.fromRight(udpDown(ends, content(40, 0)));
      lab.run();
    }
    lab.restart(0);
    lab.fromLeft(udpUp(ends, content(30, 1)), 0, 1);
    lab.fromRight(udpDown(ends, content(40, 7)));
    lab.land();
    lab.land();
    lab.think();
    const reverse = lab.flights.splice(lab.flights.findIndex((flight) => flight.data.length === udpDown(ends, content(40)).length), 1);
    const forward = lab.flights.splice(0);
    lab.delivered.length = 0;
    lab.flights.push(...reverse);
    lab.run(); // the answer of the old session overtakes the metadata of the new one
    expect(lab.delivered.filter((one) => one.end === "left")).toEqual([]);
    expect(lab.routers[0]!.drops()).toEqual(chain.length === 2 ? { "no-flow": 1 } : lab.routers[0]!.drops());
    lab.flights.push(...forward);
    lab.run();
    lab.fromRight(udpDown(ends, content(40, 1)), 0, 1);
    lab.run();
    expect(lab.delivered.filter((one) => one.end === "left" && one.vlan === 1 && toHex(bodyOf(one.data)) !== toHex(content(40, 1)))).toEqual([]);
  });

  test("P-6 a tenant without its own access does not reach the other's service at the same address", () => {
    const lab = createLab(chain, { services: services.slice(0, 1), tenants });
    lab.fromLeft(udpUp(ends, content(9)), 0, 1);
    lab.run();
    expect([lab.right.length, lab.wires.length]).toEqual([0, 0]);
    expect(lab.routers[0]!.drops()).toEqual({ access: 1 });
  });
});

describe("IPv4 and IPv6 side by side", () => {
  test("each session crosses in its own family, with its own pair", () => {
    const lab = createLab(names, { services: [everything] });
    for (const family of [4, 6] as const) connect(lab, endsOf(family));
    for (let round = 0; round < 2; round++) {
      for (const family of [4, 6] as const) {
        lab.fromLeft(tcpUp(endsOf(family), { seq: 1001, ack: 5001, flags: ACK, body: content(9, family) }));
        lab.run();
      }
    }
    expect(lab.routers.map((router) => router.live().map((session) => session.side.map((side) => side.family)))).toEqual(names.map(() => [[4, 4], [6, 6]]));
    expect(lab.right.slice(-2).map((data) => [parsed(data).family, toHex(bodyOf(data))])).toEqual([[4, toHex(content(9, 4))], [6, toHex(content(9, 6))]]);
  });

  test("14 the outer flow label is the same in each packet of a session, metadata or not", () => {
    const lab = createLab(names, { services: [everything] });
    const six = endsOf(6);
    connect(lab, six);
    lab.fromLeft(tcpUp(six, { seq: 1001, ack: 5001, flags: ACK, body: content(9) }));
    lab.run();
    const labels = lab.wires.map(({ data }) => ((data[1]! & 15) << 16) | (data[2]! << 8) | data[3]!);
    expect(new Set(labels)).toEqual(new Set([lab.routers[0]!.live()[0]!.flowLabel]));
    expect(labels[0]).not.toBe(0);
  });

  test("a service that no path reaches: no-path, nothing leaves; a path of the other family will do", () => {
    const lab = createLab(names, { services: [everything] });
    const keep = (usable: (family: number) => boolean): void => lab.routers.forEach(({ config }, index) => {
      config.paths = config.paths.filter((path) => usable(path.family));
      config.routes = config.routes.filter((route) => route.kind !== "peer" || config.paths.some((path) => path.key === route.path));
      lab.reconfigure(index);
    });
    keep((family) => family === 4);
    lab.fromLeft(udpUp(endsOf(6), content(9)));
    lab.run();
    expect([lab.right.length, lab.routers[0]!.drops()]).toEqual([1, {}]);
    lab.wires.length = 0;
    keep(() => false);
    lab.fromLeft(udpUp(ends, content(9)));
    lab.run();
    expect([lab.wires.length, lab.routers[0]!.drops()]).toEqual([0, { "no-path": 1 }]);
  });
});

describe("what a host may not do", () => {
  test("a packet to a waypoint address on a LAN interface opens nothing", () => {
    const lab = createLab(names, { services: [everything] });
    const waypoint = lab.routers[0]!.config.paths[0]!.local;
    lab.fromLeft(buildPacket({ source: ends.client, destination: waypoint }, { kind: "udp", sourcePort: 16384, destinationPort: 16385 }, content(9)));
    lab.run();
    expect([lab.wires, lab.left, lab.routers[0]!.sessions()]).toEqual([[], [], []]);
    expect(lab.routers[0]!.drops()).toEqual({ "no-flow": 1 });
  });

  test("fragments to the router's own address open nothing", () => {
    const lab = createLab(names, { services: [{ ...everything, prefixes: ["0.0.0.0/0"] }] });
    const whole = buildPacket({ source: ends.client, destination: address("10.1.0.1"), dontFragment: false }, { kind: "udp", sourcePort: 1, destinationPort: 9 }, content(64));
    const first = whole.slice(0, 20 + 40), second = Uint8Array.of(...whole.slice(0, 20), ...whole.slice(60));
    lab.inject(0, ifnumOf.left, withFragment(first, 0x2000));
    lab.inject(0, ifnumOf.left, withFragment(second, 5));
    lab.run();
    expect([lab.wires, lab.routers[0]!.sessions()]).toEqual([[], []]);
    expect(lab.routers[0]!.drops()).toEqual({}); // they are the kernel's
  });
});

function withFragment(data: Uint8Array, field: number): Uint8Array {
  data[2] = data.length >>> 8;
  data[3] = data.length & 0xff;
  data[6] = field >>> 8;
  data[7] = field & 0xff;
  data[10] = data[11] = 0;
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (data[at]! << 8) | data[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  data[10] = (~sum >>> 8) & 0xff;
  data[11] = ~sum & 0xff;
  return data;
}
