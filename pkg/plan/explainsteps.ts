// The words of explain.ts: each step of a decision as a sentence with the object and field it comes from. Decides nothing.
import { addressOfWords } from "../base/address.ts";
import type { IpAddress, IpFamily } from "../base/address.ts";
import { formatAddress } from "../base/addresstext.ts";
import { containsAddress, formatPrefix } from "../base/prefix.ts";
import { hasPorts, protocolNames } from "../api/network.ts";
import { classicalPeers } from "./classical.ts";
import type { LocalRouteConfig, Origin, PathConfig, PeerRouteConfig, RouteConfig, RouterConfig, ServiceConfig } from "./config.ts";
import { entryMatches, matchersOf } from "./entries.ts";
import type { LookupEntry } from "./entries.ts";
import type { WhyQuestion, WhyStep } from "./explain.ts";
import { askOn, weakPeers } from "./holds.ts";
import type { Lookup } from "./lookup.ts";

/** missSteps tells why the lookup found nothing, with the services that came near. */
export function missSteps(config: RouterConfig, miss: { question: WhyQuestion; tenant: string; why: "access" | "no-service" }): WhyStep[] {
  const { question, tenant, why } = miss;
  const enabled = config.services.filter((service) => service.enabled);
  const met = enabled.filter((service) => matchersOf(service).some((matcher) => entryMatches(matcher, question)));
  if (why === "access") {
    return [
      { stage: "service", ok: true, text: `${packetText(question)} fits ${namesOf(met)}`, ...originOfFirst(met) },
      { stage: "access", ok: false, text: `${tenant} has no access to ${namesOf(met)}`, ...originOfFirst(met) },
    ];
  }
  const near = enabled.filter((service) => service.addresses.some(({ prefix }) => containsAddress(prefix, question.destination)));
  const hint = near.length === 0 ? "no service that a ServiceRoute leads to from this router has the address" : `${namesOf(near)} has the address, with other protocols or ports`;
  return [{ stage: "service", ok: false, text: `${packetText(question)} fits no service: ${hint}`, ...originOfFirst(near) }];
}

const mostNames = 5;

function namesOf(services: readonly ServiceConfig[]): string {
  const names = services.slice(0, mostNames).map((service) => service.name).join(", ");
  return services.length > mostNames ? `${names} and ${services.length - mostNames} more` : names;
}

function originOfFirst(services: readonly ServiceConfig[]): { origin?: Origin } {
  const first = services[0];
  return first === undefined ? {} : { origin: first.origin };
}

/** serviceStep tells by which entry a service was found. */
export function serviceStep(entry: LookupEntry): WhyStep {
  const { service, prefix, protocol, ports } = entry;
  const range = ports === undefined ? "every port" : ports.first === ports.last ? `port ${ports.first}` : `ports ${ports.first}-${ports.last}`;
  const transport = protocol === undefined ? "every protocol" : hasPorts(protocol) ? `${protocolText(protocol)}, ${range}` : protocolText(protocol);
  return { stage: "service", ok: true, text: `${service.name} by ${formatPrefix(prefix)}, ${transport}`, origin: entry.transport ?? entry.address };
}

/** accessStep tells by which access line the tenant is admitted or denied. */
export function accessStep(entry: LookupEntry, tenant: string): WhyStep {
  const { access, service } = entry;
  const ok = access.permission === "Allow";
  const inherited = access.tenant === tenant ? "" : `, as a child of ${access.tenant}`;
  return { stage: "access", ok, text: `${service.name} ${ok ? "admits" : "denies"} ${tenant}${inherited}`, origin: access.origin };
}

/** noRouteStep tells why a service cannot be reached in a family. */
export function noRouteStep(lookup: Lookup, service: ServiceConfig, family: IpFamily): WhyStep {
  const { config } = lookup;
  const classical = classicalPeers(config);
  if (service.postQuantum === true && classical.length > 0) {
    return { stage: "route", ok: false, text: `${service.name} asks for a post-quantum exchange; not ready here: ${classical.slice(0, mostNames).join(", ")}`, origin: service.origin };
  }
  const weak = weakPeers(lookup, service, family);
  if (weak.length > 0) {
    return { stage: "route", ok: false, text: `${service.name} asks for encrypted payloads, which need encrypted metadata and tags; not so toward: ${weak.slice(0, mostNames).map(({ name }) => name).join(", ")}`, origin: service.origin };
  }
  const any = config.routes.some((one) => one.service === service.name);
  return { stage: "route", ok: false, text: any ? `no route to ${service.name} serves IPv${family} here` : `there is no route to ${service.name} here`, origin: service.origin };
}

/** routeStep tells which way is taken, of how many. */
export function routeStep(route: RouteConfig, count: number): WhyStep {
  const rest = count === 1 ? "" : `, first of ${count} candidates`;
  return { stage: "route", ok: true, text: `${wayText(route)}, cost ${route.cost}${rest}`, origin: route.origin };
}

/** Leaving is a connection at its way out; its destination is the inside one, where there are two. */
export interface Leaving {
  service: ServiceConfig;
  route: RouteConfig;
  question: WhyQuestion;
  tenant: string;
  wasOutside: boolean;
}

const ciphers = ["", "AES-256-CBC", "AES-256-GCM"] as const;

/** securityStep tells how what hosts say crosses to a peer, and who decides that: the policy of the service, or the path. */
export function securityStep(service: ServiceConfig, path: PathConfig | undefined): WhyStep {
  const { suite, adaptive, everyPacket } = askOn(service, path);
  const isByPath = suite !== (service.security?.suite ?? 0);
  const tags = everyPacket ? ", with a tag on each packet" : "";
  return { stage: "security", ok: true, text: `${suite === 0 ? `what hosts say crosses as it is${tags}` : `${ciphers[suite]}${adaptive ? " for what hosts do not encrypt themselves" : ""}`}${isByPath ? ", by the path" : ""}`, origin: isByPath ? path?.origin ?? service.origin : policyOrigin(service) };
}

function policyOrigin({ securityPolicy, security, origin }: ServiceConfig): Origin {
  if (securityPolicy === undefined) return origin;
  return { object: `SecurityPolicy ${securityPolicy}`, field: security?.suite === 0 && security.everyPacket ? "spec.hmacScope" : "spec.payloadEncryption" };
}

/** natStep tells what becomes of addresses on a way out; not ok when there is no address to send from. */
export function natStep(lookup: Lookup, way: Leaving): WhyStep {
  return way.route.kind === "peer" ? peerNat(lookup, way.route) : localNat(lookup, way, way.route);
}

/** insideStep tells that a destination is a static outside address. */
export function insideStep(destination: IpAddress, inside: { address: IpAddress; origin: Origin }): WhyStep {
  return { stage: "nat", ok: true, text: `${formatAddress(destination)} is ${formatAddress(inside.address)} inside`, origin: inside.origin };
}

function wayText(route: RouteConfig): string {
  if (route.kind === "peer") return `to peer ${route.peer} by path ${route.path}`;
  return `to hosts at ${route.interface}${route.vlan === 0 ? "" : ` VLAN ${route.vlan}`}`;
}

function peerNat(lookup: Lookup, route: PeerRouteConfig): WhyStep {
  const path = lookup.path(route.path);
  const between = path === undefined ? "" : `, ${formatAddress(path.local)} to ${formatAddress(path.remote)}`;
  return { stage: "nat", ok: true, text: `addresses and ports become waypoints${between}`, origin: route.origin };
}

function localNat(lookup: Lookup, { service, question, tenant, wasOutside }: Leaving, route: LocalRouteConfig): WhyStep {
  const { family } = question.destination;
  const target = route.targets.find((one) => one.family === family);
  const to = target === undefined ? "the destination stays" : `the destination becomes ${formatAddress(target)}`;
  const choice = lookup.nat.sourceFor({ sourceNat: service.sourceNat, out: route, tenant, source: question.from ?? addressOfWords(family, 0), turnsBack: false, wasOutside });
  const step = (ok: boolean, text: string, origin: Origin): WhyStep => ({ stage: "nat", ok, text, origin });
  if (choice.kind === "keep") return step(true, `${to}, the source stays`, target === undefined ? service.origin : route.origin);
  if (choice.kind === "static") return step(true, `${to}, the source becomes ${formatAddress(choice.address)}`, choice.origin);
  const origin = choice.origin ?? route.origin;
  const [first] = choice.addresses;
  if (first !== undefined) return step(true, `${to}, the source becomes ${service.sourceNat === "Pool" && question.from === undefined ? "an address of the pool" : formatAddress(first)}`, origin);
  if (service.sourceNat === "Pool") return step(false, choice.origin === undefined ? `no pool is for ${tenant}` : `the pool for ${tenant} has no IPv${family} address`, choice.origin ?? service.origin);
  return step(false, `${route.interface} has no IPv${family} address to send from`, origin);
}

function packetText({ proto, port, destination }: WhyQuestion): string {
  const address = formatAddress(destination);
  if (!hasPorts(proto)) return `${protocolText(proto)} to ${address}`;
  return `${protocolText(proto)} to ${destination.family === 4 ? address : `[${address}]`}:${port}`;
}

function protocolText(number: number): string {
  const found = Object.entries(protocolNames).find(([, one]) => one === number);
  return found?.[0] ?? (number === icmpVersion6 ? "ICMPv6" : `protocol ${number}`);
}

const icmpVersion6 = 58;
