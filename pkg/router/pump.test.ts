// The record pump over a data plane that hands out given records and a sink that can refuse or hang.
import type { SessionRecord } from "../api/record.ts";
import type { DatapathRecord } from "../ports/datapath.ts";
import { peerSide, sampleSession } from "../../test/ports/sessions.ts";
import type { PairUse } from "./ports.ts";
import { createRecordPump } from "./pump.ts";
import type { RecordPump } from "./pump.ts";

interface World {
  pump: RecordPump;
  written: SessionRecord[][];
  logs: string[];
  released: PairUse[];
  /** what the data plane has to say at the next run */
  records: DatapathRecord[];
  ringLost: number;
  /** what a write does; it resolves without */
  sink: (() => Promise<void>) | undefined;
}

function makeWorld(): World {
  const logs: string[] = [];
  const log = (level: string) => (_fields: object, message: string): void => { logs.push(`${level} ${message}`); };
  const world: Omit<World, "pump"> = { written: [], logs, released: [], records: [], ringLost: 0, sink: undefined };
  const sink = {
    async write(records: readonly SessionRecord[]) {
      await world.sink?.();
      world.written.push([...records]);
    },
    close: () => Promise.resolve(),
  };
  const datapath = {
    records: (max: number) => world.records.splice(0, max),
    takeRecordsLost() {
      const lost = world.ringLost;
      world.ringLost = 0;
      return lost;
    },
    nameOf: (id: number) => `tenant/name-${id}`,
  };
  const options = { name: "branch", boot: "b1", clock: { monotonicMs: () => 5_000, unixMs: () => 1_767_225_605_000 }, sink, log: { info: log("info"), warn: log("warn"), error: log("error") } };
  return Object.assign(world, { pump: createRecordPump(options, datapath, (uses) => world.released.push(...uses)) });
}

const start = (n: number): DatapathRecord => ({ type: "start", timeMs: 4_000 + n, index: n, session: sampleSession(n) });
const release = (n: number, path: number): DatapathRecord => ({ type: "release", timeMs: 4_000, index: n, session: sampleSession(n, { side: [peerSide(n), peerSide(n, { path })] }) });
const refuse = (): Promise<void> => Promise.reject(new Error("disk full"));
const lines = (world: World): string[] => world.written.flat().map((one) => `${one.sequence} ${one.recordType}${one.lost === undefined ? "" : ` ${one.lost}`}`);

test("records of the data plane and denials reach the sink in sequence", async () => {
  const world = makeWorld();
  world.records = [start(1), start(2)];
  world.pump.run();
  world.pump.denials([{ reason: "access", tenant: "corp", source: sampleSession(1).context.source, destination: sampleSession(1).context.destination, sourcePort: 1, destinationPort: 2, proto: 6, ifnum: 1, vlan: 0 }]);
  await world.pump.flush();
  expect(lines(world)).toEqual(["0 start", "1 start", "2 deny"]);
  expect(world.pump.totals()).toEqual({ created: 3, lost: 0, waiting: 0 });
});

test("released waypoint pairs go to the shards and are no records; host sides hold none", () => {
  const world = makeWorld();
  world.records = [release(3, 9), release(4, 0)];
  world.pump.run();
  const { localPort, remotePort } = peerSide(3);
  expect(world.released).toEqual([{ path: 9, local: localPort, remote: remotePort }]);
  expect(world.pump.totals().created).toBe(0);
});

test("records that the ring lost are declared once", async () => {
  const world = makeWorld();
  world.ringLost = 40;
  world.pump.run();
  world.pump.run();
  await world.pump.flush();
  expect(lines(world)).toEqual(["0 loss 40"]);
  expect(world.pump.totals()).toEqual({ created: 41, lost: 40, waiting: 0 });
});

test("a refusing sink is tried again, said once, and nothing is lost when it recovers", async () => {
  const world = makeWorld();
  world.sink = refuse;
  for (const n of [1, 2, 3]) {
    world.records = [start(n)];
    world.pump.run();
    await world.pump.flush();
  }
  expect(world.logs.filter((line) => line.includes("refuses records;"))).toHaveLength(1);
  expect(world.pump.totals()).toEqual({ created: 3, lost: 0, waiting: 3 });
  world.sink = undefined;
  world.pump.run();
  await world.pump.flush();
  expect(lines(world)).toEqual(["0 start", "1 start", "2 start"]);
  expect(world.logs.at(-1)).toBe("info the sink takes records again");
});

test("a sink that hangs is asked once, and the rest waits", async () => {
  const world = makeWorld();
  let asked = 0;
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => { open = resolve; });
  world.sink = () => { asked++; return gate; };
  for (const n of [1, 2, 3]) {
    world.records = [start(n)];
    world.pump.run();
  }
  await Promise.resolve();
  expect(asked).toBe(1);
  open();
  await world.pump.flush();
  expect(lines(world)).toEqual(["0 start", "1 start", "2 start"]);
});

test("records that a stopping router cannot deliver are counted in its log", async () => {
  const world = makeWorld();
  world.sink = refuse;
  world.records = [start(1)];
  world.pump.run();
  await world.pump.flush();
  expect(world.logs.at(-1)).toBe("error records lost: the sink refuses them and the router stops");
});

test("interfaces are named by the configuration that is followed, else by number", () => {
  const { pump } = makeWorld();
  expect(pump.source.interfaceName(7)).toBe("interface-7");
  pump.follow({ interfaces: [{ name: "wan0", ifnum: 7 }] } as Parameters<RecordPump["follow"]>[0]);
  expect(pump.source.interfaceName(7)).toBe("wan0");
});
