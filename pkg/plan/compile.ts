// The compiler: configuration objects in, one RouterConfig per router out. Pure and deterministic: the same objects in any
// order give the same bytes of canonical JSON. Called by routers, by the command line and later by the operator.
import type { ParsedObject, ParseResult } from "../api/document.ts";
import { compareProblems } from "../api/problem.ts";
import type { Problem } from "../api/problem.ts";
import { canonicalJson } from "./canonical.ts";
import type { RouterConfig } from "./config.ts";
import { sortInputs } from "./inputs.ts";
import { createReport } from "./report.ts";
import type { Refusal } from "./report.ts";
import { compileWhole } from "./whole.ts";

/** Compiled is the configuration of every router, and every problem of the input, those of parsing included. */
export interface Compiled {
  routers: Map<string, RouterConfig>;
  problems: Problem[];
}

/** CompileInput is what a parser gives; problems are passed on. */
export type CompileInput = Pick<ParseResult, "objects"> & Partial<Pick<ParseResult, "problems">>;

/** compile compiles every Router of the input. What is invalid is reported and left out; the rest is compiled. */
export function compile(input: CompileInput): Compiled {
  const { routers, report } = compileWhole(input.objects, input.problems);
  return { routers, problems: mergeProblems(input.problems ?? [], report.problems) };
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
export function compileKeeping(previous: CompileInput, next: ParseResult): KeptCompiled {
  const before = objectsInForce(previous.objects);
  const unread = unreadObjects(previous, next);
  const copies = copiedObjects(next.objects, before);
  const problems = [...unread.map(keptProblem), ...copyProblems(next.objects, copies)];
  let objects = [...next.objects.filter((one) => !copies.has(one.id)), ...copies.values(), ...unread];
  // Each round puts at least one object back, so there are at most as many rounds as objects.
  for (;;) {
    const { report, routers } = compileWhole(objects, next.problems);
    const back = objectsToPutBack(report.refused, new Map(objects.map((one) => [one.id, one])), before);
    if (back.size === 0) {
      const kept = { objects, problems: mergeProblems(next.problems, problems), unreadable: next.unreadable };
      return { kept, routers, problems: mergeProblems(kept.problems, report.problems) };
    }
    problems.push(...report.problems.filter((problem) => back.has(problem.object ?? "") || back.has(problem.beside ?? "")));
    problems.push(...[...back].map(([id, old]) => (old === undefined ? leftOutProblem(id) : keptProblem(old))));
    objects = [...objects.filter((one) => !back.has(one.id)), ...[...back.values()].filter((old) => old !== undefined)];
  }
}

/** Objects of the last version whose document cannot be read any more: by its name if it has one, else by its file. */
function unreadObjects(previous: CompileInput, next: ParseResult): ParsedObject[] {
  const present = new Set(next.objects.map((one) => one.id));
  const broken = new Set(next.problems.flatMap((problem) => (problem.severity === "error" ? problem.object ?? [] : [])));
  const unreadable = new Set(next.unreadable);
  return previous.objects.filter((one) => !present.has(one.id) && (broken.has(one.id) || unreadable.has(one.source?.file ?? "")));
}

/** Each object by its id; of several with one name the one that the compiler takes. */
function objectsInForce(objects: readonly ParsedObject[]): Map<string, ParsedObject> {
  const kinds: ReadonlyMap<string, ParsedObject>[] = Object.values(sortInputs(objects, createReport()));
  return new Map(kinds.flatMap((kind) => [...kind.values()]).map((one) => [one.id, one]));
}

/** Objects that were in force and are defined several times now: as they are in force. */
function copiedObjects(objects: readonly ParsedObject[], before: ReadonlyMap<string, ParsedObject>): Map<string, ParsedObject> {
  const several = [...Map.groupBy(objects, (one) => one.id)].filter(([, list]) => list.length > 1);
  return new Map(several.flatMap(([id, list]) => {
    const old = before.get(id);
    return old === undefined ? [] : [[id, list.find((one) => sameSpec(one, old)) ?? old] as const];
  }));
}

function copyProblems(objects: readonly ParsedObject[], copies: ReadonlyMap<string, ParsedObject>): Problem[] {
  if (copies.size === 0) return [];
  const told = compileWhole(objects.filter((one) => copies.has(one.id))).report.problems.filter((problem) => problem.code === "duplicate");
  return [...told, ...[...copies.values()].map(keptProblem)];
}

function sameSpec(one: ParsedObject, other: ParsedObject | undefined): boolean {
  return canonicalJson(one.object.spec) === canonicalJson(other?.object.spec);
}

/** The changed ones among refused objects and those in conflict with them, with their old version; new winners with none. */
function objectsToPutBack(refused: readonly Refusal[], now: ReadonlyMap<string, ParsedObject>, before: ReadonlyMap<string, ParsedObject>): Map<string, ParsedObject | undefined> {
  const back = new Map<string, ParsedObject | undefined>();
  for (const { object, beside } of refused) {
    for (const id of [object, ...(beside === undefined ? [] : [beside])]) {
      const old = before.get(id);
      if (old !== undefined && !sameSpec(old, now.get(id))) back.set(id, old);
    }
    if (beside !== undefined && before.has(object) && !before.has(beside)) back.set(beside, undefined);
  }
  return back;
}

function keptProblem(one: ParsedObject): Problem {
  const file = one.source === undefined ? {} : { file: one.source.file };
  return { severity: "warning", code: "kept", object: one.id, ...file, message: "the last good version stays in force", fix: "correct the object, or remove it" };
}

function leftOutProblem(id: string): Problem {
  return { severity: "warning", code: "kept", object: id, message: "is left out, because an object in force has the same already", fix: "correct one of the two" };
}

/** Problems sorted, each once. */
function mergeProblems(...lists: readonly Problem[][]): Problem[] {
  const unique = new Map(lists.flat().map((problem) => [canonicalJson(problem), problem]));
  return [...unique.values()].sort(compareProblems);
}
