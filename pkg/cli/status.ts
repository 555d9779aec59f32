// `svrctl status`: a cluster on one screen, and what is not as it should be with the next command. Called by kubecommands.ts. Exit 3 when
// something is not as it should be.
import type { Result } from "../base/result.ts";
import { servedVersion } from "../api/served.ts";
import type { AlarmItem } from "./alarms.ts";
import { finish } from "./ask.ts";
import { withCluster } from "./cluster.ts";
import { viewCluster } from "./clusterview.ts";
import type { ClusterView, UnreadyObject } from "./clusterview.ts";
import type { Context, Style } from "./context.ts";
import { Exit } from "./failure.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { renderFacts } from "./facts.ts";
import { ageWord } from "./objectlist.ts";
import { readyCell } from "./objectstate.ts";
import type { LeaseView } from "./operators.ts";
import { alarmRows, certifiedOf, worstFirst } from "./routeralarms.ts";
import { alarmsOf } from "./routers.ts";
import type { RouterItem } from "./routers.ts";
import { renderTable } from "./table.ts";
import type { Cell } from "./table.ts";

/** StatusFlags are the options of the command. */
export interface StatusFlags { operatorNamespace?: string; limit: number }

/** StatusData is the answer for programs; what could not be read is absent. */
export interface StatusData {
  server: string;
  version?: string;
  kinds?: { served: string[]; missing: string[] };
  /** who leads; absent too when nobody ever did */
  operator?: LeaseView & { version?: string };
  routers?: { all: number; programmed: number; /** those that are not */ waiting: string[] };
  objects?: { all: number; ready: number; unready: UnreadyObject[] };
  /** of the routers that need a certificate; absent: none does, or routers cannot be read */
  certificates?: { needed: number; good: number; /** those with something to do */ others: { router: string; reason: string; message: string }[] };
  /** what routers reported last, worst first */
  alarms?: AlarmItem[];
  /** everything that could be read is as it should be */
  healthy: boolean;
}

/** showStatus shows the state of the cluster. */
export async function showStatus(context: Context, flags: StatusFlags): Promise<ExitCode> {
  return withCluster(context, async (asked) => {
    const view = await viewCluster(context, asked, flags.operatorNamespace);
    const failures = failuresOf(view);
    const data = dataOf(asked.server, view);
    if (view.version.ok || view.objects.ok) await context.show({ data, text: (style) => statusText(data, { style, limit: flags.limit }) });
    return finish(context, failures, data.healthy ? Exit.ok : Exit.no);
  });
}

/** failuresOf lists what could not be read, each once. */
export function failuresOf(view: ClusterView): Failure[] {
  const { version, kinds, lease, deployments, routers, objects } = view;
  const all = [version, kinds, lease, deployments, routers, objects].flatMap((answer: Result<unknown, Failure>) => (answer.ok ? [] : [answer.error]));
  return [...new Map([...all, ...view.failures].map((failure) => [failure, failure])).values()];
}

function dataOf(server: string, view: ClusterView): StatusData {
  const { version, kinds, lease, deployments, routers, objects } = view;
  const operator = lease.ok && lease.value !== undefined ? { ...lease.value, ...operatorVersion(view) } : undefined;
  const waiting = routers.ok ? routers.value.filter((one) => one.programmed !== true).map(({ name }) => name) : [];
  const items = routers.ok ? routers.value : [], certificates = certificatesOf(items), alarms = worstFirst(items.flatMap(alarmsOf));
  const bad = [
    kinds.ok && kinds.value.missing.length > 0, lease.ok && lease.value?.fresh !== true, deployments.ok && deployments.value.some((one) => one.ready < one.wanted),
    waiting.length > 0 && view.failures.length === 0, objects.ok && objects.value.unready.length > 0,
    (certificates?.others.length ?? 0) > 0, alarms.length > 0,
  ];
  return {
    server, ...(version.ok && { version: version.value }), ...(kinds.ok && { kinds: kinds.value }), ...(operator && { operator }),
    ...(routers.ok && view.failures.length === 0 && { routers: { all: routers.value.length, programmed: routers.value.length - waiting.length, waiting } }),
    ...(certificates && { certificates }), ...(routers.ok && { alarms }), ...(objects.ok && { objects: objects.value }), healthy: bad.every((one) => !one),
  };
}

function certificatesOf(routers: readonly RouterItem[]): StatusData["certificates"] {
  const all = routers.flatMap((item) => { const certified = certifiedOf(item); return certified === undefined ? [] : [{ name: item.name, ...certified }]; });
  if (all.length === 0) return undefined;
  const others = all.filter(({ isGood }) => !isGood).map(({ name, condition: { reason, message } }) => ({ router: name, reason, message }));
  return { needed: all.length, good: all.length - others.length, others };
}

/** operatorVersion is that of who compiled last, else that of the Deployment. */
export function operatorVersion({ routers, deployments }: Pick<ClusterView, "routers" | "deployments">): { version?: string } {
  const compiled = routers.ok ? routers.value.find((one) => one.wanted !== undefined)?.wanted?.version : undefined;
  const version = compiled ?? (deployments.ok ? deployments.value[0]?.version : undefined);
  return version === undefined ? {} : { version };
}

function statusText(data: StatusData, { style, limit }: { style: Style; limit: number }): string {
  const facts = renderFacts([
    ["API server", `${data.version ?? "unknown version"} at ${data.server}`], ["kinds", kindsCell(data)], ["operator", operatorCell(data, style)],
    ["routers", data.routers === undefined ? undefined : countCell(data.routers.programmed, data.routers.all, `programmed${data.routers.waiting.length === 0 ? "" : `; waiting for ${shortList(data.routers.waiting)}`}`)],
    ["certificates", certificatesCell(data)], ["alarms", data.alarms === undefined || data.alarms.length === 0 ? undefined : { text: `${data.alarms.length}, the worst ${data.alarms[0]?.severity}`, tone: "bad" }],
    ["objects", data.objects === undefined ? undefined : countCell(data.objects.ready, data.objects.all, "ready")],
  ], style);
  const unready = data.objects?.unready ?? [];
  const alarms = alarmsText(data.alarms ?? [], { style, limit });
  if (unready.length === 0) return `${facts}${alarms}`;
  const rows = unready.slice(0, limit).map((one): Cell[] => [one.object, readyCell(one.ready), one.reason, one.message, one.fix]);
  const rest = unready.length - rows.length;
  return `${facts}\n${renderTable(["OBJECT", "READY", "REASON", "MESSAGE", "NEXT"].map((header) => ({ header })), rows, style)}${moreText(rest)}${alarms}`;
}

function alarmsText(alarms: readonly AlarmItem[], { style, limit }: { style: Style; limit: number }): string {
  if (alarms.length === 0) return "";
  const table = renderTable(["ROUTER", "SEVERITY", "ALARM", "OBJECT", "WHAT"].map((header) => ({ header })), alarmRows(alarms.slice(0, limit), true), style);
  return `\n${table}${moreText(alarms.length - limit)}`;
}

function moreText(more: number): string {
  return more > 0 ? `and ${more} more; see --limit\n` : "";
}

function certificatesCell({ certificates }: StatusData): Cell | undefined {
  if (certificates === undefined) return undefined;
  const { good, needed, others } = certificates;
  return countCell(good, needed, `in use${others.length === 0 ? "" : `; not: ${shortList(others.map(({ router, reason }) => `${router} (${reason})`))}`}`);
}

function kindsCell({ kinds }: StatusData): Cell | undefined {
  if (kinds === undefined) return undefined;
  const all = kinds.served.length + kinds.missing.length;
  return countCell(kinds.served.length, all, `served in ${servedVersion}${kinds.missing.length === 0 ? "" : `; missing: ${kinds.missing.join(", ")}; install the CRDs`}`);
}

function operatorCell({ operator }: StatusData, style: Style): Cell {
  if (operator === undefined) return { text: "no operator is known to lead", tone: "bad" };
  const place = `Lease of namespace ${operator.namespace}`;
  if (operator.holder === "") return { text: `nobody leads (${place})`, tone: "bad" };
  const version = operator.version === undefined ? "" : `, version ${operator.version}`;
  const renewed = `${operator.holder} leads${version} (${place}, renewed ${ageWord(operator.renewed, style)} ago)`;
  return operator.fresh ? { text: renewed, tone: "good" } : { text: `${renewed}: it does not renew any more`, tone: "bad" };
}

function countCell(done: number, all: number, what: string): Cell {
  return { text: `${done} of ${all} ${what}`, tone: done === all ? "good" : "bad" };
}

/** shortList names the first few and counts the rest. */
export function shortList(names: readonly string[], most = 5): string {
  const more = names.length - most;
  return `${names.slice(0, most).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}
