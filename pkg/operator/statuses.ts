// Conditions and counts of one object, written when they changed: the first change at once, then at most once in 5 s an object; counts
// of sessions alone when it is the object's turn (reports.ts). Called by operator.ts for the queue "statuses", key is the compiler's
// name of the object. An event repeats a change of Ready.
import { datedConditions } from "../api/conditions.ts";
import type { Condition, Verdict } from "../api/conditions.ts";
import type { ApiObject } from "../api/kinds.ts";
import type { Problem } from "../api/problem.ts";
import type { RouterConfig } from "../plan/config.ts";
import type { Planner } from "../plan/planner.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventSink, KubeObject, KubePort, KubeStore, Outcome } from "../ports/kube.ts";
import type { Book } from "./book.ts";
import { certificateFacts, certifiedVerdict } from "./certificates.ts";
import { countsOf } from "./counts.ts";
import type { Inventory } from "./inventory.ts";
import { postQuantumVerdict } from "./postquantum.ts";
import type { Reports } from "./reports.ts";
import { planned, splitId } from "../api/resources.ts";
import type { Silence } from "./silence.ts";
import { routeSums, serviceSums, tenantSums } from "./sums.ts";
import type { Users } from "./users.ts";
import { verdictsOf } from "./verdicts.ts";
import type { Facts } from "./verdicts.ts";

/** StatusParts is what writing statuses needs. */
export interface StatusParts {
  kube: KubePort;
  inventory: Inventory;
  planner: Planner;
  book: Book;
  /** what a router is to have, with what the cluster believes */
  configOf: (router: string) => RouterConfig | undefined;
  /** heads only */
  configs: KubeStore;
  silence: Silence;
  reports: Reports;
  users: Pick<Users, "of">;
  events: EventSink;
  clock: Clock;
  leads: () => boolean;
  /** monotonic milliseconds of the last write by object; owned by the writer */
  written: Map<string, number>;
  /** objects that some router has not programmed yet: acks.ts has them looked at again; owned by the writer */
  waiting: Set<string>;
}

const STATUS_MS = 5_000; // conventions: at most once in 5 s an object
const HEARD_MS = 30_000; // a router is looked at again in this time, to see that it still speaks
const mostTold = 200;
const shownDigits = 12; // of a hash

/** reconcileStatus writes the conditions of an object if they are not what they should be. */
export async function reconcileStatus(parts: StatusParts, id: string): Promise<Outcome> {
  const { inventory, written, clock } = parts;
  const split = splitId(id);
  const object = inventory.object(id);
  if (object === undefined || split === undefined) {
    written.delete(id);
    parts.waiting.delete(id);
    if (split?.kind === "Service") parts.reports.forget(split.key);
    return { done: true };
  }
  const resource = planned[split.kind];
  const hasTurn = parts.reports.takeTurn(id);
  const again: Outcome = split.kind === "Router" ? { after: HEARD_MS } : { done: true };
  const routers = parts.planner.usedAt(id);
  const before = statusOf(object);
  const facts = factsOf(parts, { id, ...split, routers, before });
  if (facts.progress.done < facts.progress.all) parts.waiting.add(id);
  else parts.waiting.delete(id);
  const status = wantedStatus(parts, { id, key: split.key, routers, facts, before });
  if (!parts.leads() || isSame(before, status)) return again;
  const wait = (written.get(id) ?? -Infinity) + STATUS_MS - clock.monotonicMs();
  if ((!hasTurn || wait > 0) && isSame(before, { ...status, ...pick(before, ofReports) })) {
    parts.reports.later(id);
    return again;
  }
  if (wait > 0) return { after: wait };
  written.set(id, clock.monotonicMs());
  const { name, namespace } = object.metadata;
  await parts.kube.apply(resource, { apiVersion: object.apiVersion, kind: object.kind, metadata: { name, ...(namespace !== undefined && { namespace }) }, status }, { manager: "opensvr-operator-status", force: true, status: true });
  tell(parts, object, { before, after: status });
  return again;
}

interface Status { observedGeneration: number; conditions: Condition[]; [field: string]: unknown }

function statusOf(object: KubeObject): Partial<Status> {
  return (object["status"] ?? {});
}

function factsOf(parts: StatusParts, { id, kind, key, routers, before }: { id: string; kind: Facts["kind"]; key: string; routers: readonly string[]; before: Partial<Status> }): Facts {
  const refusal = routers.slice(0, mostTold).flatMap((router) => refusalOf(parts.configs.get(router), router, id))[0];
  const silentSeconds = kind === "Router" ? parts.silence.secondsOf(key) : undefined;
  return {
    kind, problems: problemsOf(parts.planner, id), isInForce: parts.planner.inForce(id) !== undefined, progress: parts.book.progress(id, routers),
    ...(refusal !== undefined && { refusal }), ...(silentSeconds !== undefined && { silentSeconds }), ...(kind === "Router" && { certified: certifiedOf(parts, key, before) }), ...asideOf(parts, id, routers),
  };
}

function certifiedOf({ configOf, clock }: StatusParts, router: string, before: Partial<Status>): Verdict {
  return certifiedVerdict(certificateFacts(configOf(router), before, clock.unixMs()), before.conditions?.find(({ type }) => type === "Certified"));
}

function asideOf({ planner }: StatusParts, id: string, routers: readonly string[]): Pick<Facts, "aside"> {
  const object = planner.inForce(id)?.object;
  return object?.kind === "SecurityPolicy" && object.spec.postQuantumRequired ? { aside: postQuantumVerdict(routers, (router) => planner.config(router)) } : {};
}

/** Who is in force as it is written is not at fault when another one contradicts it and was put back for that: its owner is warned only. */
function problemsOf(planner: Planner, id: string): Problem[] {
  const problems = planner.problemsOf(id);
  const isPutBack = (of: readonly Problem[]): boolean => of.some(({ code }) => code === "kept");
  if (isPutBack(problems)) return [...problems];
  return problems.map((problem) => (problem.beside !== undefined && isPutBack(planner.problemsOf(problem.beside)) ? { ...problem, severity: "warning" } : problem));
}

/** What a router says about the configuration that it should have now. One that it has in spite of what it says (keys) concerns its Router only. */
function refusalOf(head: KubeObject | undefined, router: string, id: string): { router: string; message: string }[] {
  const { acked, error } = (head?.["status"] ?? {}) as { acked?: { hash?: string }; error?: { hash?: string; code?: string; message?: string } };
  const { head: spec } = (head?.["spec"] ?? {}) as { head?: { hash?: string } };
  if (error === undefined || error.hash !== spec?.hash || (acked?.hash === spec?.hash && id !== `Router ${router}`)) return [];
  return [{ router, message: error.message ?? error.code ?? "refused" }];
}

/** Subject is an object with what is known of it. */
interface Subject { id: string; key: string; routers: readonly string[]; facts: Facts; before: Partial<Status> }

function wantedStatus(parts: StatusParts, of: Subject): Status {
  const generation = parts.inventory.generationOf(of.id);
  const now = `${new Date(parts.clock.unixMs()).toISOString().slice(0, 19)}Z`;
  const conditions = datedConditions(verdictsOf(of.facts), generation, { before: of.before.conditions ?? [], now });
  const object = parts.planner.inForce(of.id)?.object;
  return { observedGeneration: generation, conditions, ...countsOf(of.facts, object), ...reportedOf(parts, of, object) };
}

/** Fields that follow the reports of routers. */
const ofReports = ["sessions", "up", "lastDenial"] as const;

function pick(status: Partial<Status>, fields: readonly string[]): Partial<Status> {
  return Object.fromEntries(fields.flatMap((field) => (status[field] === undefined ? [] : [[field, status[field]]])));
}

/** What is known from routers, and from other objects. */
function reportedOf(parts: StatusParts, { id, key, routers, facts, before }: Subject, object: ApiObject | undefined): Record<string, unknown> {
  const { planner, book } = parts;
  const sums = { ...parts, configOf: (router: string) => planner.config(router), isProgrammed: (router: string) => book.progress(id, [router]).done === 1 };
  switch (facts.kind) {
    case "Service": return serviceSums(sums, { name: key, routers, before: before["lastDenial"] });
    case "Tenant": return tenantSums(sums, { name: key, routers });
    case "ServiceRoute": return object?.kind === "ServiceRoute" ? routeSums(sums, { name: key, route: object, routers }) : {};
    case "ServicePolicy": case "SecurityPolicy": return { usedBy: parts.users.of(id) };
    case "Router": return { acked: ackedHash(parts.configs.get(key)).slice(0, shownDigits) };
  }
}

function ackedHash(head: KubeObject | undefined): string {
  return ((head?.["status"] ?? {}) as { acked?: { hash?: string } }).acked?.hash ?? "";
}

function isSame(before: Partial<Status>, after: Status): boolean {
  return Object.entries(after).every(([field, value]) => JSON.stringify(sorted(before[field])) === JSON.stringify(sorted(value)));
}

/** The server gives fields back in an order of its own. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, sorted(one)]));
}

/** Waiting for routers is the way of each edit, and no news; neither is its end. */
function isQuiet(reason: string | undefined): boolean {
  return reason === undefined || reason === "Pending" || reason === "CertificateNotNeeded";
}

/** What Ready tells is not told again. */
function tell(parts: StatusParts, object: KubeObject, { before, after }: { before: Partial<Status>; after: Status }): void {
  const told = new Set<string>();
  for (const type of ["Ready", "Certified"] as const) {
    const [old, now] = [before.conditions, after.conditions].map((list) => list?.find((one) => one.type === type));
    if (now === undefined || told.has(now.reason) || old?.reason === now.reason || isQuiet(now.reason) || (isGood(now) && isQuiet(old?.reason))) continue;
    told.add(now.reason);
    parts.events.emit({ regarding: object, type: isGood(now) ? "Normal" : "Warning", reason: now.reason, action: "Reconcile", note: now.message });
  }
}

function isGood({ status, reason }: Condition): boolean {
  return status === "True" && reason !== "RenewalLate";
}
