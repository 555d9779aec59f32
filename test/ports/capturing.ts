// The part of the conformance suite about captured sessions: copies of packets at the points of a router (behaviour 13.5). Called by
// datapathsuite.ts.
import { toHex } from "../../pkg/base/bytes.ts";
import type { CopiedPacket } from "../../pkg/ports/datapath.ts";
import { Flag, Life } from "../../pkg/svr/session.ts";
import type { Session } from "../../pkg/svr/session.ts";
import { packetOn } from "../support/flows.ts";
import type { FlowKind } from "../support/flows.ts";
import type { OpenWorld } from "./datapathsuite.ts";
import { arriveOn } from "./forwarding.ts";
import { freshSession, install, punts } from "./world.ts";
import type { PortWorld } from "./world.ts";

const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };
const tcp6: FlowKind = { family: 6, proto: "tcp", role: "ingress" };

/** Copies, until there are so many. */
async function copied(world: PortWorld, count: number): Promise<CopiedPacket[]> {
  const seen: CopiedPacket[] = [];
  await world.until(`${count} copies`, () => (seen.push(...world.datapath.copies(1000)), seen.length >= count));
  return seen;
}

function flagOf(world: PortWorld, session: Session): boolean {
  return ((world.shard(0).findUuid(session.uuid)?.state.flags ?? 0) & Flag.capture) !== 0;
}

/** Session n, captured: so many packets at each point. */
function captured(world: PortWorld, kind: FlowKind, n: number, packets: number): Session {
  const session = freshSession(world, kind, n);
  const ref = install(world, session);
  const port = world.shard(0);
  expect(port.wantCopies(ref.index, packets)).toBe(true);
  port.apply([{ kind: "patch", ref, clearFlags: 0, setFlags: Flag.capture }]);
  return session;
}

function roomTests(open: OpenWorld): void {
  test("what finds no room is counted, and forwarding is unharmed; another wish does not forget the count", async () => {
    const world = await open();
    const session = captured(world, udp, 5, 2_000), many = 600;
    const { index } = world.shard(0).findUuid(session.uuid)!;
    const packet = packetOn(session, 0, { payload: new Uint8Array(1300) });
    await world.receive(session.side[0], ...Array.from({ length: many }, () => packet));
    expect(await world.left(many)).toHaveLength(many);
    expect(world.shard(0).wantCopies(index, 2_000)).toBe(true);
    const kept: CopiedPacket[] = [];
    for (let some = world.datapath.copies(1024); some.length > 0; some = world.datapath.copies(1024)) kept.push(...some);
    const told = world.datapath.lostCopies(index), lost = world.datapath.forgetCopies(index);
    expect([lost > 0, told, kept.length + lost, world.datapath.lostCopies(index), world.datapath.forgetCopies(index)]).toEqual([true, lost, 2 * many, 0, 0]);
    expect((world.datapath.counters().drops["ring-full"] ?? 0n)).toBe(0n);
  });
}

/** capturingTests declares them. */
export function capturingTests(open: OpenWorld): void {
  describe("O-4 packets of captured sessions", () => {
    test.each([["IPv4 UDP", udp], ["IPv6 TCP", tcp6]] as const)("are copied as they come and as they leave, both ways: %s", async (_desc, kind) => {
      const world = await open();
      const session = captured(world, kind, 1, 5);
      const beforeNs = world.shard(0).unixNs();
      const forward = await arriveOn(world, session, 0, { payload: new Uint8Array(500) });
      const reverse = await arriveOn(world, session, 1);
      const left = await world.left(2);
      const leftBy = (ifnum: number): Uint8Array => left.find((one) => one.ifnum === ifnum)!.data;
      const copies = await copied(world, 4);
      const [lan, wan] = session.side;
      expect(copies.map(({ point, ifnum, vlan, length, gsoSize, data }) => ({ point, ifnum, vlan, length, gsoSize, data: toHex(data) }))).toEqual([
        { point: 0, ifnum: lan.ifnum, vlan: lan.vlan, length: forward.length, gsoSize: 0, data: toHex(forward) },
        { point: 1, ifnum: wan.ifnum, vlan: wan.vlan, length: leftBy(wan.ifnum).length, gsoSize: 0, data: toHex(leftBy(wan.ifnum)) },
        { point: 2, ifnum: wan.ifnum, vlan: wan.vlan, length: reverse.length, gsoSize: 0, data: toHex(reverse) },
        { point: 3, ifnum: lan.ifnum, vlan: lan.vlan, length: leftBy(lan.ifnum).length, gsoSize: 0, data: toHex(leftBy(lan.ifnum)) },
      ]);
      expect(copies.every((one) => toHex(one.uuid) === toHex(session.uuid) && one.timeNs >= beforeNs && one.timeNs <= world.shard(0).unixNs())).toBe(true);
    });

    test("no more than were wanted at each point; then the flag goes, and packets go on", async () => {
      const world = await open();
      const session = captured(world, udp, 2, 2);
      for (const side of [0, 0, 0, 1, 1, 1] as const) await arriveOn(world, session, side);
      await world.left(6);
      expect((await copied(world, 8)).map((one) => one.point).sort()).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
      expect(flagOf(world, session)).toBe(false);
      await arriveOn(world, session, 0);
      expect(await world.left(1)).toHaveLength(1);
      expect(world.datapath.copies(10)).toEqual([]);
    });

    test("a session that nobody captures any more loses its flag with its next packet", async () => {
      const world = await open();
      const session = captured(world, udp, 3, 10);
      const { index } = world.shard(0).findUuid(session.uuid)!;
      await arriveOn(world, session, 1);
      await copied(world, 2);
      expect(world.datapath.forgetCopies(index)).toBe(0);
      expect(flagOf(world, session)).toBe(true);
      await arriveOn(world, session, 1);
      expect(await world.left(2)).toHaveLength(2);
      expect([flagOf(world, session), world.datapath.copies(10), world.datapath.forgetCopies(index)]).toEqual([false, [], 0]);
    });

    test("what goes up to a shard is copied as it came", async () => {
      const world = await open();
      const session = captured(world, udp, 4, 10);
      const found = world.shard(0).findUuid(session.uuid)!;
      world.shard(0).apply([{ kind: "patch", ref: { index: found.index, uuid: session.uuid }, clearFlags: 0, setFlags: Flag.fwdMeta }]);
      const packet = await arriveOn(world, session, 0, { payload: new Uint8Array(1300) });
      expect((await punts(world, 1))[0]).toMatchObject({ cause: 5, isCopied: true, session: { state: { life: Life.live } } });
      expect((await copied(world, 1)).map((one) => [one.point, one.length, toHex(one.data) === toHex(packet)])).toEqual([[0, packet.length, true]]);
      expect(world.datapath.copies(10)).toEqual([]);
    });

    roomTests(open);
  });
}
