// Counter bounds on disk: never reuse, whatever the clock does.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openCounterBound } from "./counterbound.ts";

describe("metadata counter bound", () => {
  let directory: string;
  beforeEach(() => { directory = mkdtempSync(join(tmpdir(), "svr-bound-")); });
  afterEach(() => { rmSync(directory, { recursive: true, force: true }); });

  test("starts at the clock, and past the reservation when the clock went back", () => {
    expect(openCounterBound(directory, 1_000_000).startSecond).toBe(1_000_000);
    const back = openCounterBound(directory, 999_000);
    expect(back.startSecond).toBeGreaterThan(1_000_000 + 7200 - 1);
    back.extend(2_000_000);
    expect(openCounterBound(directory, 5).startSecond).toBe(2_000_000 + 7200 + 1);
  });

  test("what was reserved is never given back: not by a start beyond now, not by a clock that goes back", () => {
    openCounterBound(directory, 1000);
    const second = openCounterBound(directory, 1010).startSecond;
    const third = openCounterBound(directory, 1011); // starts past what the second one reserved
    expect(third.startSecond).toBeGreaterThan(second);
    third.extend(1011 + 3600);
    expect(openCounterBound(directory, 4700).startSecond).toBeGreaterThan(third.startSecond);
  });

  test("a damaged file does not stop the start", () => {
    writeFileSync(join(directory, "metadata-counter"), "garbage");
    expect(openCounterBound(directory, 77).startSecond).toBe(77);
  });
});
