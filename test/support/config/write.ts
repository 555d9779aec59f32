// Configuration as tests write it: one object a line, as YAML in its JSON form, and problems as one line with the text that
// their place points at. Imported by tests only.
import { parseDocuments } from "../../../pkg/api/document.ts";
import type { ParseResult } from "../../../pkg/api/document.ts";
import { apiVersion } from "../../../pkg/api/names.ts";
import type { Problem } from "../../../pkg/api/problem.ts";

/** line writes one object; a name with a slash is `namespace/name`. */
export function line(kind: string, name: string, spec: object = {}): string {
  const [namespace, own] = name.includes("/") ? name.split("/") : [undefined, name];
  return JSON.stringify({ apiVersion, kind, metadata: { ...(namespace === undefined ? {} : { namespace }), name: own }, ...(Object.keys(spec).length === 0 ? {} : { spec }) });
}

/** textOf makes a file of lines: object n stands on line 2n - 1. */
export function textOf(lines: readonly string[]): string {
  return lines.join("\n---\n");
}

/** parseLines parses lines as the file `a.yaml`. */
export function parseLines(lines: readonly string[], path = "a.yaml"): ParseResult {
  return parseDocuments([{ path, text: textOf(lines) }]);
}

/** pointed writes a problem with the words at its place: `3 "name" error code Object field: message; fix`. */
export function pointed(problem: Problem, lines: readonly string[]): string {
  const { line: at, column, severity, code, object = "", field = "", message, fix } = problem;
  const rest = at === undefined || column === undefined ? "" : (textOf(lines).split("\n")[at - 1] ?? "").slice(column - 1);
  const word = /^("[^"]*"|[^,:}\]]*)/.exec(rest)?.[0] ?? "";
  return `${at ?? "-"} ${word} ${severity} ${code} ${object} ${field}: ${message}; ${fix}`;
}
