// Facts in the status of a Router: at once when peers answer or cease to, else every 30 s or a little less; sessions and denials once in between.
import { MemoryKube } from "../../test/support/kube/memory.ts";
import type { AlarmView } from "../api/view.ts";
import type { Busiest } from "./census.ts";
import { routerResource } from "./clusterhead.ts";
import { createClusterReport } from "./clusterreport.ts";
import type { CertificateFacts } from "./clusterreport.ts";

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };
const flush = async (): Promise<void> => { for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate); };

test("a change of peers is written at once, sessions after 30 s; a Router that is not there is no trouble", async () => {
  const kube = new MemoryKube();
  let nowMs = 0;
  const report = createClusterReport({
    name: "edge", fixed: { version: "0.1.0", tier: "TC", boot: "b1" }, kube, clock: { monotonicMs: () => nowMs, unixMs: () => 1_767_225_600_000 + nowMs }, log: quiet, random: () => 0.5,
    after: () => { throw new Error("nothing is tried again"); },
  });
  report.tell({ sessions: 1, peers: { up: 0, all: 3 }, silentPeers: ["c"], alarms: [] });
  await flush();
  await kube.apply(routerResource, { apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "edge" }, spec: {} }, { manager: "svrctl" });
  const said = async (): Promise<unknown> => { await flush(); return (await kube.get(routerResource, { name: "edge" }))?.["status"]; };
  nowMs = 1_000;
  report.tell({ sessions: 2, peers: { up: 2, all: 3 }, silentPeers: ["c"], alarms: [] });
  expect(await said()).toEqual({ version: "0.1.0", tier: "TC", boot: "b1", sessions: 2, peers: { up: 2, all: 3 }, peersUp: "2/3", silentPeers: ["c"], alarms: [], time: "2026-01-01T00:00:01.000Z" });
  nowMs = 28_499;
  report.tell({ sessions: 5, peers: { up: 2, all: 3 }, silentPeers: ["c"], alarms: [] });
  expect(await said()).toMatchObject({ sessions: 2 });
  nowMs = 28_500; // 27.5 s later
  report.tell({ sessions: 6, peers: { up: 2, all: 3 }, silentPeers: ["c"], alarms: [] });
  expect(await said()).toMatchObject({ sessions: 6, time: "2026-01-01T00:00:28.500Z" });
  const busiest = (sessions: number, denied = 0): Busiest => ({ services: [{ name: "d/s", sessions, entered: sessions, denied }], routes: [], tenants: [] });
  const tell = async (ms: number, of: Busiest): Promise<unknown> => {
    nowMs += ms;
    report.tell({ sessions: 6, peers: { up: 2, all: 3 }, silentPeers: ["c"], alarms: [], busiest: of });
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

test("another certificate is written at once, alarms once in between, and one that is gone is gone", async () => {
  const kube = new MemoryKube();
  let nowMs = 0;
  await kube.apply(routerResource, { apiVersion: "opensvr.io/v1alpha1", kind: "Router", metadata: { name: "edge" }, spec: {} }, { manager: "svrctl" });
  const report = createClusterReport({ name: "edge", fixed: { version: "0.1.0", tier: "TC", boot: "b1" }, kube, clock: { monotonicMs: () => nowMs, unixMs: () => nowMs }, log: quiet, random: () => 0.5, after: () => { throw new Error("nothing is tried again"); } });
  const certificate = (serial: string): CertificateFacts => ({ serial, authority: "CN=routers", authorityKey: "ab", notBefore: "2026-01-01T00:00:00Z", notAfter: "2026-01-31T00:00:00Z" });
  const alarm = (name: string, text = ""): AlarmView => ({ severity: "major", name, object: "Router edge", text });
  const told = async (serial: string | undefined, alarms: AlarmView[]): Promise<unknown> => {
    nowMs += 1_000;
    report.tell({ sessions: 0, peers: { up: 0, all: 0 }, silentPeers: [], ...(serial !== undefined && { certificate: certificate(serial) }), alarms });
    await flush();
    const { certificate: shown, alarms: [first] = [] } = (await kube.get(routerResource, { name: "edge" }))?.["status"] as { certificate?: CertificateFacts; alarms?: AlarmView[] };
    return [shown?.serial, first?.name, first?.text];
  };
  expect(await told(undefined, [alarm("a")])).toEqual([undefined, "a", ""]);
  expect(await told("1", [alarm("a")])).toEqual(["1", "a", ""]);
  expect(await told("2", [alarm("a", "in 6 days")])).toEqual(["2", "a", "in 6 days"]);
  expect(await told("2", [alarm("a", "in 5 days")])).toEqual(["2", "a", "in 6 days"]); // other words are no news
  expect(await told("2", [alarm("b")])).toEqual(["2", "b", ""]);
  expect(await told("2", [alarm("c")])).toEqual(["2", "b", ""]); // once is enough
  expect(await told(undefined, [])).toEqual([undefined, undefined, undefined]);
  await report.stop();
});
