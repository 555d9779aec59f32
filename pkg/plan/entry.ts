// Where a connection enters, and which services decide it: so that a question about one connection needs no more than a few of a thousand
// routers, and the routes of a few of ten thousand services. Called by `svrctl why` before it compiles. Looks at objects as they are
// written; what is decided is explain's business. Pure.
import type { ParsedObject } from "../api/document.ts";
import type { Router, RouterInterface } from "../api/router.ts";
import type { Tenant } from "../api/tenant.ts";
import type { IpAddress } from "../base/address.ts";
import { containsAddress, containsPrefix } from "../base/prefix.ts";
import { acceptedPrefix } from "./accepted.ts";
import { compareNames, tenantLine } from "./entries.ts";
import type { WhyQuestion } from "./explain.ts";
import { inputName } from "./inputs.ts";
import { movedAddress } from "./nat.ts";

/** Entry is routers in name order, and how they were found: hosts of the question are there; or none are known, and a service with the address is reached from there; or neither, and it is all of them. */
export interface Entry { routers: string[]; by: "hosts" | "routes" | "nothing" }

/** entryOf gives the routers at which the connection of a question enters. */
export function entryOf(objects: readonly ParsedObject[], question: WhyQuestion): Entry {
  const routers = routersIn(objects);
  const hosts = hostsOf(objects, { routers, question });
  if (hosts.length > 0) return { routers: namesOf(hosts), by: "hosts" };
  const services = decidingServices(objects, question);
  const routes = objects.flatMap(({ object }) => (object.kind === "ServiceRoute" && services.has(`${object.metadata.namespace}/${object.spec.serviceRef.name}`) ? object.spec.routers : []));
  const reached = routers.filter(({ metadata }) => routes.includes(metadata.name));
  return reached.length > 0 ? { routers: namesOf(reached), by: "routes" } : { routers: namesOf(routers), by: "nothing" };
}

/** decidingServices names the services (`namespace/name`) that have the destination of a question, before or behind a static NAT, and those that overlap with them: whether they are in use at a router depends on each other. */
export function decidingServices(objects: readonly ParsedObject[], { destination }: WhyQuestion): Set<string> {
  const destinations = [destination, ...routersIn(objects).flatMap((router) => insidesOf(router, destination))];
  const services = objects.flatMap((one) => (one.object.kind === "Service" ? [{ name: inputName(one), prefixes: one.object.spec.addresses.map(acceptedPrefix) }] : []));
  const having = services.filter(({ prefixes }) => prefixes.some((prefix) => destinations.some((address) => containsAddress(prefix, address)))).flatMap(({ prefixes }) => prefixes);
  return new Set(services.filter(({ prefixes }) => prefixes.some((prefix) => having.some((other) => containsPrefix(prefix, other) || containsPrefix(other, prefix)))).map(({ name }) => name));
}

function routersIn(objects: readonly ParsedObject[]): Router[] {
  return objects.flatMap(({ object }) => (object.kind === "Router" ? [object] : []));
}

function namesOf(routers: readonly Router[]): string[] {
  return routers.map(({ metadata }) => metadata.name).sort(compareNames);
}

function insidesOf({ spec }: Router, address: IpAddress): IpAddress[] {
  const rules = spec.nat.static.map(({ inside, outside }) => ({ inside: acceptedPrefix(inside), outside: acceptedPrefix(outside) }));
  return rules.flatMap(({ inside, outside }) => (containsAddress(outside, address) && inside.address.family === outside.address.family ? [movedAddress(address, outside, inside)] : []));
}

/** Of the routers with hosts of the tenant those where the source is on link, if there are any; without a tenant, of all. */
function hostsOf(objects: readonly ParsedObject[], { routers, question }: { routers: readonly Router[]; question: WhyQuestion }): Router[] {
  const { tenant, from } = question;
  const near = from === undefined ? [] : routers.filter((router) => hostInterfaces(router).some((one) => isNear(one, from)));
  if (tenant === undefined) return near.length > 0 || from === undefined ? near : withMembers(routers, tenantsIn(objects).flatMap(({ spec }) => spec.members.filter((member) => covers(member, from))));
  const members = withMembers(routers, membersOf(objects, tenant));
  const both = members.filter((router) => near.includes(router));
  return both.length > 0 ? both : members;
}

function tenantsIn(objects: readonly ParsedObject[]): Tenant[] {
  return objects.flatMap(({ object }) => (object.kind === "Tenant" ? [object] : []));
}

type Member = Tenant["spec"]["members"][number];

/** A name that is not configured counts as its nearest ancestor that is. */
function membersOf(objects: readonly ParsedObject[], tenant: string): Member[] {
  const byName = new Map(tenantsIn(objects).map((one) => [one.metadata.name, one]));
  return tenantLine(tenant).flatMap((name) => byName.get(name) ?? [])[0]?.spec.members ?? [];
}

function covers({ prefixes }: Member, from: IpAddress): boolean {
  return prefixes.length === 0 || prefixes.some((prefix) => containsAddress(acceptedPrefix(prefix), from));
}

function withMembers(routers: readonly Router[], members: readonly Member[]): Router[] {
  return routers.filter((router) => members.some((member) => (member.router === undefined || member.router === router.metadata.name)
    && hostInterfaces(router).some((one) => (member.interface === undefined ? one.neighbourhood === member.neighbourhood : one.name === member.interface))));
}

function hostInterfaces({ spec }: Router): RouterInterface[] {
  return spec.interfaces.filter(({ type }) => type !== "WAN");
}

function isNear({ addresses, vlans }: RouterInterface, from: IpAddress): boolean {
  return [...addresses, ...vlans.flatMap((vlan) => vlan.addresses)].some((address) => containsAddress(acceptedPrefix(address), from));
}
