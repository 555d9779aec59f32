// Canonical JSON: keys in byte order, absent fields left out. Called to compare and to store compiled configuration;
// equal values give equal bytes whatever order their fields were set in.

/** canonicalJson writes a value of plain data; lists keep their order. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, one: unknown) => (isRecord(one) ? sortedFields(one) : one)) ?? "null";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function sortedFields(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}
