// Checks as JUnit XML, for machines that run tests. Called by check.ts; pure.
import type { CheckResult } from "./check.ts";

const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** junitText writes one suite; a check that could not be made is an error, not a failure. */
export function junitText(suite: string, checks: readonly CheckResult[]): string {
  const count = (result: CheckResult["result"]): number => checks.filter((one) => one.result === result).length;
  const cases = checks.map(({ name, result, text, next }) => {
    const head = `    <testcase classname="${escaped(suite)}" name="${escaped(name)}"`;
    if (result === "pass") return `${head}><system-out>${escaped(text)}</system-out></testcase>\n`;
    const element = result === "fail" ? "failure" : "error";
    return `${head}><${element} message="${escaped(text)}">${escaped(next ?? text)}</${element}></testcase>\n`;
  }).join("");
  const counts = `tests="${checks.length}" failures="${count("fail")}" errors="${count("unknown")}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts}>\n  <testsuite name="${escaped(suite)}" ${counts}>\n${cases}  </testsuite>\n</testsuites>\n`;
}

/** Characters that XML cannot hold become ?. */
function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character] ?? character).replaceAll(/[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu, "?");
}
