// The steps of the compiler as values that depend on each other: what all routers have in common (shared.ts), what each has
// (routersteps.ts), and what is wrong with an object. Called by planner.ts. Pure.
import type { Derived, Memo } from "./memo.ts";
import { reportUnusedMembers } from "./members.ts";
import type { Objects } from "./objects.ts";
import type { Findings, Report } from "./report.ts";
import { createRouterSteps } from "./routersteps.ts";
import type { GraphEvents, RouterSteps } from "./routersteps.ts";
import { reportRoute, reportUnreached } from "./routes.ts";
import { reportEqualEntries } from "./services.ts";
import { createShared, makeWith, stages } from "./shared.ts";
import type { Shared } from "./shared.ts";
import { warnWithoutEffect } from "./support.ts";
import { reportOrphan } from "./tenants.ts";

/** Graph has the values that are watched; `checks` is what is wrong with an object, by id, without routers. */
export interface Graph extends RouterSteps { checks: Derived<readonly Findings[]> }

/** createGraph makes the steps over objects. */
export function createGraph(memo: Memo, objects: Objects, events: GraphEvents): Graph {
  const shared = createShared(memo, objects);
  const checks = memo.derived((id) => checkObject(id, objects, shared), { stage: stages.objects, changed: events.checked });
  return { checks, ...createRouterSteps(memo, { objects, shared, events }) };
}

/** What is wrong with an object by itself and beside others of its kind. */
function checkObject(id: string, objects: Objects, shared: Shared): readonly Findings[] {
  const { inputs } = objects;
  const space = id.indexOf(" ");
  const [kind, name] = [id.slice(0, space), id.slice(space + 1)];
  const check = <T>(input: T | undefined, make: (input: T, report: Report) => void): Findings => makeWith(objects, (report) => (input === undefined ? undefined : make(input, report))).findings;
  switch (kind) {
    case "Tenant": return [check(inputs.Tenant.get(name), (input, report) => {
      reportOrphan(input, { inputs, known: shared.known, report });
      reportUnusedMembers(input, { routers: inputs.Router, interfaces: objects.interfaceNames, report });
    })];
    case "Service": return [shared.service(name).findings, check(inputs.Service.get(name), (input, report) => {
      const { value } = shared.service(name);
      if (value !== undefined) reportEqualEntries(input, { service: value, owners: shared.owners, report });
      if (objects.list(`routes of ${name}`).length === 0) reportUnreached(input, report);
    })];
    case "ServiceRoute": return [check(inputs.ServiceRoute.get(name), (input, report) => reportRoute(input, inputs, report))];
    case "ServicePolicy": return [check(inputs.ServicePolicy.get(name), warnWithoutEffect)];
    default: return [];
  }
}
