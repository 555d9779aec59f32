// `svrctl routers`: the routers of a cluster: what they say of themselves, and whether each has programmed the configuration that it
// should have. Called by kubecommands.ts; status.ts and check.ts read routers by it too.
import { kinds } from "../api/kinds.ts";
import type { AlarmView } from "../api/view.ts";
import { ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { AlarmItem } from "./alarms.ts";
import type { Asked } from "./cluster.ts";
import type { Context } from "./context.ts";
import type { ExitCode, Failure } from "./failure.ts";
import { ageColumn, ageWord, baseItem, listObjects, messageColumn, readyColumns } from "./objectlist.ts";
import type { ItemDetail, Listing, ObjectItem } from "./objectlist.ts";
import { countOf, factOf, isRecord, statusOf } from "./objectstate.ts";
import { planned, routerConfigs } from "../api/resources.ts";
import { alarmRows, certifiedOf, tellsOf, worstFirst } from "./routeralarms.ts";
import type { RouterCertificate } from "./routeralarms.ts";
import { renderTable } from "./table.ts";
import type { Cell } from "./table.ts";

/** RouterItem is a router as it is shown. */
export interface RouterItem extends ObjectItem {
  nodeName?: string;
  /** up/all, as it counted them */
  peers?: string;
  tier?: string;
  sessions?: number;
  version?: string;
  boot?: string;
  /** RFC 3339: its last word, by its own clock */
  time?: string;
  /** the configuration that it should have; absent: none was written, or it may not be read */
  wanted?: { hash: string; version: string };
  /** what it has programmed, RFC 3339 */
  acked?: { hash: string; time: string };
  /** why it does not program what it should */
  error?: string;
  /** it has what it should; absent: it is not known what it should have */
  programmed?: boolean;
  /** the one that it shows its peers, as it reported it last */
  certificate?: RouterCertificate;
  /** what it reported last */
  alarms?: AlarmView[];
}

const listing: Listing<RouterItem> = {
  resource: planned.Router, what: "routers",
  columns: [
    ...readyColumns, { header: "PROGRAMMED", cell: (item) => programmedCell(item) }, { header: "PEERS", cell: (item) => item.peers ?? "" }, { header: "TIER", cell: (item) => item.tier ?? "" },
    { header: "SESSIONS", align: "right", cell: (item) => String(item.sessions ?? "") }, { header: "VERSION", cell: (item) => item.version ?? "" },
    { header: "NODE", wide: true, cell: (item) => item.nodeName ?? "" }, { header: "ACKED", wide: true, cell: (item, style) => ageWord(item.acked?.time, style) },
    { header: "HASH", wide: true, cell: (item) => item.acked?.hash.slice(0, 12) ?? "" }, { header: "ERROR", wide: true, cell: (item) => item.error ?? "" }, { header: "CERT EXPIRY", wide: true, cell: (item) => item.certificate?.notAfter ?? "" },
    ageColumn, messageColumn,
  ],
  itemsOf: routerItems,
  detailOf: (_asked, object, item) => Promise.resolve(detailOf(object, item)),
};

/** showRouters shows the routers. */
export function showRouters(context: Context, names: readonly string[]): Promise<ExitCode> {
  return listObjects(context, listing, names);
}

/** routerItems reads the head of each router beside it; without the right to do so the routers are shown without. */
export async function routerItems(asked: Asked, objects: readonly KubeObject[]): Promise<{ items: RouterItem[]; failures: Failure[] }> {
  const read = await readHeads(asked, objects.map(({ metadata }) => metadata.name));
  const heads = new Map(read.ok ? read.value.map((head) => [head.metadata.name, head]) : []);
  return { items: objects.map((object) => itemOf(object, heads.get(object.metadata.name))), failures: read.ok ? [] : [read.error] };
}

/** One by its name, more as one list without the pages, which are large. */
async function readHeads(asked: Asked, [name, ...more]: readonly string[]): Promise<Result<readonly KubeObject[], Failure>> {
  if (name === undefined) return ok([]);
  return asked.ask("the router configurations", async (kube) => {
    if (more.length > 0) return kube.list(routerConfigs, { fieldSelector: "spec.type=Head" });
    const head = await kube.get(routerConfigs, { name });
    return head === undefined ? [] : [head];
  });
}

function itemOf(object: KubeObject, config: KubeObject | undefined): RouterItem {
  const spec = isRecord(object["spec"]) ? object["spec"] : {};
  const node = typeof spec["nodeName"] === "string" && spec["nodeName"] !== "" ? { nodeName: spec["nodeName"] } : {};
  const texts = Object.fromEntries(["tier", "version", "boot", "time"].flatMap((field) => { const value = factOf(object, field); return value === undefined ? [] : [[field, value]]; }));
  const peers = factOf(object, "peersUp"), sessions = countOf(object, "sessions");
  return { ...baseItem(object), ...node, ...(peers !== undefined && { peers }), ...texts, ...(sessions !== undefined && { sessions }), ...headFacts(config), ...tellsOf(object) };
}

/** What the head of a router and its status say. */
function headFacts(config: KubeObject | undefined): Pick<RouterItem, "wanted" | "acked" | "error" | "programmed"> {
  const head = isRecord(config?.["spec"]) && isRecord(config["spec"]["head"]) ? config["spec"]["head"] : undefined;
  if (config === undefined || head === undefined) return {};
  const { acked, error } = statusOf(config);
  const wanted = { hash: text(head["hash"]), version: text(head["version"]) };
  const has = isRecord(acked) ? { hash: text(acked["hash"]), time: text(acked["time"]) } : undefined;
  const why = isRecord(error) && error["hash"] === wanted.hash ? `${text(error["code"])}: ${text(error["message"])}` : undefined;
  return { wanted, programmed: has?.hash === wanted.hash, ...(has && { acked: has }), ...(why !== undefined && { error: why }) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function programmedCell({ programmed }: RouterItem): Cell {
  return programmed === undefined ? "" : programmed ? { text: "yes", tone: "good" } : { text: "no", tone: "bad" };
}

/** alarmsOf are the alarms of a router, worst first, with its name. */
export function alarmsOf({ name, alarms = [] }: Pick<RouterItem, "name" | "alarms">): AlarmItem[] {
  return worstFirst(alarms).map((alarm) => ({ router: name, ...alarm }));
}

function certifiedCell(item: RouterItem): Cell | undefined {
  const certified = certifiedOf(item);
  return certified === undefined ? undefined : { text: `${certified.condition.reason}: ${certified.condition.message}`, tone: certified.isGood ? "good" : "bad" };
}

function detailOf(object: KubeObject, item: RouterItem): ItemDetail<RouterItem> {
  const spec = kinds.Router.schema.safeParse(object).data?.spec;
  const { acked, wanted } = item;
  return {
    item,
    facts: [
      ["node", item.nodeName], ["version", item.version], ["tier", item.tier], ["peers up", item.peers], ["sessions", item.sessions === undefined ? undefined : String(item.sessions)], ["last word", item.time], ["boot", item.boot],
      ["should have", wanted?.hash], ["has", acked === undefined ? "nothing yet" : `${acked.hash}, since ${acked.time}`], ["programmed", programmedCell(item)], ["error", item.error],
      ["certificate", item.certificate === undefined ? undefined : `${item.certificate.serial} of ${item.certificate.authority} until ${item.certificate.notAfter}`], ["certified", certifiedCell(item)],
    ],
    text: (style) => (spec === undefined ? "" : [
      renderTable(["INTERFACE", "DEVICE", "TYPE"].map((header) => ({ header })), spec.interfaces.map((one) => [one.name, one.device ?? one.name, one.type]), style),
      alarmsOf(item).length === 0 ? "" : renderTable(["SEVERITY", "ALARM", "OBJECT", "WHAT"].map((header) => ({ header })), alarmRows(alarmsOf(item), false), style),
      spec.peers.length === 0 ? "" : renderTable(["PEER", "PATHS"].map((header) => ({ header })), spec.peers.map((one) => [one.name, one.paths.map((path) => path.name).join(",")]), style),
    ].filter((part) => part !== "").join("\n")),
    failures: [],
  };
}
