// The tools of test/support/frames: where they are and that they are built. Called by capture.ts, inject.ts, delay.ts and drop.ts.
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const here = join(import.meta.dirname, "frames");
const built = join(import.meta.dirname, "../../build/test");

/** frameTool gives the path of a built tool; builds what is stale. */
export function frameTool(name: "capture" | "inject" | "delay" | "drop.bpf.o"): string {
  execFileSync("make", ["--no-print-directory", "--silent", "-C", here], { stdio: ["ignore", "ignore", "inherit"] });
  return join(built, name);
}
