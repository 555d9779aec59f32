// scripts/setup on machines that it cannot serve: it stops with a sentence that says what is missing, before it changes anything.
// And on one that is set up already: it changes nothing and says so.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeWhere, probes } from "./probe.ts";

const setup = join(import.meta.dirname, "../../scripts/setup");
const folder = mkdtempSync(join(tmpdir(), "setup-test-"));
afterAll(() => { rmSync(folder, { recursive: true }); });

let number = 0;

/** machine makes a folder that is all of the path: real programs by name, and programs that print a word. */
function machine(real: readonly string[], fakes: Record<string, string> = {}): string {
  const path = join(folder, String(number++));
  execFileSync("mkdir", [path]);
  for (const name of real) symlinkSync(execFileSync("which", [name], { encoding: "utf8" }).trim(), join(path, name));
  for (const [name, says] of Object.entries(fakes)) writeFileSync(join(path, name), `#!/bin/bash\necho "${says}"\n`, { mode: 0o755 });
  return path;
}

function run(path: string): { status: number | null; text: string } {
  const { status, stdout, stderr } = spawnSync("/bin/bash", [setup], { encoding: "utf8", env: { PATH: path }, timeout: 60_000 });
  return { status, text: `${stdout}${stderr}` };
}

const tools = ["dirname", "uname", "id"];

test.each<[string, () => string, RegExp[]]>([
  ["a system that is not Linux", () => machine(["dirname", "id"], { uname: "Darwin" }), [/needs Linux \(found Darwin\)/]],
  ["a system without Debian's package tools", () => machine(tools), [/Debian-like/, /install by hand: clang-19/]],
  ["a user who is not root", () => machine(["dirname", "uname", "dpkg-query", "apt-get"], { id: "1000" }), [/needs root/, /sudo/, /npm run test:unit/]],
  ["a machine without npm", () => machine(["dirname", "uname", "dpkg-query", "apt-get"], { id: "0" }), [/npm is missing/, /apt-get install nodejs npm/]],
])("%s is told what is missing", (_title, path, words) => {
  const { status, text } = run(path());
  expect(status).toBe(1);
  expect(text.trim().split("\n")).toHaveLength(1);
  expect(text).toMatch(/^setup: stopped: /);
  for (const word of words) expect(text).toMatch(word);
});

describeWhere([probes.namespaces], "a machine that is set up", () => {
  test("stays as it is, and setup says what is there", () => {
    const before = readdirSync(join(import.meta.dirname, "../../node_modules"));
    const { status, text } = run(process.env["PATH"] ?? "");
    expect({ status, text }).toEqual({ status: 0, text: expect.stringMatching(/^(setup: .*(present|up to date|present, Node v24\S+)\n)+$/) as string });
    expect(readdirSync(join(import.meta.dirname, "../../node_modules"))).toEqual(before);
  });
});
