// Why a connection is allowed or refused: the steps of the lookup in words, each with the object and field it comes from.
// Called by `svrctl why`. Built on the tables of the data plane, so it cannot decide otherwise; it looks at configuration
// only, so limits, ports in use and peers that are down are not its business.
import { suggestWord } from "../api/suggest.ts";
import type { IpAddress } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";
import { formatPrefix } from "../base/prefix.ts";
import type { DropReason } from "../svr/reasons.ts";
import { globalTenant } from "./config.ts";
import type { MemberConfig, Origin, RouterConfig, ServiceConfig } from "./config.ts";
import { accessStep, insideStep, missSteps, natStep, noRouteStep, routeStep, securityStep, serviceStep } from "./explainsteps.ts";
import { mayCarry } from "./holds.ts";
import { isOnLink } from "./links.ts";
import { buildLookup } from "./lookup.ts";
import type { Lookup } from "./lookup.ts";

/** WhyQuestion is a connection: who (by tenant, or by the source address of a host), and to what. Port 0 for protocols without ports. */
export interface WhyQuestion {
  tenant?: string;
  from?: IpAddress;
  proto: number;
  destination: IpAddress;
  port: number;
}

/** WhyStep is one step of the decision; `ok` is false at the step that refuses. */
export interface WhyStep {
  stage: "tenant" | "service" | "access" | "route" | "security" | "nat";
  ok: boolean;
  text: string;
  origin?: Origin;
}

/** Explanation is the verdict with its steps in order. A refusal without reason means that the question does not say enough. */
export interface Explanation {
  allow: boolean;
  reason?: DropReason;
  tenant: string;
  service?: string;
  steps: WhyStep[];
}

/** The destination of the question is the inside one, where there are two. */
interface Asked { lookup: Lookup; question: WhyQuestion; tenant: string; wasOutside: boolean; steps: WhyStep[] }

/** explain decides a connection as the router with this configuration does for the first packet of a host. */
export function explain(config: RouterConfig, question: WhyQuestion): Explanation {
  return explainIn(buildLookup(config), question);
}

/** explainIn is explain for many questions about one configuration. */
export function explainIn(lookup: Lookup, question: WhyQuestion): Explanation {
  const found = question.tenant === undefined ? tenantOfSource(lookup, question.from) : tenantByName(lookup, question.tenant);
  const inside = lookup.nat.insideOf(question.destination);
  const asked: Asked = {
    lookup, question: inside === undefined ? question : { ...question, destination: inside.address }, tenant: found.tenant, wasOutside: inside !== undefined,
    steps: [found.step, ...(inside === undefined || !found.step.ok ? [] : [insideStep(question.destination, inside)])],
  };
  if (!found.step.ok) return { allow: false, tenant: found.tenant, steps: asked.steps };
  return afterTenant(asked);
}

function afterTenant(asked: Asked): Explanation {
  const { lookup, question, tenant, steps } = asked;
  const selection = lookup.find(lookup.tenantId(tenant) ?? unknownTenant, question.proto, question.port, question.destination);
  if (selection.access === "miss") {
    steps.push(...missSteps(lookup.config, { question, tenant, why: selection.why }));
    return { allow: false, reason: selection.why, tenant, steps };
  }
  const { service, entry } = selection;
  steps.push(serviceStep(entry), accessStep(entry, tenant));
  if (selection.access === "deny") return { allow: false, reason: "access", tenant, service: service.name, steps };
  const reason = leave(asked, service);
  return { allow: reason === undefined, ...(reason === undefined ? {} : { reason }), tenant, service: service.name, steps };
}

/** No tenant of a configuration has this number. */
const unknownTenant = -1;

interface TenantFound { tenant: string; step: WhyStep }

function tenantByName(lookup: Lookup, name: string): TenantFound {
  const known = lookup.tenantById(lookup.tenantId(name) ?? unknownTenant);
  const step = (text: string): WhyStep => ({ stage: "tenant", ok: true, text, ...(known === undefined ? {} : { origin: known.origin }) });
  if (known === undefined) return { tenant: name, step: step(`there is no Tenant ${name}, nor a parent of it${nearTenant(lookup, name)}`) };
  return { tenant: name, step: step(known.name === name ? `${name}, as asked` : `${name} is not configured and counts as ${known.name}`) };
}

function nearTenant(lookup: Lookup, name: string): string {
  const near = suggestWord(name, lookup.config.tenants.map((tenant) => tenant.name));
  return near === undefined ? "" : `; did you mean ${near}?`;
}

/** The tenant of a host by its address: as every network answers, of those where the address is on link if there are any. */
function tenantOfSource(lookup: Lookup, from: IpAddress | undefined): TenantFound {
  if (from === undefined) return { tenant: globalTenant, step: { stage: "tenant", ok: true, text: `neither tenant nor source is given: ${globalTenant}` } };
  const address = formatAddress(from);
  const lines = linesFor(lookup, from);
  const tenants = new Map(lines.map((line) => [line.member?.tenant ?? globalTenant, line]));
  const [only] = tenants;
  if (only === undefined) return { tenant: globalTenant, step: { stage: "tenant", ok: true, text: `no interface has hosts with ${address}: ${globalTenant}` } };
  if (tenants.size > 1) {
    const places = [...tenants].map(([tenant, line]) => `${tenant} at ${line.place}`).join(", ");
    return { tenant: "", step: { stage: "tenant", ok: false, text: `${address} is ${places}: ask for one tenant` } };
  }
  const [tenant, { member, place }] = only;
  const text = member === undefined ? `${address} at ${place} has no member line: ${globalTenant}` : `${address} at ${place} is in ${formatPrefix(member.prefix)} of ${tenant}`;
  return { tenant, step: { stage: "tenant", ok: true, text, ...(member === undefined ? {} : { origin: member.origin }) } };
}

interface SourceLine { place: string; onLink: boolean; member: MemberConfig | undefined }

function linesFor(lookup: Lookup, from: IpAddress): SourceLine[] {
  const all = lookup.config.interfaces.filter((one) => one.hosts).flatMap((one) => one.networks.map((network): SourceLine => ({
    place: network.vlan === 0 ? one.name : `${one.name} VLAN ${network.vlan}`, onLink: isOnLink(network, from),
    member: lookup.memberOf(one.ifnum, network.vlan, from),
  })));
  const near = all.filter((line) => line.onLink);
  return near.length > 0 ? near : all.filter((line) => line.member !== undefined);
}

/** The way out: the cheapest candidate of the family that may carry the service, how payload crosses there, then what it makes of the addresses. Gives the reason of a refusal. */
function leave({ lookup, question, steps, tenant, wasOutside }: Asked, service: ServiceConfig): "no-path" | "nat" | undefined {
  const { family } = question.destination;
  const routes = lookup.routes(service.name, family).filter((candidate) => mayCarry(lookup, service, candidate));
  const [route] = routes;
  if (route === undefined) {
    steps.push(noRouteStep(lookup, service, family));
    return "no-path";
  }
  const nat = natStep(lookup, { service, route, question, tenant, wasOutside });
  steps.push(routeStep(route, routes.length), ...(route.kind === "peer" ? [securityStep(service, lookup.path(route.path))] : []), nat);
  return nat.ok ? undefined : "nat";
}
