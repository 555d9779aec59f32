// The compiler over time: edits in, and out the routers and objects that each one concerns. What is broken, by itself or beside others,
// stays as it was in force. Called by the operator; the state after any edits is what a compile of everything gives. Pure.
import type { ParsedObject } from "../api/document.ts";
import type { Problem } from "../api/problem.ts";
import { canonicalJson } from "./canonical.ts";
import { compileKeeping } from "./compile.ts";
import type { RouterConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import { usesOf } from "./uses.ts";

/** PlanEdit is what changed: objects that are there now, ids that are gone, and problems of objects that their schema refuses. */
export interface PlanEdit {
  put: readonly ParsedObject[];
  remove: readonly string[];
  refused?: readonly Problem[];
  /** all namespaces with their labels; absent: as before, and before any was given: files, which have no owners of namespaces */
  namespaces?: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** PlanChange is what an edit concerns: routers whose configuration is another one now (undefined: gone), objects whose problems or use changed. */
export interface PlanChange {
  routers: ReadonlyMap<string, RouterConfig | undefined>;
  objects: ReadonlySet<string>;
}

/** PlannerOptions: the objects that were in force when another planner ended. */
export interface PlannerOptions { previous?: readonly ParsedObject[] }

/** Planner is the compiler with what it knows. */
export interface Planner {
  update(edit: PlanEdit): PlanChange;
  config(router: string): RouterConfig | undefined;
  problemsOf(id: string): readonly Problem[];
  /** routers whose configuration has a line of the object, in name order */
  usedAt(id: string): readonly string[];
  inForce(id: string): ParsedObject | undefined;
  accepted(): Iterable<ParsedObject>;
}

interface State {
  configs: ReadonlyMap<string, RouterConfig>;
  bytes: ReadonlyMap<string, string>;
  problems: ReadonlyMap<string, readonly Problem[]>;
  uses: ReadonlyMap<string, readonly string[]>;
  inForce: ReadonlyMap<string, ParsedObject>;
}

/** createPlanner makes a planner without objects. */
export function createPlanner({ previous = [] }: PlannerOptions = {}): Planner {
  const objects = new Map<string, ParsedObject>();
  const refused = new Map<string, Problem[]>();
  let state: State = { configs: new Map(), bytes: new Map(), problems: new Map(), uses: new Map(), inForce: new Map(previous.map((one) => [one.id, one])) };
  return {
    update(edit) {
      book(edit, objects, refused);
      const before = state;
      state = stateOf(before, [...objects.values()], [...refused.values()].flat());
      return changeOf(before, state);
    },
    config: (router) => state.configs.get(router),
    problemsOf: (id) => state.problems.get(id) ?? [],
    usedAt: (id) => state.uses.get(id) ?? [],
    inForce: (id) => state.inForce.get(id),
    accepted: () => state.inForce.values(),
  };
}

function book(edit: PlanEdit, objects: Map<string, ParsedObject>, refused: Map<string, Problem[]>): void {
  for (const id of edit.remove) {
    objects.delete(id);
    refused.delete(id);
  }
  for (const one of edit.put) {
    objects.set(one.id, one);
    refused.delete(one.id);
  }
  for (const [id, problems] of Map.groupBy(edit.refused ?? [], (problem) => problem.object ?? "")) {
    objects.delete(id);
    refused.set(id, problems);
  }
}

function stateOf(before: State, objects: ParsedObject[], problems: Problem[]): State {
  const compiled = compileKeeping({ objects: [...before.inForce.values()] }, { objects, problems, unreadable: [] });
  const byId = Map.groupBy(compiled.problems.filter((problem) => problem.object !== undefined), (problem) => problem.object ?? "");
  return {
    configs: compiled.routers, bytes: new Map([...compiled.routers].map(([name, config]) => [name, canonicalJson(config)])),
    problems: byId, uses: usesOf(compiled.routers), inForce: new Map(compiled.kept.objects.map((one) => [one.id, one])),
  };
}

function changeOf(before: State, after: State): PlanChange {
  const names = new Set([...before.bytes.keys(), ...after.bytes.keys()]);
  const routers = new Map([...names].sort(compareNames).filter((name) => before.bytes.get(name) !== after.bytes.get(name)).map((name) => [name, after.configs.get(name)]));
  const ids = new Set([...before.problems.keys(), ...after.problems.keys(), ...before.uses.keys(), ...after.uses.keys(), ...before.inForce.keys(), ...after.inForce.keys()]);
  const differs = (id: string): boolean => canonicalJson(before.problems.get(id) ?? []) !== canonicalJson(after.problems.get(id) ?? [])
    || before.uses.get(id)?.join() !== after.uses.get(id)?.join() || before.inForce.has(id) !== after.inForce.has(id);
  return { routers, objects: new Set([...ids].filter(differs)) };
}
