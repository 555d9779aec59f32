// The eBPF data plane passes the conformance suite with real packets on real devices, in namespaces of its own.
import { FILL_ROWS, PUNT_ROW, SOURCES_ROW } from "../../pkg/datapath/fillrows.ts";
import type { FlowKind } from "../support/flows.ts";
import { describeNet } from "../support/probe.ts";
import { runDatapathSuite } from "./datapathsuite.ts";
import { openEbpfWorld, openWires } from "./ebpfworld.ts";
import type { Wires } from "./ebpfworld.ts";
import { freshSession, install } from "./world.ts";

const udp: FlowKind = { family: 4, proto: "udp", role: "ingress" };

describeNet("between wires", () => {
  let wires: Wires;
  beforeAll(async () => { wires = await openWires(); }, 30_000);
  afterAll(async () => { await wires.close(); }, 30_000);

  test("every bounded thing is counted: maps, rings, token buckets, sources", async () => {
    const world = await openEbpfWorld(wires, { sessions: 1000 });
    try {
      const rows = (): Map<string, number> => new Map(world.datapath.fill().map(({ name, entries }) => [name, entries]));
      expect([...rows().keys()].toSorted()).toEqual([...Object.values(FILL_ROWS), `${PUNT_ROW} 0`, `${PUNT_ROW} 1`, SOURCES_ROW].toSorted());
      expect(world.datapath.fill().filter(({ limit }) => limit < 64)).toEqual([]);
      const ref = install(world, freshSession(world, udp, 1));
      install(world, freshSession(world, udp, 2));
      world.shard(0).wantCopies(ref.index, 10);
      expect([rows().get(SOURCES_ROW), rows().get(FILL_ROWS.captured)]).toEqual([2, 1]);
      await world.until("the records of the start wait", () => (rows().get(FILL_ROWS.records) ?? 0) > 0);
      await world.until("they are taken", () => world.datapath.records(100).length > 0);
      await world.until("no record waits", () => (world.datapath.records(100), rows().get(FILL_ROWS.records) === 0));
    } finally {
      await world.close();
    }
  }, 30_000);

  runDatapathSuite("eBPF", (options) => openEbpfWorld(wires, options));
});
