// What is said about objects: the findings of steps, the problems of their schemas, and those of what was put back. Called by planner.ts.
// By object, so that an edit tells what changed. Pure.
import type { Draft, Findings, Refusal } from "./report.ts";
import { sameValue } from "./same.ts";

/** Told keeps it. */
export interface Told {
  /** Replaces the findings of a step. */
  set(step: string, findings: readonly Findings[]): void;
  /** Replaces what the schema says about an object. */
  refuse(id: string, problems: readonly Draft[]): void;
  /** Remembers the problems that `concerns` names, of steps whose name starts so, while the objects are back at their old versions. */
  keep(start: string, concerns: (draft: Draft) => boolean): void;
  addKept(id: string, draft: Draft): void;
  forgetKept(): void;
  kept(): Iterable<Draft>;
  /** Of steps whose name starts so. */
  refusals(start: string): Iterable<Refusal>;
  of(id: string): Draft[];
  all(): Iterable<Draft>;
  /** Objects about which something else is said than at the last call, but for fixes that are looked for when they are told. */
  changed(): string[];
}

interface Said { problems: readonly Draft[]; refused: readonly Refusal[] }

/** createTold makes an empty one. */
export function createTold(): Told {
  const steps = new Map<string, Said>();
  const stepsOf = new Map<string, Set<string>>();
  const schema = new Map<string, readonly Draft[]>();
  let kept = new Map<string, Draft[]>();
  const before = new Map<string, readonly Draft[]>();
  const touched = new Set<string>();
  const of = (id: string): Draft[] => unique([...schema.get(id) ?? [], ...kept.get(id) ?? [], ...[...stepsOf.get(id) ?? []].sort().flatMap((step) => steps.get(step)?.problems.filter(({ object }) => object === id) ?? [])]);
  const index = (step: string, isIn: boolean): void => {
    for (const { object = "" } of steps.get(step)?.problems ?? []) {
      const known = stepsOf.get(object) ?? new Set();
      known[isIn ? "add" : "delete"](step);
      if (known.size > 0) stepsOf.set(object, known);
      else stepsOf.delete(object);
      touched.add(object);
    }
  };
  const addKept = (id: string, draft: Draft): void => {
    kept.set(id, [...kept.get(id) ?? [], draft]);
    touched.add(id);
  };
  return {
    set(step, findings) {
      index(step, false);
      const problems = findings.flatMap((one) => one.problems);
      if (problems.length === 0) steps.delete(step);
      else steps.set(step, { problems, refused: findings.flatMap((one) => one.refused) });
      index(step, true);
    },
    refuse(id, problems) {
      if (problems.length === 0 && !schema.has(id)) return;
      touched.add(id);
      if (problems.length === 0) schema.delete(id);
      else schema.set(id, problems);
    },
    keep(start, concerns) {
      const problems = [...steps].filter(([step]) => step.startsWith(start)).flatMap(([, said]) => said.problems);
      for (const one of problems.filter(concerns)) addKept(one.object ?? "", one);
    },
    addKept,
    forgetKept() {
      for (const id of kept.keys()) touched.add(id);
      kept = new Map();
    },
    kept: () => [...kept.values()].flat(),
    refusals: (start) => [...steps].filter(([step]) => step.startsWith(start)).flatMap(([, { refused }]) => refused),
    of,
    all: () => [...new Set([...schema.keys(), ...kept.keys(), ...stepsOf.keys()])].flatMap(of),
    changed() {
      const textOf = (id: string): Draft[] => of(id).map((draft) => (typeof draft.fix === "string" ? draft : { ...draft, fix: "" }));
      const ids = [...touched].filter((id) => !sameValue(before.get(id) ?? [], textOf(id)));
      for (const id of ids) before.set(id, textOf(id));
      for (const id of ids) if (before.get(id)?.length === 0) before.delete(id);
      touched.clear();
      return ids;
    },
  };
}

/** Each once; what is still so is told by its step as well as by what was kept. */
function unique(drafts: readonly Draft[]): Draft[] {
  const seen = new Set<string>();
  return drafts.filter(({ severity, code, object, field, message, line, column }) => {
    const key = JSON.stringify([severity, code, object, field, message, line, column]);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
