// The state lock against real files: held once, taken over from the dead, explained when it cannot be made.
import { mkdtempSync, rmSync, writeFileSync, existsSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockState } from "./lock.ts";

describe("state lock", () => {
  let directory: string;
  beforeEach(() => { directory = mkdtempSync(join(tmpdir(), "svr-lock-")); });
  afterEach(() => { rmSync(directory, { recursive: true, force: true }); });

  test("a second owner is refused while the first lives, and may follow it", () => {
    const first = lockState(join(directory, "state"), 101, () => true);
    expect(statSync(join(directory, "state")).mode & 0o777).toBe(0o700);
    expect(() => lockState(join(directory, "state"), 102, (pid) => pid === 101)).toThrow(expect.objectContaining({ code: "SVR_STATE_LOCKED" }));
    first.release();
    first.release();
    const second = lockState(join(directory, "state"), 102, () => true);
    expect(existsSync(join(directory, "state", "lock"))).toBe(true);
    second.release();
    expect(existsSync(join(directory, "state", "lock"))).toBe(false);
  });

  test.each([["dead owner", "101\n"], ["rubbish", "not a number\n"], ["empty", ""]])("a lock with %s is taken over", (_desc, text) => {
    writeFileSync(join(directory, "lock"), text);
    lockState(directory, 102, () => false).release();
  });

  test("a directory that cannot be made is named", () => {
    writeFileSync(join(directory, "file"), "");
    expect(() => lockState(join(directory, "file", "state"), 1, () => false)).toThrow(expect.objectContaining({ code: "SVR_STATE_DIR" }));
  });
});
