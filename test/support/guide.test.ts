// The reader of the guide: what it takes for a block, for an output, and for a difference. And the YAML of the pages: it is
// configuration as the parser takes it.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parseDocuments } from "../../pkg/api/document.ts";
import { formatProblem } from "../../pkg/api/problem.ts";
import { blocksOf, guideScript, missingWords, outputsOf } from "./guide.ts";

const fence = "```";
const page = `# A\n\n${fence}sh\none\n${fence}\n\n${fence}text\nOutput of one\n${fence}\n\n${fence}yaml\nno: 1\n${fence}\n\n${fence}sh\ntwo\n${fence}\n\nWords.\n\n${fence}text\nnot of two\n${fence}\n`;

test("blocks are found with their lines, outputs only right behind them", () => {
  expect(blocksOf(page, "a.md")).toEqual([{ title: "a.md:3", body: "one\n", shows: "Output of one\n" }, { title: "a.md:15", body: "two\n" }]);
});

test("the script marks each block, and outputs are told apart", () => {
  const script = guideScript(blocksOf(page, "a.md"));
  expect(script.split("\n").filter((line) => /^(one|two|set -e)$/.test(line))).toEqual(["set -e", "one", "two"]);
  expect(outputsOf(["noise", "@@block 0", "x", "y", "", "@@block 1", "z"])).toEqual({ outputs: ["x\ny\n\n", "z\n"], done: 1 });
});

test("words count, numbers, sizes and ends of pod names do not", () => {
  expect(missingWords("opensvr-operator-667f668756-bcdfg leads", "opensvr-operator-5b7d9f6c4d-vwxzt leads")).toEqual([]);
  expect(missingWords("ROUTER  12 sessions of west", "ROUTER 99 sessions of west")).toEqual([]);
  expect(missingWords("17/17  1.4KiB/1.4KiB", "9/9  756B/756B")).toEqual([]);
  expect(missingWords("answer deny, access", "answer allow")).toEqual(["deny", "access"]);
});

const guide = join(import.meta.dirname, "../../docs/guide");
const yamlBlocks = readdirSync(guide).flatMap((name) => [...readFileSync(join(guide, name), "utf8").matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match, index) => ({ path: `${name} block ${index + 1}`, text: match[1] ?? "" })));

test.each(yamlBlocks)("the YAML in $path is valid", (file) => {
  const { objects, problems } = parseDocuments([file]);
  expect(problems.map(formatProblem)).toEqual([]);
  expect(objects.length).toBeGreaterThan(0);
});
