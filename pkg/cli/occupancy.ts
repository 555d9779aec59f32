// `svrctl tables`: how full each bounded thing of a router is. Called by program.ts. An alarm is shown, it is no failure.
import type { TableView } from "../api/view.ts";
import { tablesSchema } from "./answers.ts";
import { askAll, finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import type { ExitCode } from "./failure.ts";
import { renderTable } from "./table.ts";
import type { Cell, Column } from "./table.ts";

type Occupancy = TableView & { router: string };

/** showTables shows entries and limit of every table. */
export async function showTables(context: Context): Promise<ExitCode> {
  const { found, failures } = await askAll(context, { path: "/api/v1/routers/self/tables", schema: tablesSchema, what: "the tables" });
  const items = found.flatMap(({ router, value }) => value.map((table) => ({ ...table, router })));
  if (found.length > 0) await context.show({ data: { items }, text: (style) => tablesText(items, { style, several: found.length > 1 }) });
  return finish(context, failures);
}

/** tablesText writes the occupancy as a table; `wide` adds what is free. */
export function tablesText(items: readonly Occupancy[], { style, several }: { style: Style; several: boolean }): string {
  const number = (header: string): Column => ({ header, align: "right" });
  const columns = [...(several ? [{ header: "ROUTER" }] : []), { header: "TABLE" }, number("ENTRIES"), number("LIMIT"), number("USED"), ...(style.wide ? [number("FREE")] : []), { header: "ALARM" }];
  return renderTable(columns, items.map((item) => [
    ...(several ? [item.router] : []), item.name, String(item.entries), item.limit === 0 ? "none" : String(item.limit), usedWord(item),
    ...(style.wide ? [item.limit === 0 ? "" : String(item.limit - item.entries)] : []), alarmCell(item),
  ]), style);
}

function usedWord({ entries, limit }: TableView): string {
  return limit === 0 ? "-" : `${Math.floor((entries * 100) / limit)}%`;
}

function alarmCell({ alarm }: TableView): Cell {
  return alarm ? { text: "yes", tone: "bad" } : "no";
}
