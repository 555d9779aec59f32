// What this version does not do yet, asked for in configuration. A wish for protection is refused, so that nothing runs weaker
// than asked; a wish for convenience is a warning. Called by services.ts and graph.ts.
import type { ServicePolicy } from "../api/servicepolicy.ts";
import type { Input } from "./inputs.ts";
import type { Report } from "./report.ts";

/** checkSecurityPolicy tells whether a service may run under a policy; if not, the service is reported. */
export function checkSecurityPolicy(ask: { service: Input<"Service">; policy: Input<"SecurityPolicy">; report: Report }): boolean {
  const { postQuantumRequired } = ask.policy.object.spec;
  const wishes: [asked: boolean, what: string][] = [
    [postQuantumRequired, "postQuantumRequired: true"],
  ];
  const asked = wishes.filter(([one]) => one).map(([, what]) => what);
  if (asked.length === 0) return true;
  ask.report.error(ask.service, "spec.securityPolicyRef.name", {
    code: "unsupported", message: `${ask.policy.id} asks for ${asked.join(", ")}, which this version cannot do; the service is denied`,
    fix: "use a policy without it, if the service may run so",
  });
  return false;
}

/** warnWithoutEffect reports fields of a policy that have no effect in this version. */
export function warnWithoutEffect(input: Input<"ServicePolicy">, report: Report): void {
  for (const [field, asked] of Object.entries(policyFields(input.object.spec))) {
    if (asked) report.warn(input, `spec.${field}`, { code: "unsupported", message: "has no effect in this version", fix: "leave it out, or keep it for a later version" });
  }
}

/** Each field that differs from what this version does. */
function policyFields(spec: ServicePolicy["spec"]): Record<string, boolean> {
  const { maxLossPercent, maxLatency, maxJitter, minMos } = spec.sla;
  return {
    criterion: spec.criterion !== "Vector",
    "sla.maxLossPercent": maxLossPercent !== 0.5, "sla.maxLatency": maxLatency !== "250ms", "sla.maxJitter": maxJitter !== "100ms", "sla.minMos": minMos !== undefined,
    bestEffort: !spec.bestEffort,
    loadBalancing: spec.loadBalancing !== "Hunt", highWater: spec.highWater !== 100, lowWater: spec.lowWater !== 80,
    resiliency: spec.resiliency !== "None",
    preserveDscp: spec.preserveDscp, ttlPadding: spec.ttlPadding !== 0,
  };
}
