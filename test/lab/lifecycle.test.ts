// How sessions end, come back and are replaced: RST and FIN, late packets, tuples used again, state lost on one router or on
// all of it (L-3 to L-6, RB-2, RB-6, RB-8).
import { toHex } from "../../pkg/base/bytes.ts";
import type { IpFamily } from "../../pkg/base/address.ts";
import { Life } from "../../pkg/svr/session.ts";
import { ifnumOf } from "./config.ts";
import { createLab } from "./lab.ts";
import type { Lab } from "./lab.ts";
import { ACK, FIN, RST, SYN, authentic, backwards, bodyOf, connect, content, endsOf, everything, hasMetadata, parsed, readWire, tcpDown, tcpUp, udpDown, udpUp } from "./packets.ts";

const families: readonly IpFamily[] = [4, 6];
const chains = [["east", "west"], ["branch", "transit", "cloud"]];
const cases = families.flatMap((family) => chains.map((names) => [family, names] as const));
const uuidsOf = (lab: Lab): string[][] => lab.routers.map((router) => router.live().map((session) => toHex(session.uuid)));

function forget(lab: Lab): void {
  for (const list of [lab.wires, lab.left, lab.right, lab.delivered]) list.length = 0;
}

describe.each(cases)("IPv%i through %j", (family, names) => {
  const ends = endsOf(family);
  const each = <T>(value: T): T[] => names.map(() => value);

  /** Three-way handshake and one segment each way: quiet everywhere. */
  function established(): Lab {
    const lab = createLab(names, { services: [everything] });
    connect(lab, ends);
    lab.fromRight(tcpDown(ends, { seq: 5001, ack: 1001, flags: ACK, body: content(10) }));
    lab.run();
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5011, flags: ACK, body: content(10) }));
    lab.run();
    forget(lab);
    return lab;
  }

  test("L-3 a refused connection: RST of the server ends it everywhere, late packets open nothing, a new SYN does", () => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN }));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 0, ack: 1001, flags: RST | ACK }));
    lab.run();
    expect(parsed(lab.left.at(-1)).tcp).toMatchObject({ flags: RST | ACK, ack: 1001 });
    expect(lab.routers.map((router) => router.sessions().map((session) => [session.life, session.endReason]))).toEqual(each([[Life.guard, 97]]));
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: ACK }));
    lab.run();
    expect(uuidsOf(lab)).toEqual(each([]));
    lab.fromLeft(tcpUp(ends, { seq: 7000, flags: SYN }));
    lab.run();
    const second = uuidsOf(lab);
    expect(second.map((uuids) => uuids.length)).toEqual(each(1));
    expect(new Set(second.flat()).size).toBe(1);
  });

  test("L-3 behaviour 3.3 a RST that does not fit is dropped while the connection opens", () => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN }));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 0, ack: 999, flags: RST | ACK }));
    lab.run();
    expect(lab.left).toEqual([]);
    expect(lab.routers.at(-1)!.drops()).toEqual({ state: 1 });
    expect(uuidsOf(lab).map((uuids) => uuids.length)).toEqual(each(1));
  });

  test("L-3 a half-open session ended by time: a new SYN in GUARD opens at once, though metadata was pending", () => {
    const lab = createLab(names, { services: [everything] });
    lab.onWire = (wire) => (wire.forward ? wire.data : undefined);
    lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN }));
    lab.run();
    lab.wait(10_000);
    expect(lab.routers[0]!.sessions().map((session) => [session.life, session.endReason, session.flags & 1])).toEqual([[Life.guard, 99, 1]]);
    forget(lab);
    lab.fromLeft(tcpUp(ends, { seq: 1000, flags: SYN })); // the same connection, late
    lab.run();
    expect(uuidsOf(lab)[0]).toEqual([]);
    lab.fromLeft(tcpUp(ends, { seq: 2000, flags: SYN }));
    lab.run();
    expect(uuidsOf(lab).map((uuids) => uuids.length)).toEqual(each(1));
    expect(parsed(lab.right.at(-1)).tcp?.seq).toBe(2000);
  });

  test("L-3 the server opens the next connection on the same tuple while the old one is in GUARD", () => {
    const lab = createLab(names, { services: [everything, backwards] });
    connect(lab, ends);
    lab.fromLeft(tcpUp(ends, { seq: 1001, ack: 5001, flags: FIN | ACK }));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 5001, ack: 1002, flags: FIN | ACK }));
    lab.run();
    lab.fromLeft(tcpUp(ends, { seq: 1002, ack: 5002, flags: ACK }));
    lab.run();
    forget(lab);
    lab.fromRight(tcpDown(ends, { seq: 8000, flags: SYN }));
    lab.run();
    expect(lab.left.map((data) => parsed(data).tcp)).toEqual([{ seq: 8000, ack: 0, flags: SYN, window: 64240 }]);
    expect(uuidsOf(lab).map((uuids) => uuids.length)).toEqual(each(1));
  });

  test("L-7 a blind RST does not end a session whose hosts keep talking", () => {
    const lab = established();
    lab.fromLeft(tcpUp(ends, { seq: 999_999, flags: RST }));
    lab.run();
    lab.wait(3000);
    lab.fromLeft(tcpUp(ends, { seq: 1011, ack: 5011, flags: ACK, body: content(10) }));
    lab.run();
    lab.wait(10_000);
    expect(uuidsOf(lab).map((uuids) => uuids.length)).toEqual(each(1));
  });

  test("L-4 the tuple is used again at once after FIN: new UUID, no old state, none of the old numbers", () => {
    const lab = established();
    const first = uuidsOf(lab)[0]![0];
    lab.fromLeft(tcpUp(ends, { seq: 1011, ack: 5011, flags: FIN | ACK }));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 5011, ack: 1012, flags: FIN | ACK }));
    lab.run();
    lab.fromLeft(tcpUp(ends, { seq: 1012, ack: 5012, flags: ACK }));
    lab.run();
    forget(lab);
    lab.fromLeft(tcpUp(ends, { seq: 90_000, flags: SYN }));
    lab.run();
    lab.fromRight(tcpDown(ends, { seq: 70_000, ack: 90_001, flags: SYN | ACK }));
    lab.run();
    lab.fromLeft(tcpUp(ends, { seq: 90_001, ack: 70_001, flags: ACK }));
    lab.run();
    const second = uuidsOf(lab);
    expect([new Set(second.flat()).size, second.flat().includes(first!)]).toEqual([1, false]);
    expect(lab.routers.map((router) => router.live().map((session) => [session.tcpState, session.nextSeq, session.packets]))).toEqual(each([[3, [90_001, 70_001], [2n, 1n]]]));
    expect([lab.right.length, lab.left.length]).toEqual([2, 1]);
  });

  test.each(names.slice(1).map((name, index) => [name, index + 1] as const))("L-5 RB-6 one session removed silently on %s: code 2, same UUID, one packet lost, under enforcement reset", (_name, at) => {
    const lab = established();
    connect(lab, ends, 41_000); // another session, which nobody touches
    forget(lab);
    const uuid = toHex(lab.routers[0]!.live().find((session) => session.context.sourcePort === 40_000)!.uuid);
    lose(lab, at, uuid);
    lab.fromLeft(tcpUp(ends, { seq: 1011, ack: 5011, flags: ACK, body: content(10, 1) }));
    lab.run();
    const asked = lab.wires.filter((wire) => !wire.forward).map((wire) => readWire(lab, wire)?.control);
    expect([asked, lab.right]).toEqual([[2], []]);
    lab.fromLeft(tcpUp(ends, { seq: 1011, ack: 5011, flags: ACK, body: content(10, 1) }));
    lab.run();
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(10, 1))]);
    expect(uuidsOf(lab).map((uuids) => [uuids.length, uuids.includes(uuid)])).toEqual(each([2, true]));
    lab.fromRight(tcpDown(ends, { seq: 5011, ack: 1021, flags: ACK, body: content(20, 2) }));
    lab.run();
    expect(lab.left.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(20, 2))]);
    expect([...lab.left, ...lab.right].some((data) => (parsed(data).tcp!.flags & RST) !== 0)).toBe(false);
    const rebuilt = lab.routers[at]!.live().find((session) => toHex(session.uuid) === uuid)!;
    expect(rebuilt.tcpState).toBe(3);
  });

  test("L-5 the reverse direction alone: the answers of a download bring it back too", () => {
    const lab = established();
    lose(lab, 0, toHex(lab.routers[0]!.live()[0]!.uuid));
    lab.fromRight(tcpDown(ends, { seq: 5011, ack: 1011, flags: ACK, body: content(10, 1) }));
    lab.run();
    expect(lab.wires.filter((wire) => wire.forward && wire.link === 0).map((wire) => readWire(lab, wire)?.control)).toEqual([2]);
    lab.fromRight(tcpDown(ends, { seq: 5011, ack: 1011, flags: ACK, body: content(10, 1) }));
    lab.run();
    expect(lab.left).toEqual([]); // only forward metadata rebuilds a session: the client's next packet is a first packet here
    lab.fromLeft(tcpUp(ends, { seq: 1011, ack: 5011, flags: ACK }));
    lab.run();
    expect(parsed(lab.left.at(-1)).tcp?.flags).toBe(RST);
  });

  test("RB-6 lost on the ingress, UDP: a new session takes the place of the old one on every router", () => {
    const lab = createLab(names, { services: [everything] });
    for (let round = 0; round < 3; round++) {
      lab.fromLeft(udpUp(ends, content(10)));
      lab.run();
      lab.fromRight(udpDown(ends, content(10)));
      lab.run();
    }
    const first = uuidsOf(lab)[0]![0]!;
    lab.restart(0);
    forget(lab);
    lab.fromLeft(udpUp(ends, content(10, 5)));
    lab.run();
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(10, 5))]);
    const now = uuidsOf(lab);
    expect([new Set(now.flat()).size, now.flat().includes(first)]).toEqual([1, false]);
    expect(lab.routers.at(-1)!.sessions().map((session) => session.endReason).sort()).toEqual([0, 105]);
    lab.fromRight(udpDown(ends, content(10, 6)));
    lab.run();
    expect(lab.left.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(10, 6))]);
  });

  test("L-6 the far router restarts with empty maps: one packet lost each session, metadata off again", () => {
    const lab = established();
    const uuid = uuidsOf(lab)[0]![0]!;
    lab.restart(names.length - 1);
    for (let packet = 0; packet < 2; packet++) {
      lab.fromLeft(tcpUp(ends, { seq: 1011, ack: 5011, flags: ACK, body: content(10, packet) }));
      lab.run();
    }
    expect(lab.right.map((data) => toHex(bodyOf(data)))).toEqual([toHex(content(10, 1))]);
    expect(uuidsOf(lab)).toEqual(each([uuid]));
    lab.fromRight(tcpDown(ends, { seq: 5011, ack: 1021, flags: ACK, body: content(10, 3) }));
    lab.run();
    lab.fromLeft(tcpUp(ends, { seq: 1021, ack: 5021, flags: ACK, body: content(10, 4) }));
    lab.run();
    lab.wires.length = 0;
    lab.fromLeft(tcpUp(ends, { seq: 1031, ack: 5021, flags: ACK, body: content(10, 5) }));
    lab.fromRight(tcpDown(ends, { seq: 5021, ack: 1031, flags: ACK, body: content(10, 6) }));
    lab.run();
    expect(lab.wires.some(hasMetadata)).toBe(false);
    expect([lab.right.length, lab.left.length]).toEqual([3, 2]);
  });

  test("RB-2 a dead session on the next hop: a new one on its 5-tuple replaces it", () => {
    const lab = createLab(names, { services: [everything] }, (index) => (index === 0 ? { pairs: 1 } : {}));
    lab.fromLeft(udpUp(ends, content(10), { from: 1 }));
    lab.run();
    const dead = uuidsOf(lab)[1]![0]!;
    lab.restart(0); // its only pair is used again for another tuple
    forget(lab);
    lab.fromLeft(udpUp(ends, content(10, 1), { from: 2 }));
    lab.run();
    expect(uuidsOf(lab)[1]!.includes(dead)).toBe(false);
    expect(lab.right.map((data) => [parsed(data).sourcePort, toHex(bodyOf(data))])).toEqual([[2, toHex(content(10, 1))]]);
    lab.fromRight(udpDown(ends, content(10, 2), { from: 2 }));
    lab.run();
    expect(lab.left).toHaveLength(1);
  });

  test("RB-8 reverse metadata without tenant is dropped and counted; ours has one", () => {
    const lab = createLab(names, { services: [everything] });
    lab.fromLeft(udpUp(ends, content(10)));
    lab.run();
    lab.onWire = (wire) => (wire.forward || wire.link > 0 ? wire.data : undefined);
    lab.fromRight(udpDown(ends, content(10)));
    lab.run();
    const reverse = lab.wires.filter((wire) => !wire.forward && wire.link === 0);
    const tlvs = readWire(lab, reverse[0]!)!;
    expect([tlvs.tenant, tlvs.sourceRouter]).toEqual(["corp", names.at(-1)]);
    lab.inject(0, ifnumOf.right, authentic(lab, { link: 0, forward: false, like: reverse[0]!.data, tlvs: { ...tlvs, iv: undefined, tenant: undefined }, body: content(10) }));
    lab.run();
    expect([lab.left.length, lab.routers[0]!.drops()]).toEqual([0, { "metadata-incomplete": 1 }]);
    expect(lab.routers[0]!.live()[0]!.flags & 1).toBe(1);
  });

  test("6.4 a deleted session ends on every router, and its TCP hosts are reset with the next sequence", () => {
    const lab = established();
    const { datapath, shards } = lab.routers[names.length - 1]!;
    const refs = datapath.sessions(0, 10).sessions.map((one) => ({ index: one.index, uuid: one.state.uuid }));
    shards[0]!.tell({ kind: "end", refs, reason: 101 });
    lab.run();
    expect(lab.routers.map((router) => router.sessions().map((session) => session.endReason))).toEqual(names.map((_, index) => [index === names.length - 1 ? 101 : 102]));
    expect([lab.right, lab.left].map((list) => list.map((data) => [parsed(data).tcp!.flags, parsed(data).tcp!.seq, parsed(data).tcp!.ack]))).toEqual([[[RST | ACK, 1011, 5011]], [[RST | ACK, 5011, 1011]]]);
  });
});

/** The session is gone from one router, and nobody was told. */
function lose(lab: Lab, at: number, uuid: string): void {
  const { model } = lab.routers[at]!.datapath;
  const index = model.uuids.get(uuid)!;
  model.slots[index] = undefined;
  model.uuids.delete(uuid);
  for (const [key, entry] of model.flows) if (entry.index === index) model.flows.delete(key);
}
