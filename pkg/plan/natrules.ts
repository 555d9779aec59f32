// NAT rules of one router: pools and static 1:1 prefixes, checked against each other and against own addresses (behaviour 5).
// Called by graph.ts for each router. A rule with an error is left out alone.
import { containsAddress, containsPrefix } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import type { Router } from "../api/router.ts";
import { acceptedPrefix } from "./accepted.ts";
import { globalTenant } from "./config.ts";
import type { InterfaceConfig, LocalConfig, NatPoolConfig, RouteConfig, ServiceConfig, StaticNatConfig } from "./config.ts";
import { matchersOf } from "./entries.ts";
import type { Input, Names } from "./inputs.ts";
import { attachedAt } from "./links.ts";
import { originIn } from "./report.ts";
import type { Complaint, Report } from "./report.ts";

/** NatWork is what the NAT rules of a router are compiled from. */
export interface NatWork {
  input: Input<"Router">;
  tenants: Names;
  interfaces: readonly InterfaceConfig[];
  locals: readonly LocalConfig[];
  services: readonly ServiceConfig[];
  routes: readonly RouteConfig[];
  report: Report;
}

type Static = Router["spec"]["nat"]["static"][number];
interface Refusal { field: string; complaint: Complaint }

/** compileNat gives the rules of a router: pools in their order, static prefixes in theirs. */
export function compileNat(work: NatWork): { natPools: NatPoolConfig[]; staticNats: StaticNatConfig[] } {
  const { nat } = work.input.object.spec;
  const natPools = nat.pools.map((pool, index): NatPoolConfig => {
    const field = `spec.nat.pools[${index}]`;
    checkTenants(work, pool.tenants, field);
    return { name: pool.name, addresses: pool.addresses.map(acceptedPrefix), tenants: pool.tenants, origin: originIn(work.input, field) };
  });
  const staticNats: StaticNatConfig[] = [];
  for (const [index, spec] of nat.static.entries()) addStatic(work, { spec, field: `spec.nat.static[${index}]` }, staticNats);
  warnWithoutPool(work, natPools);
  return { natPools, staticNats };
}

function checkTenants({ input, tenants, report }: NatWork, names: readonly string[], field: string): void {
  for (const [index, tenant] of names.entries()) {
    if (tenant !== globalTenant && !tenants.has(tenant)) report.warn(input, `${field}.tenants[${index}]`, report.unknown("Tenant", tenant, tenants));
  }
}

function addStatic(work: NatWork, at: { spec: Static; field: string }, into: StaticNatConfig[]): void {
  const { spec, field } = at;
  const { input, report } = work;
  const attached = attachedAt(work.interfaces, spec.interface, spec.vlan ?? 0);
  if (!attached.ok) return report.error(input, `${field}.${attached.error.field}`, attached.error.complaint);
  checkTenants(work, spec.tenants, field);
  const { interface: one, network } = attached.value;
  const rule: StaticNatConfig = {
    inside: acceptedPrefix(spec.inside), outside: acceptedPrefix(spec.outside), ifnum: one.ifnum, vlan: network.vlan, tenants: spec.tenants, origin: originIn(input, field),
  };
  const refusal = refusalOf(rule, { locals: work.locals, others: into });
  if (refusal !== undefined) return report.error(input, `${field}.${refusal.field}`, refusal.complaint);
  if (!one.hosts) report.warn(input, `${field}.interface`, { code: "value", message: `interface "${one.name}" is of type WAN: nobody outside can open a session to ${spec.outside}`, fix: "make it type Shared, if they shall" });
  into.push(rule);
}

function refusalOf({ inside, outside, ifnum, vlan, tenants }: StaticNatConfig, of: { locals: readonly LocalConfig[]; others: readonly StaticNatConfig[] }): Refusal | undefined {
  if (inside.address.family !== outside.address.family) {
    return { field: "outside", complaint: { code: "unsupported", message: "inside and outside are of different families: NAT46 and NAT64 are not supported", fix: "give both prefixes one family" } };
  }
  if (inside.length !== outside.length) return { field: "outside", complaint: { code: "value", message: "inside and outside are of different sizes", fix: "give both prefixes one length" } };
  if (overlap(inside, outside)) return { field: "outside", complaint: { code: "overlap", message: "inside and outside overlap", fix: "give the outside addresses of their own" } };
  const own = of.locals.find(({ address }) => containsAddress(outside, address));
  if (own !== undefined) return { field: "outside", complaint: { code: "conflict", message: `it has an address of interface "${own.interface}" itself`, fix: "leave the router's own addresses out" } };
  if (of.others.some((other) => overlap(other.outside, outside))) {
    return { field: "outside", complaint: { code: "overlap", message: "it overlaps the outside of another static prefix; this one is left out", fix: "give each its own outside addresses" } };
  }
  const isRival = (other: StaticNatConfig): boolean => other.ifnum === ifnum && other.vlan === vlan && overlap(other.inside, inside) && shareTenants(other.tenants, tenants);
  if (of.others.some(isRival)) return { field: "inside", complaint: { code: "overlap", message: "it overlaps the inside of another static prefix of the interface; this one is left out", fix: "give them separate prefixes, or separate tenants" } };
  return undefined;
}

function overlap(a: Prefix, b: Prefix): boolean {
  return containsPrefix(a, b) || containsPrefix(b, a);
}

function shareTenants(a: readonly string[], b: readonly string[]): boolean {
  const isUnder = (one: string, other: string): boolean => one === other || one.endsWith(`.${other}`);
  return a.length === 0 || b.length === 0 || a.some((one) => b.some((other) => isUnder(one, other) || isUnder(other, one)));
}

/** Services that leave here by a pool of which there is none: their sessions are refused with `nat`. */
function warnWithoutPool({ input, services, routes, report }: NatWork, pools: readonly NatPoolConfig[]): void {
  const leaving = new Set(routes.flatMap((route) => (route.kind === "peer" ? [] : [route.service])));
  for (const service of services) {
    if (!service.enabled || service.sourceNat !== "Pool" || !leaving.has(service.name)) continue;
    const families = new Set(matchersOf(service).map(({ prefix }) => prefix.address.family));
    const missing = [...families].find((family) => !pools.some(({ addresses }) => addresses.some(({ address }) => address.family === family)));
    if (missing !== undefined) report.warn(input, "spec.nat.pools", { code: "value", message: `Service ${service.name} leaves here from a pool, but no pool has IPv${missing} addresses: its sessions are refused`, fix: "add a pool, or another sourceNat to the service" });
  }
}
