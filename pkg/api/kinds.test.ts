// The schemas of all kinds: JSON Schema of each, bounds and descriptions everywhere, defaults.
import { isKind, jsonSchemaOf, kindNames, kinds, objectId } from "./kinds.ts";
import { apiVersion } from "./names.ts";

interface Node { [key: string]: unknown }

const isNode = (value: unknown): value is Node => typeof value === "object" && value !== null && !Array.isArray(value);

/** Calls `visit` with every field below spec, by path. */
function walk(node: Node, path: string, visit: (node: Node, path: string) => void): void {
  visit(node, path);
  for (const [name, child] of Object.entries((node["properties"] ?? {}) as Node)) if (isNode(child)) walk(child, `${path}.${name}`, visit);
  if (isNode(node["items"])) walk(node["items"], `${path}[]`, visit);
  for (const child of (node["anyOf"] ?? []) as Node[]) walk(child, `${path}|`, visit);
}

function specOf(kind: (typeof kindNames)[number]): Node {
  const schema: unknown = jsonSchemaOf(kind).properties?.["spec"];
  if (!isNode(schema)) throw new Error("no spec");
  return schema;
}

describe.each(kindNames)("%s", (kind) => {
  test("every list, text and number has bounds", () => {
    walk(specOf(kind), "spec", (node, path) => {
      if (node["type"] === "array") expect([path, node["maxItems"]]).toEqual([path, expect.any(Number)]);
      if (node["type"] === "string" && node["enum"] === undefined && node["const"] === undefined) expect([path, node["maxLength"]]).toEqual([path, expect.any(Number)]);
      if (node["type"] === "integer" || node["type"] === "number") expect([path, node["minimum"], node["maximum"]]).toEqual([path, expect.any(Number), expect.any(Number)]);
      if (Array.isArray(node["enum"])) for (const word of node["enum"]) expect(word).toMatch(/^!?[A-Z][A-Za-z0-9]*$/);
    });
  });

  test("every field has a description, and every value an example", () => {
    walk(specOf(kind), "spec", (node, path) => {
      if (path.endsWith("|")) return;
      expect([path, node["description"]]).toEqual([path, expect.stringMatching(/^[A-Z<].*\.$/s)]);
      if (node["type"] !== "object" && node["type"] !== "array") expect([path, node["examples"]]).toEqual([path, [expect.anything()]]);
    });
  });

  test("the default that a description tells is the one that is filled in", () => {
    walk(specOf(kind), "spec", (node, path) => {
      const value = node["default"];
      if (!["string", "number", "boolean"].includes(typeof value) || path.endsWith("|")) return;
      expect([path, node["description"]]).toEqual([path, expect.stringMatching(new RegExp(` Default: ${JSON.stringify(value).replaceAll("\"", "")}\\.$`))]);
    });
  });

  test("unknown fields are refused at every level", () => {
    walk(specOf(kind), "spec", (node, path) => {
      if (node["type"] === "object" && node["propertyNames"] === undefined) expect([path, node["additionalProperties"]]).toEqual([path, false]);
    });
  });
});

test("defaults are filled in", () => {
  const router = kinds.Router.schema.parse({ apiVersion, kind: "Router", metadata: { name: "one" }, spec: { interfaces: [{ name: "w", type: "WAN" }], peers: [{ name: "two", paths: [{ name: "p", interface: "w", remoteAddress: "192.0.2.2" }] }] } });
  expect(router.spec.limits).toEqual({ sessions: 1_000_000 });
  expect(router.spec.timers.tcpIdle).toBe("1900s");
  expect(router.spec.quarantine).toBe("30s");
  expect(router.spec.peers[0]).toMatchObject({ hmac: { mode: "TimeBased", window: 1 }, metadataEncryption: { enabled: true, suite: "CBC" }, allowedTenants: [], paths: [{ pairs: 50_000 }] });
  const service = kinds.Service.schema.parse({ apiVersion, kind: "Service", metadata: { name: "web" }, spec: { addresses: ["10.0.0.1"] } });
  expect(service).toMatchObject({ metadata: { namespace: "default" }, spec: { scope: "Private", enforcement: "Reset", sourceNat: "None", enabled: true, access: [] } });
  expect(objectId(service)).toBe("Service default/web");
  expect(objectId(router)).toBe("Router one");
});

test("an optional spec may be left out where everything has a default", () => {
  expect(kinds.Tenant.schema.parse({ apiVersion, kind: "Tenant", metadata: { name: "acme" } }).spec).toEqual({ members: [], budgets: {} });
  expect(kinds.SecurityPolicy.schema.parse({ apiVersion, kind: "SecurityPolicy", metadata: { name: "p" } }).spec.hmacScope).toBe("MetadataOnly");
});

test("names of JavaScript are no kinds", () => {
  expect([isKind("Tenant"), isKind("toString"), isKind("__proto__")]).toEqual([true, false, false]);
});
