// YAML text cut into documents, each read on its own with bounded nesting: what breaks one document costs only that one.
// Called by document.ts. Total: a document is either read (with the library's findings) or refused with a reason.
import { Composer, Lexer, LineCounter, Parser, YAMLParseError, isScalar, visit } from "yaml";
import type { Document, ParsedNode } from "yaml";
import type { Position } from "./problem.ts";

/** YamlDocument is one document as a tree with offsets; `errors` lists what is not YAML. */
export type YamlDocument = Document.Parsed<ParsedNode>;

/** YamlChunk is one document of a stream: read, or refused with the reason; `place` turns its offsets into places in the file. */
export type YamlChunk =
  | { ok: true; document: YamlDocument; place: (offset: number) => Position }
  | { ok: false; why: string; at: Position };

/** deepestNesting bounds collections inside collections; our kinds need ten. */
export const deepestNesting = 100;

/**
 * Tags such as !!set make values that a schema takes for an empty object, so they stay unknown, whatever version a directive
 * names. The library compares each key of a mapping with all others: repeated keys are found here instead.
 */
const plainData = { schema: "core", resolveKnownTags: false, uniqueKeys: false } as const;

/** yamlChunks reads a stream document by document. */
export function* yamlChunks(text: string): Generator<YamlChunk> {
  let line = 0;
  for (const chunk of splitStream(text)) {
    if (content.test(chunk)) yield* readChunk(chunk, line);
    line += countLines(chunk);
  }
}

/** A line with more than a comment; and one with more than a comment or a directive. */
const content = /(?:^|\n)[^\S\n]*[^\s#]/;
const beyondDirectives = /(?:^|\n)[^\S\n]*[^\s#%]/;

/** Cuts before each `---` at the start of a line, where YAML always ends a document; directives stay with theirs. */
function splitStream(text: string): string[] {
  const cuts = [...text.matchAll(/^---(?=\s|$)/gm)].map((match) => match.index);
  const starts = [0, ...cuts.filter((cut) => cut > 0)];
  const chunks = starts.map((start, index) => text.slice(start, starts[index + 1]));
  const first = chunks[0] ?? "";
  const isPreamble = content.test(first) && !beyondDirectives.test(first);
  return isPreamble && chunks.length > 1 ? [first + (chunks[1] ?? ""), ...chunks.slice(2)] : chunks;
}

function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) count += 1;
  return count;
}

function* readChunk(text: string, firstLine: number): Generator<YamlChunk> {
  const lines = new LineCounter();
  const place = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: firstLine + Math.max(1, line), column: Math.max(1, col) };
  };
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer<ParsedNode>({ lineCounter: lines, prettyErrors: false, logLevel: "silent", ...plainData });
  const documents: YamlDocument[] = [];
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) documents.push(...composer.next(token));
    if (parser.stack.length > deepestNesting) {
      yield { ok: false, why: `the document is nested deeper than ${deepestNesting}`, at: place(parser.offset) };
      return;
    }
  }
  for (const token of parser.end()) documents.push(...composer.next(token));
  documents.push(...composer.end());
  for (const document of documents) {
    findRepeatedKeys(document);
    yield { ok: true, document, place };
  }
}

/** A repeated key is an error at its place; two keys are the same when they name one property. */
function findRepeatedKeys(document: YamlDocument): void {
  visit(document, {
    Map(_key, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        const [from, to] = key.range ?? document.range;
        if (seen.has(name)) document.errors.push(new YAMLParseError([from, to], "DUPLICATE_KEY", "Map keys must be unique"));
        seen.add(name);
      }
    },
  });
}
