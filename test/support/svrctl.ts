// svrctl as a process, for tests beside running routers.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";

const main = join(import.meta.dirname, "../../cmd/svrctl/main.ts");

/** Outcome is how svrctl ended and what it wrote. */
export interface Outcome { exit: unknown; out: string; err: string }

/** RunningSvrctl is a command that has not ended yet. */
export interface RunningSvrctl {
  /** resolves when it has written something to its error stream */
  said: Promise<unknown>;
  kill(signal: "SIGINT" | "SIGTERM"): void;
  outcome: Promise<Outcome>;
}

/** startSvrctl starts the command with these words. */
export function startSvrctl(...words: string[]): RunningSvrctl {
  const child = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  const said = once(child.stderr, "data");
  const outcome = Promise.all([text(child.stdout), text(child.stderr), exited]).then(([out, err, [exit]]) => ({ exit: exit as unknown, out, err }));
  return { said, outcome, kill: (signal) => { child.kill(signal); } };
}

/** svrctl runs the command with these words. */
export async function svrctl(...words: string[]): Promise<Outcome> {
  return startSvrctl(...words).outcome;
}
