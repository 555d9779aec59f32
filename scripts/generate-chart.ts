// Writes what is generated in charts/opensvr (values, their schema, README, RBAC rules, CRDs) and docs/reference/rbac.md, from
// scripts/chart and crds/. Run by hand after a change; with --check (used by the tests) it only compares and exits 1 when one is stale.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { readme } from "./chart/readme.ts";
import { roles } from "./chart/rbac.ts";
import type { Role, Rule } from "./chart/rbac.ts";
import { valuesSchema } from "./chart/values.ts";
import { emit, origin, root, table } from "./generated.ts";

type Schema = z.core.JSONSchema.BaseSchema;

const generator = "generate-chart.ts";
const chart = "charts/opensvr";
const width = 120;
const fromHere = (source: string): string => origin(generator, source);
const schema: Schema = z.toJSONSchema(valuesSchema, { io: "input" });

function fieldsOf(one: Schema): [string, Schema][] {
  return Object.entries(one.properties ?? {}).map(([name, child]) => [name, child as Schema]);
}

/** Objects with keys of ours; others are Kubernetes' own and have a default as a whole. */
function isOurs(one: Schema): boolean {
  return one.properties !== undefined && Object.keys(one.properties).length > 0 && one.additionalProperties === false;
}

function comment(words: string, indent: string): string[] {
  const lines = [""];
  for (const word of words.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (`${indent}# ${last} ${word}`.length > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.map((line) => `${indent}# ${line}`);
}

function valueLines(one: Schema, indent: string): string[] {
  return fieldsOf(one).flatMap(([name, child]) => {
    if (isOurs(child)) return [`${indent}${name}:`, ...valueLines(child, `${indent}  `), ...(indent === "" ? [""] : [])];
    if (child.default === undefined) return [];
    const lines = stringify({ [name]: child.default }).trimEnd().split("\n").map((line) => indent + line);
    return [...comment(child.description ?? "", indent), ...lines, ...(indent === "" ? [""] : [])];
  });
}

function valuesFile(): string {
  return [`# ${fromHere("scripts/chart/values.ts")}`, "# Values of the chart with their defaults. Unknown keys are refused.", "", ...valueLines(schema, "")].join("\n").trimEnd() + "\n";
}

function schemaFile(): string {
  const { $schema, ...rest } = schema;
  return `${JSON.stringify({ $schema, $comment: fromHere("scripts/chart/values.ts"), ...rest }, undefined, 1)}\n`;
}

function valueRows(one: Schema, path: string): string[][] {
  return fieldsOf(one).flatMap(([name, child]) => {
    const own = path === "" ? name : `${path}.${name}`;
    if (isOurs(child)) return valueRows(child, own);
    return child.default === undefined ? [] : [[`\`${own}\``, `\`${JSON.stringify(child.default)}\``, child.description ?? ""]];
  });
}

function ruleLines({ group, resource, names, verbs }: Rule): string[] {
  return [`- apiGroups: ["${group}"]`, `  resources: ["${resource}"]`, ...(names === undefined ? [] : [`  resourceNames: [${names.map((one) => (one.startsWith("{{") ? one : `"${one}"`)).join(", ")}]`]), `  verbs: [${verbs.map((verb) => `"${verb}"`).join(", ")}]`];
}

function rulesFile(): string {
  return [
    `{{- /* ${fromHere("scripts/chart/rbac.ts")} */ -}}`,
    ...roles.flatMap(({ key, rules }) => [`{{- define "opensvr.rules.${key}" -}}`, ...rules.flatMap(ruleLines), "{{- end }}"]),
  ].join("\n") + "\n";
}

function roleSection({ title, where, rules }: Role): string[] {
  const rows = rules.map(({ group, resource, names = [], verbs, why }) => [group === "" ? "core" : `\`${group}\``, `\`${resource}\`${names.map((one) => ` \`${spoken(one)}\``).join("")}`, verbs.join(", "), why]);
  return [`## ${title}`, "", `${where}.`, "", ...table(["group", "resource", "verbs", "for"], rows)];
}

/** A template expression as people read it. */
function spoken(name: string): string {
  return name.replace('{{ include "opensvr.fullname" . }}', "RELEASE");
}

function rbacPage(): string {
  return [
    `<!-- ${fromHere("scripts/chart/rbac.ts")} -->`, "# Rights of each account", "",
    "The chart gives these rights and no others; there is no wildcard. Tests run operator, routers and check with them: none is refused, none is",
    "left over, and each that is taken away is missed.",
    "`RELEASE` is the full name of the release.", "", ...roles.flatMap(roleSection),
  ].join("\n").replace(/\n+$/, "\n");
}

/** CRDs are files of the chart, not templates: nothing in their text is taken for a template. */
function crdFiles(): Record<string, string> {
  const folder = join(root, "crds");
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".yaml")).sort() : [];
  return Object.fromEntries(names.map((name) => [`${chart}/files/crds/${name}`, keptCrd(name, readFileSync(join(folder, name), "utf8"))]));
}

/** Helm must leave a CRD where it is: with it go all its objects. */
function keptCrd(name: string, text: string): string {
  const body = text.replace(/^(#.*\n)*(---\n)?/, "");
  const keep = "helm.sh/resource-policy: keep";
  const kept = /^ {2}annotations:\n/m.test(body) ? body.replace(/^ {2}annotations:\n/m, `  annotations:\n    ${keep}\n`) : body.replace(/^metadata:\n/m, `metadata:\n  annotations:\n    ${keep}\n`);
  if (!kept.includes(keep)) throw new Error(`crds/${name} has no metadata that begins a line`);
  return `# ${fromHere(`crds/${name}`)}\n${kept}`;
}

emit(generator, {
  [`${chart}/values.yaml`]: valuesFile(),
  [`${chart}/values.schema.json`]: schemaFile(),
  [`${chart}/README.md`]: readme(fromHere("scripts/chart"), table(["value", "default", "meaning"], valueRows(schema, ""))),
  [`${chart}/templates/_rules.tpl`]: rulesFile(),
  "docs/reference/rbac.md": rbacPage(),
  ...crdFiles(),
});
