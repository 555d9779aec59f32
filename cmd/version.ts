// The version of this build, as package.json says it. Read by the mains at start.
import { readFileSync } from "node:fs";

/** programVersion is the version all programs of this checkout report. */
export function programVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as { version: string };
  return manifest.version;
}
