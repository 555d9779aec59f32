// The layer map as a rule on imports: downward only, no neighbour of the same layer, packages only where they belong.
// Pure functions over sources; layers.test.ts runs them on the repository and on samples that break them.
import ts from "typescript";
import { at, isTest, visit } from "./source.ts";
import type { Source } from "./source.ts";
import { posix } from "node:path";

/** ranks gives each folder its layer. Within a layer folders are strangers; pkg/native lies below the adapters that bind it. */
export const ranks: Readonly<Record<string, number>> = {
  "pkg/base": 0,
  "pkg/svr": 1, "pkg/bfd": 1,
  "pkg/api": 2,
  "pkg/plan": 3,
  "pkg/ports": 3.5,
  "pkg/native": 3.7,
  "pkg/kube": 4, "pkg/bus": 4, "pkg/datapath": 4, "pkg/netio": 4, "pkg/security": 4, "pkg/telemetry": 4, "pkg/capture": 4, "pkg/frr": 4, "pkg/files": 4,
  "pkg/operator": 5, "pkg/router": 5, "pkg/console": 5, "pkg/cli": 5,
};

const nativeUsers = ["pkg/datapath", "pkg/netio", "pkg/security"];

/** packageHomes lists the only folders that may import a package; a package that is not listed may be imported by tests and scripts only. */
export const packageHomes: Readonly<Record<string, readonly string[]>> = {
  "@kubernetes/client-node": ["pkg/kube"],
  "@peculiar/x509": ["pkg/security"],
  "reflect-metadata": ["pkg/security"],
  commander: ["cmd", "pkg/cli"],
  koffi: ["pkg/native"],
  pino: ["cmd", "pkg/router"],
  yaml: ["pkg/api", "pkg/files", "pkg/cli", "cmd"],
  cdk8s: ["deploy"],
  constructs: ["deploy"],
  zod: ["pkg/api", "pkg/cli", "deploy"],
};

/** Import is one module named by a source, by `import`, `export from`, `import()` or `new URL(..., import.meta.url)`. */
interface Import { readonly name: string; readonly where: string; readonly typeOnly: boolean }

/** folderOf is the layer folder of a path: `pkg/x`, `cmd`, `test`, `scripts`, `deploy`, or nothing. */
export function folderOf(path: string): string {
  return /^(pkg\/[^/]+|cmd|test|scripts|deploy)(?=\/)/.exec(path)?.[1] ?? "";
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isImportDeclaration(node) ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword : node.isTypeOnly;
}

/** importsOf lists the modules that a source names. */
export function importsOf(file: Source): Import[] {
  const found: Import[] = [];
  const add = (literal: ts.Node | undefined, typeOnly: boolean): void => {
    if (literal !== undefined && ts.isStringLiteralLike(literal)) found.push({ name: literal.text, where: at(file, literal.getStart()), typeOnly });
  };
  if (file.tree === undefined) return [];
  visit(file.tree, (node) => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node));
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) add(node.arguments[0], false);
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true);
    else if (ts.isNewExpression(node) && node.expression.getText() === "URL" && node.arguments?.[1]?.getText() === "import.meta.url") add(node.arguments[0], false);
  });
  return found;
}

/** refusal tells why a file of one folder may not import from another, or nothing. */
function refusal(from: string, to: string, inTest: boolean): string | undefined {
  if (from === to || from === "test") return undefined;
  if (to === "test") return inTest || from === "scripts" ? undefined : "only tests and scripts import test/";
  if (to === "cmd") return "nothing imports cmd/";
  if (from === "deploy") return to === "pkg/api" || inTest ? undefined : "deploy/ uses the types of pkg/api only";
  if (to === "deploy") return from === "scripts" ? undefined : "product files do not import deploy/";
  if (from === "cmd" || from === "scripts") return undefined;
  if (to === "scripts") return "product files do not import scripts/";
  const upper = ranks[from], lower = ranks[to];
  if (upper === undefined || lower === undefined) return `the layer map has no ${upper === undefined ? from : to}`;
  if (to === "pkg/native") return nativeUsers.includes(from) ? undefined : "only datapath, netio and security import pkg/native";
  if (lower === 4 && upper === 5) return "applications get adapters through pkg/ports; only cmd/ constructs them";
  if (lower === upper) return "folders of one layer do not import each other";
  return lower < upper ? undefined : "imports go downward only";
}

function packageRefusal(from: string, name: string, inTest: boolean): string | undefined {
  if (name.startsWith("node:") || inTest || from === "scripts" || from === "test") return undefined;
  const homes = packageHomes[name];
  return homes?.includes(from) === true ? undefined : `package ${name} belongs in ${homes?.join(", ") ?? "tests and scripts"} only`;
}

/** checkLayers lists imports that the layer map forbids. */
export function checkLayers(sources: readonly Source[]): string[] {
  return sources.flatMap((file) => importsOf(file).flatMap(({ name, where }) => {
    const from = folderOf(file.path);
    const why = name.startsWith(".")
      ? refusal(from, folderOf(posix.join(posix.dirname(file.path), name)), isTest(file.path))
      : packageRefusal(from, name, isTest(file.path));
    return why === undefined || from === "" ? [] : [`${where}: imports ${name}: ${why}`];
  }));
}

/** checkPorts lists what is not a type in pkg/ports: it holds interfaces, and imports types only. */
export function checkPorts(sources: readonly Source[]): string[] {
  return sources.filter((file) => folderOf(file.path) === "pkg/ports" && !isTest(file.path)).flatMap((file) => [
    ...importsOf(file).filter((entry) => !entry.typeOnly).map((entry) => `${entry.where}: imports ${entry.name} at run time: pkg/ports imports types only`),
    ...(file.tree?.statements ?? []).filter((node) => !ts.isImportDeclaration(node) && !ts.isInterfaceDeclaration(node) && !ts.isTypeAliasDeclaration(node) && !ts.isExportDeclaration(node))
      .map((node) => `${at(file, node.getStart())}: pkg/ports holds types only`),
  ]);
}
