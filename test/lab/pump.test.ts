// The pump between data plane and sink: what waits where while the sink is slow, refuses or hangs, and that no record is lost unsaid.
// One session of a lab is what all records are of; the ring holds as many as a case wants.
import type { DatapathRecord } from "../../pkg/ports/datapath.ts";
import type { RecordBatch } from "../../pkg/ports/records.ts";
import type { PairUse } from "../../pkg/router/ports.ts";
import { createRecordPump } from "../../pkg/router/pump.ts";
import type { RecordPump } from "../../pkg/router/pump.ts";
import { recordsIn } from "../support/recordlines.ts";
import { waitFor } from "../support/wait.ts";
import { createLab } from "./lab.ts";
import { content, endsOf, everything, udpUp } from "./packets.ts";

const CAPACITY = 1024, RING = 3_000, RUNS = 20;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

interface World {
  pump: RecordPump;
  ring: DatapathRecord[];
  written: RecordBatch[];
  released: PairUse[];
  /** how the sink takes a batch from now on */
  take(): Promise<void>;
  nowMs: number;
  slotsUsed: number;
}

function makeWorld(): World {
  const lab = createLab(["east", "west"], { services: [everything], tenants: ["corp"] });
  lab.fromLeft(udpUp(endsOf(4), content(9)));
  lab.run();
  const { datapath } = lab.routers[0]!;
  const { index, state: session } = datapath.sessions(0, 1).sessions[0]!;
  const world: Omit<World, "pump"> = {
    ring: Array.from({ length: RING }, () => ({ type: "end", timeMs: 1_000, index, session })),
    written: [], released: [], take: () => Promise.resolve(), nowMs: 1_000, slotsUsed: 1,
  };
  const sink = { write: async (batches: readonly RecordBatch[]) => { await world.take(); world.written.push(...batches); }, close: () => Promise.resolve() };
  const clock = { monotonicMs: () => world.nowMs, unixMs: () => lab.unixMs() };
  const ring = { ...datapath, records: (max: number) => world.ring.splice(0, max), takeRecordsLost: () => 0, gauges: () => ({ ...datapath.gauges(), slotsUsed: world.slotsUsed, sessionLimit: 64 }) };
  return Object.assign(world, { pump: createRecordPump({ name: "east", boot: "b", clock, sink, log: quiet, capacity: CAPACITY }, ring, (uses) => { world.released.push(...uses); }) });
}

const runs = (world: World): void => { for (let n = 0; n < RUNS; n++) world.pump.run(); };
const sums = ({ pump, written }: World): { received: number; declared: number } => {
  const records = written.flatMap(recordsIn);
  expect(records.filter((one, n) => one.sequence <= (records[n - 1]?.sequence ?? -1))).toEqual([]);
  expect(pump.totals().waiting).toBe(0);
  return { received: records.filter((one) => one.recordType === "end").length, declared: records.reduce((sum, one) => sum + (one.lost ?? 0), 0) };
};

test("records wait in the data plane while a slow sink has half of what may wait, and none is lost", async () => {
  const world = makeWorld(), slow = Promise.withResolvers<void>();
  world.take = () => slow.promise;
  runs(world);
  expect([world.pump.totals(), world.ring.length]).toEqual([{ created: CAPACITY / 2, lost: 0, waiting: CAPACITY / 2 }, RING - CAPACITY / 2]);
  slow.resolve();
  await waitFor("the ring is empty", () => { world.pump.run(); return world.ring.length === 0; }, { everyMs: 1 });
  await world.pump.flush();
  expect(sums(world)).toEqual({ received: RING, declared: 0 });
});

test.each<[string, (world: World) => void]>([
  ["a sink that hangs for 5 s", (world) => { world.nowMs += 5_000; }],
  ["a table with 63 of 64 slots in use", (world) => { world.slotsUsed = 63; }],
])("%s lets the ring be read all the same: the oldest are lost, and declared", async (_what, change) => {
  const world = makeWorld(), slow = Promise.withResolvers<void>();
  world.take = () => slow.promise;
  runs(world);
  change(world);
  runs(world);
  expect(world.ring).toEqual([]);
  expect(world.pump.totals().lost).toBeGreaterThan(0);
  slow.resolve();
  await world.pump.flush();
  const { received, declared } = sums(world);
  expect({ lost: declared, all: received + declared }).toEqual({ lost: world.pump.totals().lost, all: RING });
});

test("a sink that refuses keeps no pair from coming free", async () => {
  const world = makeWorld();
  world.ring.push({ ...world.ring[0]!, type: "release" });
  world.take = () => Promise.reject(new Error("no space"));
  world.pump.run();
  await world.pump.flush(); // the refusal is known
  runs(world);
  expect([world.ring.length, world.released.length]).toEqual([0, 1]);
  world.take = () => Promise.resolve();
  await world.pump.flush();
  const { received, declared } = sums(world);
  expect(received + declared).toBe(RING);
});
