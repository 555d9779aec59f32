// The objects that the compiler reads, by kind and name; and of several documents with one name the one that counts, so that the order of
// the input has no effect. Called by the steps of the compiler.
import type { ParsedObject } from "../api/document.ts";
import type { ApiObject, Kind } from "../api/kinds.ts";
import { canonicalJson } from "./canonical.ts";
import { compareNames } from "./entries.ts";
import type { Report } from "./report.ts";

/** Input is a parsed object of one kind. */
export type Input<K extends Kind> = ParsedObject & { object: Extract<ApiObject, { kind: K }> };

/** Names is a set of names: `has` asks for one, and who looks for a near name walks over all, when it is told. */
export interface Names extends Iterable<string> { has(name: string): boolean }

/** Table is the objects of a kind by `namespace/name` or name. */
export interface Table<K extends Kind> extends Names { get(name: string): Input<K> | undefined }

/** PlanInputs holds the objects by kind. */
export type PlanInputs = { readonly [K in Kind]: Table<K> };

/** namesIn narrows names to those of a namespace: what a reference within it may name, and all that its people need to see. */
export function namesIn(namespace: string, names: Iterable<string>): Iterable<string> {
  return { * [Symbol.iterator]() { for (const name of names) if (name.startsWith(`${namespace}/`)) yield name; } };
}

/** withoutCopies sorts objects; of several with one name the first by file and line stays, the others are reported. */
export function withoutCopies(objects: readonly ParsedObject[], report: Report): ParsedObject[] {
  const sorted = [...objects].sort((a, b) => compareNames(a.id, b.id) || compareSources(a, b));
  const kept: ParsedObject[] = [];
  for (const one of sorted) {
    const before = kept.at(-1);
    if (one.id === before?.id) report.errorOfCopy(one, copyComplaint(before));
    else kept.push(one);
  }
  return kept;
}

/** inputName is the name of an object without its kind: `namespace/name` or name. */
export function inputName(one: ParsedObject): string {
  return one.id.slice(one.id.indexOf(" ") + 1);
}

function copyComplaint(first: ParsedObject): { code: "duplicate"; message: string; fix: string } {
  const { source } = first;
  const place = source === undefined ? "" : `, first in ${source.file}:${source.positions.get("")?.line ?? 1}`;
  return { code: "duplicate", message: `${first.id} is defined twice${place}`, fix: "remove one of them or give it another name" };
}

function compareSources(a: ParsedObject, b: ParsedObject): number {
  const line = (one: ParsedObject): number => one.source?.positions.get("")?.line ?? 0;
  return compareNames(a.source?.file ?? "", b.source?.file ?? "") || line(a) - line(b)
    || compareNames(canonicalJson(a.object.spec), canonicalJson(b.object.spec));
}
