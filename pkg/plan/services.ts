// Services with their lookup lines and policies (behaviour 2.2, 2.3). Called once per compile; the same for every router.
// A service that cannot run as asked denies everybody: its traffic must not fall through to a wider service.
import { formatPrefix } from "../base/prefix.ts";
import { millisOf } from "../api/duration.ts";
import { protocolNumber } from "../api/network.ts";
import type { ServicePolicy } from "../api/servicepolicy.ts";
import { acceptedPorts, acceptedPrefix } from "./accepted.ts";
import { globalTenant } from "./config.ts";
import type { AccessConfig, ServiceConfig, TransportConfig } from "./config.ts";
import { compareNames, entriesOf, expansionOf, largestExpansion } from "./entries.ts";
import type { LookupEntry } from "./entries.ts";
import type { Input, PlanInputs } from "./inputs.ts";
import { originIn } from "./report.ts";
import type { Report } from "./report.ts";
import { checkSecurityPolicy } from "./support.ts";

type ServiceInput = Input<"Service">;

/** compileServices compiles every service, sorted by name in byte order. */
export function compileServices(inputs: PlanInputs, tenants: ReadonlySet<string>, report: Report): ServiceConfig[] {
  const services = [...inputs.Service].sort(([a], [b]) => compareNames(a, b)).flatMap(([name, input]) => {
    const service = compileService({ name, input, inputs, tenants, report });
    if (expansionOf(service) <= largestExpansion) return [service];
    report.error(input, "spec", { code: "size", message: `addresses x transports x access make more than ${largestExpansion} entries`, fix: "split the service" });
    return [];
  });
  reportEqualEntries(services, inputs, report);
  return services;
}

interface ServiceWork { name: string; input: ServiceInput; inputs: PlanInputs; tenants: ReadonlySet<string>; report: Report }

function compileService(work: ServiceWork): ServiceConfig {
  const { name, input, inputs } = work;
  const { spec } = input.object;
  const { servicePolicy, securityPolicy, runs } = policiesOf(work);
  const access = accessOf(work);
  return {
    name, enabled: spec.enabled, addresses: addressesOf(input), transports: transportsOf(input),
    access: runs ? access : access.map((one) => ({ ...one, permission: "Deny" as const })),
    enforcement: spec.enforcement, sourceNat: spec.sourceNat, trafficClass: spec.trafficClass, hmacScope: "MetadataOnly",
    ...(spec.idleTimeout === undefined ? {} : { idleMs: millisOf(spec.idleTimeout) }),
    ...(servicePolicy === undefined ? {} : { servicePolicy }), sessionRecovery: recoveryOf(work, servicePolicy),
    ...(securityPolicy === undefined ? {} : { securityPolicy }),
    ...switchesOf(inputs.ServicePolicy.get(servicePolicy ?? "")?.object.spec),
    origin: originIn(input, "metadata.name"),
  };
}

function switchesOf(policy: ServicePolicy["spec"] | undefined): Pick<ServiceConfig, "hideTopology" | "strictReverse"> {
  return { ...(policy?.hideTopology === true ? { hideTopology: true } : {}), ...(policy?.reverseFlowEnforcement === "Strict" ? { strictReverse: true } : {}) };
}

function recoveryOf({ inputs }: ServiceWork, policy: string | undefined): ServiceConfig["sessionRecovery"] {
  return inputs.ServicePolicy.get(policy ?? "")?.object.spec.sessionRecovery ?? "PacketBased";
}

function addressesOf(input: ServiceInput): ServiceConfig["addresses"] {
  const seen = new Set<string>();
  return input.object.spec.addresses.flatMap((text, index) => {
    const prefix = acceptedPrefix(text);
    if (seen.has(formatPrefix(prefix))) return [];
    seen.add(formatPrefix(prefix));
    return [{ prefix, origin: originIn(input, `spec.addresses[${index}]`) }];
  });
}

function transportsOf(input: ServiceInput): TransportConfig[] {
  return input.object.spec.transports.flatMap(({ protocol, ports }, index) => {
    const numbers = { protocol4: protocolNumber(protocol, 4), protocol6: protocolNumber(protocol, 6) };
    const field = `spec.transports[${index}]`;
    if (ports.length === 0) return [{ ...numbers, origin: originIn(input, field) }];
    return ports.map((text, place) => ({ ...numbers, ports: acceptedPorts(text), origin: originIn(input, `${field}.ports[${place}]`) }));
  });
}

function accessOf({ input, tenants, report }: ServiceWork): AccessConfig[] {
  const { access, scope } = input.object.spec;
  const lines = access.flatMap(({ tenant, permission }, index): AccessConfig[] => {
    const field = `spec.access[${index}]`;
    const known = tenants.has(tenant);
    if (!known) report.error(input, `${field}.tenant`, report.unknown("Tenant", tenant, tenants));
    return known || permission === "Deny" ? [{ tenant, permission, origin: originIn(input, field) }] : [];
  });
  return scope === "Public" ? [...lines, { tenant: globalTenant, permission: "Allow", origin: originIn(input, "spec.scope") }] : lines;
}

/** Names of the policies that exist, and whether this version can run the service as they ask. */
function policiesOf({ input, inputs, report }: ServiceWork): { servicePolicy?: string; securityPolicy?: string; runs: boolean } {
  const { metadata, spec } = input.object;
  const found: { servicePolicy?: string; securityPolicy?: string; runs: boolean } = { runs: true };
  if (spec.servicePolicyRef !== undefined) {
    const name = `${metadata.namespace}/${spec.servicePolicyRef.name}`;
    const policy = inputs.ServicePolicy.get(name);
    if (policy !== undefined) found.servicePolicy = name;
    else {
      report.error(input, "spec.servicePolicyRef.name", report.unknown("ServicePolicy", name, inputs.ServicePolicy.keys()));
      found.runs = false;
    }
  }
  if (spec.securityPolicyRef !== undefined) {
    const name = `${metadata.namespace}/${spec.securityPolicyRef.name}`;
    const policy = inputs.SecurityPolicy.get(name);
    found.securityPolicy = name;
    if (policy === undefined) report.error(input, "spec.securityPolicyRef.name", report.unknown("SecurityPolicy", name, inputs.SecurityPolicy.keys()));
    found.runs &&= policy !== undefined && checkSecurityPolicy({ service: input, policy, report });
  }
  return found;
}

/** Two services with one entry: the lower name in byte order wins every lookup, so the other is told, once per pair. */
function reportEqualEntries(services: readonly ServiceConfig[], inputs: PlanInputs, report: Report): void {
  const owners = new Map<string, string>();
  for (const service of services) {
    const told = new Set<string>();
    for (const entry of entriesOf(service)) {
      const key = entryKey(entry);
      const owner = owners.get(key) ?? service.name;
      owners.set(key, owner);
      const input = inputs.Service.get(service.name);
      if (owner === service.name || told.has(owner) || input === undefined) continue;
      told.add(owner);
      report.error(input, (entry.transport ?? entry.address).field, {
        code: "conflict", beside: `Service ${owner}`, message: `Service ${owner} has the same entry for ${entry.access.tenant} and ${formatPrefix(entry.prefix)}, and wins`,
        fix: "narrow the addresses or ports of one of the two, or remove one",
      });
    }
  }
}

function entryKey(entry: LookupEntry): string {
  return [entry.access.tenant, formatPrefix(entry.prefix), entry.protocol ?? "any", entry.ports?.first ?? 0, entry.ports?.last ?? 0].join(" ");
}
