// Writes docs/reference/configuration.md from the schemas of all kinds: each field with what it takes, its default, its meaning
// and an example; an object of each kind from the example that tests compile; and the codes of problems.
// Run by hand after a change of a kind; with --check (used by the tests) it only compares and exits 1 when it is stale.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { jsonSchemaOf, kindNames, kinds } from "../pkg/api/kinds.ts";
import type { Kind } from "../pkg/api/kinds.ts";
import { apiVersion } from "../pkg/api/names.ts";
import { problemCodes } from "../pkg/api/problem.ts";
import { emit, origin, root, table } from "./generated.ts";

type Schema = ReturnType<typeof jsonSchemaOf>;
interface Field { path: string; schema: Schema; required: boolean }

const generator = "generate-configuration.ts";
const examples = "test/support/config/three";
const formats: Readonly<Record<string, string>> = {
  address: "address", prefix: "prefix or address", "interface-address": "address/length", ports: "port or range of ports", duration: "duration",
};

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Fields of an object in the order of the schema, those of objects inside it after it. */
function fieldsOf(schema: Schema, path: string): Field[] {
  const required: readonly string[] = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, child]) => {
    if (!isSchema(child)) return [];
    const own = path === "" ? name : `${path}.${name}`;
    const items = isSchema(child.items) && child.items.type === "object" ? child.items : undefined;
    return [{ path: items === undefined ? own : `${own}[]`, schema: child, required: required.includes(name) }, ...fieldsOf(items ?? child, items === undefined ? own : `${own}[]`)];
  });
}

/** What a field takes: its form and its bounds. */
function valueOf(schema: Schema): string {
  const format = schema["x-svr-format"];
  if (format === "duration") return `duration, ${String(schema["x-svr-minimum"])} to ${String(schema["x-svr-maximum"])}`;
  if (schema.enum !== undefined) return schema.enum.map(String).join(", ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.type === "integer" || schema.type === "number") return `${schema.type === "integer" ? "whole number" : "number"}, ${String(schema.minimum)} to ${String(schema.maximum)}`;
  if (schema.type === "boolean") return "true, false";
  if (schema.type === "array") return `list of at most ${String(schema.maxItems)}`;
  if (schema.type === "object") return "object";
  if (typeof format === "string") return formats[format] ?? format;
  if (schema.anyOf !== undefined) return schema.anyOf.filter(isSchema).map(valueOf).join(", or ");
  return `text, at most ${String(schema.maxLength)} characters`;
}

/** The description without its sentence about the default, and that sentence. */
function textsOf(schema: Schema): { meaning: string; otherwise: string } {
  const description = schema.description ?? "";
  const match = /^(.*?) ?Default: (.*)\.$/s.exec(description);
  return match === null ? { meaning: description, otherwise: "" } : { meaning: match[1] ?? "", otherwise: match[2] ?? "" };
}

/** Angle brackets are tags in Markdown. */
function escape(text: string): string {
  return text.replaceAll("<", "&lt;");
}

function rowOf({ path, schema, required }: Field): string[] {
  const { meaning, otherwise } = textsOf(schema);
  const example: unknown = schema.examples?.[0];
  return [`\`${path}\``, valueOf(schema), required ? "required" : otherwise, escape(meaning), example === undefined ? "" : `\`${JSON.stringify(example)}\``];
}

/** The first object of a kind in the example files, as written there. */
function exampleOf(kind: Kind): string {
  const documents = readdirSync(join(root, examples)).filter((name) => name.endsWith(".yaml")).sort()
    .flatMap((name) => readFileSync(join(root, examples, name), "utf8").split(/^---$/m));
  const found = documents.find((text) => new RegExp(`^kind: ${kind}$`, "m").test(text));
  if (found === undefined) throw new Error(`no example of kind ${kind} in ${examples}`);
  return found.replace(/^#.*\n/gm, "").trim();
}

function sectionOf(kind: Kind): string[] {
  const spec: unknown = jsonSchemaOf(kind).properties?.["spec"];
  if (!isSchema(spec)) throw new Error(`kind ${kind} has no spec`);
  return [
    `## ${kind}`, "", `${spec.description ?? ""} ${kinds[kind].namespaced ? "Lives in a namespace." : "Has no namespace."}`, "",
    ...table(["field of spec", "takes", "default", "meaning", "example"], fieldsOf(spec, "").map(rowOf)),
    "```yaml", exampleOf(kind), "```", "",
  ];
}

function metadataRows(): string[][] {
  const metadata: unknown = jsonSchemaOf("Service").properties?.["metadata"];
  if (!isSchema(metadata)) throw new Error("no metadata");
  return fieldsOf(metadata, "metadata").filter(({ schema }) => schema.description !== undefined).map(rowOf);
}

/** page is the text of the reference page. */
function page(): string {
  return [
    `<!-- ${origin(generator, "pkg/api")} -->`, "# Configuration", "",
    "A router reads every `*.yaml` and `*.yml` file below its configuration directory, and looks for changes twice a second. Hidden",
    "names are not looked at. A file may hold several objects. What is wrong with one object is told with file, line and field, and",
    "stops no other object: the last good version of a broken object stays in force, over restarts too.", "",
    "Every object:", "", "```yaml", stringify({ apiVersion, kind: "Service", metadata: { name: "web", namespace: "shop" }, spec: {} }).trim(), "```", "",
    ...table(["field", "takes", "default", "meaning", "example"], metadataRows()),
    "Durations are a whole number and `ms`, `s`, `m` or `h`. Where a default is not given, nothing happens without the field.", "",
    "A key file holds at least 32 random bytes as text of hex digits, as base64, or as they are; text is decoded, and white space in it does",
    "not count. Other users must not have any permission on it. A file below the configuration directory is looked at like the others:",
    "a new key is used within seconds. Make one with `(umask 077; head -c 32 /dev/urandom | base64 > FILE)`.", "",
    ...kindNames.flatMap(sectionOf),
    "## Problems", "", "`svrctl config validate`, the log and the admin socket tell problems with one of these codes.", "",
    ...table(["code", "meaning"], Object.entries(problemCodes).map(([code, meaning]) => [`\`${code}\``, meaning])),
  ].join("\n").replace(/\n+$/, "\n");
}

emit(generator, { "docs/reference/configuration.md": page() });
