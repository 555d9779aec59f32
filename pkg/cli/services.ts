// `svrctl services`: the services of a cluster, and each named one with its addresses, who may reach it and by which routes. Called
// by kubecommands.ts.
import { kinds } from "../api/kinds.ts";
import type { Service } from "../api/service.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { Asked } from "./cluster.ts";
import type { Context, Style } from "./context.ts";
import type { ExitCode } from "./failure.ts";
import { ageColumn, baseItem, listObjects, messageColumn, readyColumns } from "./objectlist.ts";
import type { ItemDetail, Listing, ObjectItem } from "./objectlist.ts";
import { countOf, factOf, readyCell, stateOf } from "./objectstate.ts";
import { planned } from "../api/resources.ts";
import { renderTable } from "./table.ts";

/** ServiceItem is a service as it is shown. */
export interface ServiceItem extends ObjectItem {
  addresses: string[];
  /** as `TCP 443,8000-8010`; empty: every protocol */
  transports: string[];
  /** routers that have programmed it, of those that use it: n/m */
  programmed?: string;
  sessions?: number;
  /** the last refusal, as a router told it */
  lastDenial?: string;
  /** tenants that it names, children are included in each */
  tenants: string[];
  policy?: string;
  /** of a named service */
  routes?: ServiceRouteItem[];
}

/** ServiceRouteItem is one way to a service. */
export interface ServiceRouteItem { name: string; ready: string; type: string; routers: string[]; cost: number; reason: string }

const listing: Listing<ServiceItem> = {
  resource: planned.Service, what: "services",
  columns: [
    ...readyColumns, { header: "PROGRAMMED", cell: (item) => item.programmed ?? "" }, { header: "SESSIONS", align: "right", cell: (item) => String(item.sessions ?? "") },
    { header: "LAST DENIAL", cell: (item) => item.lastDenial ?? "" }, { header: "ADDRESSES", wide: true, cell: (item) => item.addresses.join(",") },
    { header: "TENANTS", wide: true, cell: (item) => item.tenants.join(",") }, { header: "POLICY", wide: true, cell: (item) => item.policy ?? "" }, ageColumn, messageColumn,
  ],
  itemsOf: (_asked, objects) => Promise.resolve({ items: objects.map(itemOf), failures: [] }),
  detailOf,
};

/** showServices shows the services. */
export function showServices(context: Context, names: readonly string[]): Promise<ExitCode> {
  return listObjects(context, listing, names);
}

function itemOf(object: KubeObject): ServiceItem {
  const spec = specOf(object);
  const programmed = factOf(object, "programmed"), lastDenial = factOf(object, "lastDenial"), sessions = countOf(object, "sessions");
  const policy = spec?.servicePolicyRef?.name;
  return {
    ...baseItem(object), addresses: spec?.addresses ?? [],
    transports: (spec?.transports ?? []).map(({ protocol, ports }) => `${protocol}${ports.length === 0 ? "" : ` ${ports.join(",")}`}`),
    tenants: (spec?.access ?? []).filter(({ permission }) => permission === "Allow").map(({ tenant }) => tenant),
    ...(programmed !== undefined && { programmed }), ...(sessions !== undefined && { sessions }), ...(lastDenial !== undefined && { lastDenial }), ...(policy !== undefined && { policy }),
  };
}

/** The spec with its defaults; undefined when this version does not accept it. */
function specOf(object: KubeObject): Service["spec"] | undefined {
  return kinds.Service.schema.safeParse(object).data?.spec;
}

async function detailOf(asked: Asked, object: KubeObject, item: ServiceItem): Promise<ItemDetail<ServiceItem>> {
  const { namespace = asked.namespace } = item;
  const found = await asked.ask("the service routes", (kube) => kube.list(planned.ServiceRoute, { namespace, fieldSelector: `spec.serviceRef.name=${item.name}` }));
  const routes = found.ok ? found.value.flatMap(routeOf) : undefined;
  const spec = specOf(object);
  return {
    item: { ...item, ...(routes && { routes }) },
    facts: [
      ["addresses", item.addresses.join(", ")], ["transports", item.transports.join(", ") || "every protocol"], ["scope", spec?.scope], ["enabled", spec === undefined ? undefined : spec.enabled ? "yes" : "no"],
      ["policy", item.policy], ["security policy", spec?.securityPolicyRef?.name], ["programmed", item.programmed === undefined ? undefined : `on ${item.programmed.replace("/", " of ")} routers`],
      ["sessions", item.sessions === undefined ? undefined : String(item.sessions)], ["last denial", item.lastDenial],
    ],
    text: (style) => [accessTable(spec, style), routesTable(routes, style)].filter((part) => part !== "").join("\n"),
    failures: found.ok ? [] : [found.error],
  };
}

function routeOf(object: KubeObject): ServiceRouteItem[] {
  const route = kinds.ServiceRoute.schema.safeParse(object).data;
  if (route === undefined) return [];
  const { ready, reason } = stateOf(object);
  const { type, routers, cost, peer } = route.spec;
  return [{ name: object.metadata.name, ready, reason, type: peer === undefined ? type : `${type} ${peer.peer}`, routers, cost }];
}

function accessTable(spec: Service["spec"] | undefined, style: Style): string {
  if (spec === undefined) return "";
  if (spec.access.length === 0) return spec.scope === "Public" ? "" : "nobody may reach it: access names no tenant\n";
  return renderTable(["TENANT", "PERMISSION"].map((header) => ({ header })), spec.access.map((one) => [one.tenant, one.permission]), style);
}

function routesTable(routes: readonly ServiceRouteItem[] | undefined, style: Style): string {
  if (routes === undefined) return "";
  if (routes.length === 0) return "no router reaches it: no ServiceRoute names it\n";
  const rows = routes.map((one) => [one.name, readyCell(one.ready === "True" || one.ready === "False" ? one.ready : "Unknown"), one.reason, one.type, String(one.cost), one.routers.join(",")]);
  return renderTable([{ header: "ROUTE" }, { header: "READY" }, { header: "REASON" }, { header: "TO" }, { header: "COST", align: "right" }, { header: "ROUTERS" }], rows, style);
}
