// Services in use at a router: those that a ServiceRoute of it leads to, and those that have an address in common with one of them
// and so may win its lookups. The others are no part of its configuration. Called by the compiler for each router. Pure.
import type { ServiceConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import type { OverlapIndex } from "./overlap.ts";

/** UseWork is a router's routes by the names of their services, and all services. */
export interface UseWork { routed: Iterable<string>; services: ReadonlyMap<string, ServiceConfig>; overlap: OverlapIndex }

/** servicesInUse gives the services, sorted by name. */
export function servicesInUse({ routed, services, overlap }: UseWork): ServiceConfig[] {
  const reached = [...new Set(routed)];
  const beside = reached.flatMap((name) => services.get(name)?.addresses ?? []).flatMap(({ prefix }) => overlap.overlapping(prefix).flatMap(({ owners }) => [...owners]));
  return [...new Set([...reached, ...beside])].sort(compareNames).flatMap((name) => services.get(name) ?? []);
}
