// Services that run in a circle: the cheapest way of each router leads to a peer whose cheapest way leads back.
// Called by graph.ts for each router; warns only, because a path may be down and another one in use.
import type { RouteConfig } from "./config.ts";
import type { PlanInputs } from "./inputs.ts";
import type { Report } from "./report.ts";

/** Step is where the cheapest way to a service leads: a peer, or hosts; and the ServiceRoute that says so. */
export interface Step { peer?: string; route: string }

/** Cheapest is the first step to each service from one router. */
export type Cheapest = ReadonlyMap<string, Step>;

/** reportLoops warns of each circle once, at the route of its first router by name. */
export function reportLoops(start: string, { cheapestOf, inputs, report }: { cheapestOf: (router: string) => Cheapest; inputs: PlanInputs; report: Report }): void {
  for (const [service, { route }] of cheapestOf(start)) {
    const circle = circleFrom(start, service, cheapestOf);
    const input = inputs.ServiceRoute.get(route);
    if (circle === undefined || input === undefined || circle.some((router) => router < start)) continue;
    report.warn(input, "spec.peer.peer", { code: "cycle", message: `Service ${service} runs in a circle: ${[...circle, start].join(" -> ")}`, fix: "give one of these routers a cheaper way out of the circle, or remove a route" });
  }
}

/** cheapestSteps gives the first step to each service: routes are sorted by cost. */
export function cheapestSteps(routes: readonly RouteConfig[]): Cheapest {
  const first = new Map<string, Step>();
  for (const one of routes) if (!first.has(one.service)) first.set(one.service, { route: one.route, ...(one.kind === "peer" && { peer: one.peer }) });
  return first;
}

/** Routers from `start` on until it is reached again; undefined when the way ends or enters another circle. */
function circleFrom(start: string, service: string, cheapestOf: (router: string) => Cheapest): string[] | undefined {
  const circle = new Set([start]);
  for (let at = start; ;) {
    const peer = cheapestOf(at).get(service)?.peer;
    if (peer === start) return [...circle];
    if (peer === undefined || circle.has(peer)) return undefined;
    circle.add(peer);
    at = peer;
  }
}
