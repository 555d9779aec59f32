// Dependencies are pinned, recorded and declared; each rule is seen to fail on a sample.
import { checkDeclared, checkRecord, recordPath } from "./dependencies.ts";
import { loadRepository, source } from "./source.ts";

const manifest = (dependencies: Record<string, string>, devDependencies: Record<string, string> = {}) => source("package.json", JSON.stringify({ dependencies, devDependencies }));
const record = (rows: string) => source(recordPath, `| package | version | why |\n|---|---|---|\n${rows}\n`);

describe("dependencies", () => {
  const repository = loadRepository();

  test("are pinned and recorded", () => { expect(checkRecord(repository)).toEqual([]); });
  test("are declared where they are used", () => { expect(checkDeclared(repository)).toEqual([]); });

  test.each([
    { desc: "range", files: [manifest({ a: "^1.0.0" }), record("| `a` | ^1.0.0 | x |")], why: "not one version" },
    { desc: "no record", files: [manifest({ a: "1.0.0" }), record("")], why: "no row" },
    { desc: "other version", files: [manifest({ a: "1.0.0" }), record("| `a` | 1.0.1 | x |")], why: "no row" },
    { desc: "development package without record", files: [manifest({}, { a: "1.0.0" }), record("")], why: "no row" },
    { desc: "recorded but gone", files: [manifest({}), record("| `a` | 1.0.0 | x |")], why: "not a dependency" },
  ])("refused record: $desc", ({ files, why }) => {
    expect(checkRecord(files)).toEqual([expect.stringContaining(why)]);
  });

  test.each([
    { desc: "undeclared", path: "pkg/a/a.ts", text: 'import x from "b";' },
    { desc: "development package in a product", path: "pkg/a/a.ts", text: 'import x from "@dev/tool/sub";' },
    { desc: "undeclared in a test", path: "pkg/a/a.test.ts", text: 'import x from "b";' },
  ])("refused import: $desc", ({ path, text }) => {
    expect(checkDeclared([manifest({ a: "1.0.0" }, { "@dev/tool": "1.0.0" }), source(path, text)])).toHaveLength(1);
  });
  test("accepted imports", () => {
    const files = [source("pkg/a/a.ts", 'import x from "a/sub"; import y from "node:fs";'), source("scripts/a.ts", 'import x from "@dev/tool/sub";')];
    expect(checkDeclared([manifest({ a: "1.0.0" }, { "@dev/tool": "1.0.0" }), ...files])).toEqual([]);
  });
});
