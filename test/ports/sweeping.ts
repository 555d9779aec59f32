// The part of the conformance suite about time: sessions age, records tell of it, pairs rest. Called by datapathsuite.ts.
import { reasonNumber } from "../../pkg/svr/reasons.ts";
import { TcpState } from "../../pkg/svr/session.ts";
import { toHex } from "../../pkg/base/bytes.ts";
import type { DatapathRecord } from "../../pkg/ports/datapath.ts";
import type { FlowKind } from "../support/flows.ts";
import type { OpenWorld } from "./datapathsuite.ts";
import { keyOf } from "./sessions.ts";
import { freshSession, install } from "./world.ts";
import type { PortWorld } from "./world.ts";

const toPeer: FlowKind = { family: 4, proto: "udp", role: "ingress" };
const tcp: FlowKind = { family: 6, proto: "tcp", role: "ingress" };
/** No way back to a pair of ours: nothing rests. */
const plain = { flags: 0 };
const single: FlowKind = { family: 4, proto: "udp", role: "single" };

/** Records until `count` of a type are there. */
async function recordsUntil(world: PortWorld, type: DatapathRecord["type"], count: number): Promise<DatapathRecord[]> {
  const all: DatapathRecord[] = [];
  await world.until(`${count} records of type ${type}`, () => {
    all.push(...world.datapath.records(100));
    return all.filter((record) => record.type === type).length >= count;
  });
  return all;
}

async function withTimers(open: OpenWorld, change: Partial<PortWorld["config"]["timers"]>): Promise<PortWorld> {
  const world = await open();
  world.datapath.program({ ...world.config, timers: { ...world.config.timers, guardMs: 100, quarantineMs: 200, interimMs: 0, ...change } });
  return world;
}

/** sweeperTests declares them. */
export function sweeperTests(open: OpenWorld): void {
  describe("time", () => {
    test("an idle session ends, guards, rests and is gone; each step has its record", async () => {
      const world = await withTimers(open, {});
      const session = freshSession(world, toPeer, 3, { idleMs: 300 });
      const { index } = install(world, session);
      const records = await recordsUntil(world, "end", 1);
      expect(records.map((record) => [record.type, record.index, toHex(record.session.uuid)])).toEqual(["start", "end"].map((type) => [type, index, toHex(session.uuid)]));
      expect(records.at(-1)?.session.endReason).toBe(reasonNumber("timeout"));
      await world.until("it rests", () => world.datapath.resting(0, 10).sessions.length === 1);
      expect(world.datapath.gauges()).toMatchObject({ live: 0, quarantined: 1, slotsUsed: 1 });
      expect(world.shard(0).find(keyOf(session.side[0]))).toBeUndefined();
      expect(world.shard(0).apply([{ kind: "install", session: freshSession(world, toPeer, 3) }])).toMatchObject([{ ok: false, why: "exists", side: 1 }]);
      expect(await recordsUntil(world, "release", 1)).toMatchObject([{ type: "release", index, session: { uuid: session.uuid } }]);
      expect([world.datapath.gauges().slotsUsed, world.datapath.takeRecordsLost()]).toEqual([0, 0]);
      install(world, freshSession(world, toPeer, 3));
    });

    test("a session between hosts without NAT does not rest", async () => {
      const world = await withTimers(open, {});
      install(world, freshSession(world, single, 3, { idleMs: 200, ...plain }));
      await recordsUntil(world, "end", 1);
      await world.until("the slot is free", () => world.datapath.gauges().slotsUsed === 0);
      expect(world.datapath.records(10)).toEqual([]);
    });

    test.each([["synSent", TcpState.synSent, "half-open-timeout"], ["closing", TcpState.closing, "fin"], ["reset", TcpState.reset, "rst"]] as const)(
      "a TCP session in %s ends by its timer", async (_name, tcpState, reason) => {
        const world = await withTimers(open, { synSentMs: 200, closingMs: 200, resetMs: 200 });
        install(world, freshSession(world, tcp, 3, { tcpState }));
        const [start, end] = await recordsUntil(world, "end", 1);
        expect([start?.type, end?.session.endReason]).toEqual(["start", reasonNumber(reason)]);
      },
    );

    test("interim records come in their interval while a session lives", async () => {
      const world = await withTimers(open, { interimMs: 200 });
      install(world, freshSession(world, toPeer, 3));
      const records = await recordsUntil(world, "interim", 2);
      expect(records.map((record) => record.type)).toEqual(["start", "interim", "interim"]);
      expect(records[2]!.timeMs - records[1]!.timeMs).toBeGreaterThanOrEqual(200);
    });

    test("a session that the router ended tells its reason", async () => {
      const world = await withTimers(open, {});
      const ref = install(world, freshSession(world, toPeer, 3));
      world.shard(0).apply([{ kind: "end", ref, reason: reasonNumber("admin"), now: true }]);
      const records = await recordsUntil(world, "release", 1);
      expect(records.map((record) => [record.type, record.session.endReason])).toEqual(["start", "end", "release"].map((type) => [type, reasonNumber("admin")]));
    });
  });
}
