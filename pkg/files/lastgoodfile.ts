// The last good configuration as one file of JSON in the state directory. Constructed by cmd/router, called by the router's
// configuration intake. It holds objects only: keys are named in them by file, and never copied. Written as a whole or not at all.
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import type { LastGood, LastGoodStore } from "../ports/config.ts";
import { createWholeFile, isRecord, parsedJson } from "./wholefile.ts";

const FORMAT = 1;

/** One object as it is written; the place tells which of two with one name came first. */
interface Line { file?: string; line?: number; column?: number; object: unknown }

/** createLastGoodFile makes a store at `path`; what is the same as in the file is not written again. */
export function createLastGoodFile(path: string): LastGoodStore {
  return createWholeFile(path, { encode: encodeLastGood, decode: decodeLastGood });
}

/** encodeLastGood writes a state as text. */
export function encodeLastGood({ objects, since }: LastGood): string {
  const lines = objects.map(({ object, source }): Line => ({ ...(source && { file: source.file, ...source.positions.get("") }), object }));
  return `${JSON.stringify({ format: FORMAT, since, objects: lines })}\n`;
}

/** decodeLastGood reads it again; total. An object that this version does not accept is left out; undefined for any other text. */
export function decodeLastGood(text: string): LastGood | undefined {
  const value = parsedJson(text);
  if (!isRecord(value) || value["format"] !== FORMAT || !Array.isArray(value["objects"]) || !isRecord(value["since"])) return undefined;
  const since = Object.entries(value["since"]).filter((one): one is [string, string] => typeof one[1] === "string");
  return { objects: value["objects"].flatMap(objectOf), since: Object.fromEntries(since) };
}

function objectOf(value: unknown): ParsedObject[] {
  if (!isRecord(value)) return [];
  const { file, line, column, object } = value;
  const checked = checkObject(object);
  if (!checked.ok) return [];
  const id = objectId(checked.object);
  if (typeof file !== "string") return [{ id, object: checked.object }];
  const isPlace = typeof line === "number" && typeof column === "number";
  return [{ id, object: checked.object, source: { file, positions: new Map(isPlace ? [["", { line, column }]] : []) } }];
}
