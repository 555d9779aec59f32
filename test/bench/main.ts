// `npm run bench`: runs all benchmarks, or those named on the command line, prints their rows and keeps raw samples with machine,
// kernel and command in test/bench/results/. `--rounds N` says how often variants take turns. docs/performance.md is made from
// the results by scripts/generate-performance.ts.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { measures } from "./measures.ts";
import type { Effort, Measure, Outcome } from "./measure.ts";
import { build } from "./tool.ts";

const ROUNDS = 5;
const folder = join(import.meta.dirname, "results");

/** Result is one file of test/bench/results. */
export interface Result extends Outcome {
  readonly measure: string;
  readonly title: string;
  readonly method: string;
  readonly command: string;
  readonly date: string;
  readonly commit: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly machine: { readonly cpu: string; readonly cpus: number; readonly memoryGib: number; readonly kernel: string };
  /** processes that wanted a CPU in the minute before: more than a few tenths, and others used the machine */
  readonly loadBefore: number;
}

function machine(): Result["machine"] {
  const model = /^model name\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unknown";
  return { cpu: model, cpus: cpus().length, memoryGib: Math.round(totalmem() / 2 ** 30), kernel: release() };
}

async function runMeasure(measure: Measure, effort: Effort): Promise<Result> {
  console.log(`\n== ${measure.name}: ${measure.title}`);
  const start = performance.now(), loadBefore = loadavg()[0] ?? 0;
  const outcome = await measure.run(effort, (line) => { console.log(`   ${line}`); });
  const seconds = Math.round((performance.now() - start) / 1000);
  for (const row of outcome.rows) console.log(`${row.what}: ${row.value}${row.against === undefined ? "" : `; ${row.against}`}${row.target === undefined ? "" : `; target ${row.target}: ${row.reached === true ? "reached" : "missed"}`}`);
  const commit = execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  return {
    measure: measure.name, title: measure.title, method: measure.method, command: `npm run bench -- ${measure.name} --rounds ${effort.rounds}`, date: new Date().toISOString().slice(0, 10),
    commit, rounds: effort.rounds, seconds, machine: machine(), loadBefore: Math.round(loadBefore * 10) / 10, ...outcome,
  };
}

function chosen(names: readonly string[]): readonly Measure[] {
  const unknown = names.filter((name) => !measures.some((measure) => measure.name === name));
  if (unknown.length > 0) throw new Error(`no such benchmark: ${unknown.join(", ")}; there are ${measures.map((measure) => measure.name).join(", ")}`);
  return measures.filter((measure) => names.length === 0 || names.includes(measure.name));
}

function readArguments(words: readonly string[]): { names: string[]; rounds: number | undefined } {
  const at = words.indexOf("--rounds");
  const rounds = at < 0 ? undefined : Number(words[at + 1]);
  if (rounds !== undefined && (!Number.isInteger(rounds) || rounds < 1 || rounds > 50)) throw new Error("--rounds takes a number from 1 to 50");
  return { names: words.filter((_word, i) => at < 0 || (i !== at && i !== at + 1)), rounds };
}

async function main(): Promise<void> {
  const { names, rounds } = readArguments(process.argv.slice(2));
  const wanted = chosen(names);
  build();
  mkdirSync(folder, { recursive: true });
  for (const measure of wanted) {
    const result = await runMeasure(measure, { rounds: rounds ?? measure.rounds ?? ROUNDS, smoke: false });
    writeFileSync(join(folder, `${measure.name}.json`), `${JSON.stringify(result, undefined, 1)}\n`);
  }
  console.log("\nresults are in test/bench/results; scripts/generate-performance.ts writes docs/performance.md from them");
}

await main();
