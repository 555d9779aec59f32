// JSON Schema as zod writes it, made structural for a CRD: types lifted out of anyOf, unknown fields left to the API server, formats
// and rules as CEL expressions, examples as words of the description. Called by crd.ts. Pure.
import type { CelRule } from "./rules.ts";

/** Node is a part of a JSON Schema. */
export interface Node { [key: string]: unknown }

const plain = ["type", "enum", "default", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "required", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"];

/** structuralOf gives the structural form of a schema; keys in a fixed order, so that equal input gives equal text. `times`: how often the value may be in an object. */
export function structuralOf(node: Node, times = 1): Node {
  const own: Node = {};
  const description = describedWith(node);
  if (description !== undefined) own["description"] = description;
  for (const key of plain) if (node[key] !== undefined) own[key] = node[key];
  if (own["minItems"] === 0) delete own["minItems"];
  if (node["const"] !== undefined) Object.assign(own, { type: typeof node["const"], enum: [node["const"]] });
  if (own["type"] === "integer") own["format"] = "int64";
  if (node["anyOf"] !== undefined) Object.assign(own, eitherOf(node["anyOf"] as Node[]));
  if (isNode(node["properties"])) own["properties"] = Object.fromEntries(Object.entries(node["properties"]).filter(([, child]) => isNode(child)).map(([name, child]) => [name, structuralOf(child as Node, times)]));
  if (isNode(node["additionalProperties"])) Object.assign(own, { type: "object", additionalProperties: structuralOf(node["additionalProperties"], times * Number(node["x-svr-most"])), maxProperties: node["x-svr-most"] });
  if (isNode(node["items"])) own["items"] = structuralOf(node["items"], times * Number(node["maxItems"]));
  const pattern = patternRule(node, times);
  if (pattern !== undefined) delete own["pattern"];
  const rules = [...(pattern === undefined ? [] : [pattern]), ...formatRules(node), ...(node["x-svr-cel"] ?? []) as CelRule[]];
  if (rules.length > 0) own["x-kubernetes-validations"] = rules;
  return withoutGaps(own);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function describedWith(node: Node): string | undefined {
  const example = (node["examples"] as unknown[] | undefined)?.[0];
  const shown = example === undefined || node["type"] === "boolean" || node["enum"] !== undefined ? "" : ` Example: ${typeof example === "string" ? example : JSON.stringify(example)}.`;
  return typeof node["description"] === "string" ? `${node["description"]}${shown}` : undefined;
}

/** Numbers or text: the API server knows that one mixture. */
function eitherOf(ways: readonly Node[]): Node {
  const texts = ways.filter((way) => way["type"] === "string"), numbers = ways.filter((way) => way["type"] === "integer");
  const longest = Math.max(...texts.map((way) => (way["maxLength"] as number | undefined) ?? Math.max(...((way["enum"] ?? []) as string[]).map((word) => word.length))));
  const [number, text] = [numbers[0] ?? {}, texts[0] ?? {}];
  const words = text["enum"] as string[] | undefined;
  const textRule = words === undefined ? "true" : `self in [${words.map((word) => `'${word}'`).join(", ")}]`;
  const says = words === undefined ? "" : `${words.join(", ")} or `;
  return {
    "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }], maxLength: longest, type: undefined,
    "x-kubernetes-validations": [{ rule: `type(self) == int ? self >= ${String(number["minimum"])} && self <= ${String(number["maximum"])} : ${textRule}`, message: `is not one of the values allowed; write ${says}a number from ${String(number["minimum"])} to ${String(number["maximum"])}` }],
  };
}

const mostCost = 2_000_000; // of the API server's limit of 10,000,000 a rule

/** A pattern as a rule, whose message says what is wrong; where it could be checked too often for the API server's limit it stays a pattern. */
function patternRule(node: Node, times: number): CelRule | undefined {
  const { pattern, maxLength } = node;
  const what = node["x-svr-what"];
  if (typeof pattern !== "string" || typeof what !== "string" || times * Number(maxLength) * 0.1 * pattern.length * 0.25 > mostCost) return undefined;
  const example = (node["examples"] as unknown[] | undefined)?.[0];
  return { rule: `self.matches(r'${pattern}')`, message: `is not ${what}; write for example ${String(example)}` };
}

/** What a format means, in CEL; the same as the parser that the format names. */
function formatRules(node: Node): CelRule[] {
  switch (node["x-svr-format"]) {
    case "address": return [{ rule: "isIP(self)", message: "is not an IPv4 or IPv6 address; write one such as 192.0.2.1 or 2001:db8::1" }];
    case "interface-address": return [{ rule: "isCIDR(self)", message: "is not an address with a prefix length; write one such as 192.0.2.1/24" }];
    case "prefix": return [{ rule: "isIP(self) || (isCIDR(self) && cidr(self) == cidr(self).masked())", message: "is not an IPv4 or IPv6 prefix, or has bits set after the prefix length; write the network such as 10.1.0.0/16, or the address alone for one host" }];
    case "duration": return [{ rule: `duration(self) >= duration('${String(node["x-svr-minimum"])}') && duration(self) <= duration('${String(node["x-svr-maximum"])}')`, message: `is not between ${String(node["x-svr-minimum"])} and ${String(node["x-svr-maximum"])}; write a duration between them` }];
    case "ports": return [{ rule: portsRule(node["anyOf"] === undefined ? 1_025 : 1, node["anyOf"] !== undefined), message: node["anyOf"] === undefined ? "is not a range of ports; write one in 1025-65535 such as 20000-29999" : "is not a port or a range of ports; write one in 1-65535 such as 443 or 8000-8010" }];
    case "lengths": return [{ rule: "self.matches('^(0|[1-9][0-9]{0,4})-(0|[1-9][0-9]{0,4})$') && int(self.split('-')[0]) <= int(self.split('-')[1]) && int(self.split('-')[1]) <= 65535", message: "is not a range of bytes; write one such as 0-100" }];
    default: return [];
  }
}

function portsRule(lowest: number, isMixed: boolean): string {
  const text = `self.matches('^[1-9][0-9]{0,4}(-[1-9][0-9]{0,4})?$') && int(self.split('-')[0]) >= ${lowest} && int(self.split('-')[0]) <= int(self.split('-')[size(self.split('-')) - 1]) && int(self.split('-')[size(self.split('-')) - 1]) <= 65535`;
  return isMixed ? `type(self) == int ? self >= ${lowest} && self <= 65535 : (${text})` : text;
}

/** Fields that were taken back are left out. */
function withoutGaps(node: Node): Node {
  return Object.fromEntries(Object.entries(node).filter(([, value]) => value !== undefined));
}
