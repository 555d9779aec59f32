// The tests of services: connections that must be allowed or denied, asked of the compiled configuration. Called by whole.ts
// when all routers are compiled, so a test sees what the routers will do. A test that fails is an error of its service.
import { protocolNumber } from "../api/network.ts";
import type { Service } from "../api/service.ts";
import { acceptedAddress } from "./accepted.ts";
import type { RouterConfig } from "./config.ts";
import { explainIn } from "./explain.ts";
import type { Explanation, WhyQuestion } from "./explain.ts";
import type { Input, PlanInputs } from "./inputs.ts";
import { buildLookup } from "./lookup.ts";
import type { Lookup } from "./lookup.ts";
import { unknownName } from "./report.ts";
import type { Report } from "./report.ts";

type ServiceTest = Service["spec"]["tests"][number];
interface TestPlace { input: Input<"Service">; field: string; test: ServiceTest; report: Report }

/** runServiceTests asks each test of the router it names, or of every router; of many failures the first router's is told. */
export function runServiceTests(routers: ReadonlyMap<string, RouterConfig>, inputs: PlanInputs, report: Report): void {
  const services = [...inputs.Service.values()].filter((input) => input.object.spec.tests.length > 0);
  if (services.length === 0) return;
  const lookups = new Map([...routers].map(([name, config]) => [name, buildLookup(config)]));
  for (const input of services) {
    for (const [index, test] of input.object.spec.tests.entries()) runTest({ input, field: `spec.tests[${index}]`, test, report }, lookups);
  }
}

function runTest(place: TestPlace, lookups: ReadonlyMap<string, Lookup>): void {
  const { input, field, test, report } = place;
  if (test.router !== undefined && !lookups.has(test.router)) {
    report.warn(input, `${field}.router`, unknownName("Router", test.router, lookups.keys()));
    return;
  }
  for (const [name, lookup] of lookups) {
    if (test.router !== undefined && test.router !== name) continue;
    const outcome = explainIn(lookup, questionOf(test));
    if (outcome.allow === (test.expect === "Allow")) continue;
    report.error(input, field, {
      code: "test", message: `Router ${name} ${outcome.allow ? "allows" : "denies"} it: ${decisiveText(outcome)}`,
      fix: `correct what decides it, or write expect: ${outcome.allow ? "Allow" : "Deny"}`,
    });
    return;
  }
}

function questionOf({ tenant, protocol, to, port }: ServiceTest): WhyQuestion {
  const destination = acceptedAddress(to);
  return { tenant, proto: protocolNumber(protocol, destination.family), destination, port };
}

/** The step that refuses; when none does, who was admitted. */
function decisiveText({ steps, allow }: Explanation): string {
  return steps.filter((step) => step.ok === allow && (!allow || step.stage === "access")).map((step) => step.text).join("; ");
}
