// The one change that would turn a refusal into an allow: candidates by the reason of the refusal, the smallest first, and the
// first that really does it. Called by `svrctl why`. Every candidate is applied, compiled and asked again, so what is proposed is
// true; nothing is proposed when no single change does it. Tests of services stand last: where only they forbid a change, it is
// proposed together with what it contradicts.
import type { ParsedObject } from "../api/document.ts";
import { applyChange } from "./change.ts";
import type { Change } from "./change.ts";
import { compile } from "./compile.ts";
import type { Origin } from "./config.ts";
import { explain } from "./explain.ts";
import { candidatesOf } from "./remedies.ts";
import type { RemedyAsk } from "./remedies.ts";

/** mostTries bounds the candidates that are compiled. */
export const mostTries = 24;

/** Remedy is one change, and the tests of services that expect the refusal and so would have to be changed with it. */
export interface Remedy { change: Change; contradicts: readonly Origin[] }

/** findRemedy gives the change, or undefined when no single one is known; one that contradicts no test comes first. */
export function findRemedy(ask: RemedyAsk): Remedy | undefined {
  const candidates = candidatesOf(ask).slice(0, mostTries);
  const consistent = firstOf(candidates, ask);
  if (consistent !== undefined) return { change: consistent, contradicts: [] };
  const change = firstOf(candidates, { ...ask, objects: ask.objects.map(untested) });
  return change === undefined ? undefined : { change, contradicts: contradicted(ask.objects, change) };
}

function firstOf(candidates: readonly Change[], ask: RemedyAsk): Change | undefined {
  const errors = errorsOf(ask.objects);
  return candidates.find((change) => allows(ask, change, errors));
}

function untested(parsed: ParsedObject): ParsedObject {
  const { object } = parsed;
  return object.kind === "Service" ? { ...parsed, object: { ...object, spec: { ...object.spec, tests: [] } } } : parsed;
}

/** The tests that fail after a change and did not before. */
function contradicted(objects: readonly ParsedObject[], change: Change): Origin[] {
  const failing = (of: readonly ParsedObject[]): Origin[] => compile({ objects: [...of] }).problems.flatMap(({ code, object, field }) => (code === "test" && object !== undefined && field !== undefined ? [{ object, field }] : []));
  const before = new Set(failing(objects).map(textOf));
  return failing(applyChange(objects, change) ?? []).filter((one) => !before.has(textOf(one)));
}

function textOf({ object, field }: Origin): string {
  return `${object} ${field}`;
}

function allows({ objects, config, question }: RemedyAsk, change: Change, errors: number): boolean {
  const after = applyChange(objects, change);
  if (after === undefined) return false;
  const { routers, problems } = compile({ objects: after });
  const router = routers.get(config.name);
  return router !== undefined && explain(router, question).allow && problems.filter(isError).length <= errors;
}

function errorsOf(objects: readonly ParsedObject[]): number {
  return compile({ objects: [...objects] }).problems.filter(isError).length;
}

function isError(problem: { severity: string }): boolean {
  return problem.severity === "error";
}
