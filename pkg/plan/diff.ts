// What an edit changes: objects added, removed and changed, field by field, and the routers that notice. Called by
// `svrctl config diff`. Pure; says nothing about live sessions, which the router judges (pkg/router/preview.ts).
import type { ParsedObject } from "../api/document.ts";
import { canonicalJson } from "./canonical.ts";
import type { RouterConfig } from "./config.ts";
import { compareNames } from "./entries.ts";

/** FieldChange is one field that differs; absent values are absent. */
export interface FieldChange {
  field: string;
  before?: unknown;
  after?: unknown;
}

/** ObjectChange is one object that differs. */
export interface ObjectChange {
  object: string;
  change: "added" | "removed" | "changed";
  /** the fields of a changed one, at most mostFields */
  fields: FieldChange[];
}

/** mostFields bounds the fields that are told of one object; the last one then stands for the rest. */
export const mostFields = 64;

/** diffObjects compares two sets of objects, as they are after defaults; sorted by object. */
export function diffObjects(before: readonly ParsedObject[], after: readonly ParsedObject[]): ObjectChange[] {
  const [old, next] = [before, after].map((list) => new Map(list.map((one) => [one.id, one.object.spec])));
  const ids = [...new Set([...(old?.keys() ?? []), ...(next?.keys() ?? [])])].sort(compareNames);
  return ids.flatMap((object): ObjectChange[] => {
    if (next?.has(object) !== true) return [{ object, change: "removed", fields: [] }];
    if (old?.has(object) !== true) return [{ object, change: "added", fields: [] }];
    const fields: FieldChange[] = [];
    compareValues("spec", { before: old.get(object), after: next.get(object) }, fields);
    return fields.length === 0 ? [] : [{ object, change: "changed", fields }];
  });
}

/** changedRouters lists the routers whose compiled configuration differs, new and removed ones too; sorted. */
export function changedRouters(before: ReadonlyMap<string, RouterConfig>, after: ReadonlyMap<string, RouterConfig>): string[] {
  const textOf = (config: RouterConfig | undefined): string => (config === undefined ? "" : canonicalJson(config));
  return [...new Set([...before.keys(), ...after.keys()])].filter((name) => textOf(before.get(name)) !== textOf(after.get(name))).sort(compareNames);
}

function compareValues(field: string, of: { before: unknown; after: unknown }, into: FieldChange[]): void {
  const { before, after } = of;
  if (into.length >= mostFields || canonicalJson(before ?? null) === canonicalJson(after ?? null)) return;
  const keys = keysOf(before, after);
  if (keys === undefined) {
    into.push({ field, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) });
    return;
  }
  for (const key of keys) {
    compareValues(Array.isArray(before) ? `${field}[${key}]` : `${field}.${key}`, { before: partOf(before, key), after: partOf(after, key) }, into);
  }
}

/** The keys of two lists or two records; undefined when they are of different kinds, or plain values. */
function keysOf(before: unknown, after: unknown): string[] | undefined {
  if (typeof before !== "object" || typeof after !== "object" || before === null || after === null || Array.isArray(before) !== Array.isArray(after)) return undefined;
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return Array.isArray(before) ? keys : keys.sort(compareNames);
}

function partOf(value: unknown, key: string): unknown {
  return Object.hasOwn(value as object, key) ? (value as Record<string, unknown>)[key] : undefined;
}
