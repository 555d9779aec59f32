// Candidate ways to each service from one router, by cost (behaviour 6.1-6.3). Called by graph.ts for each router.
import type { IpAddress, IpFamily } from "../base/address.ts";
import { formatPrefix } from "../base/prefix.ts";
import { orderedCosts } from "../api/servicepolicy.ts";
import type { ServicePolicy } from "../api/servicepolicy.ts";
import type { ServiceRoute } from "../api/serviceroute.ts";
import { acceptedAddress } from "./accepted.ts";
import type { InterfaceConfig, LocalRouteConfig, NexthopConfig, PathConfig, PeerConfig, PeerRouteConfig, RouteConfig, ServiceConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import { holdsService } from "./holds.ts";
import { inputName, namesIn } from "./inputs.ts";
import type { Input, PlanInputs } from "./inputs.ts";
import { attachedAt, gatewayKey, isOnLink, isPrefixOnLink, nexthopOf } from "./links.ts";
import type { Attached } from "./links.ts";
import { gatewayOf } from "./peers.ts";
import { originIn, unknownName } from "./report.ts";
import type { Report } from "./report.ts";

/** RouteWork is what the routes of a router are compiled from; next hops through new gateways are added to it. */
export interface RouteWork {
  router: string;
  inputs: PlanInputs;
  /** that name the router, in name order */
  routes: readonly Input<"ServiceRoute">[];
  services: readonly ServiceConfig[];
  interfaces: readonly InterfaceConfig[];
  peers: readonly PeerConfig[];
  paths: readonly PathConfig[];
  nexthops: NexthopConfig[];
  report: Report;
}

type Spec = ServiceRoute["spec"];
type Way = NonNullable<Spec["local"]> & { targets?: string[] };
interface RoutePlace { work: RouteWork; input: Input<"ServiceRoute">; service: ServiceConfig; policy: ServicePolicy | undefined }

/** compileRoutes gives the candidates of a router, sorted by service, cost, route and path. */
export function compileRoutes(work: RouteWork): RouteConfig[] {
  const services = new Map(work.services.map((service) => [service.name, service]));
  const routes = work.routes.flatMap((input) => {
    const service = services.get(routedService(input));
    if (service === undefined) return [];
    const policy = work.inputs.ServicePolicy.get(service.servicePolicy ?? "")?.object;
    return candidatesOf({ work, input, service, policy });
  });
  return routes.sort((a, b) => compareNames(a.service, b.service) || a.cost - b.cost || compareNames(a.route, b.route) || compareNames(pathKey(a), pathKey(b)));
}

/** routedService names the service that a route leads to. */
export function routedService({ object: { metadata, spec } }: Input<"ServiceRoute">): string {
  return `${metadata.namespace}/${spec.serviceRef.name}`;
}

/** reportRoute checks what does not depend on one router: that service and routers exist. */
export function reportRoute(input: Input<"ServiceRoute">, inputs: PlanInputs, report: Report): void {
  const service = routedService(input);
  if (!inputs.Service.has(service)) report.error(input, "spec.serviceRef.name", report.unknown("Service", service, namesIn(input.object.metadata.namespace, inputs.Service)));
  for (const [index, router] of input.object.spec.routers.entries()) {
    if (!inputs.Router.has(router)) report.warn(input, `spec.routers[${index}]`, report.unknown("Router", router, inputs.Router));
  }
}

/** reportUnreached warns of a service that no route leads to. */
export function reportUnreached(input: Input<"Service">, report: Report): void {
  if (input.object.spec.enabled) report.warn(input, "metadata.name", { code: "reference", message: "no ServiceRoute leads to this service", fix: "add a ServiceRoute with its serviceRef" });
}

function candidatesOf(place: RoutePlace): RouteConfig[] {
  const { spec } = place.input.object;
  if (spec.peer !== undefined) return peerCandidates(place, spec.peer.peer);
  if (spec.local !== undefined) return localCandidates(place, spec.local, "local");
  return spec.host === undefined ? [] : localCandidates(place, spec.host, "host");
}

function peerCandidates(place: RoutePlace, peer: string): PeerRouteConfig[] {
  const { work, input } = place;
  if (!work.peers.some((one) => one.name === peer)) {
    work.report.error(input, "spec.peer.peer", { ...unknownName("peer", peer, work.peers.map((one) => one.name)), message: `Router ${work.router} has no peer "${peer}"` });
    return [];
  }
  if (place.service.postQuantum === true && work.peers.some((one) => one.name === peer && one.authentication !== "certificate")) {
    warnClassical(place, peer);
    return [];
  }
  const found = work.paths.filter((path) => path.peer === peer).flatMap((path): PeerRouteConfig[] => {
    const cost = costOf(place, path.vector ?? input.object.spec.vector);
    return cost === undefined ? [] : [{ kind: "peer", peer, path: path.key, ...baseOf(place, cost, "spec.peer.peer") }];
  });
  if (found.length === 0 && work.paths.some((path) => path.peer === peer)) warnNoVector(place);
  const [config] = work.peers.filter((one) => one.name === peer), isWeak = ({ path }: PeerRouteConfig): boolean => config !== undefined && !holdsService(place.service, work.paths.find(({ key }) => key === path), config);
  if (found.some(isWeak)) warnWeak(place, peer);
  else if (found.length > 0 && place.service.security?.everyPacket === true && config?.hmac.mode === "Disabled") warnUntagged(place, peer);
  return found;
}

function localCandidates(place: RoutePlace, way: Way, kind: "local" | "host"): LocalRouteConfig[] {
  const { work, input } = place;
  const attached = attachedAt(work.interfaces, way.interface, way.vlan ?? 0);
  if (!attached.ok) {
    const { complaint, field } = attached.error;
    work.report.error(input, `spec.${kind}.${field}`, { ...complaint, message: `${complaint.message} on Router ${work.router}` });
    return [];
  }
  const cost = costOf(place, input.object.spec.vector);
  if (cost === undefined) {
    warnNoVector(place);
    return [];
  }
  const targets = targetsOf(place, way, attached.value);
  const { interface: one, network } = attached.value;
  return [{
    kind, interface: one.name, ifnum: one.ifnum, vlan: network.vlan, targets, nexthops: nexthopsOf(place, { way, kind, attached: attached.value, targets }),
    addresses: network.addresses.map(({ address }) => address), ...baseOf(place, cost, `spec.${kind}`),
  }];
}

function baseOf({ input, service }: RoutePlace, cost: number, field: string): Omit<PeerRouteConfig, "kind" | "peer" | "path"> {
  const { spec } = input.object;
  return { service: service.name, route: inputName(input), cost, maxSessions: spec.maxSessions ?? 0, sessionRate: spec.sessionRate ?? 0, origin: originIn(input, field) };
}

/** Cost by behaviour 6.3; undefined when the policy lists vectors and this one is not to be used. */
function costOf({ input, policy }: RoutePlace, vector: string | undefined): number | undefined {
  const vectors = policy?.spec.vectors ?? [];
  if (vectors.length === 0) return input.object.spec.cost;
  const found = vectors.find((one) => one.name === vector);
  if (found === undefined || found.use === "Never") return undefined;
  if (found.cost !== undefined) return found.cost;
  const place = vectors.filter((one) => one.use === "Ordered").indexOf(found);
  return orderedCosts[Math.min(place, orderedCosts.length - 1)];
}

function warnClassical({ work, input, service }: RoutePlace, peer: string): void {
  work.report.warn(input, "spec.peer.peer", {
    code: "conflict", message: `SecurityPolicy ${service.securityPolicy ?? ""} of ${service.name} asks for a post-quantum exchange, and Router ${work.router} has a pre-shared key with "${peer}": the service does not go there`,
    fix: "give both routers certificates and leave psk out at the peer, or use a policy without postQuantumRequired",
  });
}

/** Sessions never go less protected than asked, so they do not go there. */
function warnWeak({ work, input, service }: RoutePlace, peer: string): void {
  work.report.warn(input, "spec.peer.peer", {
    code: "conflict", message: `payloads of ${service.name} are to be encrypted, and Router ${work.router} has no encrypted metadata or no tags with "${peer}": the service does not go there`,
    fix: "set metadataEncryption.enabled and another hmac.mode at the peer, on both routers, or use a policy without payloadEncryption",
  });
}

/** Who disables tags toward a peer trusts the line: the service goes there. */
function warnUntagged({ work, input, service }: RoutePlace, peer: string): void {
  work.report.warn(input, "spec.peer.peer", {
    code: "conflict", message: `each packet of ${service.name} is to have a tag, and Router ${work.router} has hmac.mode Disabled with "${peer}": packets go there without`,
    fix: "set another hmac.mode at the peer, on both routers, or use a policy with hmacScope MetadataOnly",
  });
}

function warnNoVector({ work, input, service }: RoutePlace): void {
  work.report.warn(input, "spec.vector", {
    code: "value", message: `no path of this route on Router ${work.router} is one that ServicePolicy ${service.servicePolicy ?? "default"} uses`,
    fix: "give the route or the paths of the peer a vector of the policy",
  });
}

function familiesOf(service: ServiceConfig): Set<IpFamily> {
  return new Set(service.addresses.map(({ prefix }) => prefix.address.family));
}

/** Targets of destination NAT that can be reached; a change of family is not done (behaviour 5, NAT46 and NAT64). */
function targetsOf(place: RoutePlace, way: Way, attached: Attached): IpAddress[] {
  const { work, input, service } = place;
  const families = familiesOf(service);
  const texts = way.targets ?? [];
  const targets = texts.flatMap((text, index) => {
    const target = acceptedAddress(text);
    const field = `spec.host.targets[${index}]`;
    if (!families.has(target.family)) {
      work.report.error(input, field, { code: "unsupported", message: `the service has no IPv${target.family} address: NAT46 and NAT64 are not supported`, fix: "name a target of the service's own family" });
      return [];
    }
    const gateway = gatewayOf(work, { text: way.gateway, attached, remote: target });
    if (gateway.ok) return [target];
    work.report.error(input, gateway.error.field === "gateway" && way.gateway !== undefined ? "spec.host.gateway" : field, { ...gateway.error.complaint, message: `target ${text}: ${gateway.error.complaint.message}` });
    return [];
  });
  for (const family of texts.length === 0 ? [] : families) {
    if (!targets.some((target) => target.family === family)) work.report.warn(input, "spec.host.targets", { code: "unsupported", message: `IPv${family} addresses of the service have no target here`, fix: `add an IPv${family} target` });
  }
  return targets;
}

interface WayPlan { way: Way; kind: "local" | "host"; attached: Attached; targets: readonly IpAddress[] }

/** Next hop by family: the gateway given, the link when everything is on link, else the gateway of the network. */
function nexthopsOf(place: RoutePlace, plan: WayPlan): LocalRouteConfig["nexthops"] {
  const given = plan.way.gateway === undefined ? undefined : acceptedAddress(plan.way.gateway);
  if (given !== undefined) return givenGateway(place, plan, given);
  const nexthops: LocalRouteConfig["nexthops"] = {};
  const { network } = plan.attached;
  for (const family of familiesOf(place.service)) {
    const away = plan.kind === "host"
      ? plan.targets.filter((target) => target.family === family && !isOnLink(network, target)).length
      : reportAway(place, plan, family);
    const key = away === 0 ? network.onLink[family] : network.gateways[family];
    if (key !== undefined) nexthops[family] = key;
  }
  return nexthops;
}

function givenGateway(place: RoutePlace, plan: WayPlan, gateway: IpAddress): LocalRouteConfig["nexthops"] {
  const { work, input } = place;
  const { interface: one, network } = plan.attached;
  const field = `spec.${plan.kind}.gateway`;
  if (!isOnLink(network, gateway)) {
    work.report.error(input, field, { code: "value", message: `gateway ${plan.way.gateway ?? ""} is not on link at interface "${one.name}" of Router ${work.router}`, fix: "give the interface an address of the gateway's network" });
    return {};
  }
  const key = gatewayKey(one.name, network.vlan, gateway);
  if (!work.nexthops.some((nexthop) => nexthop.key === key)) {
    work.nexthops.push(nexthopOf({ key, at: { interface: one, vlan: network.vlan }, family: gateway.family, gateway, origin: originIn(input, field) }));
  }
  return { [gateway.family]: key };
}

/** Counts the prefixes of a family that are not on link, and reports them when there is no gateway either. */
function reportAway({ work, input, service }: RoutePlace, plan: WayPlan, family: IpFamily): number {
  const { interface: one, network } = plan.attached;
  const away = service.addresses.map(({ prefix }) => prefix).filter((prefix) => prefix.address.family === family && !isPrefixOnLink(network, prefix));
  const first = away[0];
  if (first !== undefined && network.gateways[family] === undefined) {
    work.report.error(input, "spec.local.gateway", {
      code: "required", message: `${formatPrefix(first)} is not on link at interface "${one.name}" of Router ${work.router}, and there is no IPv${family} gateway`,
      fix: "write a gateway here or on the interface",
    });
  }
  return away.length;
}

function pathKey(route: RouteConfig): string {
  return route.kind === "peer" ? route.path : "";
}
