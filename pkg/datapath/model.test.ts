// The model as a port: operations of a shard, the sweeper's timers and records, pages, counters, names.
import { readU16 } from "../base/bytes.ts";
import type { OpResult, SessionOp } from "../ports/datapath.ts";
import { reasonNumber } from "../svr/reasons.ts";
import { Flag, Life, TcpState } from "../svr/session.ts";
import type { Session } from "../svr/session.ts";
import { flowSession, ifnum, nexthop, packetOn, worldConfig } from "../../test/support/flows.ts";
import type { FlowKind } from "../../test/support/flows.ts";
import { modelDatapath } from "./model.ts";
import type { ModelDatapath, ModelOptions } from "./model.ts";

const tcp: FlowKind = { family: 4, proto: "tcp", role: "ingress" };
const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };
const unnatted: FlowKind = { family: 4, proto: "udp", role: "egress" };

interface Bench { datapath: ModelDatapath; clock: { now: number }; apply: (...ops: SessionOp[]) => OpResult[]; tick: (now: number) => string[] }

function bench(options: Partial<ModelOptions> = {}): Bench {
  const clock = { now: 1_000 };
  const datapath = modelDatapath({ nowMs: () => clock.now, ...options });
  datapath.program(worldConfig());
  const tick = (now: number): string[] => {
    clock.now = now;
    datapath.tick();
    return datapath.records(100).map((record) => record.type);
  };
  return { datapath, clock, apply: (...ops) => datapath.shard(0).apply(ops), tick };
}

function install(session: Session): SessionOp {
  return { kind: "install", session };
}

const ref = (session: Session, index = 0): { index: number; uuid: Uint8Array } => ({ index, uuid: session.uuid });
const fresh = (kind: FlowKind, n: number, change: Partial<Session> = {}): Session => flowSession(kind, n, { seenMs: [1_000, 0], sinceMs: 1_000, interimMs: 1_000, createdMs: 1_000, ...change });

describe("operations", () => {
  test("3.2 a held key refuses the whole install and names the holder: side 1, side 0, uuid", () => {
    const { apply, datapath } = bench();
    const held = fresh(tcp, 1), other = fresh(tcp, 2);
    apply(install(held));
    const refused = (session: Session, side: number): void =>
      expect(apply(install(session))).toEqual([{ ok: false, why: "exists", other: { index: 0, uuid: held.uuid }, side }]);
    refused({ ...other, side: [other.side[0], held.side[1]] }, 1);
    refused({ ...other, side: [held.side[0], other.side[1]] }, 0);
    refused({ ...other, uuid: held.uuid }, 0);
    expect(datapath.gauges()).toMatchObject({ slotsUsed: 1, live: 1, flowEntries: 3 });
  });

  test("3.8 a full table refuses, live or slots", () => {
    const { apply } = bench({ sessionLimit: 2 });
    expect(apply(install(fresh(tcp, 1)), install(fresh(tcp, 2)), install(fresh(tcp, 3))).at(-1)).toEqual({ ok: false, why: "full" });
    const limited = bench({ sessionLimit: 9, liveLimit: 1 });
    expect(limited.apply(install(fresh(tcp, 1)), install(fresh(tcp, 2))).at(-1)).toEqual({ ok: false, why: "full" });
  });

  test("N-1 a source NAT search takes the first free port, cyclic, and fails when all are taken", () => {
    const { apply } = bench();
    const natted = (n: number): Session => {
      const session = fresh(unnatted, n);
      return { ...session, side: [session.side[0], { ...session.side[1], localPort: 0 }] };
    };
    const search = { first: 30000, count: 2, start: 30001 };
    const ports = [1, 2, 3].map((n) => apply({ kind: "install", session: natted(n), natSearch: search })[0]!);
    expect(ports.slice(0, 2).map((result) => result.ok && result.localPort)).toEqual([30001, 30000]);
    expect(ports[2]).toMatchObject({ ok: false, why: "exists", side: 1 });
  });

  test("a patch changes what it names; set-up time is written once; a wrong uuid is gone", () => {
    const { apply, datapath } = bench();
    const session = fresh(udp, 1, { flags: Flag.fwdMeta });
    apply(install(session));
    const patch: SessionOp = {
      kind: "patch", ref: ref(session), setFlags: Flag.holdMeta, clearFlags: Flag.fwdMeta, fields: { setupMs: 9, service: 77 }, addPackets: [1, 2], addBytes: [30, 40],
      handshake: { ...session.handshake, modifyOut: 5 },
    };
    apply(patch, { ...patch, fields: { setupMs: 100 } });
    expect(datapath.sessions(0, 9).sessions[0]!.state).toMatchObject({
      flags: Flag.holdMeta | Flag.setup, setupMs: 9, service: 77, packets: [2n, 4n], bytes: [60n, 80n], handshake: { modifyOut: 5 },
    });
    expect(apply({ ...patch, ref: { index: 0, uuid: new Uint8Array(16) } }, { ...patch, ref: ref(session, 5) })).toEqual(Array(2).fill({ ok: false, why: "gone" }));
  });

  test("replacing a side moves its key", () => {
    const { apply, datapath } = bench();
    const session = fresh(udp, 1), other = fresh(udp, 2);
    apply(install(session), install(other));
    const to = { ...session.side[1], localPort: 31000, nexthop: nexthop.shared };
    expect(apply({ kind: "replaceSide", ref: ref(session), side: 1, to: other.side[1] })[0]).toMatchObject({ why: "exists", other: { index: 1 } });
    expect(apply({ kind: "replaceSide", ref: ref(session), side: 1, to })).toEqual([{ ok: true, index: 0, localPort: 31000 }]);
    expect(datapath.receive(ifnum.wan, 0, packetOn(session, 1)).kind).toBe("punt");
    expect(datapath.receive(ifnum.wan, 0, packetOn({ ...session, side: [session.side[0], to] }, 1)).kind).toBe("out");
    expect(datapath.receive(ifnum.lan, 0, packetOn(session, 0))).toMatchObject({ kind: "out", nexthop: nexthop.shared });
    expect(apply({ kind: "replaceSide", ref: ref(session, 1), side: 1, to })).toEqual([{ ok: false, why: "gone" }]);
  });

  test("3.2 a session ended now frees its side-0 key at once, its pair rests", () => {
    const { apply, tick } = bench();
    const session = fresh(udp, 1);
    apply(install(session));
    const again: Session = { ...fresh(udp, 2), side: [session.side[0], fresh(udp, 2).side[1]] };
    expect(apply({ kind: "end", ref: ref(session), reason: reasonNumber("evicted"), now: true }, install(again))).toMatchObject([{ ok: true }, { ok: true, index: 1 }]);
    expect(tick(1_001)).toEqual(["start", "end", "start"]);
    expect(apply(install({ ...fresh(udp, 3), side: [fresh(udp, 3).side[0], session.side[1]] }))[0]).toMatchObject({ why: "exists", side: 1 });
  });
});

describe("L-2 the sweeper", () => {
  const timers: { desc: string; change: Partial<Session>; lives: number; reason: "timeout" | "half-open-timeout" | "fin" | "rst" }[] = [
    { desc: "SYN-SENT 10 s", change: { tcpState: TcpState.synSent }, lives: 10_000, reason: "half-open-timeout" },
    { desc: "SYN-RCVD 10 s", change: { tcpState: TcpState.synRcvd }, lives: 10_000, reason: "half-open-timeout" },
    { desc: "ESTABLISHED idle", change: { tcpState: TcpState.established }, lives: 180_000, reason: "timeout" },
    { desc: "ESTABLISHED idle since the reverse packet", change: { tcpState: TcpState.established, seenMs: [1_000, 21_000] }, lives: 200_000, reason: "timeout" },
    { desc: "HALF-CLOSED at most 300 s", change: { tcpState: TcpState.halfClosed, idleMs: 1_900_000 }, lives: 300_000, reason: "timeout" },
    { desc: "HALF-CLOSED session timeout", change: { tcpState: TcpState.halfClosed }, lives: 180_000, reason: "timeout" },
    { desc: "CLOSING 10 s", change: { tcpState: TcpState.closing }, lives: 10_000, reason: "fin" },
    { desc: "both FINs seen counts as CLOSING", change: { tcpState: TcpState.halfClosed, flags: Flag.finFwd | Flag.finRev }, lives: 10_000, reason: "fin" },
    { desc: "RESET 5 s", change: { tcpState: TcpState.reset }, lives: 5_000, reason: "rst" },
    { desc: "UDP idle, one direction silent for 26 days", change: { tcpState: TcpState.none, isn: 0, idleMs: 5_000, sinceMs: 1_000 + 2_048_567_296 }, lives: 5_000, reason: "timeout" },
    { desc: "UDP idle", change: { tcpState: TcpState.none, isn: 0, idleMs: 5_000 }, lives: 5_000, reason: "timeout" },
  ];
  test.each(timers)("$desc", ({ change, lives, reason }) => {
    const { apply, datapath, clock } = bench();
    apply(install(fresh(tcp, 1, { interimMs: 1_000 + lives, ...change })));
    clock.now = 1_000 + lives - 1;
    datapath.tick();
    expect(datapath.records(9).map(({ type }) => type)).toEqual(["start"]);
    clock.now += 1;
    datapath.tick();
    expect(datapath.records(9)).toMatchObject([{ type: "end", index: 0, timeMs: clock.now, session: { endReason: reasonNumber(reason), life: Life.guard } }]);
  });

  test("RB-1 guard 2 s, quarantine 30 s, then released once", () => {
    const { apply, datapath, tick } = bench();
    const session = fresh(udp, 1);
    apply(install(session), { kind: "end", ref: ref(session), reason: reasonNumber("admin"), now: false });
    expect(tick(2_999)).toEqual(["start", "end"]);
    expect(datapath.gauges()).toMatchObject({ live: 0, quarantined: 0, slotsUsed: 1 });
    expect(tick(3_000)).toEqual([]);
    expect(datapath.gauges()).toMatchObject({ quarantined: 1, flowEntries: 1 });
    expect(datapath.resting(0, 9).sessions).toMatchObject([{ index: 0 }]);
    expect(tick(32_999)).toEqual([]);
    expect(tick(33_000)).toEqual(["release"]);
    expect(datapath.gauges()).toMatchObject({ slotsUsed: 0, flowEntries: 0 });
  });

  test("a session without a port of ours does not rest", () => {
    const { apply, datapath, tick } = bench();
    const session = fresh(unnatted, 1, { flags: 0 });
    apply(install(session), { kind: "end", ref: ref(session), reason: reasonNumber("policy"), now: false });
    expect(tick(3_000)).toEqual(["start", "end"]);
    expect(datapath.gauges()).toMatchObject({ slotsUsed: 0, flowEntries: 0 });
  });

  test("interim records come each interval, not to sessions that just began", () => {
    const { apply, tick } = bench();
    apply(install(fresh(tcp, 1, { idleMs: 1_900_000 })));
    expect(tick(300_999)).toEqual(["start"]);
    expect(tick(301_000)).toEqual(["interim"]);
    expect(tick(600_999)).toEqual([]);
    expect(tick(601_000)).toEqual(["interim"]);
  });
});

describe("the rest of the port", () => {
  test("pages, names, finders, destroy", () => {
    const { apply, datapath } = bench();
    const all = [1, 2, 3].map((n) => fresh(udp, n));
    apply(...all.map(install));
    const first = datapath.sessions(0, 2);
    expect([first.sessions.length, first.next, datapath.sessions(first.next ?? 0, 2)]).toMatchObject([2, 2, { sessions: [{ index: 2 }] }]);
    const shard = datapath.shard(0);
    const { remote, local, remotePort, localPort, vlan, proto } = all[1]!.side[1];
    const key = { source: remote, destination: local, sourcePort: remotePort, destinationPort: localPort, ifnum: ifnum.wan, vlan, proto };
    expect(shard.find(key)).toMatchObject({ index: 1, side: 1 });
    expect(shard.find({ ...key, proto: 6 })).toBeUndefined();
    expect(shard.findUuid(all[2]!.uuid)).toMatchObject({ index: 2 });
    expect(shard.findUuid(new Uint8Array(16))).toBeUndefined();
    expect([datapath.nameId("a"), shard.nameId("b"), datapath.nameId("a"), shard.nameOf(2), datapath.nameOf(3)]).toEqual([1, 2, 1, "b", undefined]);
    datapath.destroy();
    expect([datapath.gauges().slotsUsed, datapath.adopted()]).toEqual([0, false]);
    datapath.close();
    shard.close();
  });

  test("a shard's frames leave by their next hop; one that is missing is counted", () => {
    const seen: number[] = [];
    const { datapath } = bench({ onSent: (frame) => seen.push(frame.vlan) });
    const data = packetOn(fresh(udp, 1), 0);
    expect(datapath.shard(0).send([{ nexthop: nexthop.shared, data }, { nexthop: nexthop.missing, data }])).toBe(2);
    expect(datapath.sent).toMatchObject([{ ifnum: ifnum.shared, vlan: 7 }]);
    expect([seen, datapath.counters()]).toMatchObject([[7], { drops: { "no-nexthop": 1n }, interfaces: { [ifnum.shared]: { txPackets: 1n } } }]);
  });

  test("two data planes talk: what one sends the other forwards to its host", () => {
    const near = bench().datapath;
    const ingress = fresh(udp, 1), egress = fresh({ ...udp, role: "egress" }, 1);
    const far = modelDatapath({ nowMs: () => 1_000 });
    far.program(worldConfig());
    const [mine, theirs] = [ingress.side[1], egress.side[0]];
    const joined: Session = { ...egress, side: [{ ...theirs, remote: mine.local, local: mine.remote, remotePort: mine.localPort, localPort: mine.remotePort }, egress.side[1]] };
    near.shard(0).apply([install(ingress)]);
    far.shard(0).apply([install(joined)]);
    expect(near.receive(ifnum.lan, 0, packetOn(ingress, 0, { payload: new Uint8Array(40) })).kind).toBe("out");
    expect(far.receive(theirs.ifnum, theirs.vlan, near.sent[0]!.data).kind).toBe("out");
    expect(readU16(far.sent[0]!.data, 22)).toBe(443);
  });
});
