// `svrctl verify`: do the tables of running routers fit together. Called by program.ts; the routers do the work.
import type { VerifyView } from "../api/view.ts";
import { verifySchema } from "./answers.ts";
import { askAll, finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import { renderFacts } from "./facts.ts";
import { Exit } from "./failure.ts";
import type { ExitCode } from "./failure.ts";
import { renderTable } from "./table.ts";

type Verified = VerifyView & { router: string };

const PATIENCE_MS = 120_000; // a table of many millions, looked at four times

/** verifyRouters shows what was looked at and what does not fit; exit 3 when something does not. */
export async function verifyRouters(context: Context): Promise<ExitCode> {
  const { found, failures } = await askAll(context, { path: "/api/v1/routers/self/verify", schema: verifySchema, what: "the state of the tables", patienceMs: PATIENCE_MS });
  const items = found.map(({ router, value }): Verified => ({ ...value, router }));
  if (items.length > 0) await context.show({ data: { items }, text: (style) => items.map((item) => verifiedText(item, style)).join("\n") });
  return finish(context, failures, items.every((item) => item.ok) ? Exit.ok : Exit.no);
}

function verifiedText(item: Verified, style: Style): string {
  const { checked, pools, faults, more } = item;
  const facts = renderFacts([
    ["router", item.router], ["answer", item.ok ? { text: "consistent", tone: "good" } : { text: `${faults.length + more} faults`, tone: "bad" }],
    ["checked", `${checked.sessions} of ${checked.slots} slots, ${checked.entries} index entries, ${checked.pairs} waypoint pairs, in ${item.duration} ms`],
    ...pools.map((pool): [string, string] => [pool.path, `${pool.used} used + ${pool.resting} resting + ${pool.free} free${pool.moving === 0 ? "" : ` + ${pool.moving} moving`} = ${pool.size} pairs`]),
  ], style);
  if (faults.length === 0) return facts;
  const rows = renderTable(["FAULT", "OBJECT", "WHAT"].map((header) => ({ header })), faults.map(({ kind, object, text }) => [kind, object, text]), style);
  return `${facts}\n${rows}${more === 0 ? "" : `and ${more} more\n`}`;
}
