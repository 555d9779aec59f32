// A value as one file of the state directory, written as a whole or not at all. Used by lastgoodfile.ts and compiledfile.ts, which
// know the text.
import { createHash } from "node:crypto";
import { open, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { SvrError } from "../base/errors.ts";
import { codeOf } from "./folder.ts";

/** longestWhole is the most bytes of a file, twice what YAML files may have together: defaults are written out. */
export const longestWhole = 134_217_728;

const fileMode = 0o600;

/** WholeCodec writes a value as text and reads it again; decode is total, undefined is what nobody wrote. */
export interface WholeCodec<T> {
  encode(value: T): string;
  decode(text: string): T | undefined;
}

/** WholeFile reads and writes the value; both reject with SVR_LAST_GOOD. */
export interface WholeFile<T> {
  /** undefined when there is no file */
  read(): Promise<T | undefined>;
  write(value: T): Promise<void>;
}

/** createWholeFile makes a file at `path`; what is the same as in the file is not written again. */
export function createWholeFile<T>(path: string, codec: WholeCodec<T>): WholeFile<T> {
  let written = "";
  return {
    async read() {
      const text = await readBounded(path);
      if (text === undefined) return undefined;
      const value = codec.decode(text);
      if (value === undefined) throw fault(path, `read at ${path} (it is not what a router wrote)`, "remove it");
      written = digest(text);
      return value;
    },
    async write(value) {
      const text = codec.encode(value);
      const sum = digest(text);
      if (sum === written) return;
      if (Buffer.byteLength(text) > longestWhole) throw fault(path, `written at ${path} (more than ${longestWhole} bytes)`, "make the configuration smaller");
      try {
        await replace(path, text);
      } catch (cause) {
        throw fault(path, `written at ${path} (${codeOf(cause)})`, "make room or the directory writable; the router goes on", cause);
      }
      written = sum;
    },
  };
}

async function readBounded(path: string): Promise<string | undefined> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > longestWhole) throw fault(path, `read at ${path} (it has more than ${longestWhole} bytes)`, "remove it");
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

/** parsedJson reads JSON; undefined for any other text, which the caller tells as a file that is not ours. */
export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** isRecord tells whether a value is an object with fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
