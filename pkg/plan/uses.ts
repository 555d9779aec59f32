// Which routers use which objects: an object is used where a line of the configuration came from it. Called by planner.ts. Tenants are
// in the list of every router. Pure.
import type { Origin, RouterConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import { without } from "./same.ts";

/** RouterChange is a router before and after an edit; undefined: not there. */
export interface RouterChange { name: string; before: RouterConfig | undefined; after: RouterConfig | undefined }

/** Uses keeps the routers of each object. */
export interface Uses {
  /** Takes in changed routers; gives the objects whose routers changed. */
  update(changes: readonly RouterChange[]): Set<string>;
  /** Routers of an object, in name order. */
  at(id: string): string[];
}

/** createUses makes an empty one. */
export function createUses(): Uses {
  const routersOf = new Map<string, Set<string>>();
  const routers = new Map<string, RouterConfig>();
  const tenantsOf = tenantSets();
  return {
    update(changes) {
      const changed = new Set<string>();
      for (const { name, before, after } of changes) {
        if (after === undefined) routers.delete(name);
        else routers.set(name, after);
        const [old, now] = [objectsIn(before), objectsIn(after)];
        for (const id of without(old, now)) drop(routersOf, id, name);
        for (const id of without(now, old)) routersOf.set(id, (routersOf.get(id) ?? new Set()).add(name));
        const pairs = [[old, now], ...(before?.tenants === after?.tenants ? [] : [[tenantsOf(before), tenantsOf(after)]])] as const;
        for (const [a, b] of pairs) for (const id of [...without(a, b), ...without(b, a)]) changed.add(id);
      }
      return changed;
    },
    at(id) {
      const list = id.startsWith("Tenant ") ? [...routers].filter(([, config]) => tenantsOf(config).has(id)).map(([name]) => name) : [...routersOf.get(id) ?? []];
      return list.sort(compareNames);
    },
  };
}

/** The tenants of a router by id; routers that have the same list share the answer. */
function tenantSets(): (config: RouterConfig | undefined) => Set<string> {
  const known = new WeakMap<RouterConfig["tenants"], Set<string>>();
  return (config) => {
    if (config === undefined) return new Set();
    const ids = known.get(config.tenants) ?? new Set(config.tenants.map(({ name }) => `Tenant ${name}`));
    known.set(config.tenants, ids);
    return ids;
  };
}

function drop(routersOf: Map<string, Set<string>>, id: string, router: string): void {
  const known = routersOf.get(id);
  known?.delete(router);
  if (known?.size === 0) routersOf.delete(id);
}

/** objectsIn names every object but tenants that a line of the configuration came from, or whose name a line has. */
export function objectsIn(config: RouterConfig | undefined): Set<string> {
  const ids = new Set<string>();
  if (config === undefined) return ids;
  const add = ({ origin }: { origin: Origin }): void => void ids.add(origin.object);
  for (const list of [config.interfaces, config.locals, config.nexthops, config.services, config.routes, config.peers, config.paths, config.natPools, config.staticNats]) for (const line of list) add(line);
  add(config);
  for (const { servicePolicy, securityPolicy } of config.services) {
    if (servicePolicy !== undefined) ids.add(`ServicePolicy ${servicePolicy}`);
    if (securityPolicy !== undefined) ids.add(`SecurityPolicy ${securityPolicy}`);
  }
  return ids;
}
