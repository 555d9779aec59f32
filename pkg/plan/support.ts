// What this version does not do yet, asked for in configuration: a warning, where nothing runs weaker for it. Called by graph.ts.
import type { ServicePolicy } from "../api/servicepolicy.ts";
import type { Input } from "./inputs.ts";
import type { Report } from "./report.ts";

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
