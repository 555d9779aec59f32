// The conformance suite of the data plane: one text, run on the model and on eBPF with real packets. What passes here is what the
// router may rely on. Called by model.test.ts and ebpf.test.ts; a skip needs a reason in its arguments.
import { toHex } from "../../pkg/base/bytes.ts";
import { Flag, Life, Protect } from "../../pkg/svr/session.ts";
import type { Session, SideIndex } from "../../pkg/svr/session.ts";
import type { OpResult, TableLook } from "../../pkg/ports/datapath.ts";
import { flowKinds } from "../support/flows.ts";
import type { FlowKind } from "../support/flows.ts";
import { capturingTests } from "./capturing.ts";
import { forwardingTests } from "./forwarding.ts";
import { programTests } from "./programming.ts";
import { sweeperTests } from "./sweeping.ts";
import { filteringTests } from "./filtering.ts";
import { siftingTests } from "./sifting.ts";
import { usageTests } from "./usage.ts";
import { keyOf } from "./sessions.ts";
import { freshSession, install, installed, settled } from "./world.ts";
import type { PortWorld, WorldOptions } from "./world.ts";

/** OpenWorld makes a world of its own for a test. */
export type OpenWorld = (options?: WorldOptions) => Promise<PortWorld>;

const tcp: FlowKind = { family: 4, proto: "tcp", role: "ingress" };
const egress: FlowKind = { family: 6, proto: "udp", role: "egress" };

function other(side: SideIndex): SideIndex {
  return side === 0 ? 1 : 0;
}

/** runDatapathSuite declares the suite for one implementation. */
export function runDatapathSuite(name: string, open: OpenWorld): void {
  describe(name, () => {
    let world: PortWorld | undefined;
    const opened: OpenWorld = async (options) => (world = await open(options));
    afterEach(async () => {
      await world?.close();
      world = undefined;
    });
    findingTests(opened);
    limitTests(opened);
    usageTests(opened);
    filteringTests(opened);
    siftingTests(opened);
    changeTests(opened);
    endTests(opened);
    nameTests(opened);
    forwardingTests(opened);
    capturingTests(opened);
    programTests(opened);
    sweeperTests(opened);
  });
}

function findingTests(open: OpenWorld): void {
  describe("sessions are found", () => {
    test("an installed session is found by both keys, its uuid and in the list, every field as given", async () => {
      const world = await open();
      const session = freshSession(world, tcp, 7);
      const { index } = install(world, session);
      const port = world.shard(1);
      for (const side of [0, 1] as const) {
        const found = port.find(keyOf(session.side[side]));
        expect([found?.index, found?.side, settled(found?.state)]).toEqual([index, side, session]);
        expect(port.find({ ...keyOf(session.side[side]), vlan: 99 })).toBeUndefined();
        expect(port.find(keyOf(session.side[other(side)]))?.side).toBe(other(side));
      }
      expect(settled(port.findUuid(session.uuid)?.state)).toEqual(session);
      expect(port.findUuid(new Uint8Array(16))).toBeUndefined();
      const listed = world.datapath.sessions(0, 10);
      expect([listed.next, listed.sessions.map((one) => [one.index, settled(one.state)])]).toEqual([undefined, [[index, session]]]);
      expect(world.datapath.gauges()).toMatchObject({ slotsUsed: 1, live: 1, highWater: 1, quarantined: 0, sessionLimit: 64 });
    });

    test("a held key refuses the whole install and names the holder", async () => {
      const world = await open();
      const first = freshSession(world, tcp, 1), second = freshSession(world, tcp, 2);
      const ref = install(world, first);
      const results = world.shard(1).apply([
        { kind: "install", session: { ...second, side: [second.side[0], first.side[1]] } }, { kind: "install", session: { ...second, side: [first.side[0], second.side[1]] } },
        { kind: "install", session: { ...second, uuid: first.uuid } },
      ]);
      expect(results).toEqual([1, 0, 0].map((side) => ({ ok: false, why: "exists", other: ref, side })));
      expect([world.datapath.gauges().slotsUsed, world.shard(0).find(keyOf(second.side[1]))]).toEqual([1, undefined]);
    });

    test("N-1 a NAT search takes the first free port, cyclic, and fails when none is left", async () => {
      const world = await open();
      const search = (n: number): OpResult[] => {
        const session = freshSession(world, egress, n);
        const nat = { ...freshSession(world, egress, 1).side[1] };
        return world.shard(0).apply([{ kind: "install", session: { ...session, side: [session.side[0], nat] }, natSearch: { first: 65533, count: 3, start: 65534 } }]);
      };
      expect([1, 2, 3].map((n) => search(n).map((result) => (result.ok ? result.localPort : result.why)))).toEqual([[65534], [65535], [65533]]);
      expect(search(4)).toMatchObject([{ ok: false, why: "exists", side: 1 }]);
    });
  });
}

function limitTests(open: OpenWorld): void {
  describe("limits of sessions", () => {
    test("a full table refuses, a limit of live sessions too, and what stands keeps standing", async () => {
      const full = async (options: WorldOptions): Promise<string[]> => {
        const world = await open(options);
        const all = [1, 2, 3, 4, 5, 6].map((n) => ({ kind: "install" as const, session: freshSession(world, tcp, n) }));
        const results = world.shard(0).apply(all).map((result) => (result.ok ? "ok" : result.why));
        expect(world.shard(1).find(keyOf(freshSession(world, tcp, 1).side[0]))?.side).toBe(0);
        return results;
      };
      expect(await full({ sessions: 5 })).toEqual(["ok", "ok", "ok", "ok", "ok", "full"]);
    });

    test("a limit of live sessions refuses one more", async () => {
      const world = await open({ sessions: 64, liveLimit: 2 });
      const results = world.shard(0).apply([1, 2, 3].map((n) => ({ kind: "install" as const, session: freshSession(world, tcp, n) })));
      expect(results.map((result) => (result.ok ? "ok" : result.why))).toEqual(["ok", "ok", "full"]);
    });
  });
}

function changeTests(open: OpenWorld): void {
  describe("sessions change", () => {
    test("patch changes flags, fields, handshake and adds counts; the rest stays", async () => {
      const world = await open();
      const session = freshSession(world, tcp, 1, { flags: Flag.strict });
      const ref = install(world, session);
      const handshake = { forwardRepeats: 9, reverseRepeats: 8, modifyOut: 7, modifyIn: 6, modifyFlags: 5, haveReverse: 0, control3Ms: 4, reverseService: 3, egressRouter: 2 };
      const fields = {
        tcpState: 6, tcpBeforeReset: 3, sinceMs: session.sinceMs, isn: 98, retransmissions: 97, outOfOrder: 96, nextSeq: [103, 104] as [number, number],
        lastAck: [105, 106] as [number, number], idleMs: 170_000, service: 108, tenant: 109, answer: session.context.source,
      } as const;
      const results = world.shard(1).apply([
        { kind: "patch", ref, clearFlags: Flag.strict, setFlags: Flag.fwdMeta | Flag.revMeta, handshake, fields, addPackets: [1, 2], addBytes: [3, 2 ** 33] },
        { kind: "patch", ref, clearFlags: 0, setFlags: 0, fields: { setupMs: 110 } }, { kind: "patch", ref, clearFlags: 0, setFlags: 0, fields: { setupMs: 111 } },
      ]);
      expect(results).toMatchObject(Array(3).fill({ ok: true, index: ref.index }));
      const want: Session = { ...session, ...fields, handshake, flags: Flag.fwdMeta | Flag.revMeta | Flag.setup, setupMs: 110, packets: [1n, 2n], bytes: [3n, 2n ** 33n] };
      expect(settled(world.shard(0).findUuid(session.uuid)?.state)).toEqual(want);
    });

    test("what protection a session needs is installed with it and patched bit by bit, its flow label stays", async () => {
      const world = await open(), port = world.shard(0);
      const session = freshSession(world, tcp, 1, { protect: Protect.watch | Protect.openRev, flowLabel: 0xfedcb });
      const ref = install(world, session);
      const read = (): (number | undefined)[] => [port.findUuid(session.uuid)?.state.protect, port.findUuid(session.uuid)?.state.flowLabel];
      expect(read()).toEqual([Protect.watch | Protect.openRev, 0xfedcb]);
      port.apply([{ kind: "patch", ref, clearFlags: 0, setFlags: 0, clearProtect: Protect.watch, setProtect: Protect.sealFwd | Protect.bodyFwd }]);
      expect(read()).toEqual([Protect.openRev | Protect.sealFwd | Protect.bodyFwd, 0xfedcb]);
      port.apply([{ kind: "patch", ref, clearFlags: 0, setFlags: 0 }]);
      expect(read()).toEqual([Protect.openRev | Protect.sealFwd | Protect.bodyFwd, 0xfedcb]);
    });

    test("a replaced side is found by its new key only; one that another session holds is refused", async () => {
      const world = await open();
      const [a, b, c] = [freshSession(world, tcp, 1), freshSession(world, tcp, 2), freshSession(world, tcp, 3)];
      const ref = install(world, a), taken = install(world, b), port = world.shard(0);
      expect(port.apply([{ kind: "replaceSide", ref, side: 1, to: b.side[1] }])).toEqual([{ ok: false, why: "exists", other: taken, side: 1 }]);
      expect(port.apply([{ kind: "replaceSide", ref, side: 1, to: c.side[1] }])).toMatchObject([{ ok: true, index: ref.index, localPort: c.side[1].localPort }]);
      expect([port.find(keyOf(a.side[1])), port.find(keyOf(c.side[1]))?.index, port.find(keyOf(a.side[0]))?.index]).toEqual([undefined, ref.index, ref.index]);
    });
  });
}

function endTests(open: OpenWorld): void {
  describe("sessions end", () => {
    test("an ended session guards its keys, its reason stays the first; a wrong reference is gone", async () => {
      const world = await open();
      const session = freshSession(world, tcp, 1);
      const ref = install(world, session), wrong = { ...ref, uuid: new Uint8Array(16) };
      const results = world.shard(0).apply([
        { kind: "end", ref: wrong, reason: 101, now: false }, { kind: "end", ref, reason: 100, now: false }, { kind: "end", ref, reason: 101, now: false },
        { kind: "patch", ref: { ...ref, index: 63 }, clearFlags: 0, setFlags: 1 },
      ]);
      expect(results.map((result) => (result.ok ? "ok" : result.why))).toEqual(["gone", "ok", "ok", "gone"]);
      expect(world.shard(1).find(keyOf(session.side[0]))?.state).toMatchObject({ life: Life.guard, endReason: 100 });
      expect(world.datapath.gauges().live).toBe(0);
    });

    test("ended now: the keys of hosts are free at once, a port toward a peer rests", async () => {
      const world = await open();
      const session = freshSession(world, tcp, 1);
      const ref = install(world, session);
      expect(world.shard(0).apply([{ kind: "end", ref, reason: 100, now: true }])).toMatchObject([{ ok: true }]);
      const again = { ...freshSession(world, tcp, 2), side: session.side };
      expect(world.shard(0).apply([{ kind: "install", session: again }])).toMatchObject([{ ok: false, why: "exists", side: 1 }]);
      const apart = { ...again, side: [session.side[0], freshSession(world, tcp, 2).side[1]] as Session["side"] };
      installed(apart, world.shard(1).apply([{ kind: "install", session: apart }]));
    });

    test("a look over the tables finds nothing wrong, however sessions began and ended, and counts what is told", async () => {
      const world = await open();
      const refs = [1, 2, 3, 4, 5].map((n) => install(world, freshSession(world, n % 2 === 0 ? egress : tcp, n)));
      world.shard(0).apply(refs.slice(0, 4).map((ref, n) => ({ kind: "end", ref, reason: 100, now: n < 2 })));
      const looks: TableLook[] = [];
      for (let cursor: number | undefined = 0; cursor !== undefined;) {
        const look: TableLook = world.datapath.verify(cursor, 7);
        looks.push(look);
        cursor = look.next;
      }
      expect(looks.flatMap((look) => look.faults)).toEqual([]);
      const sum = (of: (look: TableLook) => number): number => looks.reduce((total, look) => total + of(look), 0);
      const { slotsUsed, live, halfOpen, quarantined } = world.datapath.gauges();
      expect({ slotsUsed: sum((look) => look.found.slotsUsed), live: sum((look) => look.found.live), halfOpen: sum((look) => look.found.halfOpen), quarantined: sum((look) => look.found.quarantined) })
        .toEqual({ slotsUsed, live, halfOpen, quarantined });
      expect([slotsUsed, live]).toEqual([5, 1]);
    });

    test("the list of sessions comes in pages, each session once", async () => {
      const world = await open();
      const uuids = flowKinds.map((kind, n) => toHex(install(world, freshSession(world, kind, n + 1)).uuid));
      const seen: string[] = [];
      let cursor: number | undefined = 0;
      for (let pages = 0; cursor !== undefined && pages < 64; pages++) {
        const page: ReturnType<PortWorld["datapath"]["sessions"]> = world.datapath.sessions(cursor, 5);
        expect(page.sessions.length).toBeLessThanOrEqual(5);
        seen.push(...page.sessions.map((one) => toHex(one.state.uuid)));
        cursor = page.next;
      }
      expect(seen.toSorted()).toEqual(uuids.toSorted());
    });
  });
}

function nameTests(open: OpenWorld): void {
  test("names have stable numbers, one for all threads; what cannot be numbered is 0", async () => {
    const world = await open();
    const names = ["tenant/blue", "service/blue", "router/größer", "x".repeat(255)];
    const ids = names.map((name) => world.datapath.nameId(name));
    expect(new Set(ids).size).toBe(names.length);
    expect(ids.every((id) => id >= 1 && id <= 65_535)).toBe(true);
    for (const port of [world.shard(0), world.shard(1), world.datapath]) {
      expect(names.map((name) => port.nameId(name))).toEqual(ids);
      expect(ids.map((id) => port.nameOf(id))).toEqual(names);
    }
    const late = world.shard(0).nameId("tenant/green");
    expect([world.shard(1).nameOf(late), world.datapath.nameId("tenant/green")]).toEqual(["tenant/green", late]);
    expect([world.datapath.nameId("x".repeat(256)), world.datapath.nameOf(0), world.datapath.nameOf(70_000)]).toEqual([0, undefined, undefined]);
  });
}
