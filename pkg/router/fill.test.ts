// The alarm of a table with numbers set by hand; that the app looks every second is shown by test/net.
import type { RouterConfig } from "../plan/config.ts";
import { createFill } from "./fill.ts";

test("L-8 the alarm of a table is raised at 85 %, cleared below 80 %, each told once", () => {
  let live = 0;
  const told: string[] = [];
  const log = (level: string) => (fields: object, text: string): void => { told.push(`${level} ${String((fields as { table: string }).table)} ${text.split(":", 1)[0] ?? ""}`); };
  const gauges = { slotsUsed: 0, halfOpen: 0, highWater: 0, quarantined: 0, recordsLost: 0, sweeps: 0, sessionLimit: 1000, flowEntries: 0, flowLimit: 1000 };
  const fill = createFill({
    datapath: { gauges: () => ({ ...gauges, live }), fill: () => [], usage: () => ({ live: 0, halfOpen: 0 }), nameId: () => 1, names: () => ({ used: 1, limit: 65_535 }) },
    counters: { pool: () => ({ used: 0, free: 0, size: 0 }), held: () => [{ name: "incomplete packets", entries: 9, limit: 32_768 }] }, captures: { held: () => [] }, mtus: { held: () => [] }, pump: { totals: () => ({ created: 8, lost: 0, waiting: 7 }) },
    config: () => ({ limits: { sessions: 100, halfOpen: 0 }, tenants: [], routes: [], paths: [] }) as unknown as RouterConfig,
    log: { info: log("info"), warn: log("warn"), error: log("error") },
  });
  const alarms = [84, 85, 100, 80, 79, 84, 85].map((count) => {
    live = count;
    return fill.tables().find((row) => row.name === "sessions")?.alarm;
  });
  expect(fill.tables().slice(-2)).toEqual([{ name: "records waiting", entries: 7, limit: 65_536, alarm: false }, { name: "incomplete packets", entries: 9, limit: 32_768, alarm: false }]);
  expect(alarms).toEqual([false, true, true, true, false, false, true]);
  expect(told).toEqual(["warn sessions table alarm raised", "info sessions table alarm cleared", "warn sessions table alarm raised"]);
});
