// Equality of plain data: values, lists, records, maps. And what sets do not share. Called by memo.ts to stop where nothing changed; fast where parts are the same
// object. Functions are equal when they are one. Pure.

/** sameValue tells whether two values of plain data are equal; the order of fields has no effect. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((one, index) => sameValue(one, b[index]));
  if (a instanceof Map || b instanceof Map) return a instanceof Map && b instanceof Map && a.size === b.size && [...a].every(([key, one]) => b.has(key) && sameValue(one, b.get(key)));
  return sameFields(a as Record<string, unknown>, b as Record<string, unknown>);
}

/** without gives what is in one set and not in the other. */
export function without<T>(one: ReadonlySet<T>, other: ReadonlySet<T>): T[] {
  return [...one].filter((value) => !other.has(value));
}

function sameFields(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]));
}
