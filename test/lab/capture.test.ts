// O-4 Captures on all routers of a session: four points on each, begun by TLV 0x8005 where nobody asked, bounded in packets and
// sessions, with the packets as they were on the wire.
import { toHex } from "../../pkg/base/bytes.ts";
import { captureView } from "../../pkg/router/captures.ts";
import type { CaptureAsk } from "../../pkg/router/captures.ts";
import { parsePacket } from "../../pkg/svr/packet.ts";
import { capturesOf } from "./captureof.ts";
import type { LabCaptures } from "./captureof.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, content, endsOf, everything, SYN, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const names = ["branch", "transit", "cloud"], ends = endsOf(4);
const ask = (change: Partial<CaptureAsk> = {}): CaptureAsk => ({ id: "c1", filter: {}, query: "", packets: 100, sessions: 20, isLocal: false, lastsMs: 30_000, ...change });

interface World { lab: Lab; all: LabCaptures[] }

function world(more: { shards?: number } = {}): World {
  const lab = createLab(names, { services: [everything], ...more });
  return { lab, all: lab.routers.map((router) => capturesOf(lab, router)) };
}

/** Both ways, so often, by one port. */
function talk({ lab, all }: World, times: number, from = 40_000): void {
  for (let n = 0; n < times; n++) {
    lab.fromLeft(udpUp(ends, content(20, n), { from }));
    lab.run();
    lab.fromRight(udpDown(ends, content(20, n), { from }));
    lab.run();
  }
  for (const one of all) one.look();
}

const idsOf = (one: LabCaptures): string[] => one.captures.list().map((kept) => kept.ask.id);
const pointsOf = (one: LabCaptures, id = "c1"): number[][] => captureView(one.captures.get(id)!).sessions.map((session) => [session.forwardIn, session.forwardOut, session.reverseIn, session.reverseOut]);

describe("O-4 a capture", () => {
  test("of a session that begins while it runs is on all routers of the path, four points on each, first packets too", () => {
    const at = world();
    expect(at.all[0]!.captures.start(ask(), [])).toBe(true);
    talk(at, 4);
    expect(at.all.map((one) => pointsOf(one))).toEqual(names.map(() => [[4, 4, 4, 4]]));
    expect(at.all.map((one) => one.captures.get("c1")?.origin)).toEqual(["user", "peer", "peer"]);
    const [uuid] = at.lab.routers.map((router) => toHex(router.sessions()[0]!.uuid));
    expect(at.all.map((one) => captureView(one.captures.get("c1")!).sessions[0]?.sessionId)).toEqual(names.map(() => uuid));
  });

  test("shows packets as they were on the wire, encrypted metadata too, and each once", () => {
    const at = world();
    at.all[0]!.captures.start(ask(), []);
    const sent = udpUp(ends, content(20)), answer = udpDown(ends, content(30));
    at.lab.fromLeft(sent.slice());
    at.lab.run();
    at.lab.fromRight(answer.slice());
    at.lab.run();
    for (const one of at.all) one.look();
    const seen = at.all.map((one) => one.captures.get("c1")!.packets.map((copy) => [copy.point, toHex(copy.data)]));
    const wire = (link: number, forward: boolean): string => toHex(at.lab.wires.find((one) => one.link === link && one.forward === forward)!.data);
    expect(seen.map((one) => one.toSorted())).toEqual([
      [[0, toHex(sent)], [1, wire(0, true)], [2, wire(0, false)], [3, toHex(at.lab.left[0]!)]],
      [[0, wire(0, true)], [1, wire(1, true)], [2, wire(1, false)], [3, wire(0, false)]],
      [[0, wire(1, true)], [1, toHex(at.lab.right[0]!)], [2, toHex(answer)], [3, wire(1, false)]],
    ]);
  });

  test("of a running session takes it from here on, at this router alone", () => {
    const at = world();
    talk(at, 2);
    const { datapath } = at.lab.routers[1]!;
    at.all[1]!.captures.start(ask(), datapath.sessions(0, 10).sessions);
    talk(at, 3);
    expect(pointsOf(at.all[1]!)).toEqual([[3, 3, 3, 3]]);
    expect([idsOf(at.all[0]!), idsOf(at.all[2]!)]).toEqual([[], []]);
  });

  test("that is local says nothing to other routers", () => {
    const at = world();
    at.all[0]!.captures.start(ask({ isLocal: true }), []);
    talk(at, 2);
    expect(at.all.map(idsOf)).toEqual([["c1"], [], []]);
    expect(pointsOf(at.all[0]!)).toEqual([[2, 2, 2, 2]]);
  });

  test("takes the sessions that its filter passes, and no others", () => {
    const at = world();
    at.all[0]!.captures.start(ask({ query: "protocol=17&sourcePort=40001&destinationAddress=10.2.0.20" }), []);
    for (const port of [40_000, 40_001, 40_002]) talk(at, 1, port);
    expect(at.all.map((one) => one.captures.get("c1")!.packets.length)).toEqual([4, 4, 4]);
    expect(parsePacket(at.all[2]!.captures.get("c1")!.packets[0]!.data)).toMatchObject({ ok: true });
  });

  test("keeps at most so many packets at each point of so many sessions, on every router", () => {
    const at = world();
    at.all[0]!.captures.start(ask({ packets: 3, sessions: 2 }), []);
    for (const port of [40_000, 40_001, 40_002, 40_003]) talk(at, 5, port);
    expect(at.all.map((one) => pointsOf(one))).toEqual(names.map(() => [[3, 3, 3, 3], [3, 3, 3, 3]]));
  });

  test("of fewer sessions than shards take up has no more, and nothing more is copied", () => {
    const at = world({ shards: 4 });
    at.all[0]!.captures.start(ask({ sessions: 1, isLocal: true }), []);
    for (let from = 40_000; from < 40_012; from++) at.lab.fromLeft(udpUp(ends, content(20), { from }));
    at.lab.run();
    const { wanted } = at.lab.routers[0]!.datapath.model;
    expect(wanted.size).toBeGreaterThan(1); // each shard has the whole room
    at.all[0]!.look();
    expect([pointsOf(at.all[0]!).length, wanted.size]).toEqual([1, 1]);
  });

  test("is over when its time is, when it is stopped, and when it has all it may have; then no packet is copied any more", () => {
    for (const end of [(at: World) => { at.lab.wait(30_000); }, (at: World) => { at.all[0]!.captures.stop("c1"); }, (at: World) => { talk(at, 5); }]) {
      const at = world();
      at.all[0]!.captures.start(ask({ packets: 3, sessions: 1 }), []);
      talk(at, 2);
      end(at);
      at.all[0]!.look();
      expect(at.all[0]!.captures.get("c1")).toMatchObject({ isDone: false });
      at.lab.wait(600);
      at.all[0]!.look();
      expect(at.all[0]!.captures.get("c1")).toMatchObject({ isDone: true });
      const before = at.all[0]!.captures.get("c1")!.packets.length;
      talk(at, 2);
      talk(at, 1, 41_000);
      expect([at.all[0]!.captures.get("c1")!.packets.length, at.lab.routers[0]!.datapath.model.wanted.size]).toEqual([before, 0]);
    }
  });

  test("that a peer began ends by itself a minute after its last new session, and does not begin again", () => {
    const at = world();
    at.all[0]!.captures.start(ask({ lastsMs: 600_000 }), []);
    talk(at, 1);
    at.lab.wait(61_000);
    at.all[1]!.look();
    at.lab.wait(600);
    at.all[1]!.look();
    expect(captureView(at.all[1]!.captures.get("c1")!)).toMatchObject({ state: "done", origin: "peer", sessions: [{}] });
    talk(at, 1, 40_009);
    expect(captureView(at.all[1]!.captures.get("c1")!).sessions).toHaveLength(1);
    expect(captureView(at.all[0]!.captures.get("c1")!).sessions).toHaveLength(2);
  });

  test("begun on several routers is one: whether the user or the tag of a session was there first", () => {
    const at = world();
    at.all[0]!.captures.start(ask(), []);
    talk(at, 1);
    for (const n of [1, 2]) expect(at.all[n]!.captures.start(ask(), at.lab.routers[n]!.datapath.sessions(0, 10).sessions)).toBe(true);
    expect(at.all[1]!.captures.start(ask(), [])).toBe(false);
    talk(at, 1);
    talk(at, 2, 41_000);
    expect(at.all.map((one) => [one.captures.get("c1")?.origin, pointsOf(one)])).toEqual(names.map(() => ["user", [[2, 2, 2, 2], [2, 2, 2, 2]]]));
  });

  test("bounds what is kept: 16 captures, of which the oldest that is done makes room", () => {
    const { lab, all } = world();
    const { captures } = all[0]!;
    for (let n = 1; n <= 16; n++) expect(captures.start(ask({ id: `c${n}` }), [])).toBe(true);
    expect(captures.start(ask({ id: "c17" }), [])).toBe(false);
    captures.stop("c3");
    lab.wait(600);
    all[0]!.look();
    expect(captures.start(ask({ id: "c17" }), [])).toBe(true);
    expect([captures.get("c3"), captures.list().length]).toEqual([undefined, 16]);
    for (const kept of captures.list()) captures.remove(kept.ask.id);
    expect(captures.list()).toEqual([]);
    captures.start(ask(), []);
    captures.stop("c1");
    lab.wait(600);
    all[0]!.look();
    lab.wait(3_601_000);
    expect(captures.list()).toEqual([]);
  });

  test("of a session that others capture too tells what was lost while it ran, each its own; who ends first as well", () => {
    const at = world();
    const { datapath } = at.lab.routers[0]!, { captures } = at.all[0]!, lose = (count: number): void => {
      const { index } = datapath.sessions(0, 1).sessions[0]!;
      datapath.model.lostCopies.set(index, (datapath.model.lostCopies.get(index) ?? 0) + count);
    };
    captures.start(ask({ id: "early", isLocal: true }), []);
    talk(at, 1);
    lose(3);
    captures.start(ask({ id: "late", isLocal: true }), datapath.sessions(0, 10).sessions);
    talk(at, 1);
    lose(4);
    const lostOf = (id: string): number => captureView(captures.get(id)!).lost;
    const end = (id: string): void => {
      captures.stop(id);
      at.lab.wait(600);
      at.all[0]!.look();
    };
    end("early");
    lose(5);
    end("late");
    expect([lostOf("early"), lostOf("late"), datapath.model.lostCopies.size]).toEqual([7, 9, 0]);
    captures.remove("early"); // done long ago: nothing is told twice
    expect(lostOf("late")).toBe(9);
  });

  test("tells copies that came before the word of their shard and found no room", () => {
    const at = world();
    const { captures } = at.all[0]!, [shard] = at.lab.routers[0]!.shards;
    captures.start(ask({ isLocal: true }), []);
    at.lab.fromLeft(udpUp(ends, content(20)));
    at.lab.run();
    const messages = shard!.answers(), [copies] = messages.flatMap((message) => (message.kind === "copies" ? message.copies : []));
    captures.take({ kind: "copies", copies: Array.from({ length: 4_099 }, () => ({ ...copies! })) });
    for (const message of messages) if (message.kind === "capturing") captures.take(message);
    expect(captureView(captures.get("c1")!)).toMatchObject({ lost: 3 });
    at.all[0]!.look();
    expect(pointsOf(at.all[0]!)).toEqual([[100, 0, 0, 0]]); // the other copies of the turn were taken away here
  });

  test("of TCP has handshake, data and what the router alone handles", () => {
    const at = world();
    at.all[0]!.captures.start(ask(), []);
    const up = (segment: Parameters<typeof tcpUp>[1]): void => { at.lab.fromLeft(tcpUp(ends, segment)); at.lab.run(); };
    const down = (segment: Parameters<typeof tcpDown>[1]): void => { at.lab.fromRight(tcpDown(ends, segment)); at.lab.run(); };
    up({ seq: 100, flags: SYN });
    down({ seq: 500, ack: 101, flags: SYN | ACK });
    up({ seq: 101, ack: 501, flags: ACK });
    up({ seq: 101, ack: 501, flags: ACK, body: content(10) });
    down({ seq: 501, ack: 111, flags: ACK, body: content(10) });
    for (const one of at.all) one.look();
    expect(at.all.map((one) => pointsOf(one))).toEqual(names.map(() => [[3, 3, 2, 2]]));
  });
});
