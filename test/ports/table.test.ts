// The session table over plain memory: each operation by itself, limits, refused references.
import { addressOfWords } from "../../pkg/base/address.ts";
import { readU32 } from "../../pkg/base/bytes.ts";
import { bucketsFor, recordBytesFor, slotsFor } from "../../pkg/datapath/settings.ts";
import { Flag, Life, TcpState } from "../../pkg/svr/session.ts";
import type { Session } from "../../pkg/svr/session.ts";
import type { FlowKey, OpResult, SessionOp } from "../../pkg/ports/datapath.ts";
import type { SessionSide } from "../../pkg/svr/session.ts";
import { waitFor } from "../support/wait.ts";
import { createMemoryTable } from "./memtable.ts";
import { hostSide, keyOf, peerSide, sampleSession, sampleUuid } from "./sessions.ts";

const LIVES = (1 << Life.live) | (1 << Life.guard);
const limits = { sessions: 64, buckets: 32 };

function installed(results: readonly OpResult[]): { index: number; localPort: number } {
  const [result] = results;
  if (result?.ok !== true) throw new Error(`not installed: ${JSON.stringify(result)}`);
  return result;
}

/** What the table stores of a session: life is its own business. */
function stored(session: Session): Session {
  return { ...session, life: Life.live };
}

describe("session table", () => {
  test("an installed session is found by both keys and its uuid, every field as given", () => {
    const table = createMemoryTable(64);
    const session = sampleSession(1);
    const { index, localPort } = installed(table.apply([{ kind: "install", session }]));
    expect(localPort).toBe(session.side[1].localPort);
    expect(table.find(keyOf(session.side[0]))).toEqual({ index, side: 0, state: stored(session) });
    expect(table.find(keyOf(session.side[1]))).toEqual({ index, side: 1, state: stored(session) });
    expect(table.findUuid(session.uuid)).toEqual({ index, state: stored(session) });
    expect(table.gauges(limits)).toMatchObject({ slotsUsed: 1, live: 1, highWater: 1, quarantined: 0, sessionLimit: 64, flowEntries: 3, flowLimit: 256 });
    table.close();
  });

  const part: [desc: string, change: (key: FlowKey) => FlowKey][] = [
    ["another source port", (k) => ({ ...k, sourcePort: k.sourcePort + 1 })],
    ["another destination port", (k) => ({ ...k, destinationPort: k.destinationPort + 1 })],
    ["another interface", (k) => ({ ...k, ifnum: k.ifnum + 1 })],
    ["another VLAN", (k) => ({ ...k, vlan: k.vlan + 1 })],
    ["another protocol", (k) => ({ ...k, proto: 17 })],
    ["source and destination exchanged", (k) => ({ ...k, source: k.destination, destination: k.source })],
  ];
  test.each(part)("%s finds nothing", (_desc, change) => {
    const table = createMemoryTable(64);
    const session = sampleSession(1);
    installed(table.apply([{ kind: "install", session }]));
    expect(table.find(change(keyOf(session.side[0])))).toBeUndefined();
    expect(table.find(change(keyOf(session.side[1])))).toBeUndefined();
    expect(table.findUuid(sampleUuid(2))).toBeUndefined();
    table.close();
  });

  test("3.8 the limit is met before the slots: as many may be live again while those that ended rest", () => {
    const table = createMemoryTable(slotsFor(64), 64);
    const open = (from: number): boolean[] => table.apply(Array.from({ length: 64 }, (_, i) => ({ kind: "install", session: sampleSession(from + i) }))).map((result) => result.ok);
    const first = open(1);
    for (let index = 0; index < 64; index++) table.apply([{ kind: "end", ref: { index, uuid: sampleUuid(1 + index) }, reason: 1, now: false }]);
    expect([...first, ...open(101)]).toEqual(Array(128).fill(true));
    expect(table.apply([{ kind: "install", session: sampleSession(999) }])).toEqual([{ ok: false, why: "full" }]);
    table.close();
  });

  test("3.8 the flow index holds all keys of all slots where it is fullest", () => {
    const slots = 36_864; // 9/4 of 16,384 buckets
    const table = createMemoryTable(slots);
    const refused = Array.from({ length: slots }, (_, i) => table.apply([{ kind: "install", session: sampleSession(i + 1) }])[0]).filter((result) => result?.ok !== true);
    expect([bucketsFor(slots), refused]).toEqual([16_384, []]);
    table.close();
  });

  test("3.8 sources with sessions: exact while all places are looked at, near where some are; those that have none any more do not count", () => {
    const few = createMemoryTable(64), many = createMemoryTable(100_000), count = 10_000;
    const install = (n: number, source = n): SessionOp => { const session = sampleSession(n); return { kind: "install", session: { ...session, context: { ...session.context, source: addressOfWords(4, 0x0a000000 + source) } } }; };
    const refs = few.apply([install(1), install(2), install(3, 2)]).flatMap((result, at) => (result.ok ? [{ index: result.index, uuid: sampleSession(at + 1).uuid }] : []));
    expect(few.sources()).toEqual({ used: 2, limit: 16 });
    few.apply(refs.map((ref) => ({ kind: "end", ref, reason: 1, now: true })));
    expect(few.sources().used).toBe(0);
    for (let n = 1; n <= count; n++) many.apply([install(n)]);
    expect(many.sources().limit).toBe(32_768);
    expect(Math.abs(many.sources().used - count)).toBeLessThan(count / 10);
    for (const table of [few, many]) table.close();
  });

  test.each([[1, 1 << 20], [131_072, 1 << 20], [131_073, 1 << 21], [262_145, 1 << 22], [53_125_000, 1 << 22]])("the ring of records of %i slots has %i bytes", (slots, bytes) => {
    expect(recordBytesFor(slots)).toBe(bytes);
  });

  test("a held key refuses the whole install and names the holder", () => {
    const table = createMemoryTable(64);
    const first = sampleSession(1);
    const { index } = installed(table.apply([{ kind: "install", session: first }]));
    const results = table.apply([
      { kind: "install", session: sampleSession(2, { side: [hostSide(2), peerSide(1)] }) },
      { kind: "install", session: sampleSession(3, { side: [hostSide(1), peerSide(3)] }) },
      { kind: "install", session: sampleSession(4, { uuid: first.uuid }) },
      { kind: "install", session: sampleSession(5, { side: [peerSide(5), hostSide(1)] }) },
      { kind: "install", session: sampleSession(6, { side: [peerSide(1), hostSide(6)] }) },
    ]);
    expect(results).toEqual([
      { ok: false, why: "exists", other: { index, uuid: first.uuid }, side: 1 },
      { ok: false, why: "exists", other: { index, uuid: first.uuid }, side: 0 },
      { ok: false, why: "exists", other: { index, uuid: first.uuid }, side: 0 },
      { ok: false, why: "exists", other: { index, uuid: first.uuid }, side: 1 }, // W-10: its way out is the way in of the other
      { ok: false, why: "exists", other: { index, uuid: first.uuid }, side: 0 },
    ]);
    expect(table.gauges(limits)).toMatchObject({ slotsUsed: 1, live: 1 });
    for (const n of [2, 3, 4]) expect(table.find(keyOf(sampleSession(n).side[1]))).toBeUndefined();
    for (const n of [2, 4]) expect(table.find(keyOf(sampleSession(n).side[0]))).toBeUndefined();
    table.close();
  });

  test("a session whose sides have one key stands in its own way", () => {
    const table = createMemoryTable(64);
    const session = sampleSession(1, { side: [hostSide(1), hostSide(1)] });
    expect(table.apply([{ kind: "install", session }])).toEqual([{ ok: false, why: "exists", other: { index: 0xffffffff, uuid: session.uuid }, side: 0 }]);
    expect(table.gauges(limits).slotsUsed).toBe(0);
    table.close();
  });

  test("a NAT search takes the first free port, cyclic, and fails when none is left", () => {
    const table = createMemoryTable(64);
    const remote = { remotePort: 53, proto: 17 };
    const install = (n: number): OpResult[] => table.apply([
      { kind: "install", session: sampleSession(n, { side: [hostSide(n), peerSide(1, remote)] }), natSearch: { first: 65533, count: 3, start: 65534 } },
    ]);
    expect([1, 2, 3].map((n) => installed(install(n)).localPort)).toEqual([65534, 65535, 65533]);
    expect(table.find(keyOf(peerSide(1, { ...remote, localPort: 65533 })))?.state.side[1].localPort).toBe(65533);
    expect(install(4)).toMatchObject([{ ok: false, why: "exists", side: 1 }]);
    table.close();
  });

  test("N-1 a NAT search that found nothing is not repeated whole for a second: a few ports are tried, then all again", async () => {
    const table = createMemoryTable(256);
    const install = (n: number, start: number): OpResult[] => table.apply([
      { kind: "install", session: sampleSession(n, { flags: 0, side: [hostSide(n), peerSide(1, { remotePort: 53, proto: 17, path: 0 })] }), natSearch: { first: 20_000, count: 100, start } },
    ]);
    const held = Array.from({ length: 100 }, (_, n) => installed(install(n, 20_000)));
    const refused = { ok: false, why: "exists", side: 1 };
    expect(install(100, 20_000)).toMatchObject([refused]);
    table.apply([{ kind: "end", ref: { index: held[50]!.index, uuid: sampleUuid(50) }, reason: 101, now: true }]);
    expect(install(101, 20_000)).toMatchObject([refused]);
    expect(installed(install(102, 20_040)).localPort).toBe(20_050);
    table.apply([{ kind: "end", ref: { index: held[80]!.index, uuid: sampleUuid(80) }, reason: 101, now: true }]);
    expect(install(103, 20_000)).toMatchObject([refused]);
    const { localPort } = await waitFor("a whole search", () => install(103, 20_000).find((one) => one.ok));
    expect(localPort).toBe(20_080);
    table.close();
  });

  test("a full table refuses, a limit of live sessions too", () => {
    const table = createMemoryTable(5), limited = createMemoryTable(64, 2);
    const all = [1, 2, 3, 4, 5, 6].map((n) => ({ kind: "install" as const, session: sampleSession(n) }));
    expect(table.apply(all).map((r) => (r.ok ? "ok" : r.why))).toEqual(["ok", "ok", "ok", "ok", "ok", "full"]);
    expect(limited.apply(all.slice(0, 3)).map((r) => (r.ok ? "ok" : r.why))).toEqual(["ok", "ok", "full"]);
    expect(table.find(keyOf(sampleSession(6).side[0]))).toBeUndefined();
    table.close();
    limited.close();
  });

  test("patch changes flags, fields, handshake and adds counts; the rest stays", () => {
    const table = createMemoryTable(64);
    const session = sampleSession(1);
    const { index } = installed(table.apply([{ kind: "install", session }]));
    const ref = { index, uuid: session.uuid };
    const handshake = { forwardRepeats: 9, reverseRepeats: 8, modifyOut: 7, modifyIn: 6, modifyFlags: 5, haveReverse: 0, control3Ms: 4, reverseService: 3, egressRouter: 2 };
    const fields = { tcpState: 3, sinceMs: 100, seenMs: [101, 102] as [number, number], nextSeq: [103, 104] as [number, number], lastAck: [105, 106] as [number, number], idleMs: 107, service: 108, tenant: 109, answer: session.context.source };
    const results = table.apply([
      { kind: "patch", ref, clearFlags: Flag.strict, setFlags: Flag.fwdMeta | Flag.revMeta, handshake, fields, addPackets: [1, 2], addBytes: [3, 2 ** 33] },
      { kind: "patch", ref, clearFlags: 0, setFlags: 0, fields: { setupMs: 110 } },
      { kind: "patch", ref, clearFlags: 0, setFlags: 0, fields: { setupMs: 111 } },
    ]);
    expect(results.map((r) => r.ok)).toEqual([true, true, true]);
    expect(table.findUuid(session.uuid)?.state).toEqual({
      ...stored(session), ...fields, tcpState: 3, handshake, flags: Flag.fwdMeta | Flag.revMeta | 0x10000, setupMs: 110,
      packets: [19n, 21n], bytes: [2n ** 40n + 3n, 21n + 2n ** 33n],
    });
    table.close();
  });

  test("a reference to another uuid, a free slot or no slot is gone", () => {
    const table = createMemoryTable(64);
    const session = sampleSession(1);
    const { index } = installed(table.apply([{ kind: "install", session }]));
    const refs = [{ index, uuid: sampleUuid(2) }, { index: index + 1, uuid: session.uuid }, { index: 64, uuid: session.uuid }, { index: 0xffffffff, uuid: session.uuid }];
    for (const ref of refs) {
      expect(table.apply([
        { kind: "patch", ref, clearFlags: 0, setFlags: 1 }, { kind: "replaceSide", ref, side: 0, to: hostSide(9) }, { kind: "end", ref, reason: 101, now: true },
      ])).toEqual(Array(3).fill({ ok: false, why: "gone" }));
    }
    expect(table.findUuid(session.uuid)?.state).toEqual(stored(session));
    table.close();
  });

  test("3.8 half-open connections are counted from their SYN until the handshake, a reset or the end", () => {
    const table = createMemoryTable(64);
    const load = (): number[] => [table.load().live, table.load().halfOpen, table.gauges(limits).halfOpen];
    const open = (n: number, tcpState: TcpState): { index: number; uuid: Uint8Array } => {
      const session = sampleSession(n, { tcpState });
      return { index: installed(table.apply([{ kind: "install", session }])).index, uuid: session.uuid };
    };
    const [a, b] = [open(1, TcpState.synSent), open(2, TcpState.synRcvd), open(3, TcpState.established), open(4, TcpState.none)];
    expect(load()).toEqual([4, 2, 2]);
    const patch = (ref: { index: number; uuid: Uint8Array }, tcpState: TcpState): void => void table.apply([{ kind: "patch", ref, clearFlags: 0, setFlags: 0, fields: { tcpState } }]);
    patch(a, TcpState.synRcvd);
    expect(load()).toEqual([4, 2, 2]);
    patch(a, TcpState.established);
    expect(load()).toEqual([4, 1, 1]);
    table.apply([{ kind: "end", ref: b, reason: 97, now: false }, { kind: "end", ref: b, reason: 97, now: true }]);
    expect(load()).toEqual([3, 0, 0]);
    patch(b, TcpState.synSent); // in guard: over
    expect(load()).toEqual([3, 0, 0]);
    table.close();
  });

  test("a replaced side is found by its new key only; one that another session holds is refused", () => {
    const table = createMemoryTable(64);
    const [a, b] = [sampleSession(1), sampleSession(2)];
    const { index } = installed(table.apply([{ kind: "install", session: a }]));
    const other = installed(table.apply([{ kind: "install", session: b }]));
    const ref = { index, uuid: a.uuid }, moved = peerSide(77, { path: 3, nexthop: 9 });
    expect(table.apply([{ kind: "replaceSide", ref, side: 1, to: b.side[1] }])).toEqual([{ ok: false, why: "exists", other: { index: other.index, uuid: b.uuid }, side: 1 }]);
    expect(table.apply([{ kind: "replaceSide", ref, side: 1, to: moved }])).toEqual([{ ok: true, index, localPort: moved.localPort }]);
    expect(table.find(keyOf(a.side[1]))).toBeUndefined();
    expect(table.find(keyOf(moved))).toMatchObject({ index, side: 1, state: { side: [a.side[0], moved] } });
    expect(table.apply([{ kind: "replaceSide", ref, side: 1, to: { ...moved, nexthop: 10 } }])).toMatchObject([{ ok: true }]);
    expect(table.find(keyOf(moved))?.state.side[1].nexthop).toBe(10);
    table.close();
  });

  test("end: guard keeps the keys, now frees them; ports toward a peer and NAT ports rest", () => {
    const table = createMemoryTable(64);
    const local = { side: [hostSide(3), hostSide(4, { ifnum: 5 })] as [SessionSide, SessionSide] };
    const nat = { side: [hostSide(5), hostSide(6, { ifnum: 5 })] as [SessionSide, SessionSide], flags: Flag.snat };
    const all = [sampleSession(1), sampleSession(2), sampleSession(3, local), sampleSession(4, nat)];
    const refs = all.map((session) => ({ index: installed(table.apply([{ kind: "install", session }])).index, uuid: session.uuid }));
    const ended = table.apply(refs.map((ref, i) => ({ kind: "end" as const, ref, reason: 100 + i, now: i > 0 })));
    expect(ended.every((r) => r.ok)).toBe(true);
    expect(all.map((s) => [s.side[0], s.side[1]].map((side) => table.find(keyOf(side)) !== undefined))).toEqual([[true, true], [false, true], [false, false], [false, true]]);
    expect(all.map((s) => table.findUuid(s.uuid) !== undefined)).toEqual([true, false, false, false]);
    const states = table.scan(LIVES, 0, 64).sessions.map((s) => s.state);
    expect(states.map((s) => [s.life, s.endReason, s.flags & Flag.delete])).toEqual([[Life.guard, 100, 0], [Life.guard, 101, Flag.delete], [Life.guard, 102, Flag.delete], [Life.guard, 103, Flag.delete]]);
    expect(table.gauges(limits)).toMatchObject({ live: 0, slotsUsed: 4 });
    expect(table.apply([{ kind: "install", session: sampleSession(9, { side: [all[2]?.side[0] ?? hostSide(0), all[2]?.side[1] ?? hostSide(0)] }) }])).toMatchObject([{ ok: true }]);
    table.close();
  });

  test("a second end keeps the first reason", () => {
    const table = createMemoryTable(64);
    const session = sampleSession(1);
    const ref = { index: installed(table.apply([{ kind: "install", session }])).index, uuid: session.uuid };
    table.apply([{ kind: "end", ref, reason: 100, now: false }, { kind: "end", ref, reason: 101, now: false }]);
    expect(table.findUuid(session.uuid)?.state.endReason).toBe(100);
    expect(table.gauges(limits).live).toBe(0);
    table.close();
  });

  test("scan gives every session once, in pages, and says when it is done", () => {
    const table = createMemoryTable(1000);
    table.apply(Array.from({ length: 700 }, (_, n) => ({ kind: "install" as const, session: sampleSession(n) })));
    const seen: number[] = [];
    let cursor: number | undefined = 0;
    for (let page = 0; page < 100 && cursor !== undefined; page++) {
      const part = table.scan(LIVES, cursor, 33);
      expect(part.sessions.length).toBeLessThanOrEqual(33);
      seen.push(...part.sessions.map((s) => readU32(s.state.uuid, 12)));
      cursor = part.next;
    }
    expect(cursor).toBeUndefined();
    expect(seen.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 700 }, (_, n) => n));
    expect(table.scan(1 << Life.quarantine, 0, 10)).toEqual({ sessions: [] });
    table.close();
  });
});
