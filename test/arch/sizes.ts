// Sizes of files and functions in TypeScript and C, and names of files. Pure functions over sources; sizes.test.ts runs
// them on the repository and on samples. Generated files are exempt.
import { posix } from "node:path";
import ts from "typescript";
import { isCode, isGenerated, visit } from "./source.ts";
import type { Source } from "./source.ts";

const fileLimit = 400, functionLimit = 60, mainLimit = 80;
const vagueNames = /^(((utils?|common|misc|manager|helpers?|part-?\d+)\.)|index\.(ts|mjs)$)/;

/** CFunction is one function definition of a C text with its first line and its length in lines. */
interface CFunction { readonly name: string; readonly line: number; readonly length: number }

/** blankC replaces comments, strings and preprocessor lines of C by blanks, so that braces and lines can be counted. */
export function blankC(text: string): string {
  const blank = (match: string): string => match.replaceAll(/[^\n]/g, " ");
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'/g, blank)
    .replaceAll(/^[ \t]*#(?:[^\n\\]|\\\n|\\.)*/gm, blank);
}

/** nameBefore is the word in front of the parenthesis that ends a text, its partner found by counting. */
function nameBefore(text: string): string | undefined {
  const head = text.trimEnd();
  if (!head.endsWith(")") || head.includes("=")) return undefined;
  let depth = 0;
  for (let i = head.length - 1; i >= 0; i--) {
    if (head[i] === ")") depth++;
    else if (head[i] === "(" && --depth === 0) return /(\w+)\s*$/.exec(head.slice(0, i))?.[1];
  }
  return undefined;
}

/** functionsOfC finds the function definitions of a C text: a parenthesis, then a brace, outside all others. */
export function functionsOfC(text: string): CFunction[] {
  const found: CFunction[] = [];
  const code = blankC(text);
  let depth = 0, head = 0, open: { name: string; line: number } | undefined;
  const lineAt = (index: number): number => code.slice(0, index).split("\n").length;
  for (let i = 0; i < code.length; i++) {
    if (code[i] === "{" && depth++ === 0) {
      const before = code.slice(head, i);
      const name = nameBefore(before);
      open = name === undefined ? undefined : { name, line: lineAt(head + before.search(/\S/)) };
    } else if (code[i] === "}" && --depth === 0) {
      if (open !== undefined) found.push({ ...open, length: lineAt(i) - open.line + 1 });
      head = i + 1;
    } else if (code[i] === ";" && depth === 0) head = i + 1;
  }
  return found;
}

/** isSuite tells the function that is the body of `describe(...)`, or of a suite behind probes: a list of tests, not an algorithm. */
function isSuite(node: ts.Node): boolean {
  return ts.isCallExpression(node.parent) && /^describe(Net|Where)?\b/.test(node.parent.expression.getText());
}

function longFunctionsOfTs(file: Source): string[] {
  const found: string[] = [];
  const tree = file.tree;
  if (tree === undefined) return found;
  visit(tree, (node) => {
    if (!ts.isFunctionLike(node) || !("body" in node) || node.body === undefined || isSuite(node)) return;
    const first = tree.getLineAndCharacterOfPosition(node.getStart()).line, last = tree.getLineAndCharacterOfPosition(node.getEnd()).line;
    if (last - first + 1 > functionLimit) found.push(`${file.path}:${first + 1}: ${node.name?.getText() ?? "function"} has ${last - first + 1} lines of at most ${functionLimit}`);
  });
  return found;
}

function longFunctionsOfC(file: Source): string[] {
  if (!/\.[ch]$/.test(file.path)) return [];
  return functionsOfC(file.text).filter((entry) => entry.length > functionLimit)
    .map((entry) => `${file.path}:${entry.line}: ${entry.name} has ${entry.length} lines of at most ${functionLimit}`);
}

function limitOf(path: string): number {
  return /^cmd\/[^/]+\/main\.ts$/.test(path) ? mainLimit : fileLimit;
}

function isMeasured(file: Source): boolean {
  return isCode(file.path) && !isGenerated(file.text);
}

/** checkSizes lists files and functions that are too long. */
export function checkSizes(sources: readonly Source[]): string[] {
  return sources.filter(isMeasured).flatMap((file) => {
    const lines = file.text.trimEnd().split("\n").length, limit = limitOf(file.path);
    return [...(lines > limit ? [`${file.path}: ${lines} lines of at most ${limit}`] : []), ...longFunctionsOfTs(file), ...longFunctionsOfC(file)];
  });
}

/** checkNames lists files whose name says nothing, or is not lower case. */
export function checkNames(sources: readonly Source[]): string[] {
  return sources.filter((file) => isCode(file.path)).flatMap((file) => {
    const name = posix.basename(file.path);
    if (vagueNames.test(name)) return [`${file.path}: the name does not say what is inside`];
    return /^[a-z0-9._-]+$/.test(name) ? [] : [`${file.path}: file names are lower case`];
  });
}
