// What might turn a refusal into an allow, by its reason, the smallest change first. Called by remedy.ts, which tries each; so a
// candidate may be wrong, but what is right and small should be among the first.
import type { ParsedObject } from "../api/document.ts";
import type { ApiObject } from "../api/kinds.ts";
import { hasPorts, protocolNames, protocolNumber } from "../api/network.ts";
import { formatAddress } from "../base/addresstext.ts";
import { containsAddress } from "../base/prefix.ts";
import { acceptedPrefix } from "./accepted.ts";
import type { Change } from "./change.ts";
import { globalTenant } from "./config.ts";
import type { RouterConfig, ServiceConfig } from "./config.ts";
import { entryMatches, matchersOf, tenantLine } from "./entries.ts";
import type { Explanation, WhyQuestion } from "./explain.ts";
import { weakPeers } from "./holds.ts";
import { isOnLink } from "./links.ts";
import { buildLookup } from "./lookup.ts";
import { createNatTable } from "./nat.ts";

/** RemedyAsk is a refusal with the objects that it comes from. */
export interface RemedyAsk {
  objects: readonly ParsedObject[];
  config: RouterConfig;
  question: WhyQuestion;
  refusal: Explanation;
}

const mostServices = 6; // of one kind of change
const mostWays = 4; // to a service that no route leads to

/** candidatesOf lists changes to try. */
export function candidatesOf(ask: RemedyAsk): Change[] {
  const inside = createNatTable(ask.config).insideOf(ask.question.destination); // the lookup sees this one
  const question = inside === undefined ? ask.question : { ...ask.question, destination: inside.address };
  switch (ask.refusal.reason) {
    case "access": return accessChanges(ask, question);
    case "no-service": return [...unroutedChanges(ask, question), ...serviceChanges(ask.config, question)];
    case "no-path": return [...peerChanges(ask.config, question, ask.refusal.service ?? ""), ...pathChanges(ask, question, ask.refusal.service ?? ""), { object: idOf(ask.refusal.service), op: "remove", field: "servicePolicyRef" }];
    case "nat": return ["Interface", "None"].map((value) => ({ object: idOf(ask.refusal.service), op: "set", field: "sourceNat", value }));
    default: return [];
  }
}

function idOf(service: string | undefined): string {
  return `Service ${service ?? ""}`;
}

/** The tenant, or its nearest ancestor that is configured, gets access where the packet fits. */
function accessChanges({ config, refusal }: RemedyAsk, question: WhyQuestion): Change[] {
  const line = tenantLine(refusal.tenant);
  const tenant = line.find((one) => config.tenants.some(({ name }) => name === one));
  const fits = config.services.filter((service) => service.enabled && matchersOf(service).some((matcher) => entryMatches(matcher, question)));
  const sorted = [...fits.filter(({ name }) => name === refusal.service), ...fits.filter(({ name }) => name !== refusal.service)];
  return sorted.slice(0, mostServices).flatMap((service) => [...accessTo(service, { tenant, line }), ...withoutPolicies(service)]);
}

function accessTo(service: ServiceConfig, who: { tenant: string | undefined; line: readonly string[] }): Change[] {
  const object = idOf(service.name);
  if (who.tenant === globalTenant) return [{ object, op: "set", field: "scope", value: "Public" }];
  const denials = service.access.filter(({ tenant, permission }) => permission === "Deny" && who.line.includes(tenant));
  const turned = denials.map(({ origin }): Change => ({ object, op: "set", field: `${origin.field.replace(/^spec\./, "")}.permission`, value: "Allow" }));
  const own = denials.some(({ tenant }) => tenant === who.tenant) || who.tenant === undefined ? [] : [{ object, op: "add" as const, field: "access", value: { tenant: who.tenant } }];
  return [...own, ...turned];
}

/** A service that cannot run as its policies ask denies everybody. */
function withoutPolicies(service: ServiceConfig): Change[] {
  return ["securityPolicyRef", "servicePolicyRef"].map((field) => ({ object: idOf(service.name), op: "remove", field }));
}

/** A service is enabled, or takes the port, the protocol or the address. */
function serviceChanges(config: RouterConfig, question: WhyQuestion): Change[] {
  const { services } = config;
  const hasAddress = ({ addresses }: ServiceConfig): boolean => addresses.some(({ prefix }) => containsAddress(prefix, question.destination));
  const hasTransport = (service: ServiceConfig): boolean => service.transports.length === 0 || matchersOf(service).some((matcher) => entryMatches({ ...matcher, prefix: { address: question.destination, length: 0 } }, question));
  const disabled = services.filter((service) => !service.enabled && hasAddress(service) && hasTransport(service));
  const enabled = services.filter((service) => service.enabled);
  return [
    ...disabled.slice(0, mostServices).map(({ name }): Change => ({ object: idOf(name), op: "set", field: "enabled", value: true })),
    ...enabled.filter(hasAddress).slice(0, mostServices).map((service) => transportChange(service, question)),
    ...enabled.filter((service) => !hasAddress(service) && hasTransport(service)).slice(0, mostServices)
      .map(({ name }): Change => ({ object: idOf(name), op: "add", field: "addresses", value: formatAddress(question.destination) })),
  ];
}

function transportChange(service: ServiceConfig, { proto, port, destination }: WhyQuestion): Change {
  const object = idOf(service.name);
  const known = service.transports.find((one) => (destination.family === 4 ? one.protocol4 : one.protocol6) === proto);
  const place = known === undefined ? undefined : /^spec\.(transports\[\d+\])/.exec(known.origin.field)?.[1];
  if (place !== undefined) return { object, op: "add", field: `${place}.ports`, value: port };
  const icmp = proto === 58 ? "ICMP" : undefined;
  const protocol = icmp ?? Object.entries(protocolNames).find(([, number]) => number === proto)?.[0] ?? proto;
  return { object, op: "add", field: "transports", value: { protocol, ...(hasPorts(proto) && port > 0 ? { ports: [port] } : {}) } };
}

/** Services with the address that are no part of the configuration, because no ServiceRoute leads to them from this router. */
function unroutedChanges(ask: RemedyAsk, question: WhyQuestion): Change[] {
  const known = new Set(ask.config.services.map(({ name }) => name));
  const unrouted = ask.objects.flatMap(({ object }) => (object.kind === "Service" && object.spec.enabled && !known.has(`${object.metadata.namespace}/${object.metadata.name}`) ? [object] : []));
  const fits = unrouted.filter(({ spec }) => spec.addresses.some((text) => containsAddress(acceptedPrefix(text), question.destination))
    && (spec.transports.length === 0 || spec.transports.some(({ protocol }) => protocolNumber(protocol, question.destination.family) === question.proto)));
  return fits.slice(0, mostServices).flatMap(({ metadata }) => pathChanges(ask, question, `${metadata.namespace}/${metadata.name}`).slice(0, mostWays));
}

/** A peer that a service does not go to, because its payloads are encrypted, gets encrypted metadata. */
function peerChanges(config: RouterConfig, { destination }: WhyQuestion, name: string): Change[] {
  const lookup = buildLookup(config), service = lookup.service(name);
  const peers = service === undefined ? [] : weakPeers(lookup, service, destination.family).filter(({ metadataEncryption }) => !metadataEncryption.enabled);
  return peers.slice(0, mostWays).map(({ origin: { object, field } }) => ({ object, op: "set", field: `${field.replace(/^spec\./, "")}.metadataEncryption.enabled`, value: true }));
}

/** The router gets a way to the service: one that others have, or a new one. */
function pathChanges({ objects, config }: RemedyAsk, question: WhyQuestion, service: string): Change[] {
  const [namespace = "", name = ""] = service.split("/");
  const routes = objects.flatMap(({ object }) => (object.kind === "ServiceRoute" && object.metadata.namespace === namespace && object.spec.serviceRef.name === name ? [object] : []));
  const joined = routes.filter(({ spec }) => !spec.routers.includes(config.name))
    .map((route): Change => ({ object: `ServiceRoute ${namespace}/${route.metadata.name}`, op: "add", field: "routers", value: config.name }));
  const object = `ServiceRoute ${namespace}/${freeName(objects, `${namespace}/${name}-${config.name}`)}`;
  const made = waysOf(config, question, routes).map((way): Change => ({ object, op: "create", field: "", value: { serviceRef: { name }, routers: [config.name], ...way } }));
  return [...joined, ...made];
}

/** Networks that the destination is on, peers that have a way themselves, then every other peer and network with hosts. */
function waysOf(config: RouterConfig, question: WhyQuestion, routes: readonly Extract<ApiObject, { kind: "ServiceRoute" }>[]): object[] {
  const networks = config.interfaces.flatMap((one) => one.networks.map((network) => ({ near: isOnLink(network, question.destination), way: { interface: one.name, ...(network.vlan === 0 ? {} : { vlan: network.vlan }) } })));
  const peers = config.peers.map(({ name }) => ({ near: routes.some(({ spec }) => spec.routers.includes(name)), name }));
  const local = (near: boolean): object[] => networks.filter((one) => one.near === near).map(({ way }) => ({ type: "Local", local: way }));
  const peer = (near: boolean): object[] => peers.filter((one) => one.near === near).map(({ name }) => ({ type: "Peer", peer: { peer: name } }));
  return [...local(true), ...peer(true), ...peer(false), ...local(false)];
}

function freeName(objects: readonly ParsedObject[], wanted: string): string {
  const taken = new Set(objects.map((one) => one.id));
  const candidates = [wanted, ...Array.from({ length: objects.length }, (_, n) => `${wanted}-${n + 2}`)];
  return (candidates.find((one) => !taken.has(`ServiceRoute ${one}`)) ?? wanted).split("/")[1] ?? "";
}
