// Which objects go back to the version that was in force, because something is refused: of two objects in conflict the one that changed; a
// new one that would take over what another has is left out. What is refused as it was before stays. Called by planner.ts. Pure.
import type { ParsedObject } from "../api/document.ts";
import type { Draft, Refusal } from "./report.ts";
import { sameValue } from "./same.ts";

/** Versions are the objects of an edit: `before` has those that it changed, as they were, `now` all that are in force. */
export interface Versions { before: ReadonlyMap<string, ParsedObject | undefined>; now: ReadonlyMap<string, ParsedObject> }

/** PutBack is what an object goes back to, undefined: it is left out; and the object that it contradicts, where the problem is told of that one. */
export interface PutBack { old: ParsedObject | undefined; beside?: string }

/** objectsToPutBack gives the changed ones among refused objects and those in conflict with them, with their old version; new winners with none. */
export function objectsToPutBack(refused: Iterable<Refusal>, { before, now }: Versions): Map<string, PutBack> {
  const back = new Map<string, PutBack>();
  /** Whatever the order of refusals: what is told of the object itself, else beside the first of those that it contradicts by name. */
  const note = (id: string, one: PutBack): void => {
    const known = back.get(id);
    if (known === undefined || (one.beside ?? "") < (known.beside ?? "")) back.set(id, one);
  };
  const isNew = (id: string): boolean => before.has(id) && before.get(id) === undefined;
  for (const { object, beside } of refused) {
    for (const id of [object, ...(beside === undefined ? [] : [beside])]) {
      const old = before.get(id);
      const one = now.get(id);
      if (old !== undefined && one !== undefined && !sameValue(old.object.spec, one.object.spec)) note(id, { old, ...(id !== object && { beside: object }) });
    }
    if (beside !== undefined && !isNew(object) && isNew(beside) && now.has(beside)) note(beside, { old: undefined, beside: object });
  }
  return back;
}

/** putBackProblem says what became of an object: its old version stays, or it is left out. */
export function putBackProblem(id: string, { old, beside }: PutBack): Draft {
  const common = { severity: "warning", code: "kept", object: id, ...(beside !== undefined && { beside }) } as const;
  if (old === undefined) return { ...common, message: `is left out, because ${beside ?? "an object"} in force has the same already`, fix: "correct one of the two" };
  const file = old.source === undefined ? {} : { file: old.source.file };
  const why = beside === undefined ? "" : `, because the new one contradicts ${beside}`;
  return { ...common, ...file, message: `the last good version stays in force${why}`, fix: "correct the object, or remove it" };
}
