// The tenant tree: names, parents, budgets (behaviour 2.1). Called by graph.ts; the same for every router.
import { parentOf } from "../api/names.ts";
import { globalTenant } from "./config.ts";
import type { Origin, TenantConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import type { Input, Names, PlanInputs } from "./inputs.ts";
import { brokenName, originIn } from "./report.ts";
import type { Complaint, Report } from "./report.ts";

/** TenantDraft is a tenant before it has its number. */
export type TenantDraft = Omit<TenantConfig, "id">;

/** DenyLine is a line that denies a name. */
export interface DenyLine { tenant: string; origin: Origin }

/** isKnownTenant tells whether a tenant and all its ancestors exist; nobody can allow another one anything. `known` answers for its parent. */
export function isKnownTenant(name: string, inputs: PlanInputs, known: Names): boolean {
  const parent = parentOf(name);
  return inputs.Tenant.has(name) && (parent === undefined || known.has(parent));
}

/** reportOrphan tells a tenant without ancestors so. */
export function reportOrphan(input: Input<"Tenant">, { inputs, known, report }: { inputs: PlanInputs; known: Names; report: Report }): void {
  const parent = parentOf(input.object.metadata.name);
  if (parent !== undefined && !known.has(parent)) report.error(input, "metadata.name", orphaned(parent, inputs, report));
}

/** tenantDraft compiles a tenant. */
export function tenantDraft(input: Input<"Tenant">): TenantDraft {
  const { metadata: { name }, spec: { budgets } } = input.object;
  return { name, maxSessions: budgets.sessions ?? 0, firstPacketsPerSecond: budgets.firstPacketsPerSecond ?? 0, origin: originIn(input, "metadata.name") };
}

/** denyLinesOf lists the names that a service denies. */
export function denyLinesOf(input: Input<"Service">): DenyLine[] {
  return input.object.spec.access.flatMap(({ tenant, permission }, index) => (permission === "Deny" ? [{ tenant, origin: originIn(input, `spec.access[${index}]`) }] : []));
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
export function compileTenants(own: readonly TenantDraft[], denied: readonly DenyLine[]): TenantConfig[] {
  const all = [...own, ...deniedTenants(own, denied)].sort((a, b) => compareNames(a.name, b.name));
  const global: TenantDraft = { name: globalTenant, maxSessions: 0, firstPacketsPerSecond: 0, origin: { object: `Tenant ${globalTenant}`, field: "built in" } };
  return [global, ...all].map((draft, id) => ({ ...draft, id }));
}

/** Each name that a deny line is for and no Tenant has, once. */
function deniedTenants(own: readonly TenantDraft[], denied: readonly DenyLine[]): TenantDraft[] {
  const names = new Set([globalTenant, ...own.map(({ name }) => name)]);
  const byName = new Map(denied.filter(({ tenant }) => !names.has(tenant)).toReversed().map((line) => [line.tenant, line]));
  return [...byName.values()].map(({ tenant, origin }) => ({ name: tenant, maxSessions: 0, firstPacketsPerSecond: 0, origin }));
}
