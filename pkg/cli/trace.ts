// `svrctl trace`: what would become of a packet at a running router, stage by stage. Called by program.ts; the router decides, by its
// own tables, and neither sends nor keeps anything.
import type { IpAddress } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";
import type { TraceView } from "../api/view.ts";
import { reasons } from "../svr/reasons.ts";
import { traceSchema } from "./answers.ts";
import { askAll, finish } from "./ask.ts";
import type { Context, Style } from "./context.ts";
import type { Endpoint } from "./endpoint.ts";
import { renderFacts } from "./facts.ts";
import { Exit } from "./failure.ts";
import type { ExitCode } from "./failure.ts";
import { renderTable } from "./table.ts";
import type { Cell } from "./table.ts";
import { protocolWord } from "./wording.ts";

/** TraceFlags are the options of the command as they were read. */
export interface TraceFlags { tenant?: string; interface?: string; vlan?: string; proto: number; from: Endpoint; to: Endpoint; flags?: string }

type Item = TraceView & { router: string };

/** tracePacket shows the answer of each router that was named; exit 3 when one refuses. */
export async function tracePacket(context: Context, flags: TraceFlags): Promise<ExitCode> {
  const { found, failures } = await askAll(context, { path: `/api/v1/routers/self/trace?${queryOf(flags)}`, schema: traceSchema, what: "a trace" }, { single: true });
  const items = found.map(({ router, value }): Item => ({ ...value, router }));
  if (items.length > 0) await context.show({ data: { items }, text: (style) => items.map((item) => traceText(item, flags, style)).join("\n") });
  return finish(context, failures, items.some((item) => item.verdict === "deny") ? Exit.no : Exit.ok);
}

function queryOf({ tenant, interface: entrance, vlan, proto, from, to, flags }: TraceFlags): string {
  const fields = {
    protocol: String(proto), from: text(from.address), fromPort: String(from.port ?? 0), to: text(to.address), toPort: String(to.port ?? 0),
    tenant, interface: entrance, vlan, flags,
  };
  return new URLSearchParams(Object.entries(fields).filter((one): one is [string, string] => one[1] !== undefined)).toString();
}

function text(address: IpAddress): string {
  return formatAddress(address);
}

function traceText(item: Item, { proto }: TraceFlags, style: Style): string {
  const { leaves } = item;
  const facts = renderFacts([
    ["router", item.router], ["arrives", `${protocolWord(proto)} at ${item.interface}${item.vlan === 0 ? "" : ` VLAN ${item.vlan}`}, shard ${item.shard}`],
    ["tenant", item.tenant], ["service", item.service], ["answer", answerCell(item)], ["session", item.sessionId],
    ["leaves", leaves === undefined ? undefined : `${protocolWord(leaves.protocol)} ${leaves.source} to ${leaves.destination} at ${leaves.interface}${leaves.peerPath === undefined ? "" : `, path ${leaves.peerPath}`}`],
  ], style);
  const rows = item.stages.map(({ stage, result, text: why }): Cell[] => [stage, { text: result, tone: result === "refuse" ? "bad" : "good" }, why]);
  return `${facts}\n${renderTable(["STAGE", "RESULT", "WHAT"].map((header) => ({ header })), rows, style)}`;
}

function answerCell({ verdict, reason }: Item): Cell {
  if (verdict === "allow") return { text: "allow: a new session begins", tone: "good" };
  if (verdict === "existing") return { text: "existing: it belongs to a session", tone: "good" };
  return { text: `deny, ${reason ?? ""}: ${reasons.find((one) => one.name === reason)?.meaning ?? ""}`, tone: "bad" };
}
