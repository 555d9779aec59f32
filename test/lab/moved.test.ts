// An own address changes while sessions live (behaviour 1.2, 7.5): nothing comes back any more, and the next forward packet takes the
// new address and new waypoints into use (RB-7, RB-3); sessions translated to an address that is gone end or begin anew.
import { sameAddress } from "../../pkg/base/address.ts";
import type { IpAddress, IpFamily } from "../../pkg/base/address.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import { Flag } from "../../pkg/svr/session.ts";
import { address } from "./config.ts";
import type { LabService } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, RST, bodyOf, connect, content, endsOf, everything, hasMetadata, parsed, readWire, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const cases = families.flatMap((family) => chains.map((names) => [family, names] as const));
const LIMIT = 5_000;
const fresh = { 4: "192.0.2.99", 6: "2001:db8:f:2::99" } as const;
const service: LabService = { ...everything, idleMs: 180_000 };

/** The first router's address on its link becomes another one; its neighbour knows, and the old one reaches nobody. */
function readdress(lab: Lab, family: IpFamily): IpAddress {
  const [first, second] = lab.routers;
  const path = first!.config.paths.find((one) => one.family === family)!;
  const old = path.local, next = address(fresh[family]);
  for (const local of first!.config.locals) if (sameAddress(local.address, old)) local.address = next;
  path.local = next;
  for (const one of second!.config.paths) if (sameAddress(one.remote, old)) one.remote = next;
  lab.reconfigure(0);
  lab.reconfigure(1);
  lab.onWire = (wire) => (wire.link === 0 && !wire.forward && sameAddress(parsed(wire.data).destination, old) ? undefined : wire.data);
  mark(lab, 0);
  return next;
}

/** What the app does after a reload; a mark on a session that did not move is taken back. */
function mark(lab: Lab, index: number): void {
  const router = lab.routers[index]!;
  const refs = router.datapath.sessions(0, 1000).sessions.map(({ index: slot, state }) => ({ index: slot, uuid: state.uuid }));
  router.shards[0]!.tell({ kind: "moved", refs });
}

const poolOf = (lab: Lab, index: number): unknown[] => lab.routers[index]!.counters().flatMap(({ pools }) => pools.map(({ used, free, size }) => ({ used, free, size }))).filter(({ used }) => used > 0);
const uuids = (lab: Lab): string[][] => lab.routers.map((router) => router.live().map((session) => toHex(session.uuid)));
const lastForward = (lab: Lab): IpAddress => parsed(lab.wires.filter((wire) => wire.forward && wire.link === 0).at(-1)!.data).source;

describe.each(cases)("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);
  const each = <T>(value: T): T[] => names.map(() => value);

  function up(lab: Lab, salt: number): void {
    lab.fromLeft(udpUp(ends, content(10, salt)));
    lab.run();
  }

  function down(lab: Lab, salt: number): void {
    lab.fromRight(udpDown(ends, content(20, salt)));
    lab.run();
  }

  function quiet(): Lab {
    const lab = createLab(names, { services: [service] });
    for (const salt of [0, 1]) {
      up(lab, salt);
      down(lab, salt);
    }
    for (const list of [lab.wires, lab.left, lab.right]) list.length = 0;
    return lab;
  }

  test("RB-7 RB-3 after five seconds without an answer the next packet uses the new address and new ports, and answers arrive", () => {
    const lab = quiet();
    const before = uuids(lab);
    const next = readdress(lab, family);
    up(lab, 2);
    down(lab, 2);
    expect([lab.left, sameAddress(lastForward(lab), next)]).toEqual([[], false]);
    lab.wait(LIMIT);
    up(lab, 3);
    const wire = lab.wires.filter((one) => one.forward && one.link === 0).at(-1)!;
    expect([sameAddress(lastForward(lab), next), readWire(lab, wire)?.modify]).toEqual([true, { byInitiator: true, done: false, sequence: 1, reason: 5 }]);
    down(lab, 3);
    up(lab, 4);
    down(lab, 4);
    expect([lab.left.map(bodyOf), lab.right.map(bodyOf)]).toEqual([[3, 4].map((salt) => content(20, salt)), [2, 3, 4].map((salt) => content(10, salt))]);
    expect([uuids(lab), poolOf(lab, 0)]).toEqual([before, [{ used: 1, free: 63, size: 64 }]]);
    for (const list of [lab.wires, lab.left]) list.length = 0;
    up(lab, 5);
    down(lab, 5);
    expect(lab.wires.map((one) => hasMetadata(one))).toEqual(lab.wires.map(() => false));
    expect(lab.routers[0]!.live().map((session) => session.flags & Flag.moved)).toEqual([0]);
  });

  test("RB-3 sessions that start and end after the change use the new address, and the pool is whole again", () => {
    const lab = createLab(names, { services: [{ ...service, idleMs: 1_000 }] });
    up(lab, 0);
    down(lab, 0);
    const next = readdress(lab, family);
    lab.fromLeft(udpUp(ends, content(10), { from: 41_000 }));
    lab.run();
    expect(sameAddress(lastForward(lab), next)).toBe(true);
    lab.wait(40_000);
    expect([uuids(lab), poolOf(lab, 0)]).toEqual([each([]), []]);
  });

  test("TCP goes on unbroken: same UUID, no RST, the retransmission arrives", () => {
    const lab = createLab(names, { services: [service] });
    connect(lab, ends);
    const before = uuids(lab);
    for (const list of [lab.wires, lab.left, lab.right]) list.length = 0;
    readdress(lab, family);
    lab.wait(LIMIT);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(10) }));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 5001, ack: 1011, flags: ACK, body: content(10, 1) }));
    lab.run();
    expect([lab.left.map(bodyOf), lab.left.map((data) => (parsed(data).tcp?.flags ?? 0) & RST), uuids(lab)]).toEqual([[content(10, 1)], [0], before]);
  });

  test("a mark on a session that did not move, or moved back, is taken back", () => {
    const lab = quiet();
    mark(lab, 0);
    expect(lab.routers[0]!.live().map((session) => (session.flags & Flag.moved) !== 0)).toEqual([true]);
    lab.wait(LIMIT);
    up(lab, 3);
    down(lab, 3);
    expect([lab.routers[0]!.live().map((session) => session.flags & Flag.moved), lab.left.length, uuids(lab).map((list) => list.length)]).toEqual([[0], 1, each(1)]);
  });
});

describe.each(families)("IPv%i, source NAT at the last router", (family) => {
  const ends = endsOf(family);
  const next = { 4: "10.2.0.2", 6: "2001:db8:2::2" } as const;
  const own = { 4: "10.2.0.1", 6: "2001:db8:2::1" } as const;

  /** The egress gets another address toward the servers. */
  function renumber(lab: Lab): void {
    const { config } = lab.routers[1]!;
    for (const local of config.locals) if (sameAddress(local.address, address(own[family]))) local.address = address(next[family]);
    for (const route of config.routes) if (route.kind !== "peer") route.addresses = route.addresses.map((one) => (sameAddress(one, address(own[family])) ? address(next[family]) : one));
    lab.reconfigure(1);
    mark(lab, 1);
  }

  test("UDP goes on as a new binding: the host's second packet after the silence reaches the server from the new address", () => {
    const lab = createLab(["east", "west"], { services: [{ ...service, sourceNat: true }] });
    const send = (salt: number): void => { lab.fromLeft(udpUp(ends, content(10, salt))); lab.run(); };
    send(0);
    renumber(lab);
    lab.wait(LIMIT);
    send(1);
    send(2);
    expect(parsed(lab.right.at(-1)).source).toEqual(address(next[family]));
    expect(lab.routers[1]!.sessions().map((session) => session.endReason)).toContain(reasonNumber("nat-changed"));
  });

  test("TCP ends with RST to its host, reason nat-changed", () => {
    const lab = createLab(["east", "west"], { services: [{ ...service, sourceNat: true }] });
    lab.fromLeft(tcpUp(ends, { seq: 1000, flags: 2 }));
    lab.run();
    const port = parsed(lab.right.at(-1)).sourcePort;
    lab.fromRight(tcpDown({ ...ends, client: address(own[family]) }, { seq: 5000, ack: 1001, flags: 18, port }));
    lab.run();
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK }));
    lab.run();
    lab.left.length = 0;
    renumber(lab);
    lab.wait(LIMIT);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(10) }));
    lab.run();
    expect([lab.left.map((data) => parsed(data).tcp?.flags), lab.routers[1]!.sessions().map((session) => session.endReason)]).toEqual([[RST | ACK], [reasonNumber("nat-changed")]]);
  });
});
