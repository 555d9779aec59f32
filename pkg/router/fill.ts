// How full each bounded thing of the router is, with the alarm of behaviour 3.8: raised at 85 %, cleared at 80 %. Read by the admin
// API; looked at every second by the app, which says in the log when an alarm comes and goes.
import type { TableView } from "../api/view.ts";
import type { RouterConfig } from "../plan/config.ts";
import { tenantLine } from "../plan/entries.ts";
import type { Datapath } from "../ports/datapath.ts";
import type { Log } from "../ports/log.ts";
import type { Captures } from "./captures.ts";
import type { Counters } from "./counters.ts";
import { nameKey } from "./names.ts";
import type { PathMtus } from "./pathmtus.ts";
import { MAX_QUEUED } from "./pump.ts";
import type { RecordPump } from "./pump.ts";

const RAISED_AT = 0.85, CLEARED_AT = 0.8;

/** Fill tells how full things are, and remembers which alarms are raised. */
export interface Fill {
  tables(): TableView[];
}

/** FillParts is what the numbers are read from. */
export interface FillParts {
  datapath: Pick<Datapath, "gauges" | "fill" | "usage" | "nameId" | "names">;
  counters: Pick<Counters, "pool" | "held">;
  captures: Pick<Captures, "held">;
  mtus: Pick<PathMtus, "held">;
  pump: Pick<RecordPump, "totals">;
  config(): RouterConfig;
  log: Log;
}

type Row = Omit<TableView, "alarm">;

/** createFill starts with no alarm; a thing without a limit has none. */
export function createFill(parts: FillParts): Fill {
  const raised = new Set<string>();
  return {
    tables: () => rowsOf(parts).map((row) => {
      const before = raised.has(row.name);
      const alarm = row.limit > 0 && row.entries >= row.limit * (before ? CLEARED_AT : RAISED_AT);
      if (alarm) raised.add(row.name);
      else raised.delete(row.name);
      if (alarm && !before) parts.log.warn({ table: row.name, entries: row.entries, limit: row.limit }, "table alarm raised: at 100 % what is new is refused");
      if (!alarm && before) parts.log.info({ table: row.name, entries: row.entries, limit: row.limit }, "table alarm cleared");
      return { ...row, alarm };
    }),
  };
}

function rowsOf(parts: FillParts): Row[] {
  const gauges = parts.datapath.gauges();
  const config = parts.config();
  const { limits, paths } = config;
  const names = parts.datapath.names();
  return [
    { name: "sessions", entries: gauges.live, limit: limits.sessions }, { name: "half-open sessions", entries: gauges.halfOpen, limit: limits.halfOpen },
    { name: "session slots", entries: gauges.slotsUsed, limit: gauges.sessionLimit }, { name: "flow index", entries: gauges.flowEntries, limit: gauges.flowLimit },
    { name: "quarantine", entries: gauges.quarantined, limit: gauges.sessionLimit }, { name: "names", entries: names.used, limit: names.limit },
    { name: "records waiting", entries: parts.pump.totals().waiting, limit: MAX_QUEUED }, ...parts.captures.held(), ...parts.counters.held(), ...parts.mtus.held(),
    ...parts.datapath.fill(),
    ...budgetRows(parts, config),
    ...paths.map((path) => {
      const pool = parts.counters.pool(parts.datapath.nameId(nameKey("path", path.key)));
      return { name: `waypoints ${path.key}`, entries: pool.used, limit: pool.size };
    }),
  ];
}

/** Tenants, with their children, and routes that have a limit. */
function budgetRows({ datapath }: FillParts, { tenants, routes }: RouterConfig): Row[] {
  const used = (kind: "tenant" | "route", name: string): number => datapath.usage(datapath.nameId(nameKey(kind, name))).live;
  const withChildren = (name: string): number => tenants.reduce((sum, one) => sum + (tenantLine(one.name).includes(name) ? used("tenant", one.name) : 0), 0);
  const limited = new Map(routes.filter((route) => route.maxSessions > 0).map((route) => [route.route, route.maxSessions]));
  return [
    ...tenants.filter((tenant) => tenant.maxSessions > 0).map(({ name, maxSessions }) => ({ name: `tenant ${name}`, entries: withChildren(name), limit: maxSessions })),
    ...[...limited].map(([name, limit]) => ({ name: `route ${name}`, entries: used("route", name), limit })),
  ];
}
