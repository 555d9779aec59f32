// Which objects go back to the version that was in force, because something is refused: of two objects in conflict the one that changed; a
// new one that would take over what another has is left out. What is refused as it was before stays. Called by planner.ts. Pure.
import type { ParsedObject } from "../api/document.ts";
import type { Draft, Refusal } from "./report.ts";
import { sameValue } from "./same.ts";

/** Versions are the objects of an edit: `before` has those that it changed, as they were, `now` all that are in force. */
export interface Versions { before: ReadonlyMap<string, ParsedObject | undefined>; now: ReadonlyMap<string, ParsedObject> }

/** objectsToPutBack gives the changed ones among refused objects and those in conflict with them, with their old version; new winners with none. */
export function objectsToPutBack(refused: Iterable<Refusal>, { before, now }: Versions): Map<string, ParsedObject | undefined> {
  const back = new Map<string, ParsedObject | undefined>();
  const isNew = (id: string): boolean => before.has(id) && before.get(id) === undefined;
  for (const { object, beside } of refused) {
    for (const id of [object, ...(beside === undefined ? [] : [beside])]) {
      const old = before.get(id);
      const one = now.get(id);
      if (old !== undefined && one !== undefined && !sameValue(old.object.spec, one.object.spec)) back.set(id, old);
    }
    if (beside !== undefined && !isNew(object) && isNew(beside) && now.has(beside)) back.set(beside, undefined);
  }
  return back;
}

/** putBackProblem says what became of an object: its old version stays, or it is left out. */
export function putBackProblem(id: string, old: ParsedObject | undefined): Draft {
  if (old === undefined) return { severity: "warning", code: "kept", object: id, message: "is left out, because an object in force has the same already", fix: "correct one of the two" };
  const file = old.source === undefined ? {} : { file: old.source.file };
  return { severity: "warning", code: "kept", object: id, ...file, message: "the last good version stays in force", fix: "correct the object, or remove it" };
}
