// The planner after any edits is what a compile of everything gives, with what was in force before; and it tells what changed.
import fc from "fast-check";
import { parseThree } from "../../test/support/config/three.ts";
import { parsedOf } from "../../test/support/config/random.ts";
import type { ParsedObject } from "../api/document.ts";
import { canonicalJson } from "./canonical.ts";
import { compile } from "./compile.ts";
import { createPlanner } from "./planner.ts";
import type { PlanEdit } from "./planner.ts";

const three = parseThree().objects;
const edit = (more: Partial<PlanEdit>): PlanEdit => ({ put: [], remove: [], ...more });

test("a whole inventory is compiled as the compiler does, and each object knows its routers", () => {
  const planner = createPlanner();
  const change = planner.update(edit({ put: three }));
  const { routers } = compile({ objects: three });
  expect([...change.routers.keys()].sort()).toEqual([...routers.keys()].sort());
  for (const [name, config] of routers) expect(canonicalJson(planner.config(name))).toBe(canonicalJson(config));
  for (const name of routers.keys()) expect(planner.usedAt(`Router ${name}`)).toContain(name);
  expect(planner.usedAt("Service no/where")).toEqual([]);
  expect([...planner.accepted()]).toHaveLength(three.length);
});

test("an edit that changes nothing concerns nobody; a removed router is told as gone", () => {
  const planner = createPlanner();
  planner.update(edit({ put: three }));
  const again = planner.update(edit({ put: three }));
  expect([again.routers.size, again.objects.size]).toEqual([0, 0]);
  const gone = planner.update(edit({ remove: ["Router transit"] }));
  expect([gone.routers.has("transit"), gone.routers.get("transit"), planner.config("transit"), planner.inForce("Router transit")]).toEqual([true, undefined, undefined, undefined]);
});

test("an object that its schema refuses stays as it was, over a restart too, until it is right or gone", () => {
  const problems = [{ severity: "error", code: "value", object: "Service d/web", field: "spec.addresses[0]", message: "is bad", fix: "correct it" }] as const;
  const web = parsedOf("Service", { name: "web", namespace: "d" }, { addresses: ["10.0.0.1"] });
  const planner = createPlanner();
  planner.update(edit({ put: [web] }));
  planner.update(edit({ refused: problems }));
  expect([planner.inForce(web.id)?.object.spec, planner.problemsOf(web.id).map(({ code }) => code)]).toEqual([web.object.spec, expect.arrayContaining(["value", "kept"])]);
  const later = createPlanner({ previous: [...planner.accepted()] });
  later.update(edit({ refused: problems }));
  expect(later.inForce(web.id)?.object.spec).toEqual(web.object.spec);
  later.update(edit({ put: [web] }));
  expect(later.problemsOf(web.id).some(({ code }) => code === "kept")).toBe(false);
  later.update(edit({ remove: [web.id] }));
  expect([later.inForce(web.id), createPlanner().update(edit({ refused: problems })).objects.has(web.id)]).toEqual([undefined, true]);
});

test("after any order of edits the routers are those of one compile, and exactly the changed ones were told", () => {
  const pieces = fc.array(fc.tuple(fc.integer({ min: 0, max: three.length - 1 }), fc.boolean()), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(pieces, (steps) => {
    const planner = createPlanner();
    const there = new Map<string, ParsedObject>();
    planner.update(edit({ put: three }));
    for (const one of three) there.set(one.id, one);
    for (const [index, isRemoved] of steps) {
      const one = three[index]!;
      const before = new Map([...compileNames(there)].map((name) => [name, canonicalJson(planner.config(name))]));
      if (isRemoved) there.delete(one.id);
      else there.set(one.id, one);
      const { routers } = planner.update(isRemoved ? edit({ remove: [one.id] }) : edit({ put: [one] }));
      const now = compile({ objects: [...there.values()] }).routers;
      for (const [name, config] of now) expect(canonicalJson(planner.config(name))).toBe(canonicalJson(config));
      const changed = [...new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== (now.has(name) ? canonicalJson(now.get(name)) : undefined));
      expect([...routers.keys()]).toEqual(changed.sort());
    }
  }), { numRuns: 40 });
});

function compileNames(there: ReadonlyMap<string, ParsedObject>): string[] {
  return [...there.values()].filter(({ object }) => object.kind === "Router").map(({ object }) => object.metadata.name);
}
