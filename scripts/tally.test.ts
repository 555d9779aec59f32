// Tests of the counting behind the last line of a test run.
import { coverageTally, jestTally, sumTallies, summaryLine, toolTally, uncoveredLines } from "./tally.ts";

const report = (results: [string, string][], message = ""): string =>
  JSON.stringify({ testResults: [{ name: "a.test.ts", message, assertionResults: results.map(([status, fullName]) => ({ status, fullName })) }] });

describe("tally", () => {
  test.each([
    { desc: "passed and skipped", report: report([["passed", "one"], ["pending", "two (skipped: no sch_netem)"]]), status: "0", line: "1 passed, 0 failed, 1 skipped" },
    { desc: "failed", report: report([["passed", "one"], ["failed", "two"]]), status: "1", line: "1 passed, 1 failed" },
    { desc: "a file that did not load", report: report([], "SyntaxError: x\n at y"), status: "1", line: "0 passed, 1 failed" },
    { desc: "a status without a failed test", report: report([["passed", "one"]]), status: "SIGTERM", line: "1 passed, 1 failed" },
    { desc: "no report", report: undefined, status: "1", line: "0 passed, 1 failed" },
  ])("jest report: $desc", ({ report: text, status, line }) => {
    expect(summaryLine(jestTally("unit", text, status))).toBe(line);
  });

  test("a failure says what it says of itself, without colours, and not more than a screen of it", () => {
    const text = JSON.stringify({ testResults: [{ name: "a.test.ts", message: "", assertionResults: [
      { status: "failed", fullName: "one", failureMessages: ["\u001b[31mExpected\u001b[39m 1\n\nReceived 2"] },
      { status: "failed", fullName: "two", failureMessages: ["x".repeat(10_000)] },
    ] }] });
    const [one, two] = jestTally("unit", text, "1").failed;
    expect(one).toBe("unit: one\n    Expected 1\n    Received 2");
    expect(two?.length).toBeLessThan(1_300);
  });

  test("tools and coverage count as one test each, and levels add up", () => {
    const covered = JSON.stringify({ f: { path: "f.ts", statementMap: { 0: { start: { line: 7 } }, 1: { start: { line: 9 } } }, s: { 0: 0, 1: 3 } } });
    expect(uncoveredLines(covered)).toEqual(["f.ts:7"]);
    const sum = sumTallies([toolTally("lint", "0"), toolTally("types", "2"), coverageTally("unit", []), coverageTally("unit", uncoveredLines(covered))]);
    expect(summaryLine(sum)).toBe("2 passed, 2 failed");
    expect(sum.failed[1]).toContain("f.ts:7");
  });
});
