// Building blocks of the schemas: bounded text, numbers, lists with keys. Every kind is made of these, so that every field
// has bounds, a description and an example, and can become JSON Schema. Checks never change a value: text stays text.
import { z } from "zod";
import { ruled } from "./rules.ts";

/** FieldText says what a field is for and shows one good value; both reach `kubectl explain`. */
export interface FieldText {
  description: string;
  example?: unknown;
}

/** metaOf turns FieldText into schema metadata. */
export function metaOf(text: FieldText): Record<string, unknown> {
  return { description: text.description, ...(text.example === undefined ? {} : { examples: [text.example] }) };
}

/** textField is a string of at most `max` characters; `format` names the rule for generators of other schemas. */
export function textField(text: FieldText & { max: number; min?: number }): z.ZodString {
  return z.string().min(text.min ?? 1).max(text.max).meta(metaOf(text));
}

/** deviceField is the name of a network device in the kernel. */
export function deviceField(text: FieldText): z.ZodString {
  return patternField({ ...text, max: 15, pattern: /^[!-.0-9;-~]+$/, what: "a device name: no space, slash or colon, ASCII only" });
}

/** patternField is a string that fits a pattern; `what` completes "is not ...". */
export function patternField(text: FieldText & { max: number; pattern: RegExp; what: string }): z.ZodString {
  return z.string().min(1).max(text.max).regex(text.pattern, { error: `is not ${text.what}` }).meta({ ...metaOf(text), "x-svr-what": text.what });
}

/** checkedField is a string that a total parser accepts; `format` names the parser for generators of other schemas. */
export function checkedField(text: FieldText & { max: number; format: string; what: string; accepts: (value: string) => boolean }): z.ZodString {
  return z.string().min(1).max(text.max).refine(text.accepts, { error: `is not ${text.what}` }).meta({ ...metaOf(text), "x-svr-format": text.format });
}

/** countField is an integer with bounds. */
export function countField(text: FieldText & { min: number; max: number }): z.ZodInt {
  return z.int().min(text.min).max(text.max).meta(metaOf(text));
}

/** choiceField is one of a few CamelCase words. */
export function choiceField<const T extends readonly [string, ...string[]]>(words: T, text: FieldText): z.ZodEnum<{ [K in T[number]]: K }> {
  return z.enum(words).meta(metaOf({ example: words[0], ...text }));
}

/** switchField is true or false. */
export function switchField(text: FieldText): z.ZodBoolean {
  return z.boolean().meta(metaOf({ example: true, ...text }));
}

const mostLabels = 16;
const longestLabelKey = 317; // 253 of a prefix, slash, 63
const labelName = /^[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const labelPrefix = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const labelValue = { max: 63, pattern: /^([a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?)?$/, what: "the value of a label: letters, digits, -, _ and . between letters or digits" };

/** labelsField is a few labels with their values, as Kubernetes has them. */
export function labelsField(description: string, example: Record<string, string>): z.ZodRecord<z.ZodString, z.ZodString> {
  const labels = z.record(z.string(), labelValueField({ description: "Value of a label.", example: Object.values(example)[0] })).refine((all) => Object.keys(all).length <= mostLabels, { error: `has more than ${mostLabels} labels`, params: { code: "range", fix: "select by fewer" } });
  return ruled(labels.meta({ ...metaOf({ description, example }), "x-svr-most": mostLabels }), {
    holds: (all) => Object.keys(all).every((key) => key !== "" && key.length <= longestLabelKey), cel: `self.all(key, key != '' && size(key) <= ${longestLabelKey})`,
    error: `has a key that is empty or longer than ${longestLabelKey} characters`, fix: "write the keys of labels",
  });
}

/** labelKeyField is the key of a label or a taint, where it is a field and no key of a map. */
export function labelKeyField(text: FieldText): z.ZodString {
  return patternField({ ...text, max: longestLabelKey, pattern: /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?$/, what: "the key of a label: name or prefix/name" });
}

/** labelValueField is the value of a label or a taint; it may be empty. */
export function labelValueField(text: FieldText): z.ZodString {
  return z.string().max(labelValue.max).regex(labelValue.pattern, { error: `is not ${labelValue.what}` }).meta({ ...metaOf(text), "x-svr-what": labelValue.what });
}

/**
 * isLabelKey tells whether a key is one that a label can have. No part of a schema: keys of a map have no bound in a CRD, so that any pattern
 * costs more than a rule may, and both must judge alike. Whoever uses such keys asks.
 */
export function isLabelKey(key: string): boolean {
  const [name = "", prefix, ...more] = key.split("/").reverse();
  return more.length === 0 && labelName.test(name) && (prefix === undefined || labelPrefix.test(prefix));
}

/** labelKeyFix says what to write. */
export const labelKeyFix = "write name or prefix/name: the name at most 63 letters, digits, -, _ and . between letters or digits, the prefix a DNS name such as example.com";

/** listField is a list of at most `max` elements; two equal ones are refused when `unique`. */
export function listField<T extends z.ZodType>(element: T, text: FieldText & { max: number; min?: number; unique?: boolean }): z.ZodArray<T> {
  const list = z.array(element).min(text.min ?? 0).max(text.max);
  if (text.unique !== true) return list.meta({ ...metaOf(text), "x-kubernetes-list-type": "atomic" });
  return list.check((context) => refuseRepeats(context, (value) => value)).meta({ ...metaOf(text), "x-kubernetes-list-type": "set" });
}

/** keyedField is a list of objects in which each value of `key` appears once. */
export function keyedField<T extends z.ZodType>(element: T, text: FieldText & { max: number; min?: number; key: string }): z.ZodArray<T> {
  const keyOf = (value: unknown): unknown => (value as Record<string, unknown> | null)?.[text.key];
  return z.array(element).min(text.min ?? 0).max(text.max).check((context) => refuseRepeats(context, keyOf, text.key))
    .meta({ ...metaOf(text), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [text.key] });
}

function refuseRepeats(context: z.core.ParsePayload<unknown[]>, keyOf: (value: unknown) => unknown, key?: string): void {
  const seen = new Set<unknown>();
  for (const [index, value] of context.value.entries()) {
    const one = keyOf(value);
    if (seen.has(one)) context.issues.push(repeatIssue(one, key === undefined ? [index] : [index, key]));
    seen.add(one);
  }
}

function repeatIssue(value: unknown, path: (string | number)[]): z.core.$ZodRawIssue {
  return { code: "custom", input: value, path, message: `${JSON.stringify(value)} is already in the list`, params: { code: "duplicate", fix: "give each element its own, or remove one" } };
}
