// The levels of the test run, cheapest first: what each one runs and how long it may take. Read by scripts/test.ts.
// A level whose folder holds no test yet is left out. Data only; nothing here starts a process.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Level is one stage of the run. A `tool` level counts as one test; a `jest` level counts what its report says. */
export interface Level {
  readonly name: string;
  readonly kind: "tool" | "jest";
  /** script below node_modules and its arguments (tool), or folders with tests (jest) */
  readonly run: readonly string[];
  /** one worker: the level uses the whole machine or the kernel's global state */
  readonly serial?: boolean;
  /** folders whose every line must be executed by the level's tests */
  readonly covered?: readonly string[];
  /** a script of the checkout that brings what the level needs, within an hour; the level fails when it does */
  readonly prepare?: string;
  readonly limitMinutes: number;
}

/** pureFolders are the layers L0 to L3: no I/O, and every line is executed by a unit test. */
export const pureFolders = ["pkg/base", "pkg/svr", "pkg/bfd", "pkg/api", "pkg/plan"] as const;

/** levels lists all stages in the order in which they run. */
export const levels: readonly Level[] = [
  { name: "lint", kind: "tool", run: ["eslint/bin/eslint.js", "--max-warnings", "0", "."], limitMinutes: 5 },
  { name: "types", kind: "tool", run: ["typescript/bin/tsc", "-p", "."], limitMinutes: 5 },
  { name: "unit", kind: "jest", run: ["pkg", "cmd", "scripts", "deploy"], covered: pureFolders, limitMinutes: 15 },
  { name: "arch", kind: "jest", run: ["test/arch"], limitMinutes: 5 },
  { name: "lab", kind: "jest", run: ["test/lab"], limitMinutes: 5 },
  { name: "support", kind: "jest", run: ["test/support"], serial: true, limitMinutes: 5 },
  { name: "ports", kind: "jest", run: ["test/ports"], serial: true, limitMinutes: 10 },
  { name: "bpf", kind: "jest", run: ["test/bpf"], serial: true, limitMinutes: 10 },
  { name: "fuzz", kind: "jest", run: ["test/fuzz"], serial: true, limitMinutes: 10 },
  { name: "kube", kind: "jest", run: ["test/kube"], serial: true, prepare: "scripts/kube/get", limitMinutes: 30 },
  { name: "net", kind: "jest", run: ["test/net"], serial: true, limitMinutes: 45 },
  { name: "bench", kind: "jest", run: ["test/bench"], serial: true, prepare: "scripts/kube/get", limitMinutes: 15 },
  { name: "chaos", kind: "jest", run: ["test/chaos"], serial: true, prepare: "scripts/kube/get", limitMinutes: 20 },
];

function hasTests(root: string, folder: string): boolean {
  const path = join(root, folder);
  return existsSync(path) && readdirSync(path, { recursive: true, encoding: "utf8" }).some((name) => name.endsWith(".test.ts"));
}

/** isPresent tells whether a level has anything to run in the checkout at `root`. */
export function isPresent(level: Level, root: string): boolean {
  return level.kind === "tool" || level.run.some((folder) => hasTests(root, folder));
}
