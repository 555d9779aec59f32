// The compiler over time: edits in, and out the routers and objects that each one concerns. What is broken, by itself or beside others,
// stays as it was in force. Called by the operator, and by compile.ts for one edit of everything: there is one compiler. Pure.
import type { ParsedObject } from "../api/document.ts";
import type { Problem } from "../api/problem.ts";
import type { RouterConfig } from "./config.ts";
import { compareNames } from "./entries.ts";
import { createGraph } from "./graph.ts";
import type { Graph } from "./graph.ts";
import { inputName } from "./inputs.ts";
import { createMemo } from "./memo.ts";
import { createObjects } from "./objects.ts";
import type { NamespaceLabels, ObjectsEdit } from "./objects.ts";
import { objectsToPutBack, putBackProblem } from "./putback.ts";
import { toldProblems } from "./report.ts";
import type { Findings } from "./report.ts";
import { sameValue } from "./same.ts";
import { stages } from "./shared.ts";
import { createTold } from "./told.ts";
import type { Told } from "./told.ts";
import { createUses } from "./uses.ts";
import type { Uses } from "./uses.ts";

/** PlanEdit is what changed: objects that are there now (of several with one id the last), ids that are gone, and problems of objects that their schema refuses. */
export interface PlanEdit {
  put: readonly ParsedObject[];
  remove: readonly string[];
  refused?: readonly Problem[];
  /** all namespaces with their labels; absent: as before, and before any was given: files, which have no owners of namespaces */
  namespaces?: NamespaceLabels;
}

/** PlanChange is what an edit concerns: routers whose configuration is another one now (undefined: gone), in name order, and objects whose problems, use or presence changed. */
export interface PlanChange {
  routers: ReadonlyMap<string, RouterConfig | undefined>;
  objects: ReadonlySet<string>;
}

/** PlannerOptions: the objects that were in force when another planner ended. Those that the first edit neither puts nor refuses are gone. */
export interface PlannerOptions {
  previous?: readonly ParsedObject[];
  /** compiles these routers and no others, and judges tests of services there only: for questions about a few of many */
  only?: ReadonlySet<string>;
}

/** Planner is the compiler with what it knows. */
export interface Planner {
  update(edit: PlanEdit): PlanChange;
  config(router: string): RouterConfig | undefined;
  /** every router, in name order */
  configs(): Map<string, RouterConfig>;
  problemsOf(id: string): readonly Problem[];
  /** problems of all objects, sorted; and those of versions that were put back */
  problems(): Problem[];
  keptProblems(): Problem[];
  /** routers whose configuration has a line of the object, in name order */
  usedAt(id: string): readonly string[];
  inForce(id: string): ParsedObject | undefined;
  accepted(): Iterable<ParsedObject>;
}

interface State {
  only: ReadonlySet<string> | undefined;
  edit: ObjectsEdit;
  settle: (stage: number) => void;
  graph: Graph;
  told: Told;
  uses: Uses;
  inForce: Map<string, ParsedObject>;
  configs: Map<string, RouterConfig>;
  /** objects as they are written, where that is not what is in force */
  waiting: Map<string, ParsedObject>;
  /** of this edit: objects and routers as they were before it */
  objectsBefore: Map<string, ParsedObject | undefined>;
  routersBefore: Map<string, RouterConfig | undefined>;
}

/** createPlanner makes a planner. */
export function createPlanner({ previous = [], only }: PlannerOptions = {}): Planner {
  const state = createState(only);
  for (const one of previous) put(state, one.id, one);
  let unseen: ReadonlySet<string> = new Set(previous.map(({ id }) => id));
  return {
    update(edit) {
      state.objectsBefore.clear();
      state.routersBefore.clear();
      book(state, edit, unseen);
      unseen = new Set();
      settle(state);
      return changeOf(state);
    },
    config: (router) => state.configs.get(router),
    configs: () => new Map([...state.configs].sort(([a], [b]) => compareNames(a, b))),
    problemsOf: (id) => toldProblems(state.told.of(id)),
    problems: () => toldProblems(state.told.all()),
    keptProblems: () => toldProblems(state.told.kept()),
    usedAt: (id) => state.uses.at(id),
    inForce: (id) => state.inForce.get(id),
    accepted: () => state.inForce.values(),
  };
}

function createState(only: ReadonlySet<string> | undefined): State {
  const memo = createMemo();
  const { objects, edit } = createObjects(memo);
  const told = createTold();
  const configs = new Map<string, RouterConfig>();
  const routersBefore = new Map<string, RouterConfig | undefined>();
  const found = (step: string) => (key: string, _before: unknown, after: readonly Findings[] | undefined): void => told.set(`${step} ${key}`, after ?? []);
  const graph = createGraph(memo, objects, {
    only, checked: found(objectSteps), looped: found("loops"), tested: found("tests"),
    compiled(name, before, after) {
      told.set(`router ${name}`, after?.findings ?? []);
      if (!routersBefore.has(name)) routersBefore.set(name, before?.config);
      if (after === undefined) configs.delete(name);
      else configs.set(name, after.config);
    },
  });
  return { only, edit, settle: memo.settle, graph, told, uses: createUses(), inForce: new Map(), configs, waiting: new Map(), objectsBefore: new Map(), routersBefore };
}

/** Takes in an edit: every object as it is written, where its schema accepts it. */
function book(state: State, { put: written, remove, refused = [], namespaces }: PlanEdit, unseen: ReadonlySet<string>): void {
  const { waiting, told, edit } = state;
  const problems = Map.groupBy(refused.filter(({ object }) => object !== undefined), ({ object }) => object ?? "");
  const next = new Map(written.map((one) => [one.id, one]));
  if (namespaces !== undefined) edit.setNamespaces(namespaces);
  for (const id of [...remove, ...unseen]) {
    if (next.has(id) || problems.has(id)) continue;
    waiting.delete(id);
    told.refuse(id, []);
    edit.setBroken(id, false);
    put(state, id, undefined);
  }
  for (const [id, one] of next) {
    waiting.set(id, one);
    told.refuse(id, []);
    edit.setBroken(id, false);
  }
  for (const [id, list] of problems) {
    waiting.delete(id);
    const isError = list.some(({ severity }) => severity === "error");
    const kept = state.inForce.get(id);
    told.refuse(id, [...list, ...(isError && kept !== undefined ? [putBackProblem(id, { old: kept })] : [])]);
    edit.setBroken(id, isError);
  }
  told.forgetKept();
  for (const [id, one] of waiting) put(state, id, one);
  waiting.clear();
}

/** Sets the version in force, and what of it is watched. */
function put(state: State, id: string, one: ParsedObject | undefined): void {
  const { edit, inForce, objectsBefore, graph, only } = state;
  const before = edit.set(id, one);
  if (before === one) return;
  if (!objectsBefore.has(id)) objectsBefore.set(id, before);
  if (one === undefined) inForce.delete(id);
  else inForce.set(id, one);
  const own = (one ?? before) as ParsedObject; // they differ, so one of them is there
  const name = inputName(own);
  const watch = one === undefined ? "drop" : "watch";
  graph.checks[watch](id);
  if (own.object.kind === "Router" && only?.has(name) !== false) for (const table of [graph.routers, graph.loops]) table[watch](name);
  if (own.object.kind === "Service") graph.tests[one?.object.kind === "Service" && one.object.spec.tests.length > 0 ? "watch" : "drop"](name);
}

/** Compiles, and puts back what is refused until nothing more is; each round puts at least one object back, so they are as many as objects at most. */
function settle(state: State): void {
  for (;;) {
    state.edit.flush();
    state.settle(stages.objects);
    if (putBack(state, objectSteps)) continue; // what is said of routers is not up to date yet
    state.settle(stages.routers);
    if (!putBack(state, everyStep)) return;
  }
}

/** How the names of steps start. */
const objectSteps = "object", everyStep = "";

function putBack(state: State, steps: string): boolean {
  const { told, objectsBefore, inForce, waiting } = state;
  const back = objectsToPutBack(told.refusals(steps), { before: objectsBefore, now: inForce });
  if (back.size === 0) return false;
  told.keep(steps, ({ object = "", beside = "" }) => back.has(object) || back.has(beside));
  for (const [id, one] of back) {
    const now = inForce.get(id);
    if (now !== undefined) waiting.set(id, now);
    told.addKept(id, putBackProblem(id, one));
    put(state, id, one.old);
  }
  return true;
}

function changeOf({ told, uses, routersBefore, objectsBefore, configs, inForce }: State): PlanChange {
  const changed = [...routersBefore].filter(([name, before]) => !sameValue(before, configs.get(name))).map(([name]) => name).sort(compareNames);
  const objects = new Set([...told.changed(), ...uses.update(changed.map((name) => ({ name, before: routersBefore.get(name), after: configs.get(name) })))]);
  for (const [id, before] of objectsBefore) if ((before === undefined) !== !inForce.has(id)) objects.add(id);
  return { routers: new Map(changed.map((name) => [name, configs.get(name)])), objects };
}
