// The file of the last good configuration: what is written comes back, a failure leaves the old one, and any text is an answer.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { randomObjects } from "../../test/support/config/random.ts";
import { parseDocuments } from "../api/document.ts";
import { canonicalJson } from "../plan/canonical.ts";
import { createLastGoodFile, decodeLastGood, encodeLastGood } from "./lastgoodfile.ts";

const root = mkdtempSync(join(tmpdir(), "opensvr-lastgood-"));
afterAll(() => { rmSync(root, { recursive: true, force: true }); });

const freshPath = (): string => join(mkdtempSync(join(root, "state-")), "last-good.json");
const { objects } = parseDocuments([{ path: "a.yaml", text: "\napiVersion: opensvr.io/v1alpha1\nkind: Tenant\nmetadata: { name: acme }\n" }]);
const state = { objects, since: { "Tenant acme": "2026-01-01T00:00:00.000Z" } };
const other = { ...state, since: {} };

test("what is written is read, by another process too; the file is for its owner only", async () => {
  const path = freshPath();
  const store = createLastGoodFile(path);
  expect(await store.read()).toBeUndefined();
  await store.write(state);
  expect(await store.read()).toEqual({ ...state, objects: [{ ...objects[0], source: { file: "a.yaml", positions: new Map([["", { line: 2, column: 1 }]]) } }] });
  expect(await createLastGoodFile(path).read()).toEqual(await store.read());
  expect([statSync(path).mode & 0o777, existsSync(`${path}.new`)]).toEqual([0o600, false]);
});

test("what did not change is not written again, also not after a start", async () => {
  const path = freshPath();
  await createLastGoodFile(path).write(state);
  const { ino } = statSync(path);
  const store = createLastGoodFile(path);
  await store.read();
  await store.write(state);
  expect(statSync(path).ino).toBe(ino);
  await store.write(other);
  expect(statSync(path).ino).not.toBe(ino);
});

test("a write that fails leaves what was there, says why, and can be tried again", async () => {
  const path = freshPath();
  const store = createLastGoodFile(path);
  await store.write(state);
  const before = readFileSync(path, "utf8");
  mkdirSync(`${path}.new`); // nothing can be written there, by root neither
  await expect(store.write(other)).rejects.toMatchObject({ code: "SVR_LAST_GOOD", message: expect.stringContaining("EISDIR") as string });
  expect(readFileSync(path, "utf8")).toBe(before);
  rmSync(`${path}.new`, { recursive: true });
  await store.write(other);
  expect((await store.read())?.since).toEqual({});
});

test.each<[desc: string, make: (path: string) => void, why: string]>([
  ["other text", (path) => { writeFileSync(path, "{}"); }, "it is not what a router wrote"],
  ["half a file", (path) => { writeFileSync(path, encodeLastGood(state).slice(0, 40)); }, "it is not what a router wrote"],
  ["a folder", (path) => { mkdirSync(path); }, "EISDIR"],
])("%s is refused with what to do", async (_desc, make, why) => {
  const path = freshPath();
  make(path);
  chmodSync(path, 0o700);
  await expect(createLastGoodFile(path).read()).rejects.toMatchObject({ code: "SVR_LAST_GOOD", message: expect.stringContaining(why) as string });
});

test("any objects come back as they were", () => {
  fc.assert(fc.property(randomObjects, (random) => {
    const back = decodeLastGood(encodeLastGood({ objects: random, since: {} }));
    expect(back?.objects.map((one) => canonicalJson(one))).toEqual(random.map((one) => canonicalJson(one)));
  }));
});

test("any value is an answer; an object that is not accepted is left out", () => {
  const damaged = JSON.parse(encodeLastGood(state)) as { objects: { object: object }[] };
  damaged.objects.push({ object: { kind: "Tenant" } }, { object: { ...damaged.objects[0]?.object, kind: "Gone" } }, 7 as never);
  expect(decodeLastGood(JSON.stringify(damaged))?.objects.map((one) => one.id)).toEqual(["Tenant acme"]);
  fc.assert(fc.property(fc.json(), (text) => {
    expect(decodeLastGood(text)?.objects ?? []).toEqual([]);
  }));
});
