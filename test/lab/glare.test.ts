// Both ends open the same conversation at the same moment (W-10, protocol 6.5), the same waypoint ports included; sessions that
// want one flow without being each other's mirror (behaviour 3.2).
import { compareBytes, toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { createLab } from "./lab.ts";
import type { Lab, LabOptions } from "./lab.ts";
import { ACK, SYN, backwards, bodyOf, content, endsOf, everything, hasMetadata, parsed, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const both: LabOptions = { services: [everything, backwards] };

const uuidsOf = (lab: Lab): string[][] => lab.routers.map((router) => router.live().map((session) => toHex(session.uuid)));

/** Both first packets are under way before either arrives. */
function crossing(lab: Lab, up: Uint8Array, down: Uint8Array): string[] {
  const opened: string[] = [];
  lab.fromLeft(up);
  lab.fromRight(down);
  lab.land();
  lab.land();
  lab.think();
  for (const router of [lab.routers[0]!, lab.routers.at(-1)!]) opened.push(...router.live().map((session) => toHex(session.uuid)));
  expect(opened).toHaveLength(2);
  lab.run();
  return opened;
}

describe.each(families.flatMap((family) => chains.map((names) => [family, names] as const)))("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);

  test("W-10 the lower UUID stays, both bodies arrive, one session everywhere", () => {
    for (let round = 0; round < 8; round++) {
      const lab = createLab(names, both);
      const opened = crossing(lab, udpUp(ends, content(20, 1)), udpDown(ends, content(20, 2)));
      const lower = opened.sort()[0]!;
      expect(uuidsOf(lab)).toEqual(names.map(() => [lower]));
      expect([lab.right, lab.left].map((list) => list.map((data) => toHex(bodyOf(data))))).toEqual([[toHex(content(20, 1))], [toHex(content(20, 2))]]);
      lab.fromLeft(udpUp(ends, content(20, 3)));
      lab.run();
      lab.fromRight(udpDown(ends, content(20, 4)));
      lab.run();
      lab.fromLeft(udpUp(ends, content(20, 5)));
      lab.run();
      lab.wires.length = 0;
      lab.fromLeft(udpUp(ends, content(20, 5)));
      lab.fromRight(udpDown(ends, content(20, 6)));
      lab.run();
      expect(lab.wires.some(hasMetadata)).toBe(false);
      expect([lab.right.length, lab.left.length]).toEqual([4, 3]);
      expect(uuidsOf(lab)).toEqual(names.map(() => [lower]));
      lab.wait(40_000);
      expect(lab.routers.map((router) => router.counters()[0]!.pools.map((pool) => pool.used).reduce((sum, used) => sum + used, 0) <= 1)).toEqual(names.map(() => true));
    }
  });

  test("W-10 TCP simultaneous open: the hosts finish it over one session", () => {
    const lab = createLab(names, both);
    crossing(lab, tcpUp(ends, { seq: 1000, flags: SYN }), tcpDown(ends, { seq: 5000, flags: SYN }));
    expect(new Set(uuidsOf(lab).flat()).size).toBe(1);
    lab.fromLeft(tcpUp(ends, { seq: 1000, ack: 5001, flags: SYN | ACK }));
    lab.fromRight(tcpDown(ends, { seq: 5000, ack: 1001, flags: SYN | ACK }));
    lab.run();
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK, body: content(9) }));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 5001, ack: 1010, flags: ACK, body: content(7) }));
    lab.run();
    expect([lab.right, lab.left].map((list) => parsed(list.at(-1)).tcp?.seq)).toEqual([1001, 5001]);
    expect(toHex(bodyOf(lab.left.at(-1)))).toBe(toHex(content(7)));
    expect(uuidsOf(lab).every((uuids) => uuids.length === 1)).toBe(true);
  });

  test("RB-5 one side is a little earlier: no second session is opened", () => {
    const lab = createLab(names, both);
    lab.fromLeft(udpUp(ends, content(20, 1)));
    lab.run();
    lab.fromRight(udpDown(ends, content(20, 2)));
    lab.run();
    expect(uuidsOf(lab).map((uuids) => uuids.length)).toEqual(names.map(() => 1));
  });
});

describe("2.4 port ranges on both sides", () => {
  const ends = endsOf(4);
  const ranged: LabOptions = { ...both, waypointPorts: { first: 16384, last: 16384 }, pairs: 1 };

  test("W-10 the same waypoint 5-tuple chosen by both: the lower UUID keeps it, both sessions live", () => {
    for (let round = 0; round < 8;) {
      const lab = createLab(["east", "west"], { ...ranged, pairs: 2 });
      lab.fromLeft(udpUp(ends, content(20, 1), { from: 1000, to: 2000 }));
      lab.fromRight(udpDown(ends, content(20, 2), { from: 3000, to: 4000 }));
      lab.land();
      lab.land();
      lab.think();
      const [east, west] = lab.routers.map((router) => router.live()[0]!);
      if (east!.side[1].localPort !== 16384 || west!.side[1].localPort !== 16384) continue; // pools begin anywhere
      round++;
      lab.run();
      for (let again = 0; again < 3; again++) {
        lab.fromLeft(udpUp(ends, content(20, 3), { from: 1000, to: 2000 }));
        lab.fromRight(udpDown(ends, content(20, 4), { from: 3000, to: 4000 }));
        lab.run();
        lab.fromRight(udpDown(ends, content(20, 5), { from: 1000, to: 2000 }));
        lab.fromLeft(udpUp(ends, content(20, 6), { from: 3000, to: 4000 }));
        lab.run();
      }
      expect(uuidsOf(lab).map((uuids) => uuids.sort())).toEqual([0, 1].map(() => [toHex(east!.uuid), toHex(west!.uuid)].sort()));
      const lower = compareBytes(east!.uuid, west!.uuid) < 0 ? 0 : 1;
      const kept = lab.routers[lower]!.live().find((session) => compareBytes(session.uuid, [east!, west!][lower]!.uuid) === 0)!;
      expect(kept.side[1].localPort).toBe([east!, west!][lower]!.side[1].localPort);
      const arrived = new Set([...lab.right, ...lab.left].map((data) => toHex(bodyOf(data))));
      expect([3, 4, 5, 6].filter((salt) => !arrived.has(toHex(content(20, salt))))).toEqual([]);
    }
  });
});
