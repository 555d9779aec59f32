// The steps of the compiler that are the same for every router: services, the tenant tree, who may give access. Called by graph.ts. Pure.
import { formatPrefix, networkOf } from "../base/prefix.ts";
import type { ServiceConfig, TenantConfig } from "./config.ts";
import type { Input, Names } from "./inputs.ts";
import type { Derived, Memo } from "./memo.ts";
import type { Objects } from "./objects.ts";
import { createReport } from "./report.ts";
import type { Findings, Report } from "./report.ts";
import { compileService, ownersAt } from "./services.ts";
import type { Owners, ServiceWork } from "./services.ts";
import { compileTenants, denyLinesOf, isKnownTenant, tenantDraft } from "./tenants.ts";

/** Made is what a step gives, with what it found. */
export interface Made<T> { value: T; findings: Findings }

/** Shared is what every router has in common. */
export interface Shared {
  /** tenants whose ancestors all exist */
  known: Names;
  service: (name: string) => Made<ServiceConfig | undefined>;
  tenants: () => TenantConfig[];
  /** services with an address in common with a service */
  beside: (name: string) => readonly string[];
  /** of the entries at a prefix that several services have */
  owners: (text: string) => Owners | undefined;
}

/** stages of a compile: 1 finds what is wrong without routers, 2 compiles routers. */
export const stages = { objects: 1, routers: 2 } as const;

/** makeWith runs a step with a report. */
export function makeWith<T>({ broken }: Pick<Objects, "broken">, make: (report: Report) => T): Made<T> {
  const report = createReport(broken);
  return { value: make(report), findings: report.findings };
}

/** createShared makes the steps over objects. */
export function createShared(memo: Memo, objects: Objects): Shared {
  const { inputs } = objects;
  const isKnown: Derived<boolean> = memo.derived((name) => isKnownTenant(name, inputs, known));
  const known: Names = { has: (name) => isKnown.get(name), [Symbol.iterator]: () => inputs.Tenant[Symbol.iterator]() };
  const grantsOf = grantSteps(memo, objects);
  const service = memo.derived((name) => makeWith(objects, (report) => {
    const input = inputs.Service.get(name);
    return input === undefined ? undefined : compileService({ name, input, inputs, tenants: known, grants: grantsOf(input), report });
  }));
  const addresses = memo.derived((name) => (service.get(name).value?.addresses ?? []).map(({ prefix }) => formatPrefix(networkOf(prefix))));
  const overlapping = memo.derived((text) => objects.overlapping(text));
  const beside = memo.derived((name) => [...new Set(addresses.get(name).flatMap(overlapping.get))]);
  const owners = memo.derived((text) => {
    const names = objects.sharing(text);
    return names.length < 2 ? undefined : ownersAt(text, names.flatMap((name) => service.get(name).value ?? []));
  });
  return { known, service: service.get, tenants: tenantStep(memo, objects), beside: beside.get, owners: owners.get };
}

function tenantStep(memo: Memo, objects: Objects): () => TenantConfig[] {
  const { inputs } = objects;
  const drafts = memo.derived((name) => [inputs.Tenant.get(name)].flatMap((input) => (input === undefined ? [] : [tenantDraft(input)])));
  const denials = memo.derived((name) => [inputs.Service.get(name)].flatMap((input) => (input === undefined ? [] : denyLinesOf(input))));
  const tenants = memo.derived(() => compileTenants(objects.list("tenants").flatMap(drafts.get), objects.list("denials").flatMap(denials.get)));
  return () => tenants.get("");
}

/** Whether a tenant lets the namespace of a service give it access; without namespaces nobody asks. */
function grantSteps(memo: Memo, objects: Objects): (service: Input<"Service">) => ServiceWork["grants"] {
  const grants = memo.derived((name) => objects.inputs.Tenant.get(name)?.object.spec.serviceNamespaces);
  return ({ object: { metadata: { namespace } } }) => {
    if (!objects.hasNamespaces()) return undefined;
    return (tenant) => {
      const given = grants.get(tenant);
      const wanted = Object.entries(given?.matchLabels ?? {});
      const labels = objects.namespace(namespace) ?? {};
      return given?.names.includes(namespace) === true || (wanted.length > 0 && wanted.every(([label, value]) => labels[label] === value));
    };
  };
}
