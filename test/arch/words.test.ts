// Nothing of one machine, nothing unfinished, no test that runs alone, never, asleep or on mocked modules.
import { loadRepository, source } from "./source.ts";
import { checkCatches, checkTests, checkWords } from "./words.ts";

describe("words", () => {
  const repository = loadRepository();

  test("no place of one machine, nothing unfinished", () => { expect(checkWords(repository)).toEqual([]); });
  test("tests run always, do not sleep, do not mock", () => { expect(checkTests(repository)).toEqual([]); });
  test("no error is swallowed", () => { expect(checkCatches(repository)).toEqual([]); });

  test.each(["cd /wor" + "k/main", "see ../sha" + "red/design", "// TO" + "DO: later", "/* FIX" + "ME */", ".libr" + "ary/x"])("refused word: %s", (text) => {
    expect(checkWords([source("pkg/a/a.ts", text)])).toHaveLength(1);
  });

  test.each([
    'test.only("x", f);', 'describe.skip("x", f);', 'it.todo("x");', 'test.failing("x", f);', 'xtest("x", f);', 'test.only.each([1])("x", f);', 'test.skip.each`a`("x", f);',
    'jest.mock("./x.ts");', 'jest.unstable_mockModule("./x.ts", f);', "await new Promise((done) => setTimeout(done, 100));", "setInterval(f, 1);",
  ])("refused in a test: %s", (text) => {
    expect(checkTests([source("pkg/a/a.test.ts", text)])).toHaveLength(1);
  });
  test("what tests may call", () => {
    expect(checkTests([source("pkg/a/a.test.ts", 'test("only", f); test.each([1])("skip %p", f); path.skip(3);'), source("test/support/wait.ts", "setTimeout(f, 20);")])).toEqual([]);
  });

  test.each(["try { f(); } catch {}", "try { f(); } catch (error) { /* nothing */ }", "void f().catch(() => {});", "f().catch(() => undefined);"])("refused: %s", (text) => {
    expect(checkCatches([source("pkg/a/a.ts", text)])).toHaveLength(1);
  });
  test("a handled error", () => { expect(checkCatches([source("pkg/a/a.ts", "try { f(); } catch (error) { return fail(error); }")])).toEqual([]); });
});
