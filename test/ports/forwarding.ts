// The part of the conformance suite with packets: forwarded, punted, sent, dropped. Called by datapathsuite.ts.
import { fromHex, toHex, writeU16 } from "../../pkg/base/bytes.ts";
import { buildPacket } from "../../pkg/svr/build.ts";
import { TCP_SYN } from "../../pkg/svr/constants.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { checkSanity } from "../../pkg/svr/sanity.ts";
import { Flag, TcpState } from "../../pkg/svr/session.ts";
import type { Session, SideIndex } from "../../pkg/svr/session.ts";
import { carriesIcmp, flowKinds, ifnum, nexthop, packetOn, place } from "../support/flows.ts";
import type { Arriving, FlowKind } from "../support/flows.ts";
import type { OpenWorld } from "./datapathsuite.ts";
import { dropped, freshSession, install, punts } from "./world.ts";
import type { Left, PortWorld } from "./world.ts";

const COOKIE = fromHex("4c48dbc6ddf6670c100c0000")!;
const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };
const tcp: FlowKind = { family: 4, proto: "tcp", role: "ingress" };
const body = Uint8Array.from({ length: 33 }, (_, index) => index);
const sides = [0, 1] as const;

/** arriveOn brings a packet of a session in. */
export async function arriveOn(world: PortWorld, session: Session, side: SideIndex, arriving: Arriving = {}): Promise<Uint8Array> {
  const packet = packetOn(session, side, arriving);
  await world.receive(session.side[side], packet);
  return packet;
}

/** What left, in words: where, the header fields, whether it is sound to the last checksum, and its last bytes. */
function seen(left: Left | undefined): unknown {
  const parsed = parsePacket(left?.data ?? new Uint8Array(0));
  if (left === undefined || !parsed.ok) return "no packet";
  const { source, destination, sourcePort, destinationPort, proto, ttl, data, end } = parsed.value;
  const refused = checkSanity(parsed.value) ?? "sound";
  return { ifnum: left.ifnum, vlan: left.vlan, source, destination, sourcePort, destinationPort, proto, ttl, refused, body: toHex(data.subarray(end - body.length, end)) };
}

/** The packet of the other side that must leave: the same, one hop further. */
function wanted(session: Session, side: SideIndex): unknown {
  const out = session.side[side === 0 ? 1 : 0];
  return {
    ifnum: out.ifnum, vlan: out.vlan, source: out.local, destination: out.remote, sourcePort: out.localPort, destinationPort: out.remotePort, proto: out.proto, ttl: 8,
    refused: "sound", body: toHex(body),
  };
}

/** forwardingTests declares them. */
export function forwardingTests(open: OpenWorld): void {
  describe("packets of sessions", () => {
    test.each([4, 6] as const)("L-1 leave as the other side's, both ways, every kind of session, IPv%i", async (family) => {
      const world = await open();
      const found: unknown[] = [], want: unknown[] = [];
      for (const [n, kind] of flowKinds.filter((one) => one.family === family).entries()) {
        const session = freshSession(world, kind, n + 1), desc = `${kind.role} ${kind.proto}`;
        install(world, session);
        for (const side of sides) {
          await arriveOn(world, session, side, { payload: body, ip: { ttl: 9 } });
          const left = (await world.left(1))[0];
          const { packets, bytes } = world.shard(0).findUuid(session.uuid)!.state;
          const inner = packetOn(session, side, { payload: body }).length - (carriesIcmp(session, side) ? 8 : 0);
          found.push([desc, side, seen(left), packets[side], bytes[side]]);
          want.push([desc, side, wanted(session, side), 1n, BigInt(inner)]);
        }
      }
      expect(found).toEqual(want);
    });

    test("M-3 the MSS of a SYN is lowered to the next hop's", async () => {
      const world = await open();
      const session = freshSession(world, tcp, 3, { tcpState: TcpState.synSent, isn: 999 });
      install(world, session);
      await arriveOn(world, session, 0, { flags: TCP_SYN, seq: 999, ack: 0, options: Uint8Array.of(2, 4, 5, 180) });
      const data = (await world.left(1))[0]!.data;
      expect([...data.subarray(40, 44)]).toEqual([2, 4, 1360 >> 8, 1360 & 255]);
    });

    test("a session in guard still passes, a next hop that is missing drops", async () => {
      const world = await open();
      const session = freshSession(world, udp, 4), lost = freshSession(world, udp, 5);
      lost.side[1] = { ...lost.side[1], nexthop: nexthop.missing };
      const ref = install(world, session);
      install(world, lost);
      world.shard(0).apply([{ kind: "end", ref, reason: 100, now: false }]);
      await arriveOn(world, session, 0);
      expect(await world.left(1)).toHaveLength(1);
      await arriveOn(world, lost, 0);
      await dropped(world, "no-nexthop", 1n);
    });
  });
  puntTests(open);
  orderTests(open);
  sendTests(open);
}

const host = place(4, "host"), server = place(4, "server"), peer = place(4, "peer"), waypoint = place(4, "waypoint");

function datagram(ends: { source: typeof host; destination: typeof host }, payload: Uint8Array = body): Uint8Array {
  return buildPacket(ends, { kind: "udp", sourcePort: 5000, destinationPort: 20000 }, payload);
}

function fragment(packet: Uint8Array): Uint8Array {
  writeU16(packet, 6, 0x2000);
  writeU16(packet, 10, 0);
  return packet;
}

function puntTests(open: OpenWorld): void {
  describe("packets that go up", () => {
    const rows: { desc: string; cause: number; at: { ifnum: number; vlan?: number }; data: Uint8Array; toWaypoint: boolean }[] = [
      { desc: "first packet of a host", cause: 1, at: { ifnum: ifnum.lan }, data: datagram({ source: host, destination: server }), toWaypoint: false },
      { desc: "first packet of a host on a VLAN", cause: 1, at: { ifnum: ifnum.farLan, vlan: 12 }, data: datagram({ source: host, destination: server }), toWaypoint: false },
      { desc: "W-1 metadata", cause: 2, at: { ifnum: ifnum.wan }, data: datagram({ source: peer, destination: waypoint }, COOKIE), toWaypoint: true },
      { desc: "L-5 no session on a waypoint port", cause: 3, at: { ifnum: ifnum.wan }, data: datagram({ source: peer, destination: waypoint }), toWaypoint: true },
      { desc: "fragment", cause: 8, at: { ifnum: ifnum.lan }, data: fragment(datagram({ source: host, destination: server })), toWaypoint: false },
    ];
    test("without a session, by cause", async () => {
      const world = await open();
      const found: unknown[] = [];
      for (const { desc, at, data } of rows) {
        const before = world.now();
        await world.receive(at, data);
        const [punt] = await punts(world, 1);
        expect((punt?.arrivedMs ?? 0) >= before && (punt?.arrivedMs ?? 0) < world.now() + 1).toBe(true);
        found.push({ desc, ...punt, shard: undefined, arrivedMs: undefined });
      }
      expect(found).toEqual(rows.map(({ desc, cause, at, data, toWaypoint }) => ({ desc, cause, ifnum: at.ifnum, vlan: at.vlan ?? 0, gsoSize: 0, toWaypoint, data: toHex(data) })));
    });

    const known: { desc: string; cause: number; change?: Partial<Session>; side?: SideIndex; arriving?: Arriving }[] = [
      { desc: "metadata on a flow", cause: 4, side: 1, arriving: { payload: COOKIE } },
      { desc: "forward packets need metadata", cause: 5, change: { flags: Flag.fwdMeta } },
      { desc: "reverse packets need metadata", cause: 5, change: { flags: Flag.revMeta }, side: 1 },
      { desc: "slow", cause: 6, change: { flags: Flag.fwdSlow } },
      { desc: "too big for the next hop", cause: 7, arriving: { payload: new Uint8Array(1400) } },
      { desc: "hop limit", cause: 10, arriving: { ip: { ttl: 1 } } },
    ];
    test("of a session, by cause, to the shard that owns it, with the session", async () => {
      const world = await open();
      const found: unknown[] = [], want: unknown[] = [];
      for (const [n, { desc, cause, change = {}, side = 0, arriving = {} }] of known.entries()) {
        const session = freshSession(world, udp, n + 1, { shard: 1, ...change });
        const { index } = install(world, session);
        const data = await arriveOn(world, session, side, arriving);
        const [punt] = await punts(world, 1);
        found.push([desc, punt?.cause, punt?.shard, punt?.ifnum, punt?.data, punt?.session?.index, punt?.session?.side, punt?.session?.state.uuid]);
        want.push([desc, cause, 1, session.side[side].ifnum, toHex(data), index, side, session.uuid]);
      }
      expect(found).toEqual(want);
    });
  });
}

function orderTests(open: OpenWorld): void {
  describe("packets that go up, many or after an end", () => {
    test("L-3 a SYN with another sequence on a session that was reset", async () => {
      const world = await open();
      const session = freshSession(world, tcp, 9, { tcpState: TcpState.reset, tcpBeforeReset: TcpState.established });
      install(world, session);
      await arriveOn(world, session, 0, { flags: TCP_SYN, seq: 77_777, ack: 0 });
      expect(await punts(world, 1)).toMatchObject([{ cause: 9 }]);
    });

    test("both directions of a flow without a session go to one shard, packets stay in order", async () => {
      const world = await open();
      const there = (n: number): Uint8Array => datagram({ source: place(4, "host", n), destination: server });
      const back = (n: number): Uint8Array => buildPacket({ source: server, destination: place(4, "host", n) }, { kind: "udp", sourcePort: 20000, destinationPort: 5000 }, body);
      const numbers = Array.from({ length: 24 }, (_, n) => n + 1);
      await world.receive({ ifnum: ifnum.lan }, ...numbers.flatMap((n) => [there(n), back(n)]));
      const all = await punts(world, 48);
      const shardOf = (data: Uint8Array): number | undefined => all.find((punt) => punt.data === toHex(data))?.shard;
      expect(numbers.map((n) => shardOf(there(n)))).toEqual(numbers.map((n) => shardOf(back(n))));
      expect(new Set(all.map((punt) => punt.shard)).size).toBe(2);
      const first = all.filter((punt) => punt.shard === 0).map((punt) => punt.data);
      expect(first).toEqual(numbers.flatMap((n) => [toHex(there(n)), toHex(back(n))]).filter((data) => first.includes(data)));
    });

    test("a drain takes at most what it was asked for, the rest comes next", async () => {
      const world = await open({ shards: 1 });
      await world.receive({ ifnum: ifnum.lan }, ...[1, 2, 3].map((n) => datagram({ source: place(4, "host", n), destination: server })));
      const counts: number[] = [];
      await world.until("three punts", () => {
        const { length } = world.shard(0).drain(2, 0);
        if (length > 0) counts.push(length);
        return counts.reduce((sum, count) => sum + count, 0) === 3;
      });
      expect(Math.max(...counts)).toBeLessThanOrEqual(2);
    });
  });
}

function sendTests(open: OpenWorld): void {
  describe("packets that shards send", () => {
    test("leave by the next hop they name, tagged where it says so, unchanged", async () => {
      const world = await open();
      const v4 = datagram({ source: waypoint, destination: peer });
      const v6 = buildPacket({ source: place(6, "waypoint"), destination: place(6, "peer") }, { kind: "udp", sourcePort: 1, destinationPort: 2 }, body);
      const frames = [nexthop.lan, nexthop.wan, nexthop.shared, nexthop.farLan].flatMap((hop) => [{ nexthop: hop, data: v4 }, { nexthop: hop, data: v6 }]);
      expect(world.shard(0).send(frames)).toBe(frames.length);
      const left = await world.left(frames.length);
      const text = (one: Left): string => `${one.ifnum} ${one.vlan} ${toHex(one.data)}`;
      const want = ([[ifnum.lan, 0], [ifnum.wan, 0], [ifnum.shared, 7], [ifnum.farLan, 12]] as const).flatMap(([number, vlan]) => [v4, v6].map((data) => text({ ifnum: number, vlan, data })));
      expect(left.map(text).toSorted()).toEqual(want.toSorted());
    });

    test("a next hop that is missing is counted, what follows still leaves", async () => {
      const world = await open();
      const data = datagram({ source: waypoint, destination: peer });
      expect(world.shard(1).send([{ nexthop: nexthop.missing, data }, { nexthop: nexthop.wan, data }])).toBe(2);
      expect(await world.left(1)).toHaveLength(1);
      await dropped(world, "no-nexthop", 1n);
    });
  });
}
