// Check of one object against the schema of its kind: findings with field path, plain message and a way to fix it.
// Called by the document parser; the same check serves every source of objects. Total: any value gives an answer.
import { z } from "zod";
import { isKind, kindNames, kinds } from "./kinds.ts";
import type { ApiObject } from "./kinds.ts";
import { apiVersion } from "./names.ts";
import { problemCodes } from "./problem.ts";
import type { Problem, ProblemCode } from "./problem.ts";
import { served, servedKinds } from "./served.ts";
import type { ServedKind } from "./served.ts";
import { suggestWord } from "./suggest.ts";

/** Finding is a problem inside one object, before its place in a file is known. */
export type Finding = Pick<Problem, "severity" | "code" | "message" | "fix"> & { field?: string };

/** CheckedObject is the object with defaults, or what is wrong with it. */
export type CheckedObject = { ok: true; object: ApiObject } | { ok: false; findings: Finding[] };

type Schema = z.core.JSONSchema.BaseSchema;
type Issue = z.core.$ZodIssue;

const mostFindings = 50;
const longestShown = 60;
const schemas: ReadonlyMap<ServedKind, Schema> = new Map(servedKinds.map((kind) => [kind, z.toJSONSchema(served[kind].schema, { io: "input" })]));

/** checkObject checks any value; one finding a field, the first 50. */
export function checkObject(value: unknown): CheckedObject {
  if (!isRecord(value)) return refuse("document", "the document is not an object", `write apiVersion: ${apiVersion}, kind, metadata and spec`);
  const { apiVersion: version, kind } = value;
  if (version !== apiVersion) {
    return refuse(version === undefined ? "required" : "document", version === undefined ? "apiVersion is missing" : `apiVersion ${show(version)} is not ours`,
      `write apiVersion: ${apiVersion}`, "apiVersion");
  }
  if (typeof kind !== "string" || !isKind(kind)) return refuseKind(kind);
  const result = kinds[kind].schema.safeParse(value, { reportInput: true });
  if (result.success) return { ok: true, object: result.data };
  return { ok: false, findings: findingsIn(kind, result.error.issues) };
}

/** checkServed gives what is wrong with the fields of any kind that an API server has, those of clusters too; nothing is left out there. */
export function checkServed(kind: ServedKind, value: unknown): Finding[] {
  const result = served[kind].schema.safeParse(value, { reportInput: true });
  return result.success ? [] : findingsIn(kind, result.error.issues);
}

function findingsIn(kind: ServedKind, issues: readonly Issue[]): Finding[] {
  const schema = schemas.get(kind) ?? {};
  const findings = issues.flatMap((issue) => findingsOf(issue, schema));
  const first = new Map(findings.toReversed().map((finding) => [finding.field, finding]));
  return findings.filter((finding) => first.get(finding.field) === finding).slice(0, mostFindings);
}

/** fieldPath writes a path as people read it: `spec.access[0].tenant`. */
export function fieldPath(path: readonly PropertyKey[]): string {
  return path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("").replace(/^\./, "");
}

function refuse(code: ProblemCode, message: string, fix: string, field?: string): CheckedObject {
  return { ok: false, findings: [{ severity: "error", code, message, fix, ...(field === undefined ? {} : { field }) }] };
}

/** Kinds that an export of a cluster has, and what to do about them. */
const clusterKinds: ReadonlyMap<string, string> = new Map([
  ["RouterClass", "remove it, and write a Router for each router"], ["RouterConfig", "remove it; it is compiled from the other objects"],
]);

function refuseKind(kind: unknown): CheckedObject {
  const ofClusters = typeof kind === "string" ? clusterKinds.get(kind) : undefined;
  if (ofClusters !== undefined) return refuse("unsupported", `kind ${show(kind)} has a meaning in a cluster only`, ofClusters, "kind");
  const near = typeof kind === "string" ? suggestWord(kind, kindNames) : undefined;
  const message = kind === undefined ? "kind is missing" : `kind ${show(kind)} does not exist`;
  return refuse(kind === undefined ? "required" : "document", message, near === undefined ? `known kinds: ${kindNames.join(", ")}` : `did you mean ${near}?`, "kind");
}

function findingsOf(issue: Issue, schema: Schema): Finding[] {
  if (issue.code === "unrecognized_keys") {
    const known = describedFields(schemaAt(schema, issue.path));
    return issue.keys.slice(0, mostFindings).map((key) => unknownField(issue.path, key, known));
  }
  const at = schemaAt(schema, issue.path);
  const field = fieldPath(issue.path);
  const { code, message, fix } = explain(issue, at);
  return [{ severity: "error", code, field, message, fix: fix ?? exampleFix(at) }];
}

/** What other programs write (metadata of an API server) has no description, and is nothing to suggest. */
function describedFields(at: Schema | undefined): string[] {
  return Object.entries(at?.properties ?? {}).flatMap(([name, field]) => (isRecord(field) && "description" in field ? [name] : []));
}

function unknownField(path: readonly PropertyKey[], key: string, known: readonly string[]): Finding {
  const near = suggestWord(key, known);
  const others = key === "namespace" && path.at(-1) === "metadata" ? "objects of this kind have no namespace: remove it" : `known fields: ${known.join(", ")}`;
  const fix = near === undefined ? others : `did you mean "${near}"?`;
  return { severity: "error", code: "unknown-field", field: fieldPath([...path, key]), message: `there is no field ${show(key)} here`, fix };
}

interface Explanation { code: ProblemCode; message: string; fix?: string }

function explain(issue: Issue, schema: Schema | undefined): Explanation {
  if (issue.input === undefined && issue.code !== "custom") return { code: "required", message: "is required" };
  switch (issue.code) {
    case "invalid_type": return { code: "type", message: `${show(issue.input)} is not ${typeWord(schema?.type ?? issue.expected)}` };
    case "invalid_value": return choice(issue.input, issue.values);
    case "too_small": return { code: "range", message: `${show(issue.input)} ${limitWord(issue.origin, "fewer", issue.minimum)}`, ...(issue.origin === "array" && { fix: `list at least ${issue.minimum}` }) };
    case "too_big": return { code: "range", message: `${show(issue.input)} ${limitWord(issue.origin, "more", issue.maximum)}` };
    case "custom": return custom(issue);
    default: return { code: "value", message: `${show(issue.input)} ${issue.message}` };
  }
}

function custom(issue: z.core.$ZodIssueCustom): Explanation {
  const { code, fix } = issue.params ?? {};
  const explanation: Explanation = {
    code: typeof code === "string" && Object.hasOwn(problemCodes, code) ? (code as ProblemCode) : "value",
    message: typeof issue.input === "string" && issue.message.startsWith("is ") ? `${show(issue.input)} ${issue.message}` : issue.message,
  };
  return typeof fix === "string" ? { ...explanation, fix } : explanation;
}

function choice(input: unknown, values: readonly unknown[]): Explanation {
  const words = values.map(String);
  const near = typeof input === "string" ? suggestWord(input, words) : undefined;
  return { code: "value", message: `${show(input)} is not one of ${words.join(", ")}`, fix: near === undefined ? `write ${words.join(" or ")}` : `did you mean ${near}?` };
}

function typeWord(type: unknown): string {
  const words: Readonly<Record<string, string>> = { array: "a list", object: "an object", integer: "a whole number", int: "a whole number", number: "a number", string: "text", boolean: "true or false" };
  return words[String(type)] ?? String(type);
}

function limitWord(origin: string, which: "more" | "fewer", bound: number | bigint): string {
  if (origin === "string") return `has ${which} than ${bound} characters`;
  if (origin === "array") return `has ${which} than ${bound} elements`;
  return `is ${which === "more" ? "greater" : "less"} than ${bound}`;
}

function exampleFix(schema: Schema | undefined): string {
  const example: unknown = schema?.examples?.[0];
  if (example !== undefined) return `write for example ${JSON.stringify(example)}`;
  const required: readonly string[] = schema?.required ?? [];
  return required.length === 0 ? "see the description of the field" : `it needs ${required.join(", ")}`;
}

function schemaAt(schema: Schema, path: readonly PropertyKey[]): Schema | undefined {
  let at: unknown = schema;
  for (const part of path) {
    const { items, properties, additionalProperties } = isRecord(at) ? at : {};
    at = typeof part === "number" ? items : isRecord(properties) ? properties[String(part)] : additionalProperties;
  }
  return isRecord(at) ? at : undefined;
}

function show(value: unknown): string {
  if (Array.isArray(value)) return "the list";
  if (typeof value === "object" && value !== null) return "the object";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length > longestShown ? `${text.slice(0, longestShown)}..."` : text;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
