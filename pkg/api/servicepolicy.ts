// Kind ServicePolicy: which paths the sessions of a service take (behaviour 1.3, 6). Namespaced. Fields only; this version
// uses `vectors`, `sessionRecovery`, `reverseFlowEnforcement` and `hideTopology`, the compiler warns about the rest.
import { z } from "zod";
import { durationField } from "./duration.ts";
import { namespacedKind } from "./envelope.ts";
import { choiceField, countField, keyedField, switchField } from "./fields.ts";
import { nameField, wordField } from "./names.ts";
import { ruled } from "./rules.ts";

const vectorField = ruled(z.strictObject({
  name: wordField("Vector, as on peer paths and service routes.", "mpls"),
  use: choiceField(["Ordered", "Cost", "Never"], { description: "Ordered: cost by place in the list, 1, 10, 100, up to 999999. Cost: the cost given. Never: not used. Default: Ordered." }).default("Ordered"),
  cost: countField({ description: "Cost with use: Cost.", example: 50, min: 1, max: 999_999 }).optional(),
}), {
  holds: (vector) => (vector.use === "Cost") === (vector.cost !== undefined), cel: "(has(self.use) && self.use == 'Cost') == has(self.cost)",
  error: "goes with use: Cost, and only with it", path: "cost", fix: "write use: Cost with a cost, or leave cost out",
}).meta({ description: "Preference for one vector." });

const slaField = z.strictObject({
  maxLossPercent: z.number().min(0).max(100).default(0.5).meta({ description: "Most loss, percent. Default: 0.5.", examples: [0.5] }),
  maxLatency: durationField({ description: "Most latency one way. Default: 250ms.", example: "150ms", min: "1ms", max: "10s" }).default("250ms"),
  maxJitter: durationField({ description: "Most jitter. Default: 100ms.", example: "30ms", min: "1ms", max: "10s" }).default("100ms"),
  minMos: z.number().min(1).max(4.5).optional().meta({ description: "Least mean opinion score, 1-4.5. Default: off.", examples: [3.6] }),
}).meta({ description: "What a path must keep to." });

const servicePolicySpec = z.strictObject({
  vectors: keyedField(vectorField, { description: "Path preference. Paths whose vector is not listed are not used; no list: every path by its cost.", max: 32, key: "name" }).default([]),
  criterion: choiceField(["Vector", "AverageLatency", "Mos"], { description: "What decides among usable paths. Default: Vector." }).default("Vector"),
  sla: slaField.prefault({}),
  bestEffort: switchField({ description: "When every path breaks the limits, use the best of them. Default: true." }).default(true),
  loadBalancing: choiceField(["Hunt", "Proportional"], { description: "How sessions spread over equal cost. Default: Hunt." }).default("Hunt"),
  highWater: countField({ description: "Percent of maxSessions at which Hunt goes on to the next path. Default: 100.", example: 90, min: 1, max: 100 }).default(100),
  lowWater: countField({ description: "Percent of maxSessions below which Hunt comes back. Default: 80.", example: 70, min: 0, max: 100 }).default(80),
  resiliency: choiceField(["None", "Failover", "RevertibleFailover", "PacketDuplication"], { description: "What becomes of live sessions when their path fails. Default: None." }).default("None"),
  sessionRecovery: choiceField(["PacketBased", "InactivityBased"], { description: "How a lost session is found. Default: PacketBased." }).default("PacketBased"),
  reverseFlowEnforcement: choiceField(["None", "Strict"], { description: "Strict refuses sessions whose return route leaves another interface. Default: None." }).default("None"),
  hideTopology: switchField({ description: "Hosts get ICMP errors from the address of their own router, not from where they were raised. Default: false.", example: false }).default(false),
  preserveDscp: switchField({ description: "Restore the DSCP of the host at the far end. Default: false.", example: false }).default(false),
  ttlPadding: countField({ description: "Hops added to the TTL. Default: 0.", example: 0, min: 0, max: 255 }).default(0),
}).prefault({}).meta({ description: "Which paths the sessions of a service take. In this version vectors, sessionRecovery, reverseFlowEnforcement and hideTopology have an effect; anything else that is set is told." });

/** servicePolicySchema is kind ServicePolicy. */
export const servicePolicySchema = namespacedKind("ServicePolicy", nameField, servicePolicySpec);

/** ServicePolicy is which paths sessions take. */
export type ServicePolicy = z.output<typeof servicePolicySchema>;

/** orderedCosts are the costs of an ordered list of vectors by place; later places have the last one (behaviour 6.3). */
export const orderedCosts: readonly number[] = [1, 10, 100, 1_000, 10_000, 100_000, 999_999];
