// One authority takes over from another: nobody signs before everybody believes, and nobody is forgotten who is needed.
import { entryOf, nextBundle, sameBundle } from "./rotation.ts";
import type { Bundle, RotationFacts } from "./rotation.ts";

const [a, b] = ["a".repeat(40), "b".repeat(40)].map((key) => ({ key, top: `PEM ${key[0] ?? ""}` })) as [{ key: string; top: string }, { key: string; top: string }];
const MINUTE = 60_000, now = 1_000 * MINUTE;
const facts = (more: Partial<RotationFacts> = {}): RotationFacts => ({ isTold: false, waitedMs: 0, signedMs: 0, held: [], unneededMs: () => Infinity, living: (pem) => pem, nowMs: now, ...more });
const bundle = (signs: string | undefined, ...entries: [string, string][]): Bundle => ({ entries: new Map(entries), ...(signs !== undefined && { signs }) });
const [entryA, entryB] = [a, b].map(({ key, top }) => [entryOf(key), top]) as [[string, string], [string, string]];
const [ofA, both, ofB] = [bundle(a.key, entryA), bundle(a.key, entryA, entryB), bundle(b.key, entryA, entryB)];
const held = (authorityKey: string, notAfter = now + MINUTE): RotationFacts["held"] => [{ authorityKey, notAfter }, { authorityKey: b.key, notAfter }];

test("the first one signs at once, also beside entries of somebody else", () => {
  expect(nextBundle(bundle(undefined), a, facts())).toEqual(ofA);
  expect(nextBundle(bundle(undefined, ["mine.pem", "X"]), a, facts())).toEqual(bundle(a.key, entryA, ["mine.pem", "X"]));
});

test("another one is believed first, and signs when all know it, or have not for too long", () => {
  expect(nextBundle(ofA, b, facts({ isTold: true, waitedMs: 9 * MINUTE }))).toEqual(both);
  expect(nextBundle(both, b, facts())).toEqual(both);
  expect(nextBundle(both, b, facts({ isTold: true }))).toEqual(ofB);
  expect(nextBundle(both, b, facts({ waitedMs: 5 * MINUTE }))).toEqual(ofB);
});

test.each<[string, Partial<RotationFacts>, Bundle]>([
  ["one router has a certificate of the old one still", { signedMs: MINUTE, held: held(a.key) }, ofB],
  ["one does not say who signed its certificate", { signedMs: MINUTE, held: held("") }, ofB],
  ["what was signed last may be on its way", { signedMs: 29_999, held: held(b.key) }, ofB],
  ["the last one has renewed just now: its peers have keys by its old certificate still", { signedMs: 9 * MINUTE, held: held(b.key), unneededMs: (key) => (key === a.key ? 59_999 : Infinity) }, ofB],
  ["all have one of the new one", { signedMs: 30_000, held: held(b.key), unneededMs: (key) => (key === a.key ? MINUTE : 0) }, bundle(b.key, entryB)],
  ["the last one of the old one has ended", { signedMs: MINUTE, held: held(a.key, now) }, bundle(b.key, entryB)],
  ["the old one has ended itself", { held: held(a.key), living: (pem) => (pem === a.top ? "" : pem) }, bundle(b.key, entryB)],
])("the old one goes when nobody needs it: %s", (_what, more, after) => {
  expect(nextBundle(ofB, b, facts(more))).toEqual(after);
});

test("an entry of somebody else stays whatever happens, and one that is taken out by hand does not come back", () => {
  const mine = bundle(b.key, entryB, ["next.pem", "X"]);
  expect(nextBundle(mine, b, facts({ signedMs: MINUTE, living: () => "" }))).toEqual(mine);
});

test("another certificate of the same key comes before the one that is there, which counts until it ends", () => {
  const [renewed] = [bundle(a.key, [entryOf(a.key), "renewed PEM a"])];
  expect(nextBundle(ofA, { ...a, top: "renewed " }, facts())).toEqual(renewed);
  expect(nextBundle(renewed, { ...a, top: "renewed " }, facts())).toEqual(renewed);
  expect(nextBundle(renewed, { ...a, top: "again " }, facts({ living: (pem) => pem.replace("PEM a", "") }))).toEqual(bundle(a.key, [entryOf(a.key), "again renewed "]));
});

test("going back before the new one signs: it signs on, and the new one goes", () => {
  const back = nextBundle(both, a, facts({ signedMs: MINUTE, held: held(a.key) }));
  expect(back).toEqual(both); // one router has got one of the new one
  expect(nextBundle(both, a, facts({ signedMs: MINUTE, held: [{ authorityKey: a.key, notAfter: now + 1 }] }))).toEqual(ofA);
});

test("what differs is told", () => {
  expect([ofA, bundle(undefined, entryA), both, bundle(a.key, [entryOf(a.key), "X"]), bundle(a.key, entryB)].map((other) => sameBundle(ofA, other))).toEqual([true, false, false, false, false]);
});
