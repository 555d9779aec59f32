// The tenant tree: names, parents, budgets (behaviour 2.1). Called once per compile; the same for every router.
import { parentOf } from "../api/names.ts";
import { globalTenant } from "./config.ts";
import type { AccessConfig, ServiceConfig, TenantConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import type { PlanInputs } from "./inputs.ts";
import { originIn, unknownName } from "./report.ts";
import type { Report } from "./report.ts";

type TenantDraft = Omit<TenantConfig, "id">;

/** knownTenants gives the names of tenants whose ancestors all exist; the others are reported and left out. */
export function knownTenants(inputs: PlanInputs, report: Report): Set<string> {
  const known = new Set<string>();
  const byDepth = [...inputs.Tenant.keys()].sort((a, b) => a.split(".").length - b.split(".").length);
  for (const name of byDepth) {
    const parent = parentOf(name);
    const input = inputs.Tenant.get(name);
    if (parent === undefined || known.has(parent)) known.add(name);
    else if (input !== undefined) report.error(input, "metadata.name", { ...unknownName("parent tenant", parent, known), fix: `add Tenant "${parent}", or rename this one` });
  }
  return known;
}

/** compileTenants numbers the tenants: `<global>` is 0, the others count in name order. */
export function compileTenants(inputs: PlanInputs, known: ReadonlySet<string>, services: readonly ServiceConfig[]): TenantConfig[] {
  const drafts: TenantDraft[] = [...known].flatMap((name) => {
    const input = inputs.Tenant.get(name);
    if (input === undefined) return [];
    const { budgets } = input.object.spec;
    return [{ name, ...parentPart(name), maxSessions: budgets.sessions ?? 0, firstPacketsPerSecond: budgets.firstPacketsPerSecond ?? 0, origin: originIn(input, "metadata.name") }];
  });
  const all = [...drafts, ...deniedTenants(services, known)].sort((a, b) => compareNames(a.name, b.name));
  const global: TenantDraft = { name: globalTenant, maxSessions: 0, firstPacketsPerSecond: 0, origin: { object: `Tenant ${globalTenant}`, field: "built in" } };
  return [global, ...all].map((draft, id) => ({ ...draft, id }));
}

/** A deny for a tenant that has no object stays in force, so that removing a Tenant never widens access through its parent. */
function deniedTenants(services: readonly ServiceConfig[], known: ReadonlySet<string>): TenantDraft[] {
  const denied = services.flatMap((service) => service.access).filter((access) => access.permission === "Deny" && !known.has(access.tenant) && access.tenant !== globalTenant);
  const first = new Map<string, AccessConfig>();
  for (const access of denied) if (!first.has(access.tenant)) first.set(access.tenant, access);
  return [...first.values()].map(({ tenant, origin }) => ({ name: tenant, ...parentPart(tenant), maxSessions: 0, firstPacketsPerSecond: 0, origin }));
}

function parentPart(name: string): { parent?: string } {
  const parent = parentOf(name);
  return parent === undefined ? {} : { parent };
}
