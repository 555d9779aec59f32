// The tenant tree: names, parents, budgets (behaviour 2.1). Called once per compile; the same for every router.
import { parentOf } from "../api/names.ts";
import { globalTenant } from "./config.ts";
import type { ServiceConfig, TenantConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import type { PlanInputs } from "./inputs.ts";
import { brokenName, originIn } from "./report.ts";
import type { Complaint, Report } from "./report.ts";

type TenantDraft = Omit<TenantConfig, "id">;

/** knownTenants gives the names of tenants whose ancestors all exist; the others are reported, and nobody can allow them anything. */
export function knownTenants(inputs: PlanInputs, report: Report): Set<string> {
  const known = new Set<string>();
  const byDepth = [...inputs.Tenant.keys()].sort((a, b) => a.split(".").length - b.split(".").length);
  for (const name of byDepth) {
    const parent = parentOf(name);
    const input = inputs.Tenant.get(name);
    if (parent === undefined || known.has(parent)) known.add(name);
    else if (input !== undefined) report.error(input, "metadata.name", orphaned(parent, inputs, report));
  }
  return known;
}

function orphaned(parent: string, inputs: PlanInputs, report: Report): Complaint {
  if (inputs.Tenant.has(parent) || report.broken.has(`Tenant ${parent}`)) return brokenName("Tenant", parent);
  return { code: "reference", message: `there is no parent tenant "${parent}"`, fix: `add Tenant "${parent}", or rename this one` };
}

/**
 * compileTenants numbers the tenants: `<global>` is 0, the others count in name order. Names that are denied somewhere and
 * tenants that are refused are among them: so a removed Tenant gets no access through its parent, and the hosts of a refused
 * one do not become those of a wider prefix.
 */
export function compileTenants(inputs: PlanInputs, services: readonly ServiceConfig[]): TenantConfig[] {
  const own = [...inputs.Tenant].map(([name, input]): TenantDraft => {
    const { budgets } = input.object.spec;
    return { name, maxSessions: budgets.sessions ?? 0, firstPacketsPerSecond: budgets.firstPacketsPerSecond ?? 0, origin: originIn(input, "metadata.name") };
  });
  const all = [...own, ...deniedTenants(services, inputs)].sort((a, b) => compareNames(a.name, b.name));
  const global: TenantDraft = { name: globalTenant, maxSessions: 0, firstPacketsPerSecond: 0, origin: { object: `Tenant ${globalTenant}`, field: "built in" } };
  return [global, ...all].map((draft, id) => ({ ...draft, id }));
}

/** Each name that a deny line is for and no Tenant has, once. */
function deniedTenants(services: readonly ServiceConfig[], inputs: PlanInputs): TenantDraft[] {
  const denied = services.flatMap((service) => service.access)
    .filter((access) => access.permission === "Deny" && !inputs.Tenant.has(access.tenant) && access.tenant !== globalTenant);
  const byName = new Map(denied.toReversed().map((access) => [access.tenant, access]));
  return [...byName.values()].map(({ tenant, origin }) => ({ name: tenant, maxSessions: 0, firstPacketsPerSecond: 0, origin }));
}
