// Words and calls that must not be committed: places of one machine, unfinished work, tests that run alone or never,
// sleeping tests, mocked modules. Pure functions over sources; words.test.ts runs them on the repository and on samples.
import ts from "typescript";
import { at, isCode, visit } from "./source.ts";
import type { Source } from "./source.ts";

/** skipHome is the only file that may skip a test: it demands a named probe. */
const skipHome = "test/support/probe.ts";

/** Rule pairs a pattern with the reason; the patterns are split so that this file does not hold the words. */
type Rule = readonly [RegExp, string];
const places: readonly Rule[] = [
  [new RegExp("/wor" + "k/"), "a path of one machine"],
  [new RegExp("/tmp/wor" + "k\\b"), "a path of one machine"],
  [new RegExp("\\.libr" + "ary\\b"), "a path of one machine"],
  [new RegExp("\\.\\./sha" + "red\\b"), "a path outside the repository"],
];
const unfinished: readonly Rule[] = [
  [new RegExp("\\b(TO" + "DO|FIX" + "ME|X" + "XX)\\b"), "unfinished work"],
];

/** checkWords lists places of one machine in all text files, and unfinished work in code. */
export function checkWords(sources: readonly Source[]): string[] {
  return sources.filter((file) => file.path !== "package-lock.json").flatMap((file) => (isCode(file.path) ? [...places, ...unfinished] : places).flatMap(([pattern, why]) => {
    const match = pattern.exec(file.text);
    return match === null ? [] : [`${at(file, match.index)}: ${match[0]}: ${why}`];
  }));
}

const runsAlone = /^(test|it|describe)(\.\w+)*\.(only|skip|todo|failing)$|^(xit|xtest|xdescribe|fit|fdescribe)$/;
const mocks = /^jest\.(mock|doMock|unstable_mockModule|spyOn|useFakeTimers)$/;
const sleeps = new Set(["setTimeout", "setInterval"]);

function testFault(name: string): string | undefined {
  if (runsAlone.test(name.replace(/\.each$/, ""))) return "tests run always, or skip by a named probe of test/support/probe.ts";
  if (mocks.test(name)) return "inject a port or the clock instead";
  return sleeps.has(name) || name === "Atomics.wait" ? "wait on observed state with a deadline (test/support/wait.ts)" : undefined;
}

/** checkTests lists tests that run alone or never, that sleep, or that replace modules. */
export function checkTests(sources: readonly Source[]): string[] {
  return sources.filter((file) => file.path.endsWith(".test.ts") && file.path !== skipHome).flatMap((file) => {
    const found: string[] = [];
    if (file.tree === undefined) return found;
    visit(file.tree, (node) => {
      const callee = ts.isCallExpression(node) ? node.expression : ts.isTaggedTemplateExpression(node) ? node.tag : undefined;
      const why = callee === undefined ? undefined : testFault(callee.getText());
      if (why !== undefined) found.push(`${at(file, node.getStart())}: ${callee?.getText() ?? ""}: ${why}`);
    });
    return found;
  });
}

/** checkCatches lists handlers that swallow an error: an empty block, or a promise's empty catch. */
export function checkCatches(sources: readonly Source[]): string[] {
  return sources.filter((file) => isCode(file.path)).flatMap((file) => {
    const found: string[] = [];
    if (file.tree === undefined) return found;
    visit(file.tree, (node) => {
      const inBlock = ts.isCatchClause(node) && node.block.statements.length === 0;
      const inPromise = ts.isCallExpression(node) && ts.isPropertyAccessExpression(node.expression) && node.expression.name.text === "catch"
        && /^(async )?\(?\w*\)? => (\{\s*\}|undefined|null)$/.test(node.arguments[0]?.getText() ?? "");
      if (inBlock || inPromise) found.push(`${at(file, node.getStart())}: an error is swallowed`);
    });
    return found;
  });
}
