// Inventories of any size for tests and benches: so many tenants, services and routers, each service in use at so many routers. The
// same counts give the same objects.
import type { Chart } from "cdk8s";
import { SvrObject } from "../constructs/object.ts";
import { SiteRouter } from "../constructs/site.ts";

/** InventoryCounts say how much. */
export interface InventoryCounts {
  tenants: number;
  services: number;
  routers: number;
  /** routers at which each service is in use */
  usedAt: number;
}

const perNamespace = 100;

/** inventory adds the objects to a chart. Tenants are behind the LAN of one router each; services have an address each. At most 65,536 of each. */
export function inventory(chart: Chart, counts: InventoryCounts): void {
  const routers = many(counts.routers, (at) => `router-${at}`);
  for (const [at, name] of routers.entries()) new SiteRouter(chart, name, { name, lan: `10.${at >> 8}.${at & 255}.1/24`, lanGateway: `10.${at >> 8}.${at & 255}.254`, wan: `172.${16 + (at >> 12)}.${(at >> 4) & 255}.${((at & 15) << 4) + 1}/28` });
  for (const at of many(counts.tenants, (one) => one)) {
    const name = `tenant-${at}`, router = at % counts.routers;
    const share = Math.floor(at / counts.routers); // several tenants behind one router have a part of its network each
    new SvrObject(chart, name, { kind: "Tenant", name, spec: { members: [{ router: `router-${router}`, interface: "lan0", prefixes: [`10.${router >> 8}.${router & 255}.${16 + share}/32`] }], serviceNamespaces: { matchLabels: { tenants: "all" } } } });
  }
  for (const at of many(counts.services, (one) => one)) {
    const name = `service-${at}`, namespace = namespaceOf(at);
    const used = many(Math.min(counts.usedAt, counts.routers), (one) => routers[(at * counts.usedAt + one) % counts.routers] ?? "");
    new SvrObject(chart, name, { kind: "Service", name, namespace, spec: { addresses: [`11.${at >> 16}.${(at >> 8) & 255}.${at & 255}`], transports: [{ protocol: "TCP", ports: [443] }], access: [{ tenant: `tenant-${at % counts.tenants}` }] } });
    new SvrObject(chart, `route-${at}`, { kind: "ServiceRoute", name, namespace, spec: { serviceRef: { name }, routers: used, type: "Local", local: { interface: "lan0" } } });
  }
}

/** namespacesOf lists the namespaces of an inventory; each needs label tenants=all, which the tenants grant. */
export function namespacesOf(counts: InventoryCounts): string[] {
  return many(Math.ceil(counts.services / perNamespace), (at) => namespaceOf(at * perNamespace));
}

function namespaceOf(service: number): string {
  return `team-${Math.floor(service / perNamespace)}`;
}

function many<T>(count: number, make: (at: number) => T): T[] {
  return Array.from({ length: count }, (_, at) => make(at));
}
