// Configuration files in, objects and problems out. Called by the directory source and by `svrctl config validate`.
// Total and bounded: any text gives an answer, one bad object never stops the others. Reads no files.
import { isMap, isScalar, isSeq } from "yaml";
import type { Node } from "yaml";
import { fail, ok } from "../base/result.ts";
import type { Result } from "../base/result.ts";
import { defaultNamespace } from "./envelope.ts";
import { isKind, kinds, objectId } from "./kinds.ts";
import type { ApiObject } from "./kinds.ts";
import { checkObject } from "./objectcheck.ts";
import type { Finding } from "./objectcheck.ts";
import { apiGroup } from "./names.ts";
import { compareProblems } from "./problem.ts";
import type { Position, Problem } from "./problem.ts";
import { served } from "./served.ts";
import { yamlChunks } from "./yamlstream.ts";
import type { YamlDocument } from "./yamlstream.ts";

/** SourceFile is one file of configuration; `path` appears in problems as given. */
export interface SourceFile {
  path: string;
  text: string;
}

/** ParsedObject is an object that its schema accepts, with where it stands. */
export interface ParsedObject {
  /** `Kind namespace/name` or `Kind name` */
  id: string;
  object: ApiObject;
  /** absent when the object came from no file */
  source?: ObjectSource;
}

/** ObjectSource maps field paths to places in the file; the empty path is the object itself. */
export interface ObjectSource {
  file: string;
  positions: ReadonlyMap<string, Position>;
}

/** ParseResult is what files say: the good objects in file order, and every problem, sorted. */
export interface ParseResult {
  objects: ParsedObject[];
  problems: Problem[];
  /** files in which a document was too broken to say which object it is; keepLastGood uses it */
  unreadable: string[];
  /** of the unreadable documents those that belong to somebody else, or to the API server alone: `Kind apiVersion` */
  foreign?: string[];
}

/** documentBounds are the limits of the parser: characters a file, documents a file, aliases a document. */
export const documentBounds = { fileCharacters: 8_388_608, documents: 50_000, aliases: 100 } as const;

const mostErrors = 20;
const plainName = /^[\x21-\x7e]{1,253}$/;

interface DocumentContext { file: string; document: YamlDocument; place: (offset: number) => Position; result: ParseResult }

const start: Position = { line: 1, column: 1 };

/** parseDocuments reads every document of every file. */
export function parseDocuments(files: readonly SourceFile[]): ParseResult {
  const result: ParseResult = { objects: [], problems: [], unreadable: [] };
  for (const file of files) parseFile(file, result);
  result.problems.sort(compareProblems);
  return result;
}

/** positionOf finds the place of a field, or of the nearest thing around it. */
export function positionOf(source: ObjectSource, field: string): Position | undefined {
  for (let at = field; at !== ""; at = at.replace(/(\.|^)[^.[\]]*$|\[[^\]]*\]$/, "")) {
    const position = source.positions.get(at);
    if (position !== undefined) return position;
  }
  return source.positions.get("");
}

function parseFile(file: SourceFile, result: ParseResult): void {
  const refuse = (message: string, at: Position): void => {
    result.unreadable.push(file.path);
    result.problems.push({ severity: "error", code: "size", file: file.path, ...at, message, fix: "split the file, or nest less deeply" });
  };
  if (file.text.length > documentBounds.fileCharacters) return refuse(`the file has more than ${documentBounds.fileCharacters} characters`, start);
  let count = 0;
  for (const chunk of yamlChunks(file.text)) {
    count += 1;
    if (count > documentBounds.documents) return refuse(`the file has more than ${documentBounds.documents} documents`, start);
    if (chunk.ok) parseOne({ file: file.path, document: chunk.document, place: chunk.place, result });
    else refuse(chunk.why, chunk.at);
  }
}

function parseOne(context: DocumentContext): void {
  const { document, file, result } = context;
  const value = plainValue(document);
  const id = value.ok ? identify(value.value) : undefined;
  const add = (finding: Finding, at: Position | undefined): void => {
    result.problems.push({ ...finding, file, ...(id === undefined ? {} : { object: id }), ...at });
  };
  const errors = document.errors.slice(0, mostErrors).map((error) => ({ message: error.message, offset: error.pos[0], fix: error.code === "TAB_AS_INDENT" ? "indent with spaces" : "correct the YAML" }));
  if (!value.ok && errors.length === 0) errors.push({ message: value.error, offset: document.range[0], fix: "correct the YAML" });
  for (const { message, offset, fix } of errors) add({ severity: "error", code: "yaml", message, fix: `${fix}; the document is left out` }, context.place(offset));
  if (errors.length === 0 && value.ok && value.value !== null) checkOne(context, { value: value.value, id, add });
  else if (errors.length > 0 && id === undefined) result.unreadable.push(file);
}

function checkOne(context: DocumentContext, read: { value: unknown; id: string | undefined; add: (finding: Finding, at: Position | undefined) => void }): void {
  const { document, file, result } = context;
  const positions = new Map<string, Position>([["", context.place(document.contents?.range[0] ?? 0)]]);
  collect(context, { node: document.contents, path: "" }, positions);
  const source: ObjectSource = { file, positions };
  const checked = checkObject(read.value);
  if (checked.ok) {
    result.objects.push({ id: objectId(checked.object), object: checked.object, source });
    return;
  }
  if (read.id === undefined) result.unreadable.push(file);
  if (read.id === undefined && isForeign(read.value)) (result.foreign ??= []).push(`${read.value.kind} ${read.value.apiVersion}`);
  for (const finding of checked.findings) read.add(finding, positionOf(source, finding.field ?? ""));
}

/** An object of Kubernetes that no compiler reads. A misspelt group is one as well: who leaves these out has to say so. */
function isForeign(value: unknown): value is { apiVersion: string; kind: string } {
  const { apiVersion, kind } = (typeof value === "object" && value !== null ? value : {}) as { apiVersion?: unknown; kind?: unknown };
  return typeof apiVersion === "string" && typeof kind === "string" && (!apiVersion.startsWith(`${apiGroup}/`) || (Object.hasOwn(served, kind) && !isKind(kind)));
}

/** The document as plain data, unless its aliases are unknown, circular or too many. */
function plainValue(document: YamlDocument): Result<unknown, string> {
  try {
    return ok(document.toJS({ maxAliasCount: documentBounds.aliases }) as unknown);
  } catch (cause) {
    return fail(`an alias is unknown, circular, or used more than ${documentBounds.aliases} times (${cause instanceof Error ? cause.message : "unreadable"})`);
  }
}

/** Places of all fields: of the key in a mapping, of the element in a list. The depth is bounded by yamlstream.ts. */
function collect(context: DocumentContext, at: { node: Node | null; path: string }, into: Map<string, Position>): void {
  const { node, path } = at;
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      if (!isScalar(key)) continue;
      enter(context, { key, value: value as Node | null, path: path === "" ? String(key.value) : `${path}.${String(key.value)}` }, into);
    }
  } else if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) enter(context, { key: item as Node, value: item as Node, path: `${path}[${index}]` }, into);
  }
}

function enter(context: DocumentContext, at: { key: Node; value: Node | null; path: string }, into: Map<string, Position>): void {
  if (at.key.range !== null && at.key.range !== undefined) into.set(at.path, context.place(at.key.range[0]));
  collect(context, { node: at.value, path: at.path }, into);
}

/** Name of an object that may be broken otherwise, so that its problems and its last good version can be told. */
function identify(value: unknown): string | undefined {
  const { kind, metadata } = (value ?? {}) as { kind?: unknown; metadata?: { name?: unknown; namespace?: unknown } | null };
  const name = metadata?.name;
  if (typeof kind !== "string" || !isKind(kind) || typeof name !== "string" || !plainName.test(name)) return undefined;
  if (!kinds[kind].namespaced) return `${kind} ${name}`;
  const namespace = metadata?.namespace ?? defaultNamespace;
  return typeof namespace === "string" && plainName.test(namespace) ? `${kind} ${namespace}/${name}` : undefined;
}
