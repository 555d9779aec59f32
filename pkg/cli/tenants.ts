// `svrctl tenants`: the tenants of a cluster, and each named one with its members, its children and the services that it may
// reach. Called by kubecommands.ts.
import { kinds } from "../api/kinds.ts";
import { parentOf } from "../api/names.ts";
import type { KubeObject } from "../ports/kube.ts";
import type { Asked } from "./cluster.ts";
import type { Context } from "./context.ts";
import type { ExitCode } from "./failure.ts";
import { ageColumn, baseItem, listObjects, messageColumn, readyColumns } from "./objectlist.ts";
import type { ItemDetail, Listing, ObjectItem } from "./objectlist.ts";
import { countOf, factOf } from "./objectstate.ts";
import { keyOf, planned } from "../api/resources.ts";
import { renderTable } from "./table.ts";

/** TenantItem is a tenant as it is shown. */
export interface TenantItem extends ObjectItem {
  parent?: string;
  /** places where its hosts are */
  members: number;
  /** routers that have programmed it, of those that need it: n/m */
  routers?: string;
  /** live sessions, as routers counted them last */
  sessions?: number;
  /** of a named tenant: its children, and services that name it or one of its parents */
  children?: string[];
  services?: { service: string; permission: string; tenant: string }[];
}

const listing: Listing<TenantItem> = {
  resource: planned.Tenant, what: "tenants",
  columns: [
    ...readyColumns, { header: "MEMBERS", align: "right", cell: (item) => String(item.members) }, { header: "ROUTERS", cell: (item) => item.routers ?? "" },
    { header: "SESSIONS", align: "right", cell: (item) => String(item.sessions ?? "") }, { header: "PARENT", wide: true, cell: (item) => item.parent ?? "" }, ageColumn, messageColumn,
  ],
  itemsOf: (_asked, objects) => Promise.resolve({ items: objects.map(itemOf), failures: [] }),
  detailOf,
};

/** showTenants shows the tenants. */
export function showTenants(context: Context, names: readonly string[]): Promise<ExitCode> {
  return listObjects(context, listing, names);
}

/** permissionsOf gives who may open sessions to a service; none when the object is broken. */
export function permissionsOf(service: KubeObject): { tenant: string; permission: string }[] {
  const checked = kinds.Service.schema.safeParse(service);
  return checked.success ? checked.data.spec.access : [];
}

function itemOf(object: KubeObject): TenantItem {
  const parent = parentOf(object.metadata.name);
  const routers = factOf(object, "routers"), sessions = countOf(object, "sessions");
  const members = kinds.Tenant.schema.safeParse(object).data?.spec.members.length ?? 0;
  return { ...baseItem(object), members, ...(parent !== undefined && { parent }), ...(routers !== undefined && { routers }), ...(sessions !== undefined && { sessions }) };
}

async function detailOf(asked: Asked, object: KubeObject, item: TenantItem): Promise<ItemDetail<TenantItem>> {
  const [tenants, services] = await Promise.all([
    asked.ask("the tenants", (kube) => kube.list(planned.Tenant)), asked.ask("the services", (kube) => kube.list(planned.Service)),
  ]);
  const children = tenants.ok ? tenants.value.map(({ metadata }) => metadata.name).filter((name) => parentOf(name) === item.name) : undefined;
  const granted = services.ok ? services.value.flatMap((service) => permissionsOf(service).filter(({ tenant }) => covers(tenant, item.name)).map((one) => ({ service: keyOf(service), ...one }))) : undefined;
  const members = kinds.Tenant.schema.safeParse(object).data?.spec.members ?? [];
  return {
    item: { ...item, ...(children && { children }), ...(granted && { services: granted }) },
    facts: [["parent", item.parent], ["children", children?.join(", ")], ["routers", item.routers], ["sessions", item.sessions === undefined ? undefined : String(item.sessions)]],
    text: (style) => [
      members.length === 0 ? "" : renderTable(["MEMBER AT", "INTERFACE", "VLAN", "NEIGHBOURHOOD", "PREFIXES"].map((header) => ({ header })),
        members.map((one) => [one.router ?? "every router", one.interface ?? "", String(one.vlan ?? ""), one.neighbourhood ?? "", one.prefixes.join(",") || "every source"]), style),
      granted === undefined || granted.length === 0 ? "" : renderTable(["SERVICE", "PERMISSION", "GIVEN TO"].map((header) => ({ header })), granted.map((one) => [one.service, one.permission, one.tenant]), style),
    ].filter((part) => part !== "").join("\n"),
    failures: [tenants, services].flatMap((answer) => (answer.ok ? [] : [answer.error])),
  };
}

/** What a tenant is granted holds for its children too. */
function covers(granted: string, tenant: string): boolean {
  return tenant === granted || tenant.endsWith(`.${granted}`);
}
