// Whether a process runs a router, for the lock of the state directory. Called by main.ts.
import { readFileSync } from "node:fs";

/** isRouter looks at the command line of a process; false when there is none of that id. */
export function isRouter(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").match(/ --(config-dir|kube)\b/) !== null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}
