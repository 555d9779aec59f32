// Runs the test levels (all, or those named on the command line), streams what they print, adds up their results and
// ends with one line: `N passed, N failed`. Called by the npm scripts after scripts/setup. Judges nothing itself.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import process from "node:process";
import { isPresent, levels } from "./levels.ts";
import type { Level } from "./levels.ts";
import { coverageTally, jestTally, sumTallies, summaryLine, toolTally, uncoveredLines } from "./tally.ts";
import type { Tally } from "./tally.ts";

const root = join(import.meta.dirname, "..");
/** `npm run test:long` runs counts in full, which takes longer. */
const patience = process.env["OPENSVR_LONG"] === "1" ? 10 : 1;

const prepareMinutes = 60;

/** coverageArguments make jest write an istanbul map of the folders whose every line must be executed. */
function coverageArguments(level: Level, folder: string): string[] {
  if (level.covered === undefined) return [];
  const files = level.covered.flatMap((path) => ["--collectCoverageFrom", `${path}/**/*.ts`]);
  return ["--coverage", "--coverageReporters", "json", "--coverageDirectory", folder, ...files, "--collectCoverageFrom", "!**/*.test.ts"];
}

function jestArguments(level: Level, folder: string): string[] {
  const paths = level.run.map((path) => `^${join(root, path).replaceAll(/[^\w/]/g, "\\$&")}/`);
  return [
    "--disable-warning=ExperimentalWarning", "--experimental-vm-modules", join(root, "node_modules/jest/bin/jest.js"),
    "--json", "--outputFile", join(folder, "report.json"), "--testLocationInResults", ...(level.serial === true ? ["--runInBand"] : []),
    ...coverageArguments(level, folder), ...paths,
  ];
}

function argumentsOf(level: Level, folder: string): string[] {
  return level.kind === "jest" ? jestArguments(level, folder) : [join(root, "node_modules", level.run[0] ?? ""), ...level.run.slice(1)];
}

/** execute runs a program in its own process group, so that a signal or the time limit ends the level with all its children. */
async function execute(program: string, args: readonly string[], limitMinutes: number): Promise<string> {
  const child = spawn(program, args, { cwd: root, stdio: ["ignore", "inherit", "inherit"], detached: true });
  const end = (signal: NodeJS.Signals): void => {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, signal);
  };
  const passOn = (signal: NodeJS.Signals): void => { stopped = signal; end(signal); };
  let stopped: string | undefined;
  process.once("SIGINT", passOn).once("SIGTERM", passOn);
  const limit = setTimeout(() => { stopped = `its limit of ${limitMinutes} minutes`; end("SIGTERM"); }, limitMinutes * 60_000);
  const status = await new Promise<string>((resolve) => {
    child.once("error", (error) => { resolve(String(error)); });
    child.once("exit", (code, signal) => { resolve(stopped ?? signal ?? String(code)); });
  });
  clearTimeout(limit);
  process.off("SIGINT", passOn).off("SIGTERM", passOn);
  return status;
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}

function coverageOf(level: Level, folder: string): Tally[] {
  if (level.covered === undefined) return [];
  const map = readIfThere(join(folder, "coverage-final.json"));
  const uncovered = map === undefined ? ["no coverage map was written"] : uncoveredLines(map).map((line) => relative(root, line));
  return [coverageTally(`${level.name}: line coverage of ${level.covered.join(", ")}`, uncovered)];
}

/** runLevel runs one level to its end and counts it; its reports live in a temporary folder meanwhile. */
async function runLevel(level: Level): Promise<Tally> {
  const folder = mkdtempSync(join(tmpdir(), "opensvr-report-"));
  try {
    const prepared = level.prepare === undefined ? "0" : await execute("bash", [join(root, level.prepare)], prepareMinutes);
    if (prepared !== "0") return toolTally(`${level.name}: ${level.prepare ?? ""}`, prepared);
    const status = await execute(process.execPath, argumentsOf(level, folder), level.limitMinutes * patience);
    if (level.kind === "tool") return toolTally(level.name, status);
    return sumTallies([jestTally(level.name, readIfThere(join(folder, "report.json")), status), ...coverageOf(level, folder)]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function chosenLevels(names: readonly string[]): readonly Level[] {
  const unknown = names.filter((name) => !levels.some((level) => level.name === name));
  if (unknown.length > 0) throw new Error(`no such level: ${unknown.join(", ")}; there are ${levels.map((level) => level.name).join(", ")}`);
  return levels.filter((level) => names.length === 0 ? isPresent(level, root) : names.includes(level.name));
}

async function main(): Promise<void> {
  const tallies: Tally[] = [];
  for (const level of chosenLevels(process.argv.slice(2))) {
    console.log(`\n== ${level.name}: ${level.run.join(" ")}`);
    const start = performance.now();
    const tally = await runLevel(level);
    console.log(`== ${level.name}: ${summaryLine(tally)}, ${((performance.now() - start) / 1000).toFixed(1)} s`);
    tallies.push(tally);
  }
  const total = sumTallies(tallies);
  console.log("");
  for (const name of total.skipped) console.log(`skipped: ${name}`);
  for (const name of total.failed) console.log(`failed: ${name}`);
  console.log(summaryLine(total));
  process.exitCode = total.failed.length === 0 ? 0 : 1;
}

await main();
