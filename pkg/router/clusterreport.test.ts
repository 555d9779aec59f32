// Facts in the status of a Router: at once on change, else every 30 s.
import { MemoryKube } from "../../test/support/kube/memory.ts";
import { routerResource } from "./clusterhead.ts";
import { createClusterReport } from "./clusterreport.ts";

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const flush = async (): Promise<void> => { for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate); };

test("a change of peers is written at once, sessions after 30 s; a Router that is not there is no trouble", async () => {
  const kube = new MemoryKube();
  let nowMs = 0;
  const report = createClusterReport({
    name: "edge", fixed: { version: "0.1.0", tier: "TC", boot: "b1" }, kube, clock: { monotonicMs: () => nowMs, unixMs: () => 1_767_225_600_000 + nowMs }, log: quiet, random: () => 0.5,
    after: () => { throw new Error("nothing is tried again"); },
  });
  report.tell({ sessions: 1, peers: { up: 0, all: 3 } });
  await flush();
  await kube.apply(routerResource, { apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "edge" }, spec: {} }, { manager: "svrctl" });
  const said = async (): Promise<unknown> => { await flush(); return (await kube.get(routerResource, { name: "edge" }))?.["status"]; };
  nowMs = 1_000;
  report.tell({ sessions: 2, peers: { up: 2, all: 3 } });
  expect(await said()).toEqual({ version: "0.1.0", tier: "TC", boot: "b1", sessions: 2, peers: { up: 2, all: 3 }, peersUp: "2/3", time: "2026-01-01T00:00:01.000Z" });
  nowMs = 30_999;
  report.tell({ sessions: 5, peers: { up: 2, all: 3 } });
  expect(await said()).toMatchObject({ sessions: 2 });
  nowMs = 31_000;
  report.tell({ sessions: 6, peers: { up: 2, all: 3 } });
  expect(await said()).toMatchObject({ sessions: 6, time: "2026-01-01T00:00:31.000Z" });
  report.stop();
});
