// The CRDs of all kinds: structural by the rules of the API server, bounded, described; every rule that zod has is there as CEL.
// That both say the same is shown on a real API server (test/kube).
import { crdOf } from "./crd.ts";
import { isLabelKey } from "./fields.ts";
import { jsonSchemaOf, kindNames } from "./kinds.ts";
import { namings, served, servedKinds } from "./served.ts";
import type { ServedKind } from "./served.ts";
import { structuralOf } from "./structural.ts";
import type { Node } from "./structural.ts";

interface Version { schema: { openAPIV3Schema: Node }; additionalPrinterColumns: { name: string; jsonPath: string; priority?: number }[] }
interface Crd { metadata: { name: string }; spec: { scope: string; names: { shortNames: string[]; categories: string[] }; versions: [Version] } }

const crd = (kind: ServedKind): Crd => crdOf(kind) as Crd;
const rootOf = (kind: ServedKind): Node => crd(kind).spec.versions[0].schema.openAPIV3Schema;

function walk(node: Node, path: string, visit: (node: Node, path: string) => void): void {
  visit(node, path);
  for (const [name, child] of Object.entries((node["properties"] ?? {}) as Record<string, Node>)) walk(child, `${path}.${name}`, visit);
  for (const inner of ["items", "additionalProperties"]) if (typeof node[inner] === "object") walk(node[inner] as Node, `${path}[]`, visit);
}

describe.each(servedKinds)("%s", (kind) => {
  test("every field has one type, a bound and a description; nothing is there that a structural schema may not have", () => {
    walk((rootOf(kind)["properties"] as Record<string, Node>)["spec"] ?? {}, "spec", (node, path) => {
      expect([path, node["type"] === undefined]).toEqual([path, node["x-kubernetes-int-or-string"] === true]);
      expect([path, typeof node["description"]]).toEqual([path, "string"]);
      if (node["type"] === "array") expect([path, node["maxItems"]]).toEqual([path, expect.any(Number)]);
      if (node["type"] === "string" && node["enum"] === undefined) expect([path, node["maxLength"]]).toEqual([path, expect.any(Number)]);
      if (typeof node["additionalProperties"] === "object") expect([path, node["maxProperties"]]).toEqual([path, expect.any(Number)]);
      expect(Object.keys(node).filter((key) => key.startsWith("x-svr") || ["examples", "const", "$schema", "exclusiveMinimum"].includes(key))).toEqual([]);
    });
  });

  test("rules say how to fix what they refuse, and point below their own object", () => {
    let rules = 0;
    walk(rootOf(kind), "", (node, path) => {
      for (const { rule, message, fieldPath } of (node["x-kubernetes-validations"] ?? []) as { rule: string; message: string; fieldPath?: string }[]) {
        rules += 1;
        expect([path, rule.length > 0, message]).toEqual([path, true, expect.stringMatching(/; \w/)]);
        if (fieldPath !== undefined) expect([path, Object.keys((node["properties"] ?? {}))]).toEqual([path, expect.arrayContaining([fieldPath.slice(1)])]);
      }
    });
    expect(rules).toBeGreaterThanOrEqual(2);
  });

  test("name, scope, short name, category and columns", () => {
    const { metadata, spec } = crd(kind);
    expect(metadata.name).toBe(`${namings[kind].plural}.opensvr.io`);
    expect(spec).toMatchObject({ scope: served[kind].namespaced ? "Namespaced" : "Cluster", names: { shortNames: [expect.stringMatching(/^svr/)], categories: ["opensvr"] } });
    const columns = spec.versions[0].additionalPrinterColumns;
    expect(columns.at(-1)).toMatchObject({ name: "Age", jsonPath: ".metadata.creationTimestamp" });
  });
});

test("lists are narrowed by fields that are there, each one plain value", () => {
  const selectable = servedKinds.flatMap((kind) => ((crd(kind).spec.versions[0] as { selectableFields?: { jsonPath: string }[] }).selectableFields ?? []).map(({ jsonPath }) => [kind, jsonPath] as const));
  expect(selectable).toEqual([["ServiceRoute", ".spec.serviceRef.name"], ["Router", ".spec.nodeName"], ["RouterConfig", ".spec.type"]]);
  for (const [kind, path] of selectable) expect([path, path.slice(1).split(".").reduce((node, field) => (node["properties"] as Record<string, Node>)[field] ?? {}, rootOf(kind))["type"]]).toEqual([path, "string"]);
});

test("short names are different", () => {
  expect(new Set(servedKinds.map((kind) => namings[kind].short)).size).toBe(servedKinds.length);
});

test("each format and each rule of a schema is a rule of CEL", () => {
  const formats = new Set<string>();
  for (const kind of kindNames) {
    walk((jsonSchemaOf(kind).properties?.["spec"] ?? {}) as Node, "spec", (node, path) => {
      const rules = (structuralOf(node)["x-kubernetes-validations"] ?? []) as unknown[];
      const wanted = (node["x-svr-format"] === undefined ? 0 : 1) + ((node["x-svr-cel"] ?? []) as unknown[]).length + (node["anyOf"] === undefined || node["x-svr-format"] !== undefined ? 0 : 1) + (node["x-svr-what"] === undefined ? 0 : 1);
      expect([path, rules.length]).toEqual([path, wanted]);
      if (typeof node["x-svr-format"] === "string") formats.add(node["x-svr-format"]);
    });
  }
  expect([...formats].sort()).toEqual(["address", "duration", "interface-address", "lengths", "ports", "prefix"]);
});

test("a pattern is a rule with words, and stays a pattern where it would be checked too often", () => {
  const node = { type: "string", maxLength: 253, pattern: "^[a-z]*$", "x-svr-what": "a word", examples: ["web"] };
  expect(structuralOf(node)).toMatchObject({ "x-kubernetes-validations": [{ rule: "self.matches(r'^[a-z]*$')", message: "is not a word; write for example web" }] });
  expect(structuralOf(node)).not.toHaveProperty("pattern");
  expect(structuralOf(node, 1_000_000)).toMatchObject({ pattern: "^[a-z]*$" });
});

test("labels are bounded, and blocks go with their source", () => {
  const { schema } = served.RouterClass;
  const object = (spec: object): object => ({ apiVersion: "opensvr.io/v1alpha1", kind: "RouterClass", metadata: { name: "edge" }, spec });
  const labels = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`l${index}`, "x"]));
  expect(schema.safeParse(object({ nodeSelector: labels })).success).toBe(false);
  expect(["", "yes", "a.b_c-d"].map((zone) => schema.safeParse(object({ nodeSelector: { zone } })).success)).toEqual([true, true, true]);
  const keys = ["zone", "a", "A_b.c-d", "example.com/zone", "x/" + "n".repeat(63), `${"p".repeat(253)}/z`], bad = ["two words", "-a", "a-", "/a", "a/", "a/b/c", "Example.com/zone", "a..b/c", "n".repeat(64), `${"p".repeat(254)}/z`];
  expect([...keys, ...bad].filter(isLabelKey)).toEqual(keys);
  expect([...keys, ...bad].filter((key) => !schema.safeParse(object({ nodeSelector: { [key]: "x" } })).success)).toEqual([]); // the API server has only a bound
  expect([{ zone: "two words" }, { zone: "-" }, { "": "x" }, { ["k".repeat(318)]: "x" }].map((nodeSelector) => schema.safeParse(object({ nodeSelector })).success)).toEqual([false, false, false, false]);
  expect(schema.parse(object({}))).toMatchObject({ spec: { interfaces: [{ name: "pod0", type: "Shared", source: "PodNetwork" }], priorityClassName: "system-node-critical", resources: { cpu: "1", memory: "1Gi" }, paused: false } });
  expect(schema.safeParse(object({ interfaces: [{ name: "w", type: "WAN", source: "Multus" }] })).error?.issues[0]).toMatchObject({ path: ["spec", "interfaces", 0, "multus"], message: "is required with source Multus" });
  expect(schema.safeParse(object({ interfaces: [{ name: "w", type: "WAN", host: { device: "eth1" } }] })).error?.issues[0]).toMatchObject({ message: "does not belong to this source" });
});

test("a RouterConfig is a head or a page", () => {
  const { schema } = served.RouterConfig;
  const object = (spec: object): object => ({ apiVersion: "opensvr.io/v1alpha1", kind: "RouterConfig", metadata: { name: "a".repeat(64) }, spec });
  expect(schema.safeParse(object({ type: "Page", page: { content: "config {}" } })).success).toBe(true);
  expect(schema.safeParse({ ...object({ type: "Page", page: { content: "config {}" } }), metadata: { name: "branch" } }).error?.issues[0]?.message).toMatch(/metadata.name/);
  expect(schema.safeParse(object({ type: "Page" })).success).toBe(false);
  expect(JSON.stringify(rootOf("RouterConfig"))).toContain("neither the type nor the content of a page ever changes; leave RouterConfigs to the operator");
  expect(schema.safeParse(object({ type: "Head", page: { content: "x" } })).error?.issues.map((issue) => issue.path.join("."))).toEqual(expect.arrayContaining(["spec.head", "spec.page"]));
});
