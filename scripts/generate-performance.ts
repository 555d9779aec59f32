// Writes docs/performance.md from the raw results of test/bench. Run by hand after `npm run bench`; with --check (used by the
// tests) it only compares and exits 1 when the page is stale.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Row } from "../test/bench/measure.ts";
import { emit, origin, root, table } from "./generated.ts";

const generator = "generate-performance.ts";
const folder = join(root, "test/bench/results");

/** Stored is what this page needs of one file of results. */
interface Stored {
  measure: string; title: string; method: string; command: string; date: string; commit: string; rounds: number; loadBefore: number;
  machine: { cpu: string; cpus: number; memoryGib: number; kernel: string };
  rows: Row[];
}

function stored(): Stored[] {
  return readdirSync(folder).filter((name) => name.endsWith(".json")).sort().map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as Stored);
}

function verdict(row: Row): string {
  return row.target === undefined ? "" : `${row.target}: ${row.reached === true ? "reached" : "missed"}`;
}

function section(result: Stored): string[] {
  const { machine } = result;
  return [
    `## ${result.title}`, "", result.method, "",
    ...table(["what", "measured", "of", "target"], result.rows.map((row) => [row.what, row.value, row.against ?? "", verdict(row)])),
    `\`${result.command}\` on ${result.date}, commit ${result.commit}: ${machine.cpu}, ${machine.cpus} CPUs, ${machine.memoryGib} GiB, Linux ${machine.kernel};`,
    `${result.rounds} rounds, medians; load before: ${result.loadBefore}. Raw samples: test/bench/results/${result.measure}.json.`, "",
  ];
}

function page(): string {
  return [
    `<!-- ${origin(generator, "test/bench/results/")} -->`, "# Performance", "",
    "Measured with `npm run bench` on one small machine: routers, hosts and generators share its processors and veth pairs, so only",
    "the ratios inside one run say something. Missed targets stand here like the others.", "",
    ...stored().flatMap(section),
  ].join("\n");
}

emit(generator, { "docs/performance.md": page() });
