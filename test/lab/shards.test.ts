// Several shards in one router: who owns what, first packets in parallel, glare and questions across shards, shares of the
// router's limits (RB-5, W-10, behaviour 3.1, 3.8).
import { toHex } from "../../pkg/base/bytes.ts";
import { cutIp } from "../../pkg/svr/ipfragments.ts";
import { ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab, LabOptions } from "./lab.ts";
import { ACK, SYN, backwards, bodyOf, content, endsOf, everything, hasMetadata, parsed, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const ends = endsOf(4);
const four: LabOptions = { services: [everything, backwards], shards: 4, pairs: 4000 };
const uuidsOf = (lab: Lab): string[][] => lab.routers.map((router) => router.live().map((session) => toHex(session.uuid)).sort());

/** All that is under way arrives before any shard looks. */
function landAll(lab: Lab): void {
  while (lab.flights.length > 0) lab.land();
}

describe.each(chains.map((names) => [names] as const))("four shards in each of %j", (names) => {
  test("W-1 L-1 200 sessions: every shard takes part, all cross, metadata goes off", () => {
    const lab = createLab(names, four);
    for (let round = 0; round < 3; round++) {
      for (let port = 1; port <= 200; port++) lab.fromLeft(udpUp(ends, content(8, port), { from: port }));
      landAll(lab);
      lab.run();
      for (let port = 1; port <= 200; port++) lab.fromRight(udpDown(ends, content(8, port), { from: port }));
      landAll(lab);
      lab.run();
    }
    expect([lab.right.length, lab.left.length]).toEqual([600, 600]);
    expect(lab.routers.map((router) => new Set(router.live().map((session) => session.shard)).size)).toEqual(names.map(() => 4));
    expect(new Set(uuidsOf(lab).map((uuids) => uuids.join())).size).toBe(1);
    lab.wires.length = 0;
    for (let port = 1; port <= 200; port++) lab.fromLeft(udpUp(ends, content(8, port), { from: port }));
    lab.run();
    expect(lab.wires.some(hasMetadata)).toBe(false);
    const pairs = lab.wires.map(({ link, data }) => `${link} ${parsed(data).sourcePort} ${parsed(data).destinationPort}`);
    expect(new Set(pairs).size).toBe(200 * (names.length - 1));
  });

  test("L-1 packets of a flow that come up before its session, and are decided a turn later, are counted by every router", () => {
    const lab = createLab(names, { ...four, shards: 1 });
    lab.fromLeft(udpUp(ends, content(8, 1), { from: 1 }));
    for (let port = 2; port <= 256; port++) lab.fromLeft(udpUp(ends, content(8, port), { from: port })); // a turn takes 256
    lab.fromLeft(udpUp(ends, content(8, 2), { from: 1 }));
    for (let hop = 0; lab.flights.length > 0 && hop < 10; hop++) {
      landAll(lab);
      for (let turns = 0; lab.think() > 0 && turns < 10;) turns++;
    }
    expect(lab.right).toHaveLength(257);
    const counted = lab.routers.map((router) => router.live().find((session) => portOf(session) === 1)?.packets[0]);
    expect(counted).toEqual(names.map(() => 2n));
  });

  test("W-10 glare on 40 flows at once, whatever shards meet", () => {
    const lab = createLab(names, four);
    for (let port = 1; port <= 40; port++) {
      lab.fromLeft(udpUp(ends, content(8, 1), { from: port }));
      lab.fromRight(udpDown(ends, content(8, 2), { from: port }));
    }
    landAll(lab);
    lab.think();
    const opened = [lab.routers[0]!, lab.routers.at(-1)!].map((router) => new Map(router.live().map((session) => [portOf(session), toHex(session.uuid)])));
    const lower = [...opened[0]!].map(([port, uuid]) => [uuid, opened[1]!.get(port)!].sort()[0]!).sort();
    lab.run();
    expect(uuidsOf(lab)).toEqual(names.map(() => lower));
    expect([lab.right.length, lab.left.length]).toEqual([40, 40]);
    lab.wait(40_000);
    for (const router of lab.routers) {
      const pools = router.counters().flatMap((one) => one.pools);
      expect(pools.map((pool) => pool.used + pool.free)).toEqual(pools.map((pool) => pool.size));
      expect(pools.reduce((sum, pool) => sum + pool.used, 0)).toBe(router.live().filter((session) => session.side[1].path !== 0).length);
    }
  });

  test("L-6 the far router restarts: every session comes back with its UUID, asked for by any shard", () => {
    const lab = createLab(names, four);
    for (let round = 0; round < 3; round++) {
      for (let port = 1; port <= 60; port++) lab.fromLeft(udpUp(ends, content(8), { from: port }));
      lab.run();
      for (let port = 1; port <= 60; port++) lab.fromRight(udpDown(ends, content(8), { from: port }));
      lab.run();
    }
    const before = uuidsOf(lab)[0];
    lab.restart(names.length - 1);
    lab.right.length = 0;
    for (let round = 0; round < 2; round++) {
      for (let port = 1; port <= 60; port++) lab.fromLeft(udpUp(ends, content(8, round), { from: port }));
      landAll(lab);
      lab.run();
    }
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual(Array<string>(60).fill(toHex(content(8, 1))));
    expect(uuidsOf(lab)).toEqual(names.map(() => before));
  });
});

function portOf(session: { context: { sourcePort: number; destinationPort: number } }): number {
  return Math.min(session.context.sourcePort === 53 ? 65_536 : session.context.sourcePort, session.context.destinationPort === 53 ? 65_536 : session.context.destinationPort);
}

describe.each(chains.map((names) => [names] as const))("below the floor in %j", (names) => {
  test("M-4 10.3 SVR fragments that a link of 1,000 bytes cuts meet their others in the shard of the flow, first packets and later ones", () => {
    const lab = createLab(names, { ...four, mtu: 1280, lanMtu: 1500, cuttable: true });
    let handed = 0;
    lab.onWire = ({ link, forward, data }) => {
      for (const piece of cutIp(data, { size: 1000, id: parsed(data).ipId })) lab.inject(forward ? link + 1 : link, forward ? ifnumOf.left : ifnumOf.right, piece);
      return undefined;
    };
    for (const router of lab.routers) for (const shard of router.shards) {
      const original = shard.handed.bind(shard);
      shard.handed = () => {
        const pieces = original();
        handed += pieces.length;
        return pieces;
      };
    }
    const bodies: string[] = [];
    for (let round = 0; round < 3; round++) {
      for (let port = 1; port <= 24; port++) {
        bodies.push(toHex(content(1400, port)));
        lab.fromLeft(udpUp(ends, content(1400, port), { from: port }));
      }
      lab.run();
      for (let port = 1; port <= 24; port++) lab.fromRight(udpDown(ends, content(1400, port), { from: port }));
      lab.run();
    }
    for (const list of [lab.right, lab.left]) expect(list.map((data) => toHex(bodyOf(data))).toSorted()).toEqual(bodies.toSorted());
    expect(handed).toBeGreaterThan(24);
    expect(lab.routers.map((router) => router.drops())).toEqual(names.map(() => ({})));
  });
});

describe("RB-5 first packets of one flow in parallel", () => {
  test.each([1, 4])("RB-5 %i shards: a whole packet and one in fragments, which another shard joins, make one session", (shards) => {
    for (let port = 1; port <= 12; port++) {
      const lab = createLab(["east", "west"], { ...four, shards });
      const pieces = cutIp(udpUp(ends, content(1200, 2), { from: port, ip: { dontFragment: false, ipId: 3 } }), { size: 700, id: 3 });
      for (const data of [pieces[0]!, udpUp(ends, content(100, 1), { from: port }), pieces[1]!]) lab.fromLeft(data);
      landAll(lab);
      lab.run();
      expect(lab.routers.map((router) => router.live().length)).toEqual([1, 1]);
      const whole = lab.right.filter((data) => parsed(data).fragment === undefined);
      expect([whole.length, lab.right.length]).toEqual([1, 3]);
    }
  });

  test("3.8 32 further packets of a flow wait for its first, more are refused", () => {
    const lab = createLab(["east", "west"], { ...four, shards: 1 });
    for (let copy = 0; copy < 50; copy++) lab.fromLeft(udpUp(ends, content(8, copy)));
    landAll(lab);
    lab.run();
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual(Array.from({ length: 33 }, (_, copy) => toHex(content(8, copy))));
    expect(lab.routers[0]!.drops()).toEqual({ limit: 17 });
    expect(lab.routers.map((router) => router.live().length)).toEqual([1, 1]);
  });

  test("3.8 at most 4,096 wait in a router: 1,024 at each of four shards", () => {
    const lab = createLab(["east", "west"], { ...four, sessionLimit: 4096 });
    lab.onWire = () => undefined;
    const flows = 250;
    for (let port = 1; port <= flows; port++) {
      lab.fromLeft(udpUp(ends, content(8), { from: port }));
      lab.fromLeft(udpUp(ends, content(8 * 100), { from: port }), 8); // a super-packet: 100 further packets, 32 of which may wait
    }
    landAll(lab);
    lab.think();
    expect(lab.wires.length).toBe(flows + 4096);
    expect(lab.routers[0]!.drops()).toEqual({ limit: flows * 100 - 4096 });
    expect(lab.routers[0]!.live().length).toBe(flows);
  });

  test("3.1 those who wait for a first packet that is refused are refused too, and counted", () => {
    const lab = createLab(["east", "west"], { ...four, shards: 1, pairs: 1 });
    lab.fromLeft(udpUp(ends, content(8), { from: 1 }));
    lab.run();
    for (let copy = 0; copy < 5; copy++) lab.fromLeft(udpUp(ends, content(8), { from: 2 }));
    landAll(lab);
    lab.run();
    expect(lab.right).toHaveLength(1);
    expect(lab.routers[0]!.drops()).toEqual({ nat: 5 });
  });

  test("3.8 the session limit: refused with `limit`, live ones go on", () => {
    const lab = createLab(["east", "west"], { ...four, shards: 2, limits: { sessions: 10 } });
    for (let port = 1; port <= 15; port++) {
      lab.fromLeft(udpUp(ends, content(8), { from: port }));
      lab.run();
      lab.wait(60);
    }
    expect(lab.routers[0]!.live()).toHaveLength(10);
    expect(lab.routers[0]!.drops()).toEqual({ limit: 5 });
    lab.fromLeft(udpUp(ends, content(8), { from: 3 }));
    lab.run();
    expect(lab.right).toHaveLength(11);
  });
});

describe("3.8 half-open connections", () => {
  const syn = (port: number): Uint8Array => tcpUp(ends, { seq: 1000, flags: SYN, port });
  const limited = (halfOpen: number): Lab => createLab(["east", "west"], { ...four, shards: 2 }, (index) => (index === 0 ? { limits: { halfOpen } } : {}));

  test("3.8 at the limit further SYNs are refused with `limit`; one that finishes its handshake makes room", () => {
    const lab = limited(5);
    for (let port = 1; port <= 8; port++) lab.fromLeft(syn(port));
    lab.run();
    expect([lab.right.length, lab.routers[0]!.datapath.gauges().halfOpen, lab.routers[0]!.drops()]).toEqual([5, 5, { limit: 3 }]);
    lab.fromRight(tcpDown(ends, { seq: 5000, ack: 1001, flags: SYN | ACK, port: 1 }));
    lab.run();
    lab.fromLeft(syn(6));
    lab.run();
    expect(lab.routers[0]!.drops()).toEqual({ limit: 4 }); // SYN-RCVD is half open too
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, port: 1 }));
    lab.run();
    lab.fromLeft(syn(6));
    lab.fromLeft(syn(7));
    lab.run();
    expect([lab.routers[0]!.datapath.gauges().halfOpen, lab.routers[0]!.drops()]).toEqual([5, { limit: 5 }]);
    expect(lab.left.some((data) => (parsed(data).tcp!.flags & 4) !== 0)).toBe(false); // no RST: the host tries again
  });

  test("3.8 time and resets make room too, and what is no SYN is not held back", () => {
    const lab = limited(2);
    for (const port of [1, 2]) lab.fromLeft(syn(port));
    lab.run();
    lab.fromLeft(udpUp(ends, content(8)));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 0, ack: 1001, flags: 4 | ACK, port: 2 }));
    lab.run();
    expect(lab.routers[0]!.datapath.gauges().halfOpen).toBe(1);
    lab.wait(10_000);
    expect(lab.routers[0]!.datapath.gauges().halfOpen).toBe(0);
    expect(lab.routers[0]!.drops()).toEqual({});
    for (const port of [3, 4, 5]) lab.fromLeft(syn(port));
    while (lab.flights.length > 0) lab.land(); // in one turn
    lab.run();
    expect(lab.routers[0]!.drops()).toEqual({ limit: 1 });
  });
});

describe("2.4 W-2 peers that announce a port range", () => {
  test.each([4, 6] as const)("RB-4 IPv%i: destination ports come from the range, up to its last port, source ports stay even", (family) => {
    const range = { first: 65_516, last: 65_535 };
    const both = endsOf(family);
    const lab = createLab(["branch", "transit", "cloud"], { ...four, shards: 2, waypointPorts: range, pairs: 100 });
    for (let port = 1; port <= 60; port++) lab.fromLeft(tcpUp(both, { seq: 1, flags: SYN, port }));
    lab.run();
    for (let port = 1; port <= 60; port++) lab.fromRight(tcpDown(both, { seq: 1, ack: 2, flags: SYN | ACK, port }));
    lab.run();
    expect([lab.right.length, lab.left.length]).toEqual([60, 60]);
    const forward = lab.wires.filter((wire) => wire.forward).map((wire) => parsed(wire.data));
    expect(forward.filter((packet) => packet.destinationPort < range.first || packet.sourcePort % 2 !== 0)).toEqual([]);
    expect(new Set(forward.map((packet) => packet.destinationPort)).size).toBe(20);
    expect(lab.routers.map((router) => router.drops())).toEqual([{}, {}, {}]);
    lab.restart(2);
    for (let round = 0; round < 2; round++) {
      for (let port = 1; port <= 60; port++) lab.fromLeft(tcpUp(both, { seq: 2, ack: 2, flags: ACK, port, body: content(3) }));
      lab.run();
    }
    expect(lab.routers[2]!.live()).toHaveLength(60); // unknown packets on those ports are answered with code 2
  });
});
