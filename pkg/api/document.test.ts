// Files to objects and problems: places, several documents, broken ones beside good ones, bounds.
import { documentBounds, parseDocuments, positionOf } from "./document.ts";
import { apiVersion } from "./names.ts";
import { formatProblem } from "./problem.ts";
import type { ParseResult } from "./document.ts";

const parse = (text: string): ParseResult => parseDocuments([{ path: "a.yaml", text }]);
const problems = (text: string): string[] => parse(text).problems.map(formatProblem);
const tenant = (name: string): string => `apiVersion: ${apiVersion}\nkind: Tenant\nmetadata: { name: ${name} }\n`;

test("several documents, comments and empty documents", () => {
  const result = parse(`# head\n---\n${tenant("a")}---\n# nothing\n---\n${tenant("b")}...\n---\n${tenant("c")}`);
  expect(result.objects.map((one) => one.id)).toEqual(["Tenant a", "Tenant b", "Tenant c"]);
  expect(result.problems).toEqual([]);
});

test("a directive before the first document is part of it", () => {
  expect(parse(`%YAML 1.2\n# why\n---\n${tenant("a")}`).objects).toHaveLength(1);
});

test("file, line, column, object, field, message and fix", () => {
  const text = `${tenant("a")}---\napiVersion: ${apiVersion}\nkind: Service\nmetadata:\n  name: web\nspec:\n  addresses: [10.0.0.1]\n  access:\n    - tenant: acme\n      permision: Deny\n    - { permission: Deny }\n`;
  expect(problems(text)).toEqual([
    'a.yaml:13:7: error: Service default/web spec.access[0].permision: there is no field "permision" here; did you mean "permission"?',
    'a.yaml:14:7: error: Service default/web spec.access[1].tenant: is required; write for example "engineering.acme"',
  ]);
});

test.each<[desc: string, bad: string, problem: RegExp]>([
  ["bad YAML", "kind: [", /^a\.yaml:\d+:\d+: error: .*the document is left out$/],
  ["a tab", `${tenant("x")}spec:\n\tmembers: []\n`, /^a\.yaml:9:1: error: .*Tabs are not allowed as indentation; indent with spaces; the document is left out/],
  ["bad YAML that still has a name", `${tenant("x")}metadata: { name: y }\n`, /^a\.yaml:8:1: error: Tenant y: Map keys must be unique; correct the YAML/],
  ["an unknown alias", "kind: *a", /an alias is unknown, circular, or used more than 100 times/],
  ["too many aliases", `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c]`, /an alias is unknown, circular, or used more than 100 times/],
  ["a list", "- 1", /the document is not an object/],
  ["a foreign object", "apiVersion: v1\nkind: Secret\nmetadata: { name: s }", /apiVersion "v1" is not ours/],
  ["nesting", "[".repeat(5_000), /^a\.yaml:5:101: error: the document is nested deeper than 100/],
  ["a namespace that is no text", `apiVersion: ${apiVersion}\nkind: Service\nmetadata: { name: a, namespace: 5 }\nspec: { addresses: [10.0.0.1] }`, /^a\.yaml:7:22: error: metadata\.namespace: 5 is not text/],
  ["a key that is a list", `${tenant("x")}? [a, b]\n: 1\n`, /Tenant x .*there is no field/],
  ["a name with a line break", `apiVersion: ${apiVersion}\nkind: Tenant\nmetadata: { name: "a\\nb" }`, /^a\.yaml:7:13: error: metadata\.name: "a\\nb" is not a tenant name/],
])("%s never stops the documents around it", (_desc, bad, problem) => {
  const result = parse(`${tenant("a")}---\n${bad}\n---\n${tenant("b")}`);
  expect(result.objects.map((one) => one.id)).toEqual(["Tenant a", "Tenant b"]);
  expect(result.problems.map(formatProblem)[0]).toMatch(problem);
});

test("files whose objects cannot be named are listed, so that their last good objects can stay", () => {
  expect(parse("kind: [").unreadable).toEqual(["a.yaml"]);
  expect(parse(`apiVersion: ${apiVersion}\nkind: Tenant\nmetadata: { name: a }\nspek: 1`).unreadable).toEqual([]);
  expect(parse("apiVersion: v1\nkind: Namespace").foreign).toEqual(["Namespace v1"]);
  expect(parse(`apiVersion: ${apiVersion}\nkind: RouterClass\nmetadata: { name: edge }`)).toMatchObject({ unreadable: ["a.yaml"], foreign: [`RouterClass ${apiVersion}`] });
  for (const text of ["3", "kind: Tenant", "kind: [", `apiVersion: ${apiVersion}\nkind: Tenan`]) expect(parse(text)).toMatchObject({ unreadable: ["a.yaml"] });
  for (const text of ["3", "kind: Tenant", "kind: [", `apiVersion: ${apiVersion}\nkind: Tenan`]) expect(parse(text).foreign).toBeUndefined();
  expect(parse("apiVersion: x").unreadable).toEqual(["a.yaml"]);
});

test("a file that is too long or has too many documents is refused", () => {
  expect(problems(" ".repeat(documentBounds.fileCharacters + 1))).toEqual([`a.yaml:1:1: error: the file has more than ${documentBounds.fileCharacters} characters; split the file, or nest less deeply`]);
  expect(problems("---\n".repeat(documentBounds.documents + 1))).toEqual([`a.yaml:1:1: error: the file has more than ${documentBounds.documents} documents; split the file, or nest less deeply`]);
});

test("blank and comment lines before the first document may be as many as a file has room for", () => {
  const result = parse(`${"#\n".repeat(2_000_000)}---\n${tenant("a")}`);
  expect(result.objects[0]?.source?.positions.get("")?.line).toBe(2_000_002);
});

test("a mapping of very many keys costs time in proportion to them", () => {
  const text = tenant("a") + Array.from({ length: 100_000 }, (_, index) => `k${index}: 1\n`).join("");
  const started = performance.now();
  expect(parse(text).problems).toHaveLength(50);
  expect(performance.now() - started).toBeLessThan(30_000); // 2-4 s; comparing each key with each took minutes
});

test.each(["!!set { members }", "!!omap [members: []]", "!!binary aGVsbG8="])("a value of the special type %s is no object of ours, whatever YAML version is named", (value) => {
  const text = `apiVersion: ${apiVersion}\nkind: Tenant\nmetadata: { name: a }\nspec: ${value}\n`;
  expect([parse(text).objects, parse(`%YAML 1.1\n---\n${text}`).objects]).toEqual([[], []]);
});

test("anchors and aliases within bounds work", () => {
  const result = parse(`apiVersion: ${apiVersion}\nkind: Service\nmetadata: { name: web }\nspec:\n  addresses: &a [10.0.0.1]\n  tests: [{ tenant: acme, to: 10.0.0.1 }]\n`);
  expect(result.objects).toHaveLength(1);
});

test("the place of a field that was left out is the place of what is around it", () => {
  const source = parse(`apiVersion: ${apiVersion}\nkind: Tenant\nmetadata:\n  name: a\nspec:\n  members:\n    - interface: lan0\n`).objects[0]?.source;
  const at = (field: string): number | undefined => source === undefined ? undefined : positionOf(source, field)?.line;
  expect([at("spec.members[0].interface"), at("spec.members[0].vlan"), at("spec.members[7]"), at("spec.budgets.sessions"), at("status"), at("")]).toEqual([7, 7, 6, 5, 1, 1]);
});

test("problems without a place are written without one", () => {
  expect(formatProblem({ severity: "warning", code: "kept", message: "m", fix: "f" })).toBe("warning: m; f");
});
