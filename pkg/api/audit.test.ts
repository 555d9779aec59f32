// The chain of the audit log: what is written verifies, and every way to tamper with it is found and named.
import { createHash } from "node:crypto";
import { auditLine, createAuditVerifier, noHash, readAuditLine } from "./audit.ts";
import type { AuditEnd, AuditVerdict } from "./audit.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** A chain of so many lines from a sequence on. */
function chainOf(count: number, from: AuditEnd = { sequence: 0, hash: noHash }, object = "peer west"): string[] {
  let { hash } = from;
  return Array.from({ length: count }, (_, index) => {
    const line = auditLine({ sequence: from.sequence + index + 1, time: "2026-11-28T03:00:00.000Z", previous: hash, kind: "key", action: "rotated", object, detail: { id: index } }, sha256);
    hash = line.hash;
    return line.text;
  });
}

function endOf(lines: readonly string[]): AuditEnd {
  const last = readAuditLine(lines.at(-1) ?? "");
  return { sequence: last?.entry.sequence ?? 0, hash: last?.hash ?? noHash };
}

function verify(lines: readonly string[], head?: AuditEnd): AuditVerdict {
  const verifier = createAuditVerifier(sha256, head);
  for (const [index, line] of lines.entries()) verifier.line(`a:${index + 1}`, line);
  return verifier.verdict();
}

const found = (lines: readonly string[], head?: AuditEnd): string[] => verify(lines, head).faults.map(({ where, kind }) => `${where} ${kind}`);
const whole = chainOf(6);
const without = (...drop: number[]): string[] => whole.filter((_, index) => !drop.includes(index));

test("what is written verifies, with and without a head", () => {
  expect(verify(whole, endOf(whole))).toEqual({ lines: 6, first: 1, last: endOf(whole), faults: [], more: 0 });
  expect(verify(whole, endOf(whole.slice(0, 4))).faults).toEqual([]); // the log went on meanwhile
  expect(verify([])).toEqual({ lines: 0, first: 0, last: { sequence: 0, hash: noHash }, faults: [], more: 0 });
  expect(verify([], { sequence: 0, hash: noHash }).faults).toEqual([]);
});

test("a log whose oldest files are gone verifies from where it begins", () => {
  expect(verify(whole.slice(3), endOf(whole))).toMatchObject({ first: 4, faults: [] });
  expect(verify(whole.slice(3), endOf(whole.slice(0, 2)))).toMatchObject({ first: 4, faults: [] });
});

test.each<[string, string[], string[], AuditEnd?]>([
  ["a changed event", whole.with(2, (whole[2] ?? "").replace("peer west", "peer east")), ["a:3 changed"]],
  ["a changed event with a new hash", whole.with(2, chainOf(1, endOf(whole.slice(0, 2)), "peer east")[0] ?? ""), ["a:4 unchained"]],
  ["a removed event", without(2), ["a:3 missing"]],
  ["two removed events", without(2, 3), ["a:3 missing"]],
  ["an event that was put in", whole.toSpliced(3, 0, chainOf(1, endOf(whole.slice(0, 3)), "peer east")[0] ?? ""), ["a:5 misplaced", "a:6 unchained"]],
  ["the same event twice", whole.toSpliced(3, 0, whole[2] ?? ""), ["a:4 misplaced"]],
  ["two events in another order", whole.with(2, whole[3] ?? "").with(3, whole[2] ?? ""), ["a:3 missing", "a:4 misplaced"]],
  ["a first event that follows another", chainOf(2, { sequence: 0, hash: "1".repeat(64) }), ["a:1 unchained"]],
  ["an end that was cut", whole.slice(0, 4), ["end cut"], endOf(whole)],
  ["a log that is gone", [], ["end cut"], endOf(whole)],
  ["an end that was written again", [...whole.slice(0, 4), ...chainOf(2, endOf(whole.slice(0, 4)), "peer east")], ["end rewritten"], endOf(whole)],
  ["half a line", whole.with(2, (whole[2] ?? "").slice(0, 90)), ["a:3 unreadable", "a:4 missing"]],
  ["no JSON", [`{"a${(whole[0] ?? "").slice(-75)}`], ["a:1 unreadable"]],
  ["no object", [`1${(whole[0] ?? "").slice(-75)}`], ["a:1 unreadable"]],
  ["other fields", [`{"sequence":1${(whole[0] ?? "").slice(-75)}`], ["a:1 unreadable"]],
])("%s is found", (...[, lines, faults, head]) => {
  expect(found(lines, head)).toEqual(faults);
});

test("of very many faults the first are told, and how many more there are", () => {
  expect(verify(Array.from({ length: 130 }, () => "x"))).toMatchObject({ lines: 130, more: 30 });
});

test("any single byte that is changed anywhere is found", () => {
  const text = whole.join("\n"), head = endOf(whole);
  const unseen = [...text].flatMap((was, at) => (was !== "\n" && verify(`${text.slice(0, at)}${was === "0" ? "1" : "0"}${text.slice(at + 1)}`.split("\n"), head).faults.length === 0 ? [at] : []));
  expect(unseen).toEqual([]);
});
