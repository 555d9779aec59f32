// Counts are what the schema of a status has, for each kind, in force or not: the API server refuses a status with any other field.
import { objectId } from "../api/kinds.ts";
import type { ApiObject, Kind } from "../api/kinds.ts";
import { kindNames } from "../api/kinds.ts";
import { statusSchemaOf } from "../api/status.ts";
import { parseThree } from "../../test/support/config/three.ts";
import { countsOf, shortList } from "./counts.ts";
import type { Facts } from "./verdicts.ts";

const facts = (kind: Kind): Facts => ({ kind, problems: [], isInForce: false, progress: { done: 1, all: 3, waiting: [] } });
const objects = new Map<Kind, ApiObject>(parseThree().objects.map(({ object }) => [object.kind, object]));

test.each(kindNames)("%s", (kind) => {
  const object = objects.get(kind);
  expect(object === undefined ? "" : objectId(object)).toContain(kind);
  for (const one of [undefined, object]) expect(statusSchemaOf(kind).safeParse(countsOf(facts(kind), one))).toMatchObject({ success: true, data: countsOf(facts(kind), one) });
});

test("a list of names fits whatever the names are", () => {
  const long = (letter: string): string => letter.repeat(253);
  expect(shortList(["a", "b"])).toBe("a,b");
  expect(shortList(["a", "b", "c", "d", "e"])).toBe("a,b,c,+2");
  expect(shortList([long("a")])).toBe(long("a"));
  expect(shortList([long("a").slice(0, 250), "b", "c"])).toBe(`${long("a").slice(0, 250)},b,c`);
  expect(shortList([long("a").slice(0, 250), long("b")])).toBe(`${long("a").slice(0, 250)},+1`);
  expect(shortList([long("a"), long("b"), long("c"), "d"])).toBe(`${long("a")},+3`);
  expect(shortList([long("a"), ...Array.from({ length: 10 }, () => long("b"))])).toBe(`${long("a").slice(0, 240)}...,+10`);
  for (const count of [1, 2, 3, 1_024]) expect(shortList(Array.from({ length: count }, () => long("x"))).length).toBeLessThanOrEqual(256);
});
