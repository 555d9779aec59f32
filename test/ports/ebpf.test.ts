// The eBPF data plane passes the conformance suite with real packets on real devices, in namespaces of its own.
import { describeNet } from "../support/probe.ts";
import { runDatapathSuite } from "./datapathsuite.ts";
import { openEbpfWorld, openWires } from "./ebpfworld.ts";
import type { Wires } from "./ebpfworld.ts";

describeNet("between wires", () => {
  let wires: Wires;
  beforeAll(async () => { wires = await openWires(); }, 30_000);
  afterAll(async () => { await wires.close(); }, 30_000);
  runDatapathSuite("eBPF", (options) => openEbpfWorld(wires, options));
});
