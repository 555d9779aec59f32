// The planner after any sequence of edits is a planner that sees everything at once, with what was in force before; and an edit tells
// exactly the routers whose bytes changed, and every object of which something else is said, or that is used elsewhere.
import fc from "fast-check";
import { parsedOf, randomObjects } from "../../test/support/config/random.ts";
import type { ParsedObject } from "../api/document.ts";
import type { Problem } from "../api/problem.ts";
import { canonicalJson } from "./canonical.ts";
import { createPlanner } from "./planner.ts";
import type { PlanEdit, Planner } from "./planner.ts";

const rarely = (one: fc.Arbitrary<object>): fc.Arbitrary<object> => fc.oneof({ weight: 3, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: one });
const tested = rarely(fc.record({ tests: fc.array(fc.record({ tenant: fc.constantFrom("acme", "dev.acme"), to: fc.constantFrom("10.2.0.7", "10.1.0.9"), port: fc.constantFrom(80, 443), expect: fc.constantFrom("Allow", "Deny") }, { requiredKeys: ["tenant", "to", "port", "expect"] }), { minLength: 1, maxLength: 2 }) }));
const atOne = fc.constantFrom({}, { router: "one" }, { router: "three" });
const granted = rarely(fc.constantFrom({ serviceNamespaces: { names: ["shop"] } }, { serviceNamespaces: { matchLabels: { team: "web" } } }, { serviceNamespaces: {} }));

/** Objects with tests and grants here and there, and sometimes a third router, or a name in another namespace. */
const inventory: fc.Arbitrary<ParsedObject[]> = fc.tuple(randomObjects, fc.array(fc.tuple(tested, granted, atOne), { minLength: 20, maxLength: 20 }), fc.boolean()).map(([objects, extras, third]) => [
  ...objects.map((one, index): ParsedObject => {
    const [tests, grants, router] = extras[index % extras.length] as [{ tests?: object[] }, object, object];
    const { kind, metadata, spec } = one.object;
    if (kind === "Service") return parsedOf(kind, metadata, { ...spec, ...(tests.tests === undefined ? {} : { tests: tests.tests.map((test) => ({ ...test, ...router })) }) });
    return kind === "Tenant" ? parsedOf(kind, metadata, { ...spec, ...grants }) : one;
  }),
  ...(third ? [parsedOf("Router", { name: "three" }, { interfaces: [{ name: "lan0", type: "LAN", addresses: ["10.2.0.1/16"] }] }), parsedOf("ServiceRoute", { name: "r9", namespace: "shop" }, { serviceRef: { name: "web" }, routers: ["three"], type: "Local", local: { interface: "lan0" } })] : []),
]);

interface Step { from: ParsedObject[]; put: number[]; remove: number[]; refuse: number[]; namespaces: PlanEdit["namespaces"] }
const places = (most: number): fc.Arbitrary<number[]> => fc.array(fc.nat(30), { maxLength: most });
const step: fc.Arbitrary<Step> = fc.record({
  from: inventory, put: places(4), remove: places(2), refuse: fc.oneof({ weight: 4, arbitrary: places(0) }, { weight: 1, arbitrary: places(1) }),
  namespaces: fc.constantFrom(undefined, undefined, undefined, new Map(), new Map([["shop", {}]]), new Map([["shop", { team: "web" }]])),
});

function refusalOf(id: string): Problem {
  return { severity: "error", code: "type", object: id, field: "spec", message: "is no object", fix: "write one" };
}

/** What a planner says, comparable. */
function stateOf(planner: Planner, ids: Iterable<string>): Record<string, string> {
  const objects = [...ids].sort().flatMap((id) => [[id, canonicalJson([planner.problemsOf(id), planner.usedAt(id), planner.inForce(id)?.object])]] as [string, string][]);
  return Object.fromEntries([...objects, ["problems", canonicalJson(planner.problems())]]);
}

/** What an edit must tell of an object: its problems, but for the fixes, where it is used, and whether it is in force. */
function toldOf(state: string): string {
  const [problems, routers, object] = JSON.parse(state) as [Problem[], string[], object | null];
  return canonicalJson([problems.map(({ fix: _fix, ...rest }) => rest), routers, object === null]);
}

function bytesOf(planner: Planner): Map<string, string> {
  return new Map([...planner.configs()].map(([name, config]) => [name, canonicalJson(config)]));
}

test("after any edits the state is that of a compile from nothing, and what changed is told", () => {
  const seen = { changed: 0, kept: 0, untouched: 0, grants: 0, failed: 0 };
  fc.assert(fc.property(inventory, fc.array(step, { minLength: 1, maxLength: 5 }), (first, steps) => {
    const planner = createPlanner();
    const written = new Map<string, ParsedObject>();
    const refused = new Map<string, Problem>();
    let namespaces: PlanEdit["namespaces"];
    for (const { from, put, remove, refuse, namespaces: spaces } of [{ from: first, put: first.map((_, index) => index), remove: [], refuse: [], namespaces: undefined }, ...steps]) {
      const at = (list: readonly number[]): ParsedObject[] => list.map((place) => from[place % from.length]!);
      const edit: PlanEdit = { put: at(put), remove: at(remove).map(({ id }) => id), refused: at(refuse).map(({ id }) => refusalOf(id)), ...(spaces === undefined ? {} : { namespaces: spaces }) };
      namespaces = spaces ?? namespaces;
      for (const id of edit.remove) [written, refused].map((map) => map.delete(id));
      for (const one of edit.put) {
        written.set(one.id, one);
        refused.delete(one.id);
      }
      for (const one of edit.refused ?? []) {
        written.delete(one.object!);
        refused.set(one.object!, one);
      }
      const ids = new Set([...written.keys(), ...refused.keys(), ...[...planner.accepted()].map(({ id }) => id), ...first.map(({ id }) => id), ...from.map(({ id }) => id)]);
      const [before, stateBefore] = [bytesOf(planner), stateOf(planner, ids)];
      const fresh = createPlanner({ previous: [...planner.accepted()] });
      fresh.update({ put: [...written.values()], remove: [], refused: [...refused.values()], ...(namespaces === undefined ? {} : { namespaces }) });
      const change = planner.update(edit);
      const [now, state] = [bytesOf(planner), stateOf(planner, ids)];
      expect([...now].sort()).toEqual([...bytesOf(fresh)].sort());
      expect(state).toEqual(stateOf(fresh, ids));
      const changed = [...new Set([...before.keys(), ...now.keys()])].filter((name) => before.get(name) !== now.get(name)).sort();
      expect([...change.routers.keys()]).toEqual(changed);
      for (const [name, config] of change.routers) expect(config).toBe(planner.config(name));
      for (const id of ids) if (toldOf(state[id]!) !== toldOf(stateBefore[id]!)) expect([...change.objects]).toContain(id);
      seen.changed += changed.length;
      seen.untouched += now.size - changed.length;
      for (const { code } of planner.problems()) {
        if (code === "kept") seen.kept += 1;
        if (code === "grant") seen.grants += 1;
        if (code === "test") seen.failed += 1;
      }
    }
  }), { numRuns: 60, interruptAfterTimeLimit: 60_000 });
  expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
}, 90_000);
