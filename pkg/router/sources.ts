// Who may send from where: tenants of host prefixes (behaviour 2.1), and for interfaces that check sources (behaviour 10) what else is
// known there: their own networks, and services that are routed there. Pure; called by program.ts and door.ts.
import type { IpAddress } from "../base/address.ts";
import { containsAddress, containsPrefix, formatPrefix, networkOf } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { MemberEntry } from "../ports/datapath.ts";
import { nameKey } from "./names.ts";
import type { Ids } from "./names.ts";

type Place = Pick<MemberEntry, "ifnum" | "vlan">;

/** memberEntries are the prefixes of hosts with their tenant, and of known sources that have none. */
export function memberEntries(config: RouterConfig, ids: Ids): MemberEntry[] {
  const tenants = config.members.flatMap((member): MemberEntry[] => {
    const tenant = ids[nameKey("tenant", member.tenant)];
    return tenant === undefined ? [] : [{ ifnum: member.ifnum, vlan: member.vlan, prefix: member.prefix, tenant }];
  });
  const entries = new Map(tenants.map((entry) => [keyOf(entry, entry.prefix), entry]));
  for (const { place, prefix } of knownSources(config)) {
    const key = keyOf(place, prefix);
    if (!entries.has(key)) entries.set(key, { ...place, prefix, ...tenantAround(tenants, place, prefix) });
  }
  return [...entries.values()];
}

function keyOf({ ifnum, vlan }: Place, prefix: Prefix): string {
  return `${ifnum}.${vlan}.${formatPrefix(prefix)}`;
}

/** A narrower prefix must not take its hosts out of the tenant of a wider one. */
function tenantAround(tenants: readonly MemberEntry[], place: Place, prefix: Prefix): { tenant?: number } {
  const around = tenants.filter((entry) => entry.ifnum === place.ifnum && entry.vlan === place.vlan && containsPrefix(entry.prefix, prefix));
  const [closest] = around.sort((a, b) => b.prefix.length - a.prefix.length);
  return closest?.tenant === undefined ? {} : { tenant: closest.tenant };
}

/** isKnownSource tells whether a host may send from an address on a network of an interface that checks sources. */
export function isKnownSource(config: RouterConfig, place: Place, source: IpAddress): boolean {
  const members = config.members.map(({ ifnum, vlan, prefix }) => ({ place: { ifnum, vlan }, prefix }));
  return [...members, ...knownSources(config)].some((one) => one.place.ifnum === place.ifnum && one.place.vlan === place.vlan && containsAddress(one.prefix, source));
}

function knownSources(config: RouterConfig): { place: Place; prefix: Prefix }[] {
  const checked = new Set(config.interfaces.filter((one) => one.sourceCheck === true).map((one) => one.ifnum));
  const own = config.interfaces.filter(({ ifnum }) => checked.has(ifnum))
    .flatMap(({ ifnum, networks }) => networks.flatMap(({ vlan, addresses }) => addresses.map((address) => ({ place: { ifnum, vlan }, prefix: networkOf(address) }))));
  const services = new Map(config.services.map((service) => [service.name, service]));
  const routed = config.routes.flatMap((route) => {
    if (route.kind === "peer" || !checked.has(route.ifnum)) return [];
    const { ifnum, vlan, targets } = route;
    const prefixes = [...(services.get(route.service)?.addresses ?? []).map(({ prefix }) => prefix), ...targets.map((address): Prefix => ({ address, length: address.family === 4 ? 32 : 128 }))];
    return prefixes.map((prefix) => ({ place: { ifnum, vlan }, prefix }));
  });
  return [...own, ...routed];
}
