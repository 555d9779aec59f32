// Services that run in a circle: the cheapest way of each router leads to a peer whose cheapest way leads back.
// Called by compile.ts when all routers are compiled; warns only, because a path may be down and another one in use.
import type { RouteConfig, RouterConfig } from "./config.ts";
import type { PlanInputs } from "./inputs.ts";
import { compareNames } from "./entries.ts";
import type { Report } from "./report.ts";

/** reportLoops warns of each circle once, at the route of its first router by name. */
export function reportLoops(routers: ReadonlyMap<string, RouterConfig>, inputs: PlanInputs, report: Report): void {
  const cheapest = new Map([...routers].map(([name, config]) => [name, cheapestRoutes(config)]));
  for (const [start, routes] of [...cheapest].sort(([a], [b]) => compareNames(a, b))) {
    for (const [service, route] of routes) {
      const circle = circleFrom(start, service, cheapest);
      const input = inputs.ServiceRoute.get(route.route);
      if (circle === undefined || input === undefined || circle.some((router) => router < start)) continue;
      report.warn(input, "spec.peer.peer", { code: "cycle", message: `Service ${service} runs in a circle: ${[...circle, start].join(" -> ")}`, fix: "give one of these routers a cheaper way out of the circle, or remove a route" });
    }
  }
}

/** First candidate of each service: routes are sorted by cost. */
function cheapestRoutes(config: RouterConfig): Map<string, RouteConfig> {
  const first = new Map<string, RouteConfig>();
  for (const route of config.routes) if (!first.has(route.service)) first.set(route.service, route);
  return first;
}

/** Routers from `start` on until it is reached again; undefined when the way ends or enters another circle. */
function circleFrom(start: string, service: string, cheapest: ReadonlyMap<string, ReadonlyMap<string, RouteConfig>>): string[] | undefined {
  const circle = [start];
  for (let at = start; circle.length <= cheapest.size;) {
    const route = cheapest.get(at)?.get(service);
    if (route?.kind !== "peer") return undefined;
    if (route.peer === start) return circle;
    circle.push(route.peer);
    at = route.peer;
  }
  return undefined;
}
