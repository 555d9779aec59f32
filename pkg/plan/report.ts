// Collects what the compiler finds wrong, with the object, the field and its place in the file. One for each step of the compiler.
import { positionOf } from "../api/document.ts";
import type { ParsedObject } from "../api/document.ts";
import { suggestWord } from "../api/suggest.ts";
import { compareProblems } from "../api/problem.ts";
import type { Problem } from "../api/problem.ts";
import type { Origin } from "./config.ts";

/** Complaint is what is wrong, beside which other object if it is a conflict of two, and how to fix it; a fix that costs time to find is asked for when it is told. */
export type Complaint = Pick<Problem, "code" | "message" | "beside"> & { fix: string | (() => string) };

/** Refusal names an object with an error, and the other one when the error is a conflict of two. */
export type Refusal = Pick<Problem, "beside"> & { object: string };

/** Draft is a problem whose fix may still have to be looked for. */
export type Draft = Omit<Problem, "fix"> & Pick<Complaint, "fix">;

/** Findings is what a step found: drafts, and a refusal for each error. */
export interface Findings { readonly problems: readonly Draft[]; readonly refused: readonly Refusal[] }

/** Report collects problems; an error marks its object as refused, a warning changes nothing. */
export interface Report {
  error(object: ParsedObject, field: string, complaint: Complaint): void;
  warn(object: ParsedObject, field: string, complaint: Complaint): void;
  /** An error about one document of several with the same name: the other one stays good. */
  errorOfCopy(object: ParsedObject, complaint: Complaint): void;
  /** unknown is the complaint about a name that refers to nothing, or to an object with an error of its own. */
  unknown(kind: string, name: string, known: Iterable<string>): Complaint;
  /** Objects that are written down but cannot be used, as `Kind namespace/name`. */
  readonly broken: Broken;
  readonly findings: Findings;
}

/** Broken tells whether an object is written down but refused by its schema. */
export interface Broken { has(id: string): boolean }

/** Looking for a near name costs time in proportion to the names, so only the first mistakes that are told at once get it. */
const mostSearches = 32;

/** toldProblems sorts problems and looks for the fixes of the first ones that need it. */
export function toldProblems(drafts: Iterable<Draft>): Problem[] {
  let searches = 0;
  const fixOf = (fix: Complaint["fix"]): string => {
    if (typeof fix === "string") return fix;
    searches += 1;
    return searches > mostSearches ? "correct the name, or add what it names" : fix();
  };
  return [...drafts].map((draft) => ({ draft, sorting: { ...draft, fix: "" } })).sort((a, b) => compareProblems(a.sorting, b.sorting)).map(({ draft }) => ({ ...draft, fix: fixOf(draft.fix) }));
}

/** createReport makes an empty report; `broken` is what reading it refused. */
export function createReport(broken: Broken = new Set()): Report {
  const problems: Draft[] = [];
  const refused: Refusal[] = [];
  const add = (severity: Problem["severity"], object: ParsedObject, field: string, complaint: Complaint): void => {
    const position = object.source === undefined ? undefined : positionOf(object.source, field);
    problems.push({ severity, ...complaint, object: object.id, field, ...(object.source === undefined ? {} : { file: object.source.file }), ...position });
  };
  return {
    broken,
    findings: { problems, refused },
    error(object, field, complaint) {
      refused.push({ object: object.id, ...(complaint.beside === undefined ? {} : { beside: complaint.beside }) });
      add("error", object, field, complaint);
    },
    warn: (object, field, complaint) => add("warning", object, field, complaint),
    errorOfCopy: (object, complaint) => add("error", object, "metadata.name", complaint),
    unknown: (kind, name, known) => (broken.has(`${kind} ${name}`) ? brokenName(kind, name) : unknownName(kind, name, known)),
  };
}

/** originIn names a field of an object. */
export function originIn(object: ParsedObject, field: string): Origin {
  return { object: object.id, field };
}

/** brokenName is the complaint about a name of an object that is there but left out; adding it again would not help. */
export function brokenName(kind: string, name: string): Complaint {
  return { code: "reference", message: `${kind} "${name}" has an error of its own and is left out`, fix: "correct that first" };
}

/** unknownName is the complaint about a name that refers to nothing. */
export function unknownName(what: string, name: string, known: Iterable<string>): Complaint {
  return { code: "reference", message: `there is no ${what} "${name}"`, fix: () => nearName(name, known) };
}

function nearName(name: string, known: Iterable<string>): string {
  const list = [...known].sort();
  const near = suggestWord(name, list);
  const shown = list.length > 8 ? `${list.slice(0, 8).join(", ")}, ...` : list.join(", ");
  return near !== undefined ? `did you mean "${near}"?` : list.length === 0 ? "there is none yet: add it" : `known: ${shown}`;
}
