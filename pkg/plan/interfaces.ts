// Interfaces of one router with their numbers, networks, own addresses and next hops. Called by graph.ts for each router.
import type { IpAddress } from "../base/address.ts";
import { sameAddress } from "../base/address.ts";
import type { Prefix } from "../base/prefix.ts";
import type { RouterInterface } from "../api/router.ts";
import { mostRules } from "../api/filter.ts";
import { highestIfnum } from "../api/router.ts";
import { acceptedAddress, acceptedPorts, acceptedPrefix } from "./accepted.ts";
import type { InterfaceConfig, LocalConfig, NetworkConfig, NexthopConfig, PortRange } from "./config.ts";
import { compileFilter } from "./filters.ts";
import type { Input } from "./inputs.ts";
import { gatewayKey, isOnLink, linkKey, nexthopOf } from "./links.ts";
import { originIn } from "./report.ts";
import type { Report } from "./report.ts";

/** defaultWaypointPorts are both parities of protocol 2.2. */
export const defaultWaypointPorts: PortRange = { first: 16_384, last: 65_534 };

/** CompiledInterfaces is what the interfaces of a router give. */
export interface CompiledInterfaces {
  interfaces: InterfaceConfig[];
  nexthops: NexthopConfig[];
  locals: LocalConfig[];
}

interface Work { input: Input<"Router">; report: Report; nexthops: NexthopConfig[] }
interface Place { work: Work; field: string; name: string; ifnum: number; mtu: number; vlan: number }

/** compileInterfaces compiles the interfaces of a router, sorted by number. */
export function compileInterfaces(input: Input<"Router">, report: Report): CompiledInterfaces {
  const work: Work = { input, report, nexthops: [] };
  const list = input.object.spec.interfaces;
  const numbers = numberInterfaces(work, list);
  const devices = new Map<string, string>();
  const locals: LocalConfig[] = [];
  const interfaces = list.flatMap((one, index) => {
    const field = `spec.interfaces[${index}]`;
    const device = one.device ?? one.name;
    const owner = devices.get(device);
    if (owner !== undefined) {
      report.error(input, `${field}.device`, { code: "conflict", message: `device "${device}" belongs to interface "${owner}" already; this interface is left out`, fix: "name another device, or use one interface with VLANs" });
      return [];
    }
    devices.set(device, one.name);
    const compiled = compileInterface({ work, field, one, ifnum: numbers[index] ?? 0, device });
    locals.push(...localsOf({ work, field, one, compiled }));
    return [compiled];
  });
  return { interfaces: interfaces.sort((a, b) => a.ifnum - b.ifnum), nexthops: work.nexthops, locals };
}

/** Explicit numbers first; the others get the lowest free ones by place in the list. */
function numberInterfaces(work: Work, list: readonly RouterInterface[]): number[] {
  const taken = new Map<number, string>();
  const explicit = list.map((one, index) => {
    if (one.id === undefined) return undefined;
    const owner = taken.get(one.id);
    if (owner === undefined) {
      taken.set(one.id, one.name);
      return one.id;
    }
    work.report.error(work.input, `spec.interfaces[${index}].id`, { code: "duplicate", message: `number ${one.id} belongs to interface "${owner}" already; another one is used`, fix: `give a free number of 1-${highestIfnum}` });
    return undefined;
  });
  let next = 1;
  return explicit.map((id, index) => {
    if (id !== undefined) return id;
    while (taken.has(next)) next += 1;
    taken.set(next, list[index]?.name ?? "");
    return next;
  });
}

function compileInterface(part: { work: Work; field: string; one: RouterInterface; ifnum: number; device: string }): InterfaceConfig {
  const { work, field, one, ifnum, device } = part;
  const base = { work, name: one.name, ifnum, mtu: one.mtu };
  const untagged = networkOfPlace({ ...base, field, vlan: 0 }, one);
  const vlans = one.vlans.map((vlan, index) => networkOfPlace({ ...base, field: `${field}.vlans[${index}]`, vlan: vlan.id }, vlan));
  return {
    name: one.name, device, ifnum, type: one.type, hosts: one.type !== "WAN", sharedWithHost: one.sharedWithHost, mtu: one.mtu,
    ...(one.neighbourhood === undefined ? {} : { neighbourhood: one.neighbourhood }),
    ...checksOf(part),
    networks: [untagged, ...vlans.sort((a, b) => a.vlan - b.vlan)], origin: originIn(work.input, field),
  };
}

function checksOf({ work, field, one }: { work: Work; field: string; one: RouterInterface }): Pick<InterfaceConfig, "sourceCheck" | "filter"> {
  const filter = compileFilter(one, (index) => {
    work.report.error(work.input, `${field}.filters[${index}]`, { code: "value", message: "source, destination and family are not of one family, so the rule matches nothing; it is left out", fix: "write addresses of one family" });
  });
  if (filter !== undefined && filter.rules.length > mostRules) {
    work.report.error(work.input, `${field}.filters`, { code: "size", message: `rules for ICMP count twice, once a family; only the first ${mostRules} of ${filter.rules.length} are in force`, fix: "give rules for ICMP a family, or use fewer rules" });
  }
  const strict = one.sourceCheck === undefined ? one.type === "LAN" : one.sourceCheck === "Strict";
  return { ...(strict ? { sourceCheck: true } : {}), ...(filter === undefined ? {} : { filter: { ...filter, rules: filter.rules.slice(0, mostRules) } }) };
}

function networkOfPlace(place: Place, block: { addresses: string[]; gateways: string[] }): NetworkConfig {
  const { work, field, name, vlan } = place;
  const at = { interface: place, vlan };
  const origin = originIn(work.input, field);
  for (const family of [4, 6] as const) work.nexthops.push(nexthopOf({ key: linkKey(name, vlan, family), at, family, origin }));
  const addresses = block.addresses.map(acceptedPrefix);
  return { vlan, addresses, gateways: gatewaysOf(place, block.gateways, addresses), onLink: { 4: linkKey(name, vlan, 4), 6: linkKey(name, vlan, 6) } };
}

function gatewaysOf(place: Place, texts: readonly string[], addresses: Prefix[]): NetworkConfig["gateways"] {
  const { work, name, vlan } = place;
  const gateways: NetworkConfig["gateways"] = {};
  for (const [index, text] of texts.entries()) {
    const gateway = acceptedAddress(text);
    const field = `${place.field}.gateways[${index}]`;
    if (!isOnLink({ addresses }, gateway)) {
      work.report.error(work.input, field, { code: "value", message: `gateway ${text} is not on link`, fix: "give the interface an address of the gateway's network" });
    } else if (gateways[gateway.family] !== undefined) {
      work.report.error(work.input, field, { code: "duplicate", message: `there is an IPv${gateway.family} gateway already`, fix: "keep one gateway a family" });
    } else {
      const key = gatewayKey(name, vlan, gateway);
      gateways[gateway.family] = key;
      work.nexthops.push(nexthopOf({ key, at: { interface: place, vlan }, family: gateway.family, gateway, origin: originIn(work.input, field) }));
    }
  }
  return gateways;
}

interface LocalPart { work: Work; field: string; one: RouterInterface; compiled: InterfaceConfig }

/** Own addresses: plain ones, and waypoints, of which one address may have several with separate port ranges. */
function localsOf(part: LocalPart): LocalConfig[] {
  const { work, field, compiled } = part;
  const waypoints = waypointsOf(part);
  const plain = compiled.networks.flatMap(({ vlan, addresses }) => addresses.map(({ address }): LocalConfig =>
    ({ address, interface: compiled.name, vlan, waypoint: false, origin: originIn(work.input, `${field}.addresses`) })));
  return [...waypoints, ...plain.filter((one) => !waypoints.some((other) => other.vlan === one.vlan && sameAddress(other.address, one.address)))];
}

function waypointsOf({ work, field, one, compiled }: LocalPart): LocalConfig[] {
  const found: LocalConfig[] = [];
  for (const [index, waypoint] of one.waypoints.entries()) {
    const at = `${field}.waypoints[${index}]`;
    const address = acceptedAddress(waypoint.address);
    const network = networkWith(compiled, address);
    if (network === undefined) {
      work.report.error(work.input, `${at}.address`, { code: "reference", message: `${waypoint.address} is not an address of interface "${compiled.name}"`, fix: "add it to the addresses of the interface, or correct it" });
      continue;
    }
    const ports = waypoint.ports === undefined ? undefined : acceptedPorts(waypoint.ports);
    const publicAddress = waypoint.publicAddress === undefined ? undefined : acceptedAddress(waypoint.publicAddress);
    const local: LocalConfig = {
      address, interface: compiled.name, vlan: network.vlan, waypoint: true, origin: originIn(work.input, at),
      ...(publicAddress === undefined ? {} : { publicAddress }), ...(ports === undefined ? {} : { ports }),
    };
    if (found.some((other) => sameAddress(other.address, address) && rangesOverlap(other.ports, ports))) {
      work.report.error(work.input, ports === undefined ? at : `${at}.ports`, { code: "overlap", message: `the ports overlap those of another waypoint at ${waypoint.address}; this one is left out`, fix: "give each waypoint of an address a range of its own" });
    } else found.push(local);
  }
  return found;
}

function networkWith(compiled: InterfaceConfig, address: IpAddress): NetworkConfig | undefined {
  return compiled.networks.find((network) => network.addresses.some((prefix) => sameAddress(prefix.address, address)));
}

/** rangesOverlap tells whether two ranges share a port; an absent range is that of protocol 2.2. */
export function rangesOverlap(a: PortRange = defaultWaypointPorts, b: PortRange = defaultWaypointPorts): boolean {
  return a.first <= b.last && b.first <= a.last;
}
