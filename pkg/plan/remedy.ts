// The one change that would turn a refusal into an allow: candidates by the reason of the refusal, the smallest first, and the
// first that really does it. Called by `svrctl why`. Every candidate is applied, compiled and asked again, so what is proposed is
// true; nothing is proposed when no single change does it.
import type { ParsedObject } from "../api/document.ts";
import { applyChange } from "./change.ts";
import type { Change } from "./change.ts";
import { compile } from "./compile.ts";
import { explain } from "./explain.ts";
import { candidatesOf } from "./remedies.ts";
import type { RemedyAsk } from "./remedies.ts";

/** mostTries bounds the candidates that are compiled. */
export const mostTries = 24;

/** findRemedy gives the change, or undefined when no single one is known. */
export function findRemedy(ask: RemedyAsk): Change | undefined {
  const errors = errorsOf(ask.objects);
  return candidatesOf(ask).slice(0, mostTries).find((change) => allows(ask, change, errors));
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
