// Durations as text: a whole number and a unit, `200ms`, `30s`, `5m`, `24h`. Called by schemas and by the compiler.
import { z } from "zod";
import { metaOf } from "./fields.ts";
import type { FieldText } from "./fields.ts";

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const pattern = /^(0|[1-9][0-9]{0,8})(ms|s|m|h)$/;
const longestText = 11;

/** parseDuration gives milliseconds, or undefined when the text is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0);
}

/** millisOf gives the milliseconds of a duration that the schema has accepted. */
export function millisOf(text: string): number {
  return parseDuration(text) ?? 0;
}

/** durationField is a duration between two others, bounds included. */
export function durationField(text: FieldText & { min: string; max: string }): z.ZodString {
  const inside = (value: string): boolean => {
    const millis = parseDuration(value);
    return millis === undefined || (millis >= millisOf(text.min) && millis <= millisOf(text.max));
  };
  return z.string().max(longestText).regex(pattern, { error: "is not a duration: a whole number and ms, s, m or h" })
    .refine(inside, { error: `is not between ${text.min} and ${text.max}`, params: { code: "range" } })
    .meta({ ...metaOf(text), "x-svr-format": "duration", "x-svr-minimum": text.min, "x-svr-maximum": text.max });
}
