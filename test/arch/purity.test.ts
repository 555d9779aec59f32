// Pure layers stay pure, pkg/ leaves the process to cmd/, modules remember nothing; each rule is seen to fail on a sample.
import { checkProcess, checkPurity, checkState } from "./purity.ts";
import { loadRepository, source } from "./source.ts";

describe("purity", () => {
  const repository = loadRepository();

  test("L0-L3 and pkg/ports are pure", () => { expect(checkPurity(repository)).toEqual([]); });
  test("only cmd/ uses arguments, environment, streams and signals", () => { expect(checkProcess(repository)).toEqual([]); });
  test("no mutable module state", () => { expect(checkState(repository)).toEqual([]); });

  test.each([
    'import { readFileSync } from "node:fs";', "const t = Date.now();", "const t = new Date();", "const t = Date();", "const r = Math.random();", "process.nextTick(f);",
    "const t = performance.now();", "setTimeout(f, 1);", 'console.log("x");', "const b = Buffer.alloc(1);", "crypto.getRandomValues(b);", "const g = globalThis;",
    'const m = await import("node:os");', "const later = { setTimeout };",
  ])("refused in a pure layer: %s", (text) => {
    for (const path of ["pkg/base/a.ts", "pkg/plan/a.ts", "pkg/ports/a.ts"]) expect(checkPurity([source(path, text)])).toHaveLength(1);
  });

  test.each(["const t = new Date(now);", "const d = Date.parse(text);", "interface A { process: number; console(): void }", "step.process(packet);", "const a = { process: 1 };"])(
    "allowed in a pure layer: %s", (text) => { expect(checkPurity([source("pkg/svr/a.ts", text)])).toEqual([]); });

  test("tests of a pure layer and upper layers may look at the world", () => {
    expect(checkPurity([source("pkg/svr/a.test.ts", "Date.now();"), source("pkg/netio/a.ts", "Date.now();")])).toEqual([]);
  });

  test.each(["process.argv", "process.env", 'process.on("SIGTERM", f)', "process.exit(1)", "process.stdout.write(x)"])("refused in pkg/: %s", (text) => {
    expect(checkProcess([source("pkg/router/a.ts", text)])).toHaveLength(1);
    expect(checkProcess([source("cmd/router/main.ts", text)])).toEqual([]);
  });

  test.each(["let count = 0;", "export let cache: string[] = [];", "var x = 1;"])("refused at the top of a module: %s", (text) => {
    expect(checkState([source("pkg/router/a.ts", text)])).toHaveLength(1);
  });
  test("constants and locals are no module state", () => {
    expect(checkState([source("pkg/router/a.ts", "const a = 1; function f() { let b = 2; return b; }")])).toEqual([]);
  });
});
