// Good objects spoilt in every field, one change each: wrong types, empty, too long, other alphabets, numbers at and beyond bounds, near
// misses of addresses, durations and ranges, repeats, missing and unknown fields. Deterministic. Imported by tests only.

/** Spoilt is a copy of an object with one change; most are bad, some are still good. */
export interface Spoilt { path: string; change: string; object: Record<string, unknown> }

type Key = string | number;

const addresses = [
  "::ffff:192.0.2.1", "::192.0.2.1", "64:ff9b::192.0.2.1", "192.0.2.01", "192.0.2", "192.0.2.1.", "0xc0.0.2.1", "256.0.0.1", "fe80::1%eth0", "::", "0.0.0.0", ":::", "1::2::3", "2001:DB8::1", "12345::", "1:2:3:4:5:6:7",
  "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "::ffff:192.0.2.0/120", "192.0.2.0/33", "192.0.2.0/024", "192.0.2.0/+24", "192.0.2.0/", "192.0.2.0/24/24", "192.0.2.1/24", "0.0.0.0/0", "::/0", "::/129", "::1/0", "2001:db8::/032",
  "fe80::%eth0/64", " 192.0.2.1", "192.0.2.1 ", "255.255.255.255", "ff02::1", "localhost",
];
const durations = ["0s", "00s", "01s", "1m30s", "1.5s", "1500ms", "-1s", "+1s", "1", "1d", "1us", "1S", "999999999h", "1000000000h", "1 s", "86400s", "86401s", "24h", "1ms", "30s"];
const ranges = ["0-1", "1-0", "5-5", "1025-65535", "1024-2000", "65535-65536", "01-2", "1-", "-1", "1--2", "0", "65536", "80", "99999", "1 - 2", "1-2-3"];
const words = ["", " ", "A", "a-", "-a", "a.", ".a", "a..b", "a_b", "a/b", "a b", "a:b", "a\n", "\u00e9", "\u00a0", "\u{1f600}", "a".repeat(15), "a".repeat(16), "a".repeat(63), "a".repeat(64), `${"a".repeat(63)}.b`, "a".repeat(254), "a".repeat(5000), "a.b.c.d.e.f.g.h", "a.b.c.d.e.f.g.h.i", "<global>", "true", "1"];
const numbers = [-1, 0, 1, 2, 1.5, 255, 256, 1279, 1280, 4094, 4095, 65_535, 65_536, 999_999, 1_000_000, 50_000_000, 50_000_001, 2_147_483_647, 2_147_483_648, Number.MAX_SAFE_INTEGER, 2 ** 53, 1e300];

/** spoiltOf gives the copies of an object with one change in its name or below its spec. */
export function spoiltOf(object: Record<string, unknown>): Spoilt[] {
  const all: Spoilt[] = [];
  const put = (path: readonly Key[], value: unknown, change: string): void => { all.push({ path: path.join("."), change, object: replaced(object, path, value) as Record<string, unknown> }); };
  for (const name of words) put(["metadata", "name"], name, `is ${show(name)}`);
  visit(object["spec"], ["spec"], put);
  return all;
}

type Put = (path: readonly Key[], value: unknown, change: string) => void;

function visit(value: unknown, path: readonly Key[], put: Put): void {
  for (const other of othersOf(value)) put(path, other, `is ${show(other)}`);
  if (Array.isArray(value)) {
    put(path, [...value as unknown[], ...value.slice(0, 1) as unknown[]], "repeats its first");
    put(path, [...value as unknown[], null], "ends with null");
    for (const [index, inner] of value.entries()) visit(inner, [...path, index], put);
  } else if (typeof value === "object" && value !== null) {
    put(path, { ...value, surprise: 1 }, "has a field that is none");
    for (const name of ["", "a b", "a".repeat(317), "a".repeat(318)]) put(path, { ...value, [name]: "x" }, `has a field ${show(name)}`);
    for (const [name, inner] of Object.entries(value)) {
      put(path, Object.fromEntries(Object.entries(value).filter(([other]) => other !== name)), `lacks ${name}`);
      visit(inner, [...path, name], put);
    }
  }
}

/** What stands in the place of a value. Null is left out: the API server takes it for "not given" where there is a default. */
function othersOf(value: unknown): unknown[] {
  const types = ["text", 7, true, {}, []];
  if (typeof value === "number") return [...numbers, value - 1, value + 1, ...types];
  if (typeof value !== "string") return types;
  const near = /^[0-9]+(ms|s|m|h)$/.test(value) ? durations : /^[0-9]+-[0-9]+$/.test(value) ? ranges : /^[0-9.]+(\/|$)|::/.test(value) ? addresses : [];
  return [...near, ...words, value.toUpperCase(), value.toLowerCase(), ...types];
}

function replaced(value: unknown, [key, ...rest]: readonly Key[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value)) return value.map((inner: unknown, index) => (index === key ? replaced(inner, rest, by) : inner));
  const record = value as Record<string, unknown>;
  return { ...record, [key]: replaced(record[key], rest, by) };
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}... (${text.length})` : text;
}
