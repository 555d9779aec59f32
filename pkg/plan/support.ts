// What this version does not do yet, asked for in policies. A wish for protection is refused, so that nothing runs weaker
// than asked; a wish for convenience is a warning. Called by services.ts.
import type { Input } from "./inputs.ts";
import type { Report } from "./report.ts";

/** checkSecurityPolicy tells whether a service may run under a policy; if not, the service is reported. */
export function checkSecurityPolicy(ask: { service: Input<"Service">; policy: Input<"SecurityPolicy">; report: Report }): boolean {
  const { hmacScope, payloadEncryption, postQuantumRequired } = ask.policy.object.spec;
  const wishes: [asked: boolean, what: string][] = [
    [hmacScope !== "MetadataOnly", `hmacScope: ${hmacScope}`],
    [payloadEncryption !== "Off", `payloadEncryption: ${payloadEncryption}`],
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

/** warnServicePolicy reports fields of a policy that have no effect in this version. */
export function warnServicePolicy(policy: Input<"ServicePolicy">, report: Report): void {
  const { spec } = policy.object;
  const wishes: [field: string, asked: boolean][] = [
    ["criterion", spec.criterion !== "Vector"],
    ["bestEffort", !spec.bestEffort],
    ["loadBalancing", spec.loadBalancing !== "Hunt"],
    ["resiliency", spec.resiliency !== "None"],
    ["sessionRecovery", spec.sessionRecovery !== "PacketBased"],
    ["reverseFlowEnforcement", spec.reverseFlowEnforcement !== "None"],
    ["preserveDscp", spec.preserveDscp],
    ["ttlPadding", spec.ttlPadding !== 0],
  ];
  for (const [field, asked] of wishes) {
    if (asked) report.warn(policy, `spec.${field}`, { code: "unsupported", message: "has no effect in this version", fix: "leave it out, or keep it for a later version" });
  }
}
