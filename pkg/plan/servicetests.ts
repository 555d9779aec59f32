// The tests of services: connections that must be allowed or denied, asked of the compiled configuration. Called by graph.ts
// with what the routers will have. A test that fails is an error of its service.
import { protocolNumber } from "../api/network.ts";
import type { Service } from "../api/service.ts";
import { acceptedAddress } from "./accepted.ts";
import type { RouterConfig } from "./config.ts";
import { explainIn } from "./explain.ts";
import type { Explanation, WhyQuestion } from "./explain.ts";
import { inputName } from "./inputs.ts";
import type { Input, PlanInputs } from "./inputs.ts";
import { buildLookup } from "./lookup.ts";
import { unknownName } from "./report.ts";
import type { Report } from "./report.ts";

type ServiceTest = Service["spec"]["tests"][number];

/** TestFailure is a test that comes out otherwise at a router: the service by name, the place in its list, and what was found. */
export interface TestFailure { service: string; index: number; allow: boolean; text: string }

/** failedTests asks the tests of services that concern a router. */
export function failedTests(config: RouterConfig, services: readonly Input<"Service">[]): TestFailure[] {
  const lookup = buildLookup(config);
  return services.flatMap((input) => input.object.spec.tests.flatMap((test, index) => {
    if (test.router !== undefined && test.router !== config.name) return [];
    const outcome = explainIn(lookup, questionOf(test));
    return outcome.allow === (test.expect === "Allow") ? [] : [{ service: inputName(input), index, allow: outcome.allow, text: decisiveText(outcome) }];
  }));
}

/** TestWork is all routers in name order, and which tests fail at one. */
export interface TestWork { routers: readonly string[]; inputs: PlanInputs; failuresAt: (router: string) => readonly TestFailure[]; report: Report }

/** reportTests tells the failed tests of a service; of one that fails at several routers the first by name. */
export function reportTests(input: Input<"Service">, { routers, inputs, failuresAt, report }: TestWork): void {
  for (const [index, test] of input.object.spec.tests.entries()) {
    const field = `spec.tests[${index}]`;
    if (test.router !== undefined && !inputs.Router.has(test.router)) {
      report.warn(input, `${field}.router`, unknownName("Router", test.router, inputs.Router));
      continue;
    }
    const [failed] = (test.router === undefined ? routers : [test.router]).flatMap((router) => failuresAt(router)
      .filter((one) => one.service === inputName(input) && one.index === index).map((one) => ({ ...one, router })));
    if (failed === undefined) continue;
    report.error(input, field, {
      code: "test", message: `Router ${failed.router} ${failed.allow ? "allows" : "denies"} it: ${failed.text}`,
      fix: `correct what decides it, or write expect: ${failed.allow ? "Allow" : "Deny"}`,
    });
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
