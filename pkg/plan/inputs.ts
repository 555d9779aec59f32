// Objects sorted by kind and name, each once. First step of the compiler: after it the order of the input has no effect.
import type { ParsedObject } from "../api/document.ts";
import type { ApiObject, Kind } from "../api/kinds.ts";
import { canonicalJson } from "./canonical.ts";
import { compareNames } from "./entries.ts";
import type { Report } from "./report.ts";

/** Input is a parsed object of one kind. */
export type Input<K extends Kind> = ParsedObject & { object: Extract<ApiObject, { kind: K }> };

/** PlanInputs holds the objects by kind; maps are by `namespace/name` or name, in name order. */
export type PlanInputs = { readonly [K in Kind]: ReadonlyMap<string, Input<K>> };

/** sortInputs sorts objects; of two with one name the first by file and line stays, the other is reported. */
export function sortInputs(objects: readonly ParsedObject[], report: Report): PlanInputs {
  const sorted = [...objects].sort((a, b) => compareNames(a.id, b.id) || compareSources(a, b));
  const inputs: { [K in Kind]: Map<string, Input<K>> } = {
    Tenant: new Map(), Service: new Map(), ServiceRoute: new Map(), ServicePolicy: new Map(), SecurityPolicy: new Map(), Router: new Map(),
  };
  let before: ParsedObject | undefined;
  for (const one of sorted) {
    if (one.id === before?.id) report.errorOfCopy(one, copyComplaint(before));
    else (inputs[one.object.kind] as Map<string, ParsedObject>).set(inputName(one), one);
    before = before?.id === one.id ? before : one;
  }
  return inputs;
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
