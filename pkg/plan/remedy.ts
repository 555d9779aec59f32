// The one change that would turn a refusal into an allow: candidates by the reason of the refusal, the smallest first, and the
// first that really does it. Called by `svrctl why`. Every candidate is applied, compiled and asked again, so what is proposed is
// true; nothing is proposed when no single change does it. Tests of services stand last: where only they forbid a change, it is
// proposed together with what it contradicts.
import type { ParsedObject } from "../api/document.ts";
import type { Problem } from "../api/problem.ts";
import { applyChange } from "./change.ts";
import type { Change } from "./change.ts";
import type { Origin } from "./config.ts";
import { explain } from "./explain.ts";
import { createPlanner } from "./planner.ts";
import type { Planner } from "./planner.ts";
import { candidatesOf } from "./remedies.ts";
import type { RemedyAsk } from "./remedies.ts";

/** mostTries bounds the candidates that are compiled. */
export const mostTries = 24;
const fewRouters = 32;

/** Remedy is one change, and the tests of services that expect the refusal and so would have to be changed with it. */
export interface Remedy { change: Change; contradicts: readonly Origin[] }

/** findRemedy gives the change, or undefined when no single one is known; one that contradicts no test comes first. */
export function findRemedy(ask: RemedyAsk): Remedy | undefined {
  const candidates = candidatesOf(ask).slice(0, mostTries);
  const trial = createTrial(ask, ask.objects);
  const consistent = candidates.find(trial.allows);
  if (consistent !== undefined) return { change: consistent, contradicts: [] };
  if (!ask.objects.some(isTested)) return undefined;
  const change = candidates.find(createTrial(ask, ask.objects.map(untested)).allows);
  return change === undefined ? undefined : { change, contradicts: trial.contradicted(change) };
}

/** Trial is the objects as they are, to which one change after the other is made and taken back. */
interface Trial {
  /** whether the router allows the connection then, and no more is wrong than now */
  allows: (change: Change) => boolean;
  /** tests that fail after a change and do not fail now */
  contradicted: (change: Change) => Origin[];
}

/** Few routers are all judged, so that nothing goes wrong at any of them; of many the one that refuses, and those that tests name: compiling thousands would take minutes. */
function createTrial({ config: { name }, question }: RemedyAsk, objects: readonly ParsedObject[]): Trial {
  const areFew = objects.filter(({ object }) => object.kind === "Router").length <= fewRouters;
  const planner = createPlanner(areFew ? {} : { only: new Set([name, ...objects.flatMap(testedAt)]) });
  planner.update({ put: objects, remove: [] });
  const errors = errorsIn(planner).length;
  const failing = new Set(failedTests(planner).map(textOf));
  const known = new Map(objects.map((one) => [one.id, one]));
  const tried = <T>(change: Change, read: () => T): T | undefined => {
    const after = applyChange(objects, change);
    if (after === undefined) return undefined;
    const put = after.filter((one) => known.get(one.id) !== one);
    planner.update({ put, remove: [] });
    const answer = read();
    planner.update({ put: put.flatMap(({ id }) => known.get(id) ?? []), remove: put.flatMap(({ id }) => (known.has(id) ? [] : [id])) });
    return answer;
  };
  return {
    allows: (change) => tried(change, () => {
      const router = planner.config(name);
      return router !== undefined && explain(router, question).allow && errorsIn(planner).length <= errors;
    }) ?? false,
    contradicted: (change) => tried(change, () => failedTests(planner).filter((one) => !failing.has(textOf(one)))) ?? [],
  };
}

function isTested({ object }: ParsedObject): boolean {
  return object.kind === "Service" && object.spec.tests.length > 0;
}

function untested(parsed: ParsedObject): ParsedObject {
  const { object } = parsed;
  return object.kind === "Service" ? { ...parsed, object: { ...object, spec: { ...object.spec, tests: [] } } } : parsed;
}

function testedAt({ object }: ParsedObject): string[] {
  return object.kind === "Service" ? object.spec.tests.flatMap(({ router }) => router ?? []) : [];
}

function errorsIn(planner: Planner): Problem[] {
  return planner.problems().filter(({ severity }) => severity === "error");
}

function failedTests(planner: Planner): Origin[] {
  return planner.problems().flatMap(({ code, object, field }) => (code === "test" && object !== undefined && field !== undefined ? [{ object, field }] : []));
}

function textOf({ object, field }: Origin): string {
  return `${object} ${field}`;
}
