// The last good version: what goes back when an edit breaks an object, by itself or beside others, and what does not.
import { line, parseLines } from "../../test/support/config/write.ts";
import { randomObjects } from "../../test/support/config/random.ts";
import fc from "fast-check";
import { parseDocuments } from "../api/document.ts";
import type { ParseResult } from "../api/document.ts";
import { compile, compileKeeping, keepLastGood } from "./compile.ts";
import { objectsToPutBack } from "./putback.ts";

const lan0 = { name: "lan0", type: "LAN", addresses: ["10.1.0.1/24"], vlans: [{ id: 7 }] };
const router = line("Router", "one", { interfaces: [lan0] });
const tenant = (name: string, ...members: object[]): string => line("Tenant", name, { members });
const service = (name: string, spec: object = {}): string => line("Service", name, { addresses: ["10.1.0.9"], access: [{ tenant: "acme" }], ...spec });
const acme = tenant("acme");

/** An edit of one file: the objects in force after it, as lines, and what is said about them. */
function edit(before: string[], after: string[]): { inForce: string[]; said: string[]; kept: ParseResult } {
  const kept = keepLastGood(parseLines(before), parseLines(after));
  const inForce = kept.objects.map((one) => `${one.id} ${JSON.stringify(one.object.spec)}`).sort();
  const said = compile(kept).problems.filter((problem) => problem.severity === "error" || problem.code === "kept").map(({ code, object = "", message }) => `${code} ${object}: ${message}`);
  return { inForce, said, kept };
}

const inForceOf = (lines: string[]): string[] => edit(lines, lines).inForce;
const stays = "the last good version stays in force";

test("without a fault everything is as the new version says", () => {
  const after = [acme, tenant("zeta"), service("s/web", { enabled: false })];
  expect(edit([acme, service("s/web")], after)).toMatchObject({ inForce: inForceOf(after), said: [] });
});

test("an object that its schema refuses keeps its last version; the others change", () => {
  const { inForce, said } = edit([acme, service("s/web"), service("s/app", { addresses: ["10.1.0.8"] })], [acme, service("s/web", { enabled: "no" }), service("s/app", { addresses: ["10.1.0.7"] })]);
  expect(inForce).toEqual(inForceOf([acme, service("s/web"), service("s/app", { addresses: ["10.1.0.7"] })]));
  expect(said).toEqual([`kept Service s/web: ${stays}`, 'type Service s/web: "no" is not true or false']);
});

test("an object that its schema refuses and that was not there before is not there", () => {
  const { inForce, said } = edit([acme], [acme, service("s/web", { enabled: "no" })]);
  expect([inForce, said]).toEqual([inForceOf([acme]), ['type Service s/web: "no" is not true or false']]);
});

test("an object that refers to nothing keeps its last version", () => {
  const { inForce, said } = edit([acme, service("s/web")], [acme, service("s/web", { enabled: false, access: [{ tenant: "acne" }] })]);
  expect(inForce).toEqual(inForceOf([acme, service("s/web")]));
  expect(said).toEqual([`kept Service s/web: ${stays}`, 'reference Service s/web: there is no Tenant "acne"']);
});

test("an object that is gone stays gone, and what it leaves behind is told", () => {
  const { inForce, said } = edit([acme, service("s/web")], [service("s/web")]);
  expect([inForce, said]).toEqual([inForceOf([service("s/web")]), ['reference Service s/web: there is no Tenant "acme"']]);
});

test("documents that cannot be read keep the objects of their file, and only those", () => {
  const files = (first: string, second: string): ParseResult => parseDocuments([{ path: "a.yaml", text: first }, { path: "b.yaml", text: second }]);
  const kept = keepLastGood(files(`${acme}\n---\n${tenant("zeta")}`, tenant("beta")), files(`${acme}\n---\n{`, ""));
  expect(kept.objects.map((one) => one.id)).toEqual(["Tenant acme", "Tenant zeta"]);
  expect(kept.problems.filter((problem) => problem.code === "kept")).toEqual([{ severity: "warning", code: "kept", object: "Tenant zeta", file: "a.yaml", message: stays, fix: "correct the object, or remove it" }]);
});

describe("of two objects in conflict", () => {
  const here = { interface: "lan0" };
  const there = { interface: "lan0", vlan: 7 };
  const overlap = "overlap Tenant zeta: Tenant acme has 0.0.0.0/0 on the same interface already";
  const contradicts = `${stays}, because the new one contradicts Tenant zeta`;
  const before = [router, tenant("acme", here), tenant("zeta", there)];

  test.each<[desc: string, after: string[], inForce: string[], said: string[]]>([
    ["P-6 the one that changed goes back when it is told", [router, tenant("acme", here), tenant("zeta", here)], before, [`kept Tenant zeta: ${stays}`, overlap]],
    ["P-6 the one that changed goes back when the other is told", [router, tenant("acme", there), tenant("zeta", there)], before, [`kept Tenant acme: ${contradicts}`, overlap]],
    ["P-6 both go back when both changed", [router, tenant("acme", there), tenant("zeta", there, { interface: "lan0", vlan: 7, prefixes: ["10.0.0.0/8"] })], before, [`kept Tenant acme: ${contradicts}`, `kept Tenant zeta: ${stays}`, overlap]],
    ["P-6 a new one that would take over is left out", [...before, tenant("aaa", there)], before, ["kept Tenant aaa: is left out, because Tenant zeta in force has the same already", overlap.replace("Tenant acme", "Tenant aaa")]],
    ["P-6 a new one that loses stays, without what the other has", [...before, tenant("zz", there)], [...before, tenant("zz", there)], [overlap.replace("Tenant zeta", "Tenant zz").replace("Tenant acme", "Tenant zeta")]],
    ["a swap is no conflict", [router, tenant("acme", there), tenant("zeta", here)], [router, tenant("acme", there), tenant("zeta", here)], []],
  ])("%s", (_desc, after, inForce, said) => {
    const answer = edit(before, after);
    expect([answer.inForce, answer.said]).toEqual([inForceOf(inForce), said]);
  });

  test("what goes back may push back what took its place", () => {
    const moved = [router, tenant("acme", there), tenant("zeta", here, { interface: "lan9", router: "one" })];
    const { inForce, said } = edit(before, moved);
    expect(inForce).toEqual(inForceOf(before));
    expect(said).toEqual([`kept Tenant acme: ${contradicts}`, `kept Tenant zeta: ${stays}`, overlap, 'reference Tenant zeta: there is no interface "lan9"']);
  });
});

describe("of two objects of one name", () => {
  const on = service("s/web");
  const off = service("s/web", { enabled: false });
  const open = service("s/web", { scope: "Public" });
  const kept = `kept Service s/web: ${stays}`;
  const duplicate = (place: number): string => `duplicate Service s/web: Service s/web is defined twice, first in a.yaml:${place}`;

  test.each<[desc: string, before: string[], after: string[], inForce: string, said: string[]]>([
    ["the one in force stays when a copy with an edit comes before it", [on], [off, on], on, [kept, duplicate(5)]],
    ["the one in force stays when both are new", [on], [off, open], on, [kept, duplicate(5)]],
    ["the first of two that were there before stays when they change places", [off, on], [on, off], off, [kept, duplicate(5)]],
    ["the first is in force as written when there was none", [], [off, on], off, [duplicate(5)]],
  ])("%s", (_desc, before, after, inForce, said) => {
    const answer = edit([router, acme, ...before], [router, acme, ...after]);
    expect(compile(answer.kept).routers).toEqual(compile(parseLines([router, acme, inForce])).routers);
    expect(answer.said.toSorted()).toEqual(said.toSorted());
  });
});

test("what was refused before may stay as it was; nothing is put back to itself", () => {
  const broken = [service("s/web", { access: [{ tenant: "acne" }] })];
  expect(edit(broken, broken).said).toEqual(['reference Service s/web: there is no Tenant "acne"']);
});

test("a second edit goes on from what is in force", () => {
  const first = edit([acme, service("s/web")], [acme, service("s/web", { enabled: "no" })]).kept;
  const second = keepLastGood(first, parseLines([acme, service("s/web", { enabled: "maybe" })]));
  expect(second.objects.map((one) => one.object.spec)).toEqual(first.objects.map((one) => one.object.spec));
  expect(keepLastGood(second, parseLines([acme])).objects.map((one) => one.id)).toEqual(["Tenant acme"]);
});

test("any edit of any configuration: what is unchanged stays, and what is refused is no newer than what was in force", () => {
  fc.assert(fc.property(randomObjects, randomObjects, (before, after) => {
    const none = { problems: [], unreadable: [] };
    const { kept, routers } = compileKeeping({ objects: before }, { objects: after, ...none });
    expect(routers).toEqual(compile(kept).routers);
    const specOf = (objects: typeof before, id: string): unknown => objects.find((one) => one.id === id)?.object.spec;
    for (const one of kept.objects) expect([specOf(before, one.id), specOf(after, one.id)]).toContainEqual(one.object.spec);
    for (const one of after) if (JSON.stringify(specOf(before, one.id)) === JSON.stringify(one.object.spec)) expect(specOf(kept.objects, one.id)).toEqual(one.object.spec);
    const refused = new Set(compile(kept).problems.flatMap((problem) => (problem.severity === "error" && !kept.problems.includes(problem) ? problem.object ?? [] : [])));
    for (const id of refused) if (specOf(before, id) !== undefined) expect(specOf(kept.objects, id)).toEqual(specOf(before, id));
  }), { numRuns: 40 });
});

test("whatever the order of refusals, the same one is named beside what goes back", () => {
  const now = new Map(parseLines([tenant("new"), tenant("a"), tenant("b")]).objects.map((one) => [one.id, one])), before = new Map([["Tenant new", undefined]]);
  const refusals = ["Tenant b", "Tenant a"].map((object) => ({ object, beside: "Tenant new" }));
  for (const refused of [refusals, refusals.toReversed()]) expect([...objectsToPutBack(refused, { before, now })]).toEqual([["Tenant new", { old: undefined, beside: "Tenant a" }]]);
});
