// svrctl as a process, for tests beside running routers.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";

const main = join(import.meta.dirname, "../../cmd/svrctl/main.ts");

/** Outcome is how svrctl ended and what it wrote. */
export interface Outcome { exit: unknown; out: string; err: string }

/** svrctl runs the command with these words. */
export async function svrctl(...words: string[]): Promise<Outcome> {
  const child = spawn(process.execPath, [main, ...words], { stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [exit] = await exited as [number | null];
  return { exit, out, err };
}
