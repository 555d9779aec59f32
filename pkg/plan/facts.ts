// Where an object must be found from: the lists that it is in, by what it names. Called by graph.ts, which keeps the lists, so that a step
// reads the objects that concern it and not all of a kind. Pure.
import type { ParsedObject } from "../api/document.ts";
import type { Service } from "../api/service.ts";
import type { Tenant } from "../api/tenant.ts";
import { routedService } from "./routes.ts";
import type { Input } from "./inputs.ts";

/** factsOf gives the lists of an object. */
export function factsOf(one: ParsedObject): Set<string> {
  switch (one.object.kind) {
    case "Tenant": return new Set(["tenants", ...one.object.spec.members.map(memberFact)]);
    case "Service": return new Set(serviceFacts(one.object));
    case "ServiceRoute": return new Set([`routes of ${routedService(one as Input<"ServiceRoute">)}`, ...one.object.spec.routers.map((router) => `routes at ${router}`)]);
    case "Router": return new Set(["routers", ...one.object.spec.interfaces.map(({ name }) => `interface ${name}`)]);
    case "ServicePolicy": case "SecurityPolicy": return new Set();
  }
}

function memberFact({ router }: Tenant["spec"]["members"][number]): string {
  return `members at ${router ?? "*"}`;
}

function serviceFacts({ spec: { access, tests } }: Service): string[] {
  return [...(access.some(({ permission }) => permission === "Deny") ? ["denials"] : []), ...tests.map(({ router }) => `tests at ${router ?? "*"}`)];
}
