// From changes to a plan: takes what changed, lets the planner compile what depends on it, books the revision, and says which
// routers and objects are concerned. Called by operator.ts for the queue "plan"; leader and followers do the same, so that a
// follower is warm. Writes nothing.
import type { PlanChange, Planner } from "../plan/planner.ts";
import type { Outcome } from "../ports/kube.ts";
import type { Log } from "../ports/log.ts";
import type { Book } from "./book.ts";
import type { Inventory } from "./inventory.ts";

/** PlanningOptions: where changes come from, and who is told what is concerned. */
export interface PlanningOptions {
  inventory: Inventory;
  planner: Planner;
  book: Book;
  log: Log;
  nowMs: () => number;
  concerned: (routers: Iterable<string>, objects: ReadonlySet<string>) => void;
}

/** plan takes one edit and compiles it; done when nothing is left to take. */
export function plan({ inventory, planner, book, log, nowMs, concerned }: PlanningOptions): Outcome {
  const edit = inventory.take();
  if (edit === undefined) return { done: true };
  const started = nowMs();
  const { routers, objects } = updated(planner, edit, inventory);
  book.changed([...edit.put.map((one) => one.id), ...edit.refused?.flatMap((problem) => problem.object ?? []) ?? []]);
  for (const id of edit.remove) book.forget(id);
  for (const [router, config] of routers) {
    if (config === undefined) book.wanted(router, undefined);
    else book.planned(router);
  }
  log.info({ objects: edit.changed.length, routers: routers.size, ms: Math.round(nowMs() - started) }, "compiled");
  concerned(routers.keys(), new Set([...edit.changed, ...objects]));
  return { done: true };
}

/** A fault of the compiler must not pass for an edit that is done: the queue tells it and tries again. */
function updated(planner: Planner, edit: NonNullable<ReturnType<Inventory["take"]>>, inventory: Inventory): PlanChange {
  try {
    return planner.update(edit);
  } catch (error) {
    inventory.giveBack(edit);
    throw error;
  }
}
