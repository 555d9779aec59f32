// Adds up what the levels of a test run report: jest's JSON report and its coverage map become counts, failures and
// skips. Called by scripts/test.ts. Total: an unexpected report is a failure with its text, never an exception.
import { stripVTControlCharacters } from "node:util";

/** Tally is the outcome of one level or of a whole run. */
export interface Tally {
  passed: number;
  failed: string[];
  skipped: string[];
}

interface JestReport {
  numRuntimeErrorTestSuites: number;
  testResults: { name: string; message: string; assertionResults: { status: string; fullName: string; failureMessages?: string[] }[] }[];
}

interface CoveredFile {
  path: string;
  statementMap: Record<string, { start: { line: number } }>;
  s: Record<string, number>;
}

/** sumTallies adds tallies in order. */
export function sumTallies(tallies: readonly Tally[]): Tally {
  return {
    passed: tallies.reduce((sum, tally) => sum + tally.passed, 0),
    failed: tallies.flatMap((tally) => tally.failed),
    skipped: tallies.flatMap((tally) => tally.skipped),
  };
}

/** summaryLine is the last line of a run: `N passed, N failed`, and the skipped when there are any. */
export function summaryLine(tally: Tally): string {
  const skipped = tally.skipped.length === 0 ? "" : `, ${tally.skipped.length} skipped`;
  return `${tally.passed} passed, ${tally.failed.length} failed${skipped}`;
}

/** toolTally counts a command that is one check: it passed when it ended with status 0. */
export function toolTally(name: string, status: string): Tally {
  return status === "0" ? { passed: 1, failed: [], skipped: [] } : { passed: 0, failed: [`${name} ended with ${status}`], skipped: [] };
}

const MOST_TOLD = 1_200; // characters of one failure

/** told is what a failure says of itself, without colours and bounded: who reads only the end of a long run sees it there. */
function told(messages: readonly string[]): string {
  const text = stripVTControlCharacters(messages.join("\n"));
  const short = text.length > MOST_TOLD ? `${text.slice(0, MOST_TOLD)} ...` : text;
  return short.split("\n").filter((line) => line.trim() !== "").map((line) => `\n    ${line}`).join("");
}

/** jestTally counts the tests of jest's JSON report; a report that is missing, or a status without a failed test, is a failure. */
export function jestTally(name: string, report: string | undefined, status: string): Tally {
  if (report === undefined) return { passed: 0, failed: [`${name}: jest ended with ${status} and wrote no report`], skipped: [] };
  const tally: Tally = { passed: 0, failed: [], skipped: [] };
  for (const suite of (JSON.parse(report) as JestReport).testResults) {
    if (suite.assertionResults.length === 0) tally.failed.push(`${name}: ${suite.name} did not run: ${suite.message.split("\n", 1)[0] ?? ""}`);
    for (const { status: outcome, fullName, failureMessages = [] } of suite.assertionResults) {
      if (outcome === "passed") tally.passed++;
      else if (outcome === "failed") tally.failed.push(`${name}: ${fullName}${told(failureMessages)}`);
      else tally.skipped.push(`${name}: ${fullName}`);
    }
  }
  if (status !== "0" && tally.failed.length === 0) tally.failed.push(`${name}: jest ended with ${status} although no test failed`);
  return tally;
}

/** uncoveredLines lists `file:line` for each line that no test executed, from an istanbul coverage map. */
export function uncoveredLines(coverage: string): string[] {
  const lines = new Set<string>();
  for (const file of Object.values(JSON.parse(coverage) as Record<string, CoveredFile>)) {
    for (const [id, count] of Object.entries(file.s)) {
      if (count === 0) lines.add(`${file.path}:${file.statementMap[id]?.start.line ?? 0}`);
    }
  }
  return [...lines];
}

/** coverageTally is one check: every line of the covered folders was executed. */
export function coverageTally(name: string, uncovered: readonly string[]): Tally {
  if (uncovered.length === 0) return { passed: 1, failed: [], skipped: [] };
  return { passed: 0, failed: [`${name}: ${uncovered.length} lines are executed by no test: ${uncovered.slice(0, 12).join(" ")}`], skipped: [] };
}
