// Configurations that came compiled, as one file of JSON in the state directory. Constructed by cmd/router, called by the router's
// cluster source, which checks every hash: here only the form is looked at.
import type { CompiledHead, CompiledState, CompiledStore } from "../ports/config.ts";
import { createWholeFile, isRecord, parsedJson } from "./wholefile.ts";

const FORMAT = 1;

/** createCompiledFile makes a store at `path`. */
export function createCompiledFile(path: string): CompiledStore {
  return createWholeFile(path, { encode: encodeCompiled, decode: decodeCompiled });
}

/** encodeCompiled writes a state as text. */
export function encodeCompiled({ heads, pages }: CompiledState): string {
  return `${JSON.stringify({ format: FORMAT, heads, pages: [...pages] })}\n`;
}

/** decodeCompiled reads it again; total: undefined for any other text. */
export function decodeCompiled(text: string): CompiledState | undefined {
  const value = parsedJson(text);
  if (!isRecord(value) || value["format"] !== FORMAT) return undefined;
  const { heads, pages } = value;
  if (!Array.isArray(heads) || !heads.every(isHead) || !Array.isArray(pages) || !pages.every(isPage)) return undefined;
  return { heads, pages: new Map(pages) };
}

function isHead(value: unknown): value is CompiledHead {
  if (!isRecord(value)) return false;
  const { router, format, version, hash, pages } = value;
  return typeof router === "string" && typeof format === "number" && typeof version === "string" && typeof hash === "string" && Array.isArray(pages) && pages.every((one) => typeof one === "string");
}

function isPage(value: unknown): value is [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === "string");
}
