// P-1: a router that knows only the services in use decides as one that knows them all, except that it allows nothing more and calls
// a service without a route no service.
import fc from "fast-check";
import { parsedOf, randomObjects, randomQuestions } from "../../test/support/config/random.ts";
import type { ParsedObject } from "../api/document.ts";
import { compile } from "./compile.ts";
import type { RouterConfig } from "./config.ts";
import { buildLookup } from "./lookup.ts";

/** A third router with a route to every service, so that its configuration has them all. */
function withAll(objects: readonly ParsedObject[]): ParsedObject[] {
  const routes = objects.flatMap(({ object }) => (object.kind === "Service" ? [parsedOf("ServiceRoute", { name: `all-${object.metadata.name}`, namespace: object.metadata.namespace },
    { serviceRef: { name: object.metadata.name }, routers: ["all"], type: "Local", local: { interface: "lan0" } })] : []));
  return [...objects, ...routes, parsedOf("Router", { name: "all" }, { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"] }] })];
}

test("P-1 the lookup over the services in use is that over all, wherever the winner has a route; nothing else is allowed", () => {
  const seen = { same: 0, missed: 0, narrowed: 0 };
  fc.assert(fc.property(randomObjects, randomQuestions, (objects, questions) => {
    const { routers } = compile({ objects: withAll(objects) });
    const services = routers.get("all")!.services;
    for (const name of ["one", "two"]) {
      const config: RouterConfig = routers.get(name)!;
      if (config.services.length < services.length) seen.narrowed += 1;
      const [narrow, full] = [buildLookup(config), buildLookup({ ...config, services })];
      for (const { tenant = "", proto, port, destination } of questions) {
        const [found, expected] = [narrow, full].map((lookup) => lookup.find(lookup.tenantId(tenant) ?? -1, proto, port, destination));
        const winner = expected!.access === "miss" ? undefined : expected!.service.name;
        const routed = config.routes.some((route) => route.service === winner);
        if (routed) {
          seen.same += 1;
          expect(found).toEqual(expected);
        } else if (found!.access === "allow") {
          const { name } = found!.service; // of services without a route here another one may win: nothing leaves
          expect(config.routes.filter((route) => route.service === name)).toEqual([]);
        } else seen.missed += 1;
      }
    }
  }), { numRuns: 200 });
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});
