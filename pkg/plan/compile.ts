// The compiler for everything at once: configuration objects in, one RouterConfig per router out. Pure and deterministic: the same objects
// in any order give the same bytes of canonical JSON. Called by routers that read files, and by the command line. The work is the planner's.
import type { ParsedObject, ParseResult } from "../api/document.ts";
import { compareProblems } from "../api/problem.ts";
import type { Problem } from "../api/problem.ts";
import { canonicalJson } from "./canonical.ts";
import type { RouterConfig } from "./config.ts";
import { withoutCopies } from "./inputs.ts";
import { createPlanner } from "./planner.ts";
import type { PlannerOptions } from "./planner.ts";
import { putBackProblem } from "./putback.ts";
import { createReport, toldProblems } from "./report.ts";
import { sameValue } from "./same.ts";

/** Compiled is the configuration of every router, and every problem of the input, those of parsing included. */
export interface Compiled {
  routers: Map<string, RouterConfig>;
  problems: Problem[];
}

/** CompileInput is what a parser gives; problems are passed on. */
export type CompileInput = Pick<ParseResult, "objects"> & Partial<Pick<ParseResult, "problems">>;

/** compile compiles every Router of the input, or `only` some. What is invalid is reported and left out; the rest is compiled. */
export function compile({ objects, problems = [] }: CompileInput, options: Pick<PlannerOptions, "only"> = {}): Compiled {
  const { routers, problems: all } = compileKeeping({ objects: [] }, { objects: [...objects], problems: [...problems], unreadable: [] }, options);
  return { routers, problems: all };
}

/**
 * keepLastGood puts what is broken in `next`, by itself or beside other objects, back to its version in `previous`, which
 * must be what was in force. Of two objects in conflict the one that changed goes back; a new one that would take over what
 * another has is left out. Objects that are gone stay gone, unless their document became unreadable. The problems of
 * what went back are kept, with a warning that says so. Of several objects with one name none takes the place of what is in force.
 */
export function keepLastGood(previous: CompileInput, next: ParseResult): ParseResult {
  return compileKeeping(previous, next).kept;
}

/** KeptCompiled is what is in force then, and what it compiles to. */
export interface KeptCompiled extends Compiled { kept: ParseResult }

/** compileKeeping is compile of what keepLastGood gives, in one go: each compilation of all routers takes its time. */
export function compileKeeping(previous: CompileInput, next: ParseResult, options: Pick<PlannerOptions, "only"> = {}): KeptCompiled {
  const before = new Map(withoutCopies(previous.objects, createReport()).map((one) => [one.id, one]));
  const unread = unreadObjects([...before.values()], next);
  const report = createReport();
  const chosen = withoutCopies(next.objects, report);
  const copies = copiedObjects(next.objects, before);
  const present = new Set([...chosen, ...unread].map(({ id }) => id));
  const planner = createPlanner({ ...options, previous: [...before.values()] });
  planner.update({ put: [...chosen.map((one) => copies.get(one.id) ?? one), ...unread], remove: [], refused: next.problems.filter(({ object = "" }) => !present.has(object)) });
  const own = toldProblems([...report.findings.problems, ...[...unread, ...copies.values()].map((one) => putBackProblem(one.id, { old: one }))]);
  const problems = mergeProblems(next.problems, own, planner.problems());
  return { kept: { objects: [...planner.accepted()], problems: mergeProblems(next.problems, own, planner.keptProblems()), unreadable: next.unreadable }, routers: planner.configs(), problems };
}

/** Objects of the last version whose document cannot be read any more: by its name if it has one, else by its file. */
function unreadObjects(previous: readonly ParsedObject[], next: ParseResult): ParsedObject[] {
  const present = new Set(next.objects.map((one) => one.id));
  const broken = new Set(next.problems.flatMap((problem) => (problem.severity === "error" ? problem.object ?? [] : [])));
  const unreadable = new Set(next.unreadable);
  return previous.filter((one) => !present.has(one.id) && (broken.has(one.id) || unreadable.has(one.source?.file ?? "")));
}

/** Objects that were in force and are defined several times now: as they are in force. */
function copiedObjects(objects: readonly ParsedObject[], before: ReadonlyMap<string, ParsedObject>): Map<string, ParsedObject> {
  const several = [...Map.groupBy(objects, (one) => one.id)].filter(([, list]) => list.length > 1);
  return new Map(several.flatMap(([id, list]) => {
    const old = before.get(id);
    return old === undefined ? [] : [[id, list.find((one) => sameValue(one.object.spec, old.object.spec)) ?? old] as const];
  }));
}

/** Problems sorted, each once. */
function mergeProblems(...lists: readonly Problem[][]): Problem[] {
  const unique = new Map(lists.flat().map((problem) => [canonicalJson(problem), problem]));
  return [...unique.values()].sort(compareProblems);
}
