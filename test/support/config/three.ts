// The three-router example in the folder three/, read and parsed for tests. Imported by tests only.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseDocuments } from "../../../pkg/api/document.ts";
import type { ParseResult, SourceFile } from "../../../pkg/api/document.ts";

const folder = join(import.meta.dirname, "three");

/** threeFiles gives the files of the example by name. */
export function threeFiles(): SourceFile[] {
  return readdirSync(folder).filter((name) => name.endsWith(".yaml")).sort()
    .map((name) => ({ path: name, text: readFileSync(join(folder, name), "utf8") }));
}

/** parseThree parses the example. */
export function parseThree(): ParseResult {
  return parseDocuments(threeFiles());
}
