// Which routers use which objects: an object is used where a line of the configuration came from it. Called by planner.ts. Pure.
import type { Origin, RouterConfig } from "./config.ts";
import { compareNames } from "./entries.ts";

/** usesOf gives the routers of each object, in name order. */
export function usesOf(routers: ReadonlyMap<string, RouterConfig>): Map<string, string[]> {
  const uses = new Map<string, string[]>();
  for (const name of [...routers.keys()].sort(compareNames)) {
    for (const id of objectsIn(routers.get(name))) {
      const list = uses.get(id);
      if (list === undefined) uses.set(id, [name]);
      else list.push(name);
    }
  }
  return uses;
}

/** objectsIn names every object that a line of the configuration came from, or whose name a line has. */
export function objectsIn(config: RouterConfig | undefined): Set<string> {
  const ids = new Set<string>();
  if (config === undefined) return ids;
  const add = ({ origin }: { origin: Origin }): void => void ids.add(origin.object);
  for (const list of [config.interfaces, config.locals, config.nexthops, config.tenants, config.members, config.services, config.routes, config.peers, config.paths, config.natPools, config.staticNats]) for (const line of list) add(line);
  add(config);
  for (const { servicePolicy, securityPolicy } of config.services) {
    if (servicePolicy !== undefined) ids.add(`ServicePolicy ${servicePolicy}`);
    if (securityPolicy !== undefined) ids.add(`SecurityPolicy ${securityPolicy}`);
  }
  return ids;
}
