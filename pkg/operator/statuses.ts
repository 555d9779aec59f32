// Conditions of one object, written when they changed: the first change at once, then at most once in 5 s an object. Called by
// operator.ts for the queue "statuses", key is the compiler's name of the object. An event repeats a change of Ready.
import { datedConditions } from "../api/conditions.ts";
import type { Condition } from "../api/conditions.ts";
import type { Planner } from "../plan/planner.ts";
import type { Clock } from "../ports/clock.ts";
import type { EventSink, KubeObject, KubePort, KubeStore, Outcome } from "../ports/kube.ts";
import type { Book } from "./book.ts";
import { countsOf } from "./counts.ts";
import type { Inventory } from "./inventory.ts";
import { planned, splitId } from "./resources.ts";
import type { Silence } from "./silence.ts";
import { verdictsOf } from "./verdicts.ts";
import type { Facts } from "./verdicts.ts";

/** StatusParts is what writing statuses needs. */
export interface StatusParts {
  kube: KubePort;
  inventory: Inventory;
  planner: Planner;
  book: Book;
  configs: KubeStore;
  silence: Silence;
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

/** reconcileStatus writes the conditions of an object if they are not what they should be. */
export async function reconcileStatus(parts: StatusParts, id: string): Promise<Outcome> {
  const { inventory, written, clock } = parts;
  const split = splitId(id);
  const object = inventory.object(id);
  const resource = split === undefined ? undefined : planned.get(split.kind);
  if (object === undefined || split === undefined || resource === undefined) {
    written.delete(id);
    parts.waiting.delete(id);
    return { done: true };
  }
  const again: Outcome = split.kind === "Router" ? { after: HEARD_MS } : { done: true };
  const facts = factsOf(parts, id, split);
  if (facts.progress.done < facts.progress.all) parts.waiting.add(id);
  else parts.waiting.delete(id);
  const before = statusOf(object);
  const status = wantedStatus(parts, { id, facts, before });
  if (!parts.leads() || isSame(before, status)) return again;
  const wait = (written.get(id) ?? -Infinity) + STATUS_MS - clock.monotonicMs();
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

function factsOf(parts: StatusParts, id: string, { kind, key }: { kind: Facts["kind"]; key: string }): Facts {
  const routers = parts.planner.usedAt(id);
  const refusal = routers.slice(0, mostTold).flatMap((router) => refusalOf(parts.configs.get(router), router))[0];
  const silentSeconds = kind === "Router" ? parts.silence.secondsOf(key) : undefined;
  return {
    kind, problems: parts.planner.problemsOf(id), isInForce: parts.planner.inForce(id) !== undefined, progress: parts.book.progress(id, routers),
    ...(refusal !== undefined && { refusal }), ...(silentSeconds !== undefined && { silentSeconds }),
  };
}

/** What a router says about the configuration that it should have now. */
function refusalOf(head: KubeObject | undefined, router: string): { router: string; message: string }[] {
  const { error } = (head?.["status"] ?? {}) as { error?: { hash?: string; code?: string; message?: string } };
  const { head: spec } = (head?.["spec"] ?? {}) as { head?: { hash?: string } };
  return error === undefined || error.hash !== spec?.hash ? [] : [{ router, message: error.message ?? error.code ?? "refused" }];
}

function wantedStatus(parts: StatusParts, of: { id: string; facts: Facts; before: Partial<Status> }): Status {
  const generation = parts.inventory.generationOf(of.id);
  const now = `${new Date(parts.clock.unixMs()).toISOString().slice(0, 19)}Z`;
  const conditions = datedConditions(verdictsOf(of.facts), generation, { before: of.before.conditions ?? [], now });
  return { observedGeneration: generation, conditions, ...countsOf(of.facts, parts.planner.inForce(of.id)?.object) };
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
  return reason === undefined || reason === "Pending";
}

function tell(parts: StatusParts, object: KubeObject, { before, after }: { before: Partial<Status>; after: Status }): void {
  const [old, now] = [before.conditions, after.conditions].map((list) => list?.find((one) => one.type === "Ready"));
  if (now === undefined || old?.reason === now.reason || isQuiet(now.reason) || (now.status === "True" && isQuiet(old?.reason))) return;
  parts.events.emit({ regarding: object, type: now.status === "True" ? "Normal" : "Warning", reason: now.reason, action: "Reconcile", note: now.message });
}
