// Which network the answers to a source leave by: the longest prefix among what is on link, what services are reached where, and
// gateways. Built from a RouterConfig with the lookup; asked for services with strict reverse flow enforcement (behaviour 3.10). Pure.
import type { IpAddress } from "../base/address.ts";
import { createPrefixTable } from "../base/lpm.ts";
import type { PrefixTable } from "../base/lpm.ts";
import { formatPrefix, networkOf } from "../base/prefix.ts";
import type { Prefix } from "../base/prefix.ts";
import { acceptedPrefix } from "./accepted.ts";
import type { NetworkConfig, RouteConfig, RouterConfig } from "./config.ts";

/** ReturnRoutes tells whether the answers to a source would leave by a network; of equal prefixes each network counts. */
export type ReturnRoutes = (ifnum: number, vlan: number, source: IpAddress) => boolean;

type Place = `${number}.${number}`;

/** createReturnRoutes indexes a configuration when it is asked for the first time. */
export function createReturnRoutes(config: RouterConfig): ReturnRoutes {
  let table: PrefixTable<Set<Place>> | undefined;
  return (ifnum, vlan, source) => {
    table ??= createPrefixTable([...placesOf(config)].map(([text, places]) => [acceptedPrefix(text), places] as const));
    return table.longest(source)?.value.has(`${ifnum}.${vlan}`) === true;
  };
}

function placesOf(config: RouterConfig): Map<string, Set<Place>> {
  const found = new Map<string, Set<Place>>();
  const put = (prefix: Prefix, place: Place): void => {
    const key = formatPrefix(networkOf(prefix));
    found.set(key, (found.get(key) ?? new Set<Place>()).add(place));
  };
  for (const { ifnum, networks } of config.interfaces) {
    for (const network of networks) for (const prefix of prefixesOf(network)) put(prefix, `${ifnum}.${network.vlan}`);
  }
  const cheapest = cheapestPlaces(config);
  for (const service of config.services) {
    const place = service.enabled ? cheapest.get(service.name) : undefined;
    if (place !== undefined) for (const { prefix } of service.addresses) put(prefix, place);
  }
  return found;
}

/** What is on link, and everything where there is a gateway. */
function prefixesOf({ addresses, gateways }: NetworkConfig): Prefix[] {
  return [...addresses, ...(gateways[4] === undefined ? [] : [acceptedPrefix("0.0.0.0/0")]), ...(gateways[6] === undefined ? [] : [acceptedPrefix("::/0")])];
}

/** Where the first route of each service leaves; routes are sorted by cost. */
function cheapestPlaces(config: RouterConfig): Map<string, Place> {
  const paths = new Map(config.paths.map((path) => [path.key, path]));
  const places = new Map<string, Place>();
  for (const route of config.routes) {
    const place = placeOf(route, paths);
    if (place !== undefined && !places.has(route.service)) places.set(route.service, place);
  }
  return places;
}

function placeOf(route: RouteConfig, paths: ReadonlyMap<string, RouterConfig["paths"][number]>): Place | undefined {
  const at = route.kind === "peer" ? paths.get(route.path) : route;
  return at === undefined ? undefined : `${at.ifnum}.${at.vlan}`;
}
