// Builds and calls the benchmark tool (test/bench/tool/*.c): one process a command, one JSON answer. Used by the measures of
// this folder and by test/chaos/million. Every call has a deadline.
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

/** toolPath is the program; object is the data plane under measurement; benchObject holds the programs that make and count traffic. */
export const toolPath = join(root, "build/bench/svr-bench");
export const object = join(root, "build/bpf/svr.bpf.o");
export const benchObject = join(root, "build/bench/bench.bpf.o");

/** Answer is what a command prints. */
export type Answer = Readonly<Record<string, number>>;

/** build makes the tool and what it measures. */
export function build(): void {
  execFileSync("make", ["--no-print-directory", "-C", import.meta.dirname], { stdio: ["ignore", "ignore", "inherit"] });
}

/** callTool runs one command to its end; `alone` gives it a network namespace of its own. */
export async function callTool(words: readonly (string | number)[], options: { alone?: boolean; seconds?: number } = {}): Promise<Answer> {
  const command = [...(options.alone === true ? ["unshare", "--net"] : []), toolPath, ...words.map(String)];
  const { stdout } = await run(command[0] ?? toolPath, command.slice(1), { timeout: (options.seconds ?? 120) * 1000 });
  return JSON.parse(stdout) as Answer;
}

/** withPins gives an empty folder on a bpf file system of its own; it and its pins go with the call. */
export async function withPins<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "opensvr-bench-"));
  execFileSync("mount", ["-t", "bpf", "bpf", folder]);
  try {
    return await use(folder);
  } finally {
    execFileSync("umount", [folder]);
    rmSync(folder, { recursive: true });
  }
}

/** valueOf is a field of an answer that must be there. */
export function valueOf(answer: Answer, name: string): number {
  const value = answer[name];
  if (value === undefined) throw new Error(`the tool did not tell ${name}: ${JSON.stringify(answer)}`);
  return value;
}
