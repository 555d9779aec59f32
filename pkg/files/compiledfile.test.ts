// The file of compiled configurations: what is written comes back, and any other text is an answer.
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { createCompiledFile, decodeCompiled, encodeCompiled } from "./compiledfile.ts";

const root = mkdtempSync(join(tmpdir(), "opensvr-compiled-"));
afterAll(() => { rmSync(root, { recursive: true, force: true }); });

const head = { router: "edge", format: 1, version: "0.1.0", hash: "aa", pages: ["bb", "cc"] };
const state = { heads: [head, { ...head, hash: "dd" }], pages: new Map([["bb", "config {}\n"], ["cc", ""]]) };

test("what is written is read, by another process too; the file is for its owner only", async () => {
  const path = join(root, "a.json");
  expect(await createCompiledFile(path).read()).toBeUndefined();
  await createCompiledFile(path).write(state);
  expect(await createCompiledFile(path).read()).toEqual(state);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("half a file, or another one, is refused with what to do", async () => {
  const path = join(root, "b.json");
  for (const text of [encodeCompiled(state).slice(0, 60), "{}", '{"format":1,"heads":[{}],"pages":[]}']) {
    writeFileSync(path, text);
    await expect(createCompiledFile(path).read()).rejects.toMatchObject({ code: "SVR_LAST_GOOD" });
  }
});

test("any value is an answer", () => {
  fc.assert(fc.property(fc.json(), (text) => { expect(decodeCompiled(text)).toBeUndefined(); }));
});
