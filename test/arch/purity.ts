// What files may reach for: L0-L3 nothing outside their arguments; pkg/ no command line, environment or signals; no
// mutable module state. Pure functions over sources; purity.test.ts runs them on the repository and on samples.
import ts from "typescript";
import { folderOf, importsOf, ranks } from "./layers.ts";
import { at, isTest, visit } from "./source.ts";
import type { Source } from "./source.ts";

const worldly = new Set([
  "process", "performance", "console", "setTimeout", "setInterval", "setImmediate", "queueMicrotask", "fetch", "crypto", "globalThis", "Worker", "Buffer", "require",
]);
const ownedByCmd = new Set(["argv", "argv0", "execArgv", "env", "exit", "exitCode", "on", "once", "stdin", "stdout", "stderr"]);

function isPureFolder(path: string): boolean {
  return (ranks[folderOf(path)] ?? 9) <= 3.5 && !isTest(path);
}

/** isUse tells an identifier that reads a name, rather than declares it or names a property. */
function isUse(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  if (ts.isTypeReferenceNode(parent) || ts.isQualifiedName(parent) || ts.isPropertyAssignment(parent) && parent.name === node) return false;
  return !("name" in parent && parent.name === node);
}

function impurity(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText();
    return text === "Date.now" || text === "Math.random" ? text : undefined;
  }
  if ((ts.isNewExpression(node) && (node.arguments?.length ?? 0) === 0 || ts.isCallExpression(node)) && node.expression.getText() === "Date") return "the clock";
  return ts.isIdentifier(node) && worldly.has(node.text) && isUse(node) ? node.text : undefined;
}

/** checkPurity lists uses of the outside world in L0-L3 and pkg/ports. */
export function checkPurity(sources: readonly Source[]): string[] {
  return sources.filter((file) => isPureFolder(file.path)).flatMap((file) => {
    const found = importsOf(file).filter((entry) => entry.name.startsWith("node:")).map((entry) => `${entry.where}: ${entry.name} in a pure layer`);
    if (file.tree !== undefined) {
      visit(file.tree, (node) => {
        const what = impurity(node);
        if (what !== undefined) found.push(`${at(file, node.getStart())}: ${what} in a pure layer`);
      });
    }
    return found;
  });
}

/** checkProcess lists reads of arguments, environment, standard streams and signals in pkg/: only cmd/ owns them. */
export function checkProcess(sources: readonly Source[]): string[] {
  return sources.filter((file) => file.path.startsWith("pkg/") && !isTest(file.path)).flatMap((file) => {
    const found: string[] = [];
    if (file.tree === undefined) return found;
    visit(file.tree, (node) => {
      if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.name) || !ownedByCmd.has(node.name.text)) return;
      if (node.expression.getText() === "process") found.push(`${at(file, node.getStart())}: process.${node.name.text} belongs in cmd/`);
    });
    return found;
  });
}

/** checkState lists variables at the top of modules in pkg/: what a module remembers, tests share. */
export function checkState(sources: readonly Source[]): string[] {
  return sources.filter((file) => file.path.startsWith("pkg/")).flatMap((file) => (file.tree?.statements ?? [])
    .filter((node) => ts.isVariableStatement(node) && (node.declarationList.flags & ts.NodeFlags.Const) === 0)
    .map((node) => `${at(file, node.getStart())}: mutable module state`));
}
