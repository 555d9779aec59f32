// Names as the data plane numbers them: one number space for all kinds, so each name carries its kind in front. The numbers
// live with the sessions and survive restarts and reloads. Used by build.ts, program.ts, records.ts and the shards.
import { globalTenant } from "../plan/config.ts";
import type { RouterConfig } from "../plan/config.ts";

/** NameKind tells what a numbered name names. */
export type NameKind = "tenant" | "service" | "router" | "path" | "nexthop" | "route";

/** nameKey is the text that the data plane numbers. */
export function nameKey(kind: NameKind, name: string): string {
  return `${kind}/${name}`;
}

/** plainName takes the kind off again. */
export function plainName(key: string): string {
  return key.slice(key.indexOf("/") + 1);
}

/** kindOf is what is left. */
export function kindOf(key: string): NameKind {
  return key.slice(0, key.indexOf("/")) as NameKind;
}

/** Ids is the numbering of everything a configuration names; plain data, so that it can be posted to shards. */
export type Ids = Record<string, number>;

/**
 * numberNames numbers every tenant, service, router, path, next hop and route of a configuration.
 * `nameId` gives 0 when the table of names is full; such names are missing in the result and listed in `refused`.
 */
export function numberNames(config: RouterConfig, nameId: (name: string) => number): { ids: Ids; refused: string[] } {
  const ids: Ids = {};
  const refused: string[] = [];
  const add = (kind: NameKind, name: string): void => {
    const key = nameKey(kind, name);
    const id = nameId(key);
    if (id === 0) refused.push(key);
    else ids[key] = id;
  };
  add("tenant", globalTenant);
  add("router", config.name);
  for (const tenant of config.tenants) add("tenant", tenant.name);
  for (const service of config.services) add("service", service.name);
  for (const peer of config.peers) add("router", peer.name);
  for (const path of config.paths) add("path", path.key);
  for (const nexthop of config.nexthops) add("nexthop", nexthop.key);
  for (const route of new Set(config.routes.map((one) => one.route))) add("route", route);
  return { ids, refused };
}
