// Removes what interrupted test runs left: processes, namespaces, pins and folders that a run folder names, and only when
// the process that owns the run is gone. Run by .ci/run after the tests; never touches anything without a run folder.
import { execFileSync } from "node:child_process";
import process from "node:process";
import { allRuns, isOwned, leftovers, livingProcesses, namespacesOf, removeFolders } from "./run.ts";
import type { Run } from "./run.ts";
import { waitFor } from "./wait.ts";

/** sweepRun ends and removes everything of one abandoned run and lists what was there. */
export async function sweepRun(run: Run): Promise<string[]> {
  const found = leftovers(run);
  for (const { pid } of livingProcesses(run)) process.kill(pid, "SIGKILL");
  await waitFor(`the processes of ${run.prefix} end`, () => livingProcesses(run).length === 0);
  for (const name of namespacesOf(run)) execFileSync("ip", ["netns", "delete", name], { stdio: "inherit" });
  removeFolders(run);
  return found;
}

/** sweepAll sweeps every run whose owner is gone. */
export async function sweepAll(): Promise<string[]> {
  const swept: string[] = [];
  for (const run of allRuns()) if (!isOwned(run)) swept.push(...await sweepRun(run));
  return swept;
}

if (import.meta.main) {
  const swept = await sweepAll();
  if (swept.length > 0) console.log(`swept what an interrupted run left: ${swept.join(", ")}`);
}
