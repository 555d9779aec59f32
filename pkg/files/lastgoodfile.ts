// The last good configuration as one file of JSON in the state directory. Constructed by cmd/router, called by the router's
// configuration intake. It holds objects only: keys are named in them by file, and never copied. Written as a whole or not at all.
import { createHash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import { SvrError } from "../base/errors.ts";
import type { LastGood, LastGoodStore } from "../ports/config.ts";
import { codeOf } from "./folder.ts";

/** longestLastGood is the most bytes of the file, twice what YAML files may have together: defaults are written out. */
export const longestLastGood = 134_217_728;

const fileMode = 0o600;
const FORMAT = 1;

/** One object as it is written; the place tells which of two with one name came first. */
interface Line { file?: string; line?: number; column?: number; object: unknown }

/** createLastGoodFile makes a store at `path`; what is the same as in the file is not written again. */
export function createLastGoodFile(path: string): LastGoodStore {
  let written = "";
  return {
    async read() {
      const text = await readBounded(path);
      if (text === undefined) return undefined;
      const state = decodeLastGood(text);
      if (state === undefined) throw fault(path, `read at ${path} (it is not what a router wrote)`, "remove it");
      written = digest(text);
      return state;
    },
    async write(state) {
      const text = encodeLastGood(state);
      const sum = digest(text);
      if (sum === written) return;
      if (Buffer.byteLength(text) > longestLastGood) throw fault(path, `written at ${path} (more than ${longestLastGood} bytes)`, "make the configuration smaller");
      try {
        await replace(path, text);
      } catch (cause) {
        throw fault(path, `written at ${path} (${codeOf(cause)})`, "make room or the directory writable; the router goes on", cause);
      }
      written = sum;
    },
  };
}

/** encodeLastGood writes a state as text. */
export function encodeLastGood({ objects, since }: LastGood): string {
  const lines = objects.map(({ object, source }): Line => ({ ...(source && { file: source.file, ...source.positions.get("") }), object }));
  return `${JSON.stringify({ format: FORMAT, since, objects: lines })}\n`;
}

/** decodeLastGood reads it again; total. An object that this version does not accept is left out; undefined for any other text. */
export function decodeLastGood(text: string): LastGood | undefined {
  const value = parsed(text);
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // told by the caller as a file that is not ours
  }
}

async function readBounded(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > longestLastGood) throw fault(path, `read at ${path} (it has more than ${longestLastGood} bytes)`, "remove it");
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof SvrError) throw cause;
    if (codeOf(cause) === "ENOENT") return undefined;
    throw fault(path, `read at ${path} (${codeOf(cause)})`, "make it readable for the router, or remove it", cause);
  }
}

/** The name points at the old bytes or at all of the new ones, also after a power cut. */
async function replace(path: string, text: string): Promise<void> {
  const aside = `${path}.new`;
  const file = await open(aside, "w", fileMode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(aside, path);
  const folder = await open(dirname(path), "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function fault(path: string, why: string, fix: string, cause?: unknown): SvrError {
  return new SvrError("SVR_LAST_GOOD", { object: path, attempted: `the last good configuration cannot be ${why}`, fix, ...(cause !== undefined && { cause }) });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
