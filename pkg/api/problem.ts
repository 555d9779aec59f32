// Problems of configuration: what is wrong, where, and how to fix it. Made by the parser and the compiler, shown by
// `svrctl config validate`, logs and conditions. Data only; nothing here throws.

/** problemCodes lists every code of a Problem with its meaning; append-only. */
export const problemCodes = {
  yaml: "the text is not YAML",
  size: "a bound on files, documents, nesting or aliases is exceeded",
  document: "the document is not an object of this group and version",
  "unknown-field": "the field does not exist",
  required: "a required field is missing",
  type: "the value has another type than the field",
  value: "the value is not allowed",
  range: "the value is outside its bounds",
  duplicate: "the name or value is already taken",
  unsupported: "this version does not do that",
  reference: "the object or field referred to does not exist",
  cycle: "objects refer to each other in a circle",
  overlap: "prefixes or port ranges overlap",
  conflict: "two objects say different things about the same",
  kept: "the last good version of a broken object stays in force",
  file: "the file cannot be read",
  test: "a test of a service has another outcome",
  grant: "a tenant does not grant the namespace access",
} as const;

/** ProblemCode is a code of the table above. */
export type ProblemCode = keyof typeof problemCodes;

/** Position is a place in a text; both count from 1. */
export interface Position {
  line: number;
  column: number;
}

/** Problem is one finding. Errors keep the object, or the part named, out of force; warnings change nothing. */
export interface Problem extends Partial<Position> {
  severity: "error" | "warning";
  code: ProblemCode;
  /** file as the caller named it; absent when the object came from no file */
  file?: string;
  /** `Kind namespace/name` or `Kind name`; absent when the document does not say */
  object?: string;
  /** the other object of a conflict, named as `object` is */
  beside?: string;
  /** `spec.access[0].tenant`; absent for the object as a whole */
  field?: string;
  message: string;
  /** what to write or to do instead */
  fix: string;
}

/** formatProblem writes a problem on one line: `file:line:column: error: Service shop/web spec.access[0]: message; fix`. */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(":");
  const about = [problem.object, problem.field].filter((part) => part !== undefined).join(" ");
  return [place, problem.severity, about, `${problem.message}; ${problem.fix}`].filter((part) => part !== "").join(": ");
}

/** compareProblems orders problems by file, line, column, object, field and code, so that output is stable. */
export function compareProblems(a: Problem, b: Problem): number {
  return compareText(a.file, b.file) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0)
    || compareText(a.object, b.object) || compareText(a.field, b.field) || compareText(a.code, b.code) || compareText(a.message, b.message);
}

function compareText(a = "", b = ""): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
