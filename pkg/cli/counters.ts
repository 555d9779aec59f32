// `svrctl counters`: drops by reason, interfaces, shards and records of each router. Called by program.ts.
import type { CountersView } from "../api/view.ts";
import { reasons } from "../svr/reasons.ts";
import { countersSchema } from "./answers.ts";
import { askAll, finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import type { ExitCode } from "./failure.ts";
import { renderTable } from "./table.ts";
import type { Cell, Column } from "./table.ts";
import { bytesWord } from "./wording.ts";

type Counters = CountersView & { router: string };

const meanings = new Map<string, string>(reasons.map((reason) => [reason.name, reason.meaning]));
const number = (header: string): Column => ({ header, align: "right" });

/** showCounters shows the counters; a table has the reasons that are not zero, `-o wide` all of them with their meaning. */
export async function showCounters(context: Context): Promise<ExitCode> {
  const { found, failures } = await askAll(context, { path: "/api/v1/routers/self/counters", schema: countersSchema, what: "the counters" });
  const items = found.map(({ router, value }) => ({ ...value, router }));
  if (items.length > 0) await context.show({ data: { items }, text: (style) => countersText(items, style) });
  return finish(context, failures);
}

/** countersText writes the counters of all routers as tables. */
export function countersText(items: readonly Counters[], style: Style): string {
  const several = items.length > 1;
  const named = (router: string, cells: Cell[]): Cell[] => (several ? [router, ...cells] : cells);
  const columns = (rest: Column[]): Column[] => (several ? [{ header: "ROUTER" }, ...rest] : rest);
  const drops = items.flatMap((item) => dropRows(item, style.wide).map((row) => named(item.router, row)));
  const interfaces = items.flatMap((item) => item.interfaces.map((one) => named(item.router, [
    one.name, String(one.rxPackets), bytesWord(one.rxBytes), String(one.txPackets), bytesWord(one.txBytes)])));
  const filtered = items.flatMap((item) => item.filtered.map((one) => named(item.router, [one.interface, String(one.rule), String(one.packets)])));
  const shards = items.flatMap((item) => item.shards.map((one, at) => named(item.router, [String(at), String(one.punts), String(one.denialsSuppressed)])));
  const untold = items.flatMap((item) => Object.entries(item.refusalsSuppressed).map(([reason, count]) => named(item.router, [reason, String(count)])));
  const records = items.map((item) => named(item.router, [String(item.records.created), item.records.lost === 0 ? "0" : { text: String(item.records.lost), tone: "bad" }, String(item.records.waiting)]));
  const health = items.filter(({ healthChecks }) => style.wide || Object.values(healthChecks).some((count) => count > 0))
    .map(({ router, healthChecks: one }) => named(router, [one.sent, one.received, one.exists, one.timeout, one.stale].map(String)));
  return [
    drops.length === 0 ? "no packet dropped\n" : renderTable(columns([{ header: "DROP REASON" }, { header: "PEER" }, number("PACKETS"), ...(style.wide ? [{ header: "MEANING" }] : [])]), drops, style),
    renderTable(columns([{ header: "INTERFACE" }, number("RX PACKETS"), number("RX BYTES"), number("TX PACKETS"), number("TX BYTES")]), interfaces, style),
    ...(filtered.length === 0 ? [] : [renderTable(columns([{ header: "FILTER" }, number("RULE"), number("DENIED PACKETS")]), filtered, style)]),
    renderTable(columns([number("SHARD"), number("FIRST PACKETS"), number("DENIALS NOT REPORTED")]), shards, style),
    ...(untold.length === 0 ? [] : [renderTable(columns([{ header: "REFUSED BY EBPF" }, number("NOT REPORTED")]), untold, style)]),
    renderTable(columns([number("RECORDS CREATED"), number("LOST"), number("WAITING")]), records, style),
    ...(health.length === 0 ? [] : [renderTable(columns([number("HEALTH CHECKS SENT"), number("RECEIVED"), number("EXISTS"), number("TIMEOUT"), number("STALE")]), health, style)]),
  ].join("\n");
}

/** Reasons of the router as a whole have no peer; those counted by peer follow with it. */
function dropRows(item: CountersView, wide: boolean): Cell[][] {
  const row = (reason: string, peer: string, count: number): Cell[] => [reason, peer, String(count), ...(wide ? [meanings.get(reason) ?? ""] : [])];
  const all = Object.entries(item.drops).map(([reason, count]) => ({ reason, peer: "", count }));
  const byPeer = Object.entries(item.peerDrops).flatMap(([peer, drops]) => Object.entries(drops).map(([reason, count]) => ({ reason, peer, count })));
  return [...all, ...byPeer].filter(({ count }) => wide || count !== 0).map(({ reason, peer, count }) => row(reason, peer, count));
}
