// One-time tokens: their text, what is kept of them, and when they count.
import fc from "fast-check";
import { formatToken, judgeToken, parseToken, readRecords, tokenKey } from "./sitetoken.ts";
import type { TokenRecord } from "./sitetoken.ts";

const token = { id: "0123456789abcdef", secret: "s".repeat(43), pin: "ab".repeat(32) };
const record: TokenRecord = { router: "branch", hash: "h", endsMs: 100 };

test("a token is read as it was written, and never when a character is missing or changed into another kind", () => {
  const text = formatToken(token);
  expect(parseToken(text)).toEqual(token);
  fc.assert(fc.property(fc.nat(text.length - 1), (at) => parseToken(text.slice(0, at) + text.slice(at + 1)) === undefined));
  fc.assert(fc.property(fc.nat(text.length - 1), fc.constantFrom("!", " ", "\n", "/"), (at, other) => parseToken(text.slice(0, at) + other + text.slice(at + 1)) === undefined));
});

test("records are read by id; what somebody wrote by hand is no token", () => {
  const used = { ...record, used: { atMs: 1, serial: "12" } };
  const texts = { pin: "ab", [tokenKey(token.id)]: JSON.stringify(record), [tokenKey("f".repeat(16))]: JSON.stringify(used), [tokenKey("a".repeat(16))]: "junk", [tokenKey("b".repeat(16))]: '{"router":1}', "token.x": JSON.stringify(record) };
  expect([...readRecords(texts)]).toEqual([[token.id, record], ["f".repeat(16), used]]);
});

test.each<[string, TokenRecord | undefined, boolean, string, number]>([
  ["unknown", undefined, true, "branch", 0], ["unknown", record, false, "branch", 0], ["unknown", { ...record, used: { atMs: 1, serial: "" } }, false, "hub", 200],
  ["used", { ...record, used: { atMs: 1, serial: "" } }, true, "branch", 0], ["ended", record, true, "branch", 100], ["other-name", record, true, "hub", 99],
])("not taken: %s", (error, of, isSecret, router, nowMs) => {
  expect(judgeToken(of, { router, nowMs, isSecret: () => isSecret })).toEqual({ ok: false, error });
});

test("taken: of this router, in its time, with its secret", () => {
  expect(judgeToken(record, { router: "branch", nowMs: 99, isSecret: (hash) => hash === "h" })).toEqual({ ok: true, value: record });
});
