// Tests of the completion of package-lock.json, and of the committed lock: `npm ci` refuses one that lacks a package.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { completeLock, missingOptional, platformEntry } from "./complete-lock.ts";
import type { Lock } from "./complete-lock.ts";

describe("complete-lock", () => {
  test.each([
    { name: "@swc/core-darwin-arm64", entry: { version: "1.2.3", cpu: ["arm64"], optional: true, os: ["darwin"] } },
    { name: "@x/y-linux-arm-musleabihf", entry: { version: "1.2.3", cpu: ["arm"], libc: ["musl"], optional: true, os: ["linux"] } },
    { name: "@x/y-win32-x64-gnu", entry: { version: "1.2.3", cpu: ["x64"], optional: true, os: ["win32"] } },
    { name: "@x/portable", entry: undefined },
  ])("platform of $name", ({ name, entry }) => {
    expect(platformEntry(name, "1.2.3", {})).toEqual(entry);
  });

  test("adds what is missing, keeps what is there, names what it cannot tell", () => {
    const lock: Lock = { packages: {
      "node_modules/a": { version: "1.0.0", dev: true, optionalDependencies: { "a-linux-x64": "1.0.0", "a-darwin-x64": "1.0.0", "a-plain": "1.0.0", "a-range-linux-arm": "^1.0.0" } },
      "node_modules/a-linux-x64": { version: "1.0.0", optional: true },
    } };
    const done = completeLock(lock);
    expect(done.unknown).toEqual(["a-plain", "a-range-linux-arm"]);
    expect(done.lock.packages["node_modules/a-darwin-x64"]).toEqual({ version: "1.0.0", cpu: ["x64"], dev: true, optional: true, os: ["darwin"] });
    expect(done.lock.packages["node_modules/a-linux-x64"]).toBe(lock.packages["node_modules/a-linux-x64"]);
    expect(missingOptional(done.lock).map((missing) => missing.name)).toEqual(done.unknown);
  });

  test("the committed lock is complete (else: node scripts/complete-lock.ts)", () => {
    expect(missingOptional(JSON.parse(readFileSync(join(import.meta.dirname, "../package-lock.json"), "utf8")) as Lock)).toEqual([]);
  });
});
