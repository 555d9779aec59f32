// Reads the guide as a script: blocks marked `sh` are run in order, in one shell, and a block marked `text` right behind one is
// what a reader will see. Called by test/net/guide.test.ts and test/kube/guide.test.ts; runs nothing itself.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** GuideBlock is one block to run; `shows` is the output that the page promises, if any. */
export interface GuideBlock { title: string; body: string; shows?: string }

/** clusterPage is the page that needs a cluster; test/kube/guide.test.ts runs it. */
export const clusterPage = "13-kubernetes.md";

/** readGuide reads the pages of a folder in the order of their names, but that for clusters. */
export function readGuide(folder: string): GuideBlock[] {
  return readdirSync(folder).filter((name) => /^\d.*\.md$/.test(name) && name !== clusterPage).sort().flatMap((name) => blocksOf(readFileSync(join(folder, name), "utf8"), name));
}

/** blocksOf reads one page. */
export function blocksOf(text: string, name: string): GuideBlock[] {
  const blocks: GuideBlock[] = [];
  let last: { block: GuideBlock; end: number } | undefined;
  for (const match of text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) {
    const [whole, kind, body = ""] = match;
    if (kind === "sh") {
      const block: GuideBlock = { title: `${name}:${text.slice(0, match.index).split("\n").length}`, body };
      blocks.push(block);
      last = { block, end: match.index + whole.length };
    } else {
      if (kind === "text" && last !== undefined && text.slice(last.end, match.index).trim() === "") last.block.shows = body;
      last = undefined;
    }
  }
  return blocks;
}

const mark = "@@block ";

/** guideScript is one shell script of all blocks; it ends at the first command that fails. */
export function guideScript(blocks: readonly GuideBlock[]): string {
  return ["exec 2>&1", "set -e", ...blocks.map((block, index) => `printf '\\n${mark}%d\\n' ${index}\n${block.body}`), `printf '\\n${mark}%d\\n' ${blocks.length}`].join("\n");
}

/** outputsOf splits the output of the script: what each block printed, and how many blocks ran to their end. */
export function outputsOf(lines: readonly string[]): { outputs: string[]; done: number } {
  const outputs: string[] = [];
  let done = 0;
  for (const line of lines) {
    if (line.startsWith(mark)) {
      done = Number(line.slice(mark.length));
      outputs[done] = "";
    } else if (outputs.length > 0) outputs[done] += `${line}\n`;
  }
  return { outputs, done };
}

/** A number of bytes with its unit: both change from run to run (924B, then 1.4KiB). */
const SIZE = /\b\d[\d.,]*\s?(?:[KMG]i?)?B\b/g;
/** What the name of a pod ends with. */
const POD = /-[a-z0-9]{8,10}-[a-z0-9]{5}\b/g;

/** missingWords lists the words of a promised output that the real one does not have. Numbers, sizes, ids and times differ from run to run and are not compared. */
export function missingWords(shows: string, output: string): string[] {
  const words = (text: string): string[] => text.replace(SIZE, " ").replace(POD, " ").match(/[A-Za-z][A-Za-z/.-]{2,}/g) ?? [];
  const seen = new Set(words(output));
  return [...new Set(words(shows))].filter((word) => !seen.has(word));
}
