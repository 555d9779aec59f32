// One change to configuration objects, as data: a field that is set, added to or removed, or a new object. Made by remedy.ts,
// applied by it and by tests. Pure; an object that its kind does not accept afterwards is no result.
import type { ParsedObject } from "../api/document.ts";
import { objectId } from "../api/kinds.ts";
import { checkObject } from "../api/objectcheck.ts";
import { apiVersion } from "../api/names.ts";

/** Change is one edit: `add` puts a value at the end of a list, `set` replaces a field, `remove` takes it away, `create` makes an object of `value` (its spec). */
export interface Change {
  object: string;
  op: "add" | "set" | "remove" | "create";
  /** path of the field below spec, such as `access` or `access[1].permission`; "" with create */
  field: string;
  value?: unknown;
}

/** changeText says a change as a sentence. */
export function changeText({ object, op, field, value }: Change): string {
  const shown = JSON.stringify(value);
  switch (op) {
    case "add": return `add ${shown} to spec.${field} of ${object}`;
    case "set": return `set spec.${field} of ${object} to ${shown}`;
    case "remove": return `remove spec.${field} of ${object}`;
    case "create": return `create ${object} with spec ${shown}`;
  }
}

/** applyChange gives the objects after a change; undefined when there is no such object, or it is not accepted then. */
export function applyChange(objects: readonly ParsedObject[], change: Change): ParsedObject[] | undefined {
  const { object: id, op, field, value } = change;
  if (op === "create") {
    const made = createdObject(id, value);
    return made === undefined ? undefined : [...objects, made];
  }
  const old = objects.find((one) => one.id === id);
  if (old === undefined) return undefined;
  const edit = (before: unknown): unknown => (op === "add" ? [...(Array.isArray(before) ? before as unknown[] : []), value] : op === "set" ? value : undefined);
  const checked = checkObject({ ...old.object, spec: edited(old.object.spec, pathOf(field), edit) });
  return checked.ok ? objects.map((one) => (one === old ? { ...old, object: checked.object } : one)) : undefined;
}

function createdObject(id: string, spec: unknown): ParsedObject | undefined {
  const [kind = "", name = ""] = id.split(" ");
  const [first = "", second] = name.split("/");
  const metadata = second === undefined ? { name: first } : { namespace: first, name: second };
  const checked = checkObject({ apiVersion, kind, metadata, spec });
  return checked.ok ? { id: objectId(checked.object), object: checked.object } : undefined;
}

function pathOf(field: string): string[] {
  return field.split(/[.[\]]+/).filter((part) => part !== "");
}

/** A copy with another value at a path; parts that are not there are made. */
function edited(value: unknown, path: readonly string[], edit: (before: unknown) => unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return edit(value);
  if (Array.isArray(value)) return value.map((one: unknown, index) => (String(index) === part ? edited(one, rest, edit) : one));
  const record = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  return { ...record, [part]: edited(Object.hasOwn(record, part) ? record[part] : undefined, rest, edit) };
}
