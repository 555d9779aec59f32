// What readers are told: a header in each source file, a sentence at each export. Pure functions over sources;
// headers.test.ts runs them on the repository and on samples.
import ts from "typescript";
import { at, isCode, isTest } from "./source.ts";
import type { Source } from "./source.ts";

const shortestHeader = 40, shortestSentence = 12;

/** headerOf is the comment that opens a file, behind an interpreter or licence line. */
export function headerOf(text: string): string {
  const lines = text.replace(/^#!.*\n/, "").replace(/^.*SPDX-License-Identifier:.*\n/, "");
  return /^\s*((?:\/\/.*\n|#(?!include|ifn?def|define|pragma).*\n|\/\*[\s\S]*?\*\/\s*)+)/.exec(lines)?.[1]?.replaceAll(/[/*#\s]+/g, " ").trim() ?? "";
}

/** checkHeaders lists source files that do not say what they are for. */
export function checkHeaders(sources: readonly Source[]): string[] {
  return sources.filter((file) => isCode(file.path) && headerOf(file.text).length < shortestHeader)
    .map((file) => `${file.path}: no header comment that says what it is for and who calls it`);
}

function isExported(node: ts.Statement): boolean {
  return ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.ExportKeyword);
}

/** namesOf are the names that a statement declares. */
function namesOf(node: ts.Statement): string[] {
  if (ts.isVariableStatement(node)) return node.declarationList.declarations.map((entry) => entry.name.getText());
  if (ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return [node.name?.text ?? "default"];
  return [];
}

/** commentOf is the comment that stands directly before a statement, as one line. */
function commentOf(file: Source, node: ts.Statement): string {
  const comment = ts.getLeadingCommentRanges(file.text, node.getFullStart())?.at(-1);
  if (comment === undefined || /\n\s*\n/.test(file.text.slice(comment.end, node.getStart()))) return "";
  return file.text.slice(comment.pos, comment.end).replaceAll(/^\/\*+|^\/\/+|\*+\/$/g, "").replaceAll(/\s*\n\s*\*?\s*/g, " ").trim();
}

/** isGrouped tells a constant or type that stands directly below another export: one comment, at the first, serves the group. */
function isGrouped(file: Source, statements: readonly ts.Statement[], index: number): boolean {
  const node = statements[index], previous = statements[index - 1];
  if (node === undefined || previous === undefined || mustNameItself(node) || !isExported(previous) || mustNameItself(previous)) return false;
  if (/\n\s*\n/.test(file.text.slice(previous.getEnd(), node.getStart()))) return false;
  return isDocumented(file, previous) || isGrouped(file, statements, index - 1);
}

/** isDocumented tells a statement with a comment before it or behind it on its line. */
function isDocumented(file: Source, node: ts.Statement): boolean {
  return commentOf(file, node).length >= shortestSentence || (ts.getTrailingCommentRanges(file.text, node.getEnd()) ?? []).length > 0;
}

/** mustNameItself: what runs is documented by a sentence that begins with its name; a type's sentence may begin freely. */
function mustNameItself(node: ts.Statement): boolean {
  return ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node);
}

function undocumented(file: Source, node: ts.Statement, names: readonly string[]): string[] {
  const comment = commentOf(file, node);
  if (!isDocumented(file, node)) return [`${at(file, node.getStart())}: export ${names.join(", ")} has no comment`];
  const first = /^`?(\w+)/.exec(comment)?.[1] ?? "";
  return mustNameItself(node) && !names.includes(first) ? [`${at(file, node.getStart())}: the comment of ${names.join(", ")} does not begin with its name`] : [];
}

/** checkExports lists exported names of product and tool files without their sentence. */
export function checkExports(sources: readonly Source[]): string[] {
  return sources.filter((file) => !isTest(file.path)).flatMap((file) => {
    const statements = file.tree?.statements ?? [];
    return statements.flatMap((node, index) => {
      const names = isExported(node) ? namesOf(node) : [];
      return names.length === 0 || isGrouped(file, statements, index) ? [] : undocumented(file, node, names);
    });
  });
}
