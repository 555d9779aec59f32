// Services in use at a router: those that a ServiceRoute of it leads to, and those that have an address in common with one of them
// and so may win its lookups. The others are no part of its configuration. Called by graph.ts for each router. Pure.
import type { ServiceConfig } from "./config.ts";
import { compareNames } from "./entries.ts";

/** UseWork is a router's routes by the names of their services, and of each service its configuration and those that overlap it. */
export interface UseWork { routed: Iterable<string>; serviceOf: (name: string) => ServiceConfig | undefined; beside: (name: string) => readonly string[] }

/** servicesInUse gives the services, sorted by name. */
export function servicesInUse({ routed, serviceOf, beside }: UseWork): ServiceConfig[] {
  const reached = [...new Set(routed)];
  const names = new Set([...reached, ...reached.flatMap((name) => (serviceOf(name) === undefined ? [] : beside(name)))]);
  return [...names].sort(compareNames).flatMap((name) => serviceOf(name) ?? []);
}
