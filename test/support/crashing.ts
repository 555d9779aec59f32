// A program of its own: runs one svrctl command again and again on copies of a folder, each time dead from the next change of a file on, a write
// in its middle. Started by crashes.ts; arguments: folder before, folder for the copies, words with @ for the copy, files it may read (JSON).
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { runCli } from "./cli.ts";

const [before = "", into = "", words = "", texts = "{}"] = process.argv.slice(2);
const STEPS_MOST = 200;
let stepsLeft = Infinity;

/** A dead process changes nothing more; what it would have done in its handlers does not happen either. */
function step(dying?: () => void): void {
  if (stepsLeft === 0) dying?.();
  if (stepsLeft-- <= 0) throw new Error("dead");
}

const { mkdirSync, openSync, writeSync, fsyncSync, renameSync, rmSync, truncateSync } = fs;
Object.assign(fs, {
  mkdirSync: (...of: Parameters<typeof mkdirSync>) => { step(); return mkdirSync(...of); },
  openSync: (...of: Parameters<typeof openSync>) => { step(); return openSync(...of); },
  writeSync: (file: number, text: string) => { step(() => { writeSync(file, text.slice(0, text.length / 2)); }); return writeSync(file, text); },
  fsyncSync: (...of: Parameters<typeof fsyncSync>) => { step(); fsyncSync(...of); },
  renameSync: (...of: Parameters<typeof renameSync>) => { step(); renameSync(...of); },
  rmSync: (...of: Parameters<typeof rmSync>) => { step(); rmSync(...of); },
  truncateSync: (...of: Parameters<typeof truncateSync>) => { step(); truncateSync(...of); },
});
syncBuiltinESMExports();

for (let n = 0; n < STEPS_MOST; n++) {
  const copy = join(into, String(n));
  fs.cpSync(before, copy, { recursive: true, preserveTimestamps: true });
  stepsLeft = n;
  const { exit } = await runCli(words.replaceAll("@", `${copy}/`), { texts: JSON.parse(texts) as Record<string, string> }).catch((error: unknown) => ({ exit: String(error) }));
  const hasEnded = stepsLeft >= 0;
  stepsLeft = Infinity;
  if (!hasEnded) continue;
  process.stdout.write(JSON.stringify({ steps: n, exit }));
  process.exit(0);
}
