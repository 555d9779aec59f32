// A service with its lookup lines and policies (behaviour 2.2, 2.3). Called by graph.ts for each service; the same for every router.
// A service that cannot run as asked denies everybody: its traffic must not fall through to a wider service.
import { formatPrefix, networkOf } from "../base/prefix.ts";
import { millisOf } from "../api/duration.ts";
import { protocolNumber } from "../api/network.ts";
import type { SecurityPolicy } from "../api/securitypolicy.ts";
import type { ServicePolicy } from "../api/servicepolicy.ts";
import { acceptedPorts, acceptedPrefix } from "./accepted.ts";
import { globalTenant } from "./config.ts";
import type { AccessConfig, ServiceConfig, TransportConfig } from "./config.ts";
import { entriesOf, expansionOf, largestExpansion } from "./entries.ts";
import type { LookupEntry } from "./entries.ts";
import { namesIn } from "./inputs.ts";
import type { Input, Names, PlanInputs } from "./inputs.ts";
import { originIn } from "./report.ts";
import type { Report } from "./report.ts";

type ServiceInput = Input<"Service">;

/** ServiceWork is what a service is compiled from; `grants` tells whether a tenant lets its namespace give access, absent without namespaces. */
export interface ServiceWork { name: string; input: ServiceInput; inputs: PlanInputs; tenants: Names; grants?: ((tenant: string) => boolean) | undefined; report: Report }

/** compileService compiles one service; undefined when it is too large. */
export function compileService(work: ServiceWork): ServiceConfig | undefined {
  const service = serviceOf(work);
  if (expansionOf(service) <= largestExpansion) return service;
  work.report.error(work.input, "spec", { code: "size", message: `addresses x transports x access make more than ${largestExpansion} entries`, fix: "split the service" });
  return undefined;
}

function serviceOf(work: ServiceWork): ServiceConfig {
  const { name, input, inputs } = work;
  const { spec } = input.object;
  const { servicePolicy, securityPolicy, runs } = policiesOf(work);
  const access = accessOf(work);
  return {
    name, enabled: spec.enabled, addresses: addressesOf(input), transports: transportsOf(input),
    access: runs ? access : access.map((one) => ({ ...one, permission: "Deny" as const })),
    enforcement: spec.enforcement, sourceNat: spec.sourceNat, trafficClass: spec.trafficClass,
    ...(spec.idleTimeout === undefined ? {} : { idleMs: millisOf(spec.idleTimeout) }),
    ...(servicePolicy === undefined ? {} : { servicePolicy }), sessionRecovery: recoveryOf(work, servicePolicy),
    ...(securityPolicy === undefined ? {} : { securityPolicy }), ...securityOf(inputs.SecurityPolicy.get(securityPolicy ?? "")?.object.spec),
    ...(inputs.SecurityPolicy.get(securityPolicy ?? "")?.object.spec.postQuantumRequired === true && { postQuantum: true as const }),
    ...switchesOf(inputs.ServicePolicy.get(servicePolicy ?? "")?.object.spec),
    origin: originIn(input, "metadata.name"),
  };
}

function switchesOf(policy: ServicePolicy["spec"] | undefined): Pick<ServiceConfig, "hideTopology" | "strictReverse"> {
  return { ...(policy?.hideTopology === true ? { hideTopology: true } : {}), ...(policy?.reverseFlowEnforcement === "Strict" ? { strictReverse: true } : {}) };
}

/** suites are the numbers of ciphers for payloads. */
export const suites = { None: 0, CBC: 1, GCM: 2 } as const;

/** Nothing where the policy asks for the defaults. */
function securityOf(policy: SecurityPolicy["spec"] | undefined): Pick<ServiceConfig, "security"> {
  if (policy === undefined || (policy.payloadEncryption === "None" && policy.hmacScope === "MetadataOnly")) return {};
  const { payloadEncryption, hmacScope, adaptive, payloadKeyRotation, clearPaths } = policy;
  const suite = suites[payloadEncryption];
  return { security: { suite, everyPacket: hmacScope === "EveryPacket", adaptive: suite !== 0 && adaptive, rotationMs: millisOf(payloadKeyRotation), ...(suite !== 0 && clearPaths && { clearPaths }) } };
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

function accessOf({ input, tenants, grants, report }: ServiceWork): AccessConfig[] {
  const { access, scope } = input.object.spec;
  const isGranted = (tenant: string, field: string): boolean => {
    if (grants === undefined || grants(tenant)) return true;
    const { namespace } = input.object.metadata;
    report.error(input, field, { code: "grant", message: `Tenant ${tenant} does not let Services of namespace ${namespace} give it access; the line is left out`, fix: `add "${namespace}" to spec.serviceNamespaces.names of the Tenant` });
    return false;
  };
  const lines = access.flatMap(({ tenant, permission }, index): AccessConfig[] => {
    const field = `spec.access[${index}]`;
    const known = tenants.has(tenant);
    if (!known) report.error(input, `${field}.tenant`, report.unknown("Tenant", tenant, tenants));
    return permission === "Deny" || (known && isGranted(tenant, `${field}.tenant`)) ? [{ tenant, permission, origin: originIn(input, field) }] : [];
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
      report.error(input, "spec.servicePolicyRef.name", report.unknown("ServicePolicy", name, namesIn(metadata.namespace, inputs.ServicePolicy)));
      found.runs = false;
    }
  }
  if (spec.securityPolicyRef !== undefined) {
    const name = `${metadata.namespace}/${spec.securityPolicyRef.name}`;
    const policy = inputs.SecurityPolicy.get(name);
    found.securityPolicy = name;
    if (policy === undefined) report.error(input, "spec.securityPolicyRef.name", report.unknown("SecurityPolicy", name, namesIn(metadata.namespace, inputs.SecurityPolicy)));
    found.runs &&= policy !== undefined;
  }
  return found;
}

/** Owners is the first service by name of each entry at one prefix. */
export type Owners = ReadonlyMap<string, string>;

/** ownersAt finds the owners among the services that have a prefix, given in name order; host bits count. */
export function ownersAt(text: string, services: readonly ServiceConfig[]): Owners {
  const owners = new Map<string, string>();
  for (const service of services) {
    const addresses = service.addresses.filter(({ prefix }) => formatPrefix(networkOf(prefix)) === text);
    for (const entry of entriesOf({ ...service, addresses })) if (!owners.has(entryKey(entry))) owners.set(entryKey(entry), service.name);
  }
  return owners;
}

/** reportEqualEntries tells a service of others with the same entry: the lower name in byte order wins every lookup. Once for each of them. */
export function reportEqualEntries(input: ServiceInput, { service, owners, report }: { service: ServiceConfig; owners: (text: string) => Owners | undefined; report: Report }): void {
  const told = new Set<string>([service.name]);
  const shared = service.addresses.filter(({ prefix }) => owners(formatPrefix(networkOf(prefix))) !== undefined);
  for (const entry of shared.length === 0 ? [] : entriesOf({ ...service, addresses: shared })) {
    const owner = owners(formatPrefix(networkOf(entry.prefix)))?.get(entryKey(entry)) ?? service.name;
    if (told.has(owner)) continue;
    told.add(owner);
    report.error(input, (entry.transport ?? entry.address).field, {
      code: "conflict", beside: `Service ${owner}`, message: `Service ${owner} has the same entry for ${entry.access.tenant} and ${formatPrefix(entry.prefix)}, and wins`,
      fix: "narrow the addresses or ports of one of the two, or remove one",
    });
  }
}

function entryKey(entry: LookupEntry): string {
  return [entry.access.tenant, formatPrefix(entry.prefix), entry.protocol ?? "any", entry.ports?.first ?? 0, entry.ports?.last ?? 0].join(" ");
}
