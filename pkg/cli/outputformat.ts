// The value of `-o`: a word, or a template behind `jsonpath=`. Called by globaloptions.ts (reading) and context.ts (writing); pure.
import { suggestWord } from "../api/suggest.ts";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { parseTemplate } from "./jsonpath.ts";
import type { Template } from "./jsonpath.ts";

const words = ["table", "wide", "json", "yaml", "name"] as const;

/** OutputFormat is how an answer is shown: as a word, or by a template. */
export type OutputFormat = (typeof words)[number] | { template: Template };

/** outputWords are what may be written behind `-o`. */
export const outputWords = [...words, "jsonpath=TEMPLATE"] as const;

const templateStart = "jsonpath=";

/** parseOutput reads the value of `-o`; the error is the reason. */
export function parseOutput(text: string): Result<OutputFormat, string> {
  if (text.startsWith(templateStart)) {
    const template = parseTemplate(text.slice(templateStart.length));
    return template.ok ? ok({ template: template.value }) : fail(`the template ${template.error}`);
  }
  const format = words.find((one) => one === text);
  if (format !== undefined) return ok(format);
  const near = suggestWord(text, [...words, "jsonpath"]);
  return fail(near === undefined ? `write ${outputWords.join(", ")}` : `did you mean ${near === "jsonpath" ? templateStart : near}?`);
}
