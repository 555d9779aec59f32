// Writes docs/reference/output.md and output.schema.json from the schemas of pkg/cli/outputs.ts: what programs get from svrctl.
// Run by hand after a change of an answer; with --check (used by the tests) it only compares and exits 1 when one is stale.
import { z } from "zod";
import { outputSchemas } from "../pkg/cli/outputs.ts";
import { emit, origin, table } from "./generated.ts";

const generator = "generate-output.ts";
const firstLine = origin(generator, "pkg/cli/outputs.ts");
type Schema = z.core.JSONSchema.BaseSchema;

interface Row { path: string; type: string; meaning: string }

/** rowsOf lists the fields below a schema, lists with [], maps with <key>; a field that may be absent has a ? behind its type. */
function rowsOf(schema: Schema, path: string): Row[] {
  const parts = (schema.allOf ?? []).flatMap((part) => rowsOf(part, path));
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).flatMap(([name, value]) => fieldRows(value as Schema, path === "" ? name : `${path}.${name}`, required.has(name) ? "" : "?"));
  return [...fields, ...parts];
}

function fieldRows(schema: Schema, path: string, absent: string): Row[] {
  const { item, suffix } = elementOf(schema);
  const below = item === undefined ? rowsOf(schema, path) : rowsOf(item, `${path}${suffix}`);
  const own: Row = { path: `${path}${item === undefined ? "" : suffix}`, type: `${typeWord(item ?? schema)}${absent}`, meaning: schema.description ?? item?.description ?? "" };
  if (item !== undefined && below.length === 0 && elementOf(item).item !== undefined) return [{ ...own, meaning: own.meaning }];
  return [own, ...below];
}

/** The element of a list, or of a map without fields of its own. */
function elementOf(schema: Schema): { item: Schema | undefined; suffix: string } {
  if (schema.type === "array") return { item: schema.items as Schema, suffix: "[]" };
  const isMap = schema.type === "object" && schema.properties === undefined && typeof schema.additionalProperties === "object" && schema.propertyNames !== undefined;
  return isMap ? { item: schema.additionalProperties as Schema, suffix: ".<key>" } : { item: undefined, suffix: "" };
}

function typeWord(schema: Schema): string {
  if (schema.enum !== undefined && schema.enum.length <= 6) return schema.enum.map((value) => `\`${String(value)}\``).join(" or ");
  return schema.allOf === undefined ? String(schema.type ?? "any") : "object";
}

function schemaOf(command: keyof typeof outputSchemas): Schema {
  return z.toJSONSchema(outputSchemas[command], { io: "output", reused: "inline" });
}

/** page is the text of the reference page. */
function page(): string {
  const commands = Object.keys(outputSchemas) as (keyof typeof outputSchemas)[];
  return [
    `<!-- ${firstLine} -->`, "# Machine output of svrctl", "",
    "What `-o json` and `-o yaml` write to the standard output. Within a major version fields are added and never change their",
    "meaning; a field that is not listed may appear. A `?` behind the type marks a field that may be absent. The same as JSON",
    "Schema: [output.schema.json](output.schema.json).", "",
    ...commands.flatMap((command) => [
      `## svrctl ${command}`, "", ...table(["field", "type", "meaning"], rowsOf(schemaOf(command), "").map(({ path, type, meaning }) => [`\`${path}\``, type, meaning])),
    ]),
  ].join("\n").replace(/\n+$/, "\n");
}

/** jsonSchemas holds all schemas by command. */
function jsonSchemas(): string {
  const definitions = Object.fromEntries((Object.keys(outputSchemas) as (keyof typeof outputSchemas)[]).map((command) => {
    const { $schema: _one, ...rest } = schemaOf(command);
    return [command, rest];
  }));
  return `${JSON.stringify({ $schema: "https://json-schema.org/draft/2020-12/schema", $comment: firstLine, $defs: definitions }, undefined, 1)}\n`;
}

emit(generator, { "docs/reference/output.md": page(), "docs/reference/output.schema.json": jsonSchemas() });
