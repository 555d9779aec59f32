// Facts in the status of a Router: at once when peers answer or cease to, else every 30 s or a little less; sessions and denials once in between.
import { MemoryKube } from "../../test/support/kube/memory.ts";
import type { Busiest } from "./census.ts";
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
  report.tell({ sessions: 1, peers: { up: 0, all: 3 }, silentPeers: ["c"] });
  await flush();
  await kube.apply(routerResource, { apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "edge" }, spec: {} }, { manager: "svrctl" });
  const said = async (): Promise<unknown> => { await flush(); return (await kube.get(routerResource, { name: "edge" }))?.["status"]; };
  nowMs = 1_000;
  report.tell({ sessions: 2, peers: { up: 2, all: 3 }, silentPeers: ["c"] });
  expect(await said()).toEqual({ version: "0.1.0", tier: "TC", boot: "b1", sessions: 2, peers: { up: 2, all: 3 }, peersUp: "2/3", silentPeers: ["c"], time: "2026-01-01T00:00:01.000Z" });
  nowMs = 28_499;
  report.tell({ sessions: 5, peers: { up: 2, all: 3 }, silentPeers: ["c"] });
  expect(await said()).toMatchObject({ sessions: 2 });
  nowMs = 28_500; // 27.5 s later
  report.tell({ sessions: 6, peers: { up: 2, all: 3 }, silentPeers: ["c"] });
  expect(await said()).toMatchObject({ sessions: 6, time: "2026-01-01T00:00:28.500Z" });
  const busiest = (sessions: number, denied = 0): Busiest => ({ services: [{ name: "d/s", sessions, entered: sessions, denied }], routes: [], tenants: [] });
  const tell = async (ms: number, of: Busiest): Promise<unknown> => {
    nowMs += ms;
    report.tell({ sessions: 6, peers: { up: 2, all: 3 }, silentPeers: ["c"], busiest: of });
    const { services = [] } = await said() as { services?: { sessions: number; denied: number }[] };
    return services.map(({ sessions, denied }) => [sessions, denied]);
  };
  expect(await tell(1_000, busiest(1))).toEqual([[1, 0]]); // news
  expect(await tell(1_000, busiest(0, 1))).toEqual([[1, 0]]); // once is enough
  expect(await tell(1_000, busiest(5))).toEqual([[1, 0]]);
  expect(await tell(25_500, busiest(5))).toEqual([[5, 0]]); // its time
  expect(await tell(2_500, busiest(5, 1))).toEqual([[5, 1]]); // news again, 30 s after the last
  await report.stop();
});
