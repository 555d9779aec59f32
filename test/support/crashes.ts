// What crashes leave: one svrctl command on copies of a folder, dead before each of its changes of files in turn. Imported by tests only.
import { execFileSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Crashes are the copies, one for each step at which the command died, and then the one in which it ended. */
export interface Crashes { folder: string; copies: string[]; ended: string }

/** crashAtEach runs it; `words` has @ for the copy. Whoever calls removes the folder. */
export function crashAtEach({ before, words, texts = {} }: { before: string; words: string; texts?: Record<string, string> }): Crashes {
  const folder = mkdtempSync(join(tmpdir(), "opensvr-crash-"));
  const said = execFileSync(process.execPath, ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "crashing.ts"), before, folder, words, JSON.stringify(texts)], { encoding: "utf8", timeout: 60_000 });
  const { steps, exit } = JSON.parse(said) as { steps: number; exit: unknown };
  if (exit !== 0) throw new Error(`${words} failed without a crash: ${String(exit)}`);
  const copies = Array.from({ length: steps }, (_, n) => join(folder, String(n)));
  return { folder, copies, ended: join(folder, String(steps)) };
}
