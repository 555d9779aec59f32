// Rules that JSON Schema cannot say, once for the two that judge: a function for us, an expression of the Common Expression Language
// for the API server. Called by the kinds; crd.ts writes the expressions into CRDs; test/kube shows that both say the same.
import type { z } from "zod";
import type { ProblemCode } from "./problem.ts";

/** Rule is one such rule on a value of type T. */
export interface Rule<T> {
  holds: (value: T) => boolean;
  /** the same in CEL, with `self` for the value; true when it holds */
  cel: string;
  /** completes "spec.x ..." */
  error: string;
  fix: string;
  /** field below the value that is to be corrected */
  path?: string;
  code?: ProblemCode;
}

/** changeRule adds a rule about changes, which only the API server sees: `self` after, `oldSelf` before. */
export function changeRule<T extends z.ZodType>(schema: T, { cel, error, fix }: Pick<Rule<unknown>, "cel" | "error" | "fix">): T {
  const before = (schema.meta()?.["x-svr-cel"] ?? []) as CelRule[];
  return schema.meta({ ...schema.meta(), "x-svr-cel": [...before, { rule: cel, message: `${error}; ${fix}` }] });
}

/** CelRule is a rule as a CRD has it. */
export interface CelRule { rule: string; message: string; fieldPath?: string }

/** ruled adds a rule to a schema. */
export function ruled<T extends z.ZodType>(schema: T, rule: Rule<z.output<T>>): T {
  const { holds, cel, error, fix, path, code = "value" } = rule;
  const isBelow = path !== undefined && !path.startsWith("metadata."); // the API server knows no path into metadata
  const told: CelRule = { rule: cel, message: `${error}; ${fix}`, ...(isBelow && { fieldPath: `.${path}` }) };
  const before = (schema.meta()?.["x-svr-cel"] ?? []) as CelRule[];
  return schema.refine(holds, { error, params: { code, fix }, ...(path !== undefined && { path: path.split(".") }) }).meta({ ...schema.meta(), "x-svr-cel": [...before, told] });
}
