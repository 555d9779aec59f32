// Whether an object has what we want of it: the API server adds defaults and others add fields, which are not ours. Pure.

/** covers tells whether every field of `wanted` is in `actual` with the same value; lists must be of equal length. */
export function covers(actual: unknown, wanted: unknown): boolean {
  if (Array.isArray(wanted)) return Array.isArray(actual) && actual.length === wanted.length && wanted.every((one, index) => covers(actual[index], one));
  if (typeof wanted !== "object" || wanted === null) return actual === wanted;
  if (typeof actual !== "object" || actual === null) return false;
  return Object.entries(wanted).every(([key, value]) => value === undefined || covers((actual as Record<string, unknown>)[key], value));
}
