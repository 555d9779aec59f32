// Conditions of our objects: types, reasons, and how one is written. Called by the operator, which writes them, and by the
// command line, which shows them. Pure; a condition keeps the time of its last transition as long as its status stays.

/** conditionTypes are the conditions that every kind has; Ready sums up the others. */
export const conditionTypes = ["Accepted", "ResolvedRefs", "Programmed", "Ready"] as const;

/** ConditionType is one of them; Certified is a Router's alone: it has a certificate, where it needs one. PostQuantumReady is that of a SecurityPolicy that asks for it. */
export type ConditionType = (typeof conditionTypes)[number] | "Certified" | "PostQuantumReady";

/** conditionReasons lists every reason with its meaning; append-only. */
export const conditionReasons = {
  Accepted: "the object is valid and in force",
  Invalid: "the object has an error and is not in force",
  LastGoodInForce: "the object has an error; its last good version stays in force",
  LeftOut: "the object contradicts another one that is in force, and is left out",
  ResolvedRefs: "every object that is named exists and may be named",
  RefNotFound: "an object that is named does not exist, or has an error of its own",
  NotGranted: "a tenant does not grant this namespace",
  Programmed: "every router that uses the object has programmed it",
  NothingToProgram: "no router needs to know the object now",
  NotUsed: "no router uses the object",
  Pending: "routers that use the object have not programmed it yet",
  RouterRefused: "a router could not program its configuration",
  NoAnswer: "a router has not been heard of for some time",
  Ready: "all other conditions are true",
  NotReady: "another condition is not true",
  CertificateNotNeeded: "no peer knows the router by certificate, and it signs nothing",
  CertificateInUse: "the router has a certificate that counts",
  RenewalLate: "two thirds of the life of the certificate are over, and there is no other one yet",
  CertificateExpired: "the certificate of the router has ended",
  CertificateRevoked: "the certificate of the router counts no more",
  CertificateMissing: "the router needs a certificate and has none",
  PeersReady: "every router with services of the policy knows all of its peers by certificate",
  PeersNotReady: "routers with services of the policy have peers with a pre-shared key alone, and the services keep off these",
} as const;

/** ConditionReason is a reason of the table. */
export type ConditionReason = keyof typeof conditionReasons;

/** Condition is one condition as it stands in a status. */
export interface Condition {
  type: ConditionType;
  status: "True" | "False" | "Unknown";
  reason: ConditionReason;
  message: string;
  observedGeneration: number;
  /** RFC 3339, seconds */
  lastTransitionTime: string;
}

/** Verdict is a condition before it is known when it began. */
export type Verdict = Pick<Condition, "type" | "status" | "reason" | "message">;

const longestMessage = 1024;

/** datedConditions gives verdicts their generation and times: those of `before` where the status is the same, else `now`. */
export function datedConditions(verdicts: readonly Verdict[], generation: number, dates: { before: readonly Partial<Condition>[]; now: string }): Condition[] {
  return verdicts.map((verdict) => {
    const old = dates.before.find((one) => one.type === verdict.type);
    const lastTransitionTime = old?.status === verdict.status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : dates.now;
    return { ...verdict, message: verdict.message.slice(0, longestMessage), observedGeneration: generation, lastTransitionTime };
  });
}

/** readyVerdict sums up: the first that is not true gives the message, the first of those that are false before the unknown ones. */
export function readyVerdict(verdicts: readonly Verdict[]): Verdict {
  const first = verdicts.find((one) => one.status === "False") ?? verdicts.find((one) => one.status === "Unknown");
  if (first === undefined) return { type: "Ready", status: "True", reason: "Ready", message: verdicts.find(({ type }) => type === "Programmed")?.message ?? "" };
  return { type: "Ready", status: first.status, reason: first.reason, message: first.message };
}
